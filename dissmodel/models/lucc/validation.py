"""The executor that compares a simulated map of land use with observation: `lucc_validation`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FilePath, field_validator

from dissmodel.cells import names
from dissmodel.cells.parameters import CrsText, Number
from dissmodel.errors import InvalidInput, UsageError
from dissmodel.executor import ExperimentRecord, ModelExecutor
from dissmodel.executor.config import settings
from dissmodel.executor.findings import RAISED, Collector, Finding, Problems, look_at_room
from dissmodel.io._utils import write_bytes
from dissmodel.models.lucc import validation_report
from dissmodel.models.lucc.validation_maps import USE, LandUse, check_space, read_land_use
from dissmodel.models.lucc.validation_measures import Validation, document, measure

REPORT, MEASURES = "report.md", "validation.json"

_MOST_BYTES = 8_000_000  # of the page, the numbers and the pictures
_FEWEST_CLASSES = 2


class ValidationParameters(BaseModel):
    """What a user may set of the comparison.

    >>> ValidationParameters(reference=__file__, land_use_types={"types": ["f", "d"]}).land_use_types
    ('f', 'd')
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    reference: FilePath = Field(description="The map that was observed", json_schema_extra={"unit": ""})
    start: FilePath | None = Field(
        default=None,
        description="The map that was observed where the simulation began",
        json_schema_extra={"unit": ""},
    )
    land_use_types: tuple[str, ...] = Field(
        default=(),
        description="Names of the classes 1, 2 …, which are the bands or columns of their shares",
        json_schema_extra={"unit": ""},
    )
    tolerance: Number = Field(
        default=0.01,
        ge=0,
        allow_inf_nan=False,
        description="How far a share may be from that of the reference to match it",
        json_schema_extra={"unit": ""},
    )
    crs: CrsText | None = Field(
        default=None,
        description="Coordinate reference system of a map that has none",
        json_schema_extra={"unit": ""},
    )

    @field_validator("land_use_types", mode="before")
    @classmethod
    def _of_a_table(cls, given: Any) -> Any:
        return given.get("types", given) if isinstance(given, dict) else given

    @field_validator("land_use_types")
    @classmethod
    def _are_classes(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if given and (len(given) < _FEWEST_CLASSES or len(set(given)) < len(given)):
            raise ValueError("two or more names of classes are needed, each once")
        return given


class LuccValidation(ModelExecutor):
    """Compares a simulated map of land use with a reference: how much, and where, it is right.

    The input is the simulated map, the result of a run: one class in each cell (`use`), or the share of each
    class (`land_use_types`). Writes a folder with ``report.md``, ``validation.json`` and pictures.
    """

    name = "lucc_validation"
    Parameters = ValidationParameters
    output_suffix = "/"

    def check(self, record: ExperimentRecord, problems: Problems = RAISED) -> ValidationParameters:
        """Validate the record and return its parameters; `problems` raises a problem or collects it."""
        parameters = ValidationParameters.model_validate(record.parameters)
        fields = (USE, *parameters.land_use_types)
        names.check_map("band", fields, record.band_map, problems)
        names.check_map("column", fields, record.column_map, problems)
        if not record.source.uri:
            problems.tell(UsageError("There is no input: the simulated map.", "--input FILE"))
        return parameters

    def validate(self, record: ExperimentRecord) -> None:
        """Check parameters, maps of names, and that there is an input to read."""
        self.check(record)

    def inspect(self, record: ExperimentRecord) -> Iterable[Finding]:
        """Read the maps, and return everything that is wrong with them."""
        collector = Collector(record.source.uri)
        with collector.at():
            parameters = self.check(record, collector)
            maps = _read_maps(record, parameters)
            collector.add(
                "ok", f"{maps['result'].pixels.said}, {maps['result'].pixels.cells} cells in the space"
            )
        look_at_room(_MOST_BYTES, record.output_path, collector)
        return collector.findings

    def load(self, record: ExperimentRecord) -> dict[str, LandUse]:
        """Read the maps: role → map."""
        maps = _read_maps(record, self.check(record))
        record.source.checksum = maps["result"].sha256
        record.grid = maps["result"].pixels.grid
        return maps

    def run(self, data: dict[str, LandUse], record: ExperimentRecord) -> Validation:
        """Compare the maps, and note the measures."""
        parameters = self.check(record)
        found = measure(data, parameters.land_use_types, parameters.tolerance)
        record.metrics |= _metrics(found)
        record.add_finding("ok", validation_report.in_words(found), subject="result and reference")
        for role in data:
            only = found.only_in(role)
            if only:
                record.add_finding(
                    "warning", f"Only the {role} has the classes {', '.join(only)}.", subject=role
                )
        return found

    def save(self, result: Validation, record: ExperimentRecord) -> ExperimentRecord:
        """Write the report, the numbers and the pictures; note their digests."""
        parameters = self.check(record)
        pictures = {}
        if result.classes is not None:
            pictures[validation_report.MAPS] = validation_report.draw_maps(result, result.classes)
        if result.shares is not None:
            pictures[validation_report.SHARE_MAPS] = validation_report.draw_share_maps(result, result.shares)
        pictures[validation_report.CHARTS] = validation_report.draw_charts(result)
        text = validation_report.report(result, parameters.model_dump(), pictures)
        numbers = json.dumps(document(result, parameters.tolerance), indent=2, ensure_ascii=False)
        folder = Path(record.output_path or f"{settings.default_output_base}/{record.experiment_id}")
        record.output_path = str(folder / REPORT)
        record.add_artifact("output", write_bytes(text.encode(), folder / REPORT))
        record.add_artifact("measures", write_bytes(f"{numbers}\n".encode(), folder / MEASURES))
        for name, picture in pictures.items():
            record.add_artifact(name.removesuffix(".png"), write_bytes(picture, folder / name))
        record.status = "completed"
        return record


def _read_maps(record: ExperimentRecord, parameters: ValidationParameters) -> dict[str, LandUse]:
    """Return the maps, each over the cells of the result.

    Raises
    ------
    InvalidInput
        If they are not comparable.
    """
    types = parameters.land_use_types
    common: dict[str, Any] = {"maps": (record.band_map, record.column_map), "crs": parameters.crs}
    source = record.source
    result = read_land_use("result", source.uri, types, fmt=record.input_format, layer=source.layer, **common)
    found = {"result": result}
    for role, path in (("reference", parameters.reference), ("start", parameters.start)):
        if path is not None:
            found[role] = read_land_use(role, str(path), types, **common)
            check_space(result, found[role])
    if any(one.shares is not None for one in found.values()):
        return {role: _with_shares(one, types) for role, one in found.items()}
    return found


def _with_shares(one: LandUse, types: tuple[str, ...]) -> LandUse:
    """Return a map of classes with shares too, 1 for the class of each cell."""
    if one.shares is not None:
        return one
    assert one.codes is not None
    inside = one.pixels.inside
    strange = np.setdiff1d(one.codes[inside], np.arange(len(types)) + 1)
    if strange.size:
        raise InvalidInput(
            f"The {one.role}, {one.name}, has the class {strange[0]} in {USE!r}; land_use_types has "
            f"{len(types)} names, for the classes 1 to {len(types)}.",
            "Other maps have the shares of these classes. Name all classes, or leave land_use_types out.",
            code="illegal_value",
        )
    shares = np.stack([np.where(inside, one.codes == code, np.nan) for code in range(1, len(types) + 1)])
    return replace(one, shares=shares)


def _metrics(found: Validation) -> dict[str, float | int | None]:
    """Return the measures of the whole map, by name."""
    metrics: dict[str, float | int | None] = {"cells": found.cells}
    if found.classes is not None:
        apart, change = found.classes.disagreement, found.classes.change
        metrics |= {
            "quantity_disagreement": apart.quantity,
            "allocation_disagreement": apart.allocation,
            "kappa": found.classes.kappa,
            "fit": found.classes.fit.total,
            "figure_of_merit": None if change is None else change.figure_of_merit,
        }
    if found.shares is not None:
        metrics |= {
            "share_quantity_disagreement": found.shares.quantity,
            "share_allocation_disagreement": found.shares.allocation,
            "share_fit": found.shares.fit.total,
        }
        for name, one in found.shares.differences.items():
            metrics |= {f"mae_{name}": one.mae, f"rmse_{name}": one.rmse, f"match_{name}_percent": one.match}
            metrics[f"max_error_{name}"] = one.max_error
    return metrics
