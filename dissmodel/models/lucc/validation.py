"""The executor that compares a simulated map of land use with observation: `lucc_validation`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, FilePath

from dissmodel.cells.parameters import Number
from dissmodel.errors import UsageError
from dissmodel.estimating.executor import LandUseExecutor, LandUseParameters
from dissmodel.estimating.land_use import LandUse, check_space
from dissmodel.executor import ExperimentRecord
from dissmodel.executor.config import settings
from dissmodel.io._utils import write_bytes
from dissmodel.models.lucc import validation_report
from dissmodel.models.lucc.validation_measures import Validation, document, measure
from dissmodel.record.schema import OtherSource

REPORT, MEASURES = "report.md", "validation.json"
RESULT, REFERENCE = "result", "reference"
OBSERVED = (REFERENCE, "start")


class ValidationParameters(LandUseParameters):
    """What a user may set of the comparison."""

    reference: FilePath | None = Field(
        default=None,
        description="The map that was observed, the same as --input reference=FILE",
        json_schema_extra={"unit": ""},
    )
    start: FilePath | None = Field(
        default=None,
        description="The map from which the simulation began, the same as --input start=FILE",
        json_schema_extra={"unit": ""},
    )
    tolerance: Number = Field(
        default=0.01,
        ge=0,
        allow_inf_nan=False,
        description="How far a share may be from that of the reference to match it",
        json_schema_extra={"unit": ""},
    )


class LuccValidation(LandUseExecutor[ValidationParameters, Validation]):
    """Compares a simulated map of land use with a reference: how much, and where, it is right.

    The input is the simulated map, the result of a run: one class in each cell (`use`), or the share of each
    class (`land_use_types`). Writes a folder with ``report.md``, ``validation.json`` and pictures.
    """

    name = "lucc_validation"
    Parameters: ClassVar[type[Any]] = ValidationParameters
    inputs = (RESULT, *OBSERVED)
    output_suffix = "/"
    maps = ("result", "reference", "start")

    def validate(self, record: ExperimentRecord) -> None:
        """Check also that there are a result and a reference."""
        super().validate(record)
        _places(record, self.parameters(record))

    def read(self, record: ExperimentRecord, parameters: ValidationParameters) -> dict[str, LandUse]:
        """Return the maps: role → map, each over the cells of the result."""
        places = _places(record, parameters)
        result = self.read_map(RESULT, places[RESULT], record, parameters)
        found = {RESULT: result}
        for role in OBSERVED:
            if role in places:
                found[role] = self.read_map(role, places[role], record, parameters)
                check_space(result, found[role])
        if any(one.shares is not None for one in found.values()):
            types = parameters.land_use_types
            return {role: replace(one, shares=one.shares_of(types)) for role, one in found.items()}
        return found

    def run(self, data: dict[str, LandUse], record: ExperimentRecord) -> Validation:
        """Compare the maps, and note the measures."""
        parameters = self.parameters(record)
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
        from dissmodel.models.lucc.validation_pictures import pictures  # noqa: PLC0415  (it loads matplotlib)

        parameters, drawn = self.parameters(record), pictures(result)
        text = validation_report.report(result, parameters.model_dump(), drawn)
        numbers = json.dumps(document(result, parameters.tolerance), indent=2, ensure_ascii=False)
        folder = Path(record.output_path or f"{settings.default_output_base}/{record.experiment_id}")
        record.output_path = str(folder / REPORT)
        record.add_artifact("output", write_bytes(text.encode(), folder / REPORT))
        record.add_artifact("measures", write_bytes(f"{numbers}\n".encode(), folder / MEASURES))
        for name, picture in drawn.items():
            record.add_artifact(name.removesuffix(".png"), write_bytes(picture, folder / name))
        record.status = "completed"
        return record


def _places(record: ExperimentRecord, parameters: ValidationParameters) -> dict[str, str]:
    """Return where the maps are, by their roles.

    Raises UsageError if there is no result or no reference, or two files for one role.
    """
    found = {
        one.name or RESULT: one.uri
        for one in record.inputs
        if not isinstance(one, OtherSource) or one.role == "input"
    }
    for role in OBSERVED:
        path = getattr(parameters, role)
        if path is None:
            continue
        if any(name.startswith(role) for name in found):  # a record numbers names that are there twice
            raise UsageError(f"Two files are given as {role}, one of them {Path(path).name}.", "Give one.")
        found[role] = str(path)
    for role in (RESULT, REFERENCE):
        if role not in found:
            raise UsageError(f"There is no {role}.", "--input result=FILE --input reference=FILE")
    return found


def _metrics(found: Validation) -> dict[str, float | int | None]:
    """Return the measures of the whole map, by name."""
    metrics: dict[str, float | int | None] = {"cells": found.cells}
    if found.classes is not None:
        apart, change = found.classes.disagreement, found.classes.change
        metrics |= {
            "quantity_disagreement": apart.quantity,
            "allocation_disagreement": apart.allocation,
            "exchange": apart.exchange,
            "shift": apart.shift,
            "kappa": found.classes.kappa,
            "fuzzy_agreement": found.classes.fuzzy.similarity,
            "fuzzy_kappa": found.classes.fuzzy_kappa,
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
            metrics |= {
                f"{measure}_{name}": getattr(one, measure) for measure in ("mae", "rmse", "bias", "r2")
            }
            metrics |= {f"match_{name}_percent": one.match, f"max_error_{name}": one.max_error}
    return metrics
