"""Coefficients of potentials, estimated from an observed map: the executor `lucc_fit`."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import tomlkit
from numpy.typing import NDArray
from pydantic import Field

from dissmodel.cells.parameters import Whole
from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.estimating.executor import LandUseExecutor, LandUseParameters
from dissmodel.estimating.land_use import SLACK, LandUse
from dissmodel.estimating.regression import MOST_VIF, ClassFit, Kind, fit, inflation
from dissmodel.executor import ExperimentRecord
from dissmodel.io._utils import write_bytes

_UNIT: dict[str, Any] = {"unit": ""}
_AROUND = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)]


class FitParameters(LandUseParameters):
    """What a user may set of an estimation."""

    land_use_types: tuple[str, ...] = Field(
        min_length=2,
        description="Names of the classes 1, 2 …, which are the bands or columns of their shares",
        json_schema_extra=_UNIT,
    )
    drivers: tuple[str, ...] = Field(
        min_length=1, description="Bands or columns that explain where a class is", json_schema_extra=_UNIT
    )
    kind: Kind = Field(default="logistic", description="The regression", json_schema_extra=_UNIT)
    land_use_no_data: str | None = Field(
        default=None,
        description="The class that does not change; shares are those of the rest of a cell",
        json_schema_extra=_UNIT,
    )
    sample: Whole | None = Field(
        default=None,
        ge=1,
        description="How many cells to draw, of each class in proportion; all by default",
        json_schema_extra={"unit": "cells"},
    )
    seed: Whole = Field(default=1, ge=0, description="Of the sample", json_schema_extra=_UNIT)


@dataclass(frozen=True, kw_only=True)
class Fits:
    """The regressions of all classes but `land_use_no_data`, and the inflation of the drivers' variance."""

    classes: dict[str, ClassFit]
    inflation: dict[str, float]
    cells: int  # that could have been used


class LuccFit(LandUseExecutor[FitParameters, Fits]):
    """Estimates the coefficients of a land-use potential from an observed map, by regression on drivers.

    The input has the classes (`land_use_types`, or `use`) and the drivers. Writes the ``[[model.potential]]``
    tables of a TOML, and beside it ``NAME.fit.json`` with errors, significance, AUC and ROC, R² and variance
    inflation.
    """

    name = "lucc_fit"
    Parameters: ClassVar[type[Any]] = FitParameters
    output_suffix = ".toml"
    output_suffixes = (".toml",)

    def read(self, record: ExperimentRecord, parameters: FitParameters) -> LandUse:
        """Read the map and its drivers."""
        if len(set(parameters.drivers)) < len(parameters.drivers):
            raise UsageError("A driver is named twice.", "--drivers A,B: each once.")
        if parameters.land_use_no_data not in {None, *parameters.land_use_types}:
            raise UsageError(
                f"land_use_no_data = {parameters.land_use_no_data!r} is none of the classes "
                f"{', '.join(parameters.land_use_types)}.",
                "--no-data CLASS",
            )
        return self.read_map("input", record.source.uri, record, parameters, drivers=parameters.drivers)

    def run(self, data: LandUse, record: ExperimentRecord) -> Fits:
        """Estimate; note what was found."""
        parameters = self.parameters(record)
        types = list(parameters.land_use_types)
        shares = data.shares_of(types)
        there = data.pixels.inside & np.isfinite(data.drivers).all(axis=0)
        _tell_dropped(data, parameters)
        rest: Any = 1.0
        if parameters.land_use_no_data is not None:
            rest = 1 - shares[types.index(parameters.land_use_no_data)]
            there &= rest > SLACK
            types.remove(parameters.land_use_no_data)
        used, weights = there, None
        if parameters.kind == "spatial_lag":
            if parameters.sample is not None:
                raise UsageError(
                    "A spatial lag is made of the neighbours of each cell, which a sample lacks.",
                    "Leave --sample out.",
                )
            used, weights = _moore(there)
        elif parameters.sample is not None:
            used = _sampled(
                there, np.argmax(np.nan_to_num(shares), axis=0), parameters.sample, parameters.seed
            )
        drivers = data.drivers[:, used].T
        classes = {}
        for name in types:
            values = (shares[parameters.land_use_types.index(name)] / np.where(there, rest, 1))[used]
            classes[name] = fit(
                parameters.kind, name, values, drivers, names=parameters.drivers, weights=weights
            )
        found = Fits(
            classes=classes,
            inflation=inflation(drivers, parameters.drivers),
            cells=int(np.count_nonzero(there)),
        )
        _note(record, found, parameters.kind)
        return found

    def save(self, result: Fits, record: ExperimentRecord) -> ExperimentRecord:
        """Write the tables, and the numbers beside them."""
        parameters = self.parameters(record)
        output = self.output(record)
        text = tomlkit.dumps(potential_tables(result, parameters, record))
        numbers = {"schema_version": 1, "kind": parameters.kind, **asdict(result)}
        record.add_artifact("output", write_bytes(text.encode(), output))
        beside = output.with_suffix(".fit.json")
        record.add_artifact("fit", write_bytes(f"{json.dumps(numbers, indent=1)}\n".encode(), beside))
        record.status = "completed"
        return record


def potential_tables(
    found: Fits, parameters: FitParameters, record: ExperimentRecord
) -> tomlkit.TOMLDocument:
    """Return the document with the tables that a model of land-use change takes."""
    document = tomlkit.document()
    used = next(iter(found.classes.values())).cells
    document.add(
        tomlkit.comment(
            f"{parameters.kind} regression, {used:,} of {found.cells:,} cells, seed {parameters.seed}"
        )
    )
    document.add(tomlkit.comment(f"input sha256: {record.source.checksum}"))
    model = tomlkit.table()
    model.add("land_use_types", list(parameters.land_use_types))
    if parameters.land_use_no_data is not None:
        model.add("land_use_no_data", parameters.land_use_no_data)
    model.add("potential_kind", parameters.kind)
    entries = tomlkit.aot()
    for name in parameters.land_use_types:
        entry = tomlkit.table()
        entry.add("lu", name)
        one = found.classes.get(name)
        entry.add("const", 0.0 if one is None else one.const)
        if one is not None:
            if one.ro is not None:
                entry.add("ro", one.ro)
            betas = tomlkit.inline_table()
            betas.update(one.betas)
            entry.add("betas", betas)
            entry.add(tomlkit.comment(_in_words(one)))
        entries.append(entry)
    model.add("potential", entries)
    document.add("model", model)
    return document


def _in_words(one: ClassFit) -> str:
    auc = "" if one.auc is None else f", AUC {one.auc:.4g}"
    return f"R² {one.r2:.4g}{auc}; the class occurs in {one.present:,} of {one.cells:,} cells"


def _note(record: ExperimentRecord, found: Fits, kind: Kind) -> None:
    """Note the measures and the findings."""
    for name, one in found.classes.items():
        record.metrics |= {f"r2_{name}": one.r2, f"auc_{name}": one.auc, f"cells_{name}": one.cells}
        record.add_finding("ok", f"{kind}: {_in_words(one)}.", subject=name)
    for driver, value in found.inflation.items():
        if value > MOST_VIF:
            record.add_finding(
                "warning",
                f"The variance inflation factor is {value:.3g}: the other drivers say nearly the same.",
                subject=driver,
                hint=f"Leave it out, or a driver that is like it; up to {MOST_VIF:g} is usual.",
            )


def _tell_dropped(data: LandUse, parameters: FitParameters) -> None:
    """Warn of cells that lack drivers."""
    lacking = Counter(
        {
            name: int(np.count_nonzero(data.pixels.inside & ~np.isfinite(driver)))
            for name, driver in zip(parameters.drivers, data.drivers, strict=True)
        }
    )
    dropped = int(np.count_nonzero(data.pixels.inside & ~np.isfinite(data.drivers).all(axis=0)))
    if dropped == data.pixels.cells:
        raise InvalidInput("No cell has a value of each driver.", "Leave a driver out.", code="empty_space")
    if dropped:
        listed = ", ".join(f"{name} ({count:,})" for name, count in lacking.items() if count)
        warnings.warn(
            f"{dropped:,} of {data.pixels.cells:,} cells lack a driver and are left out: {listed}.",
            DissmodelWarning,
            stacklevel=3,
        )


def _sampled(
    there: NDArray[np.bool_], classes: NDArray[np.intp], wanted: int, seed: int
) -> NDArray[np.bool_]:
    """Return a sample of cells: of each class the part that it has of all, by largest remainders."""
    places = np.flatnonzero(there)
    if wanted > places.size:
        raise UsageError(
            f"sample = {wanted:,}: there are {places.size:,} cells.", f"--sample N, at most {places.size}."
        )
    strata = classes.ravel()[places]
    found, counts = np.unique(strata, return_counts=True)
    exact = counts * wanted / places.size
    sizes = np.floor(exact).astype(np.intp)
    sizes[np.argsort(sizes - exact, kind="stable")[: wanted - sizes.sum()]] += 1
    draw = np.random.Generator(np.random.PCG64(seed))
    used = np.zeros(there.size, np.bool_)
    for code, size in zip(found, sizes, strict=True):
        used[draw.choice(places[strata == code], size, replace=False)] = True
    return used.reshape(there.shape)


def _moore(there: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Any]:
    """Return the cells that have neighbours, and a sparse matrix with 1 for each neighbour of these."""
    from scipy.sparse import coo_array  # noqa: PLC0415  (only a spatial lag needs it)

    wide = np.pad(there, 1)
    shifted = [
        wide[1 + down : wide.shape[0] - 1 + down, 1 + right : wide.shape[1] - 1 + right]
        for down, right in _AROUND
    ]
    used = there & np.logical_or.reduce(shifted)
    count = int(np.count_nonzero(used))
    number = np.full(wide.shape, -1)
    number[1:-1, 1:-1][used] = np.arange(count)
    here, neighbour = [], []
    for down, right in _AROUND:
        other = number[1 + down : wide.shape[0] - 1 + down, 1 + right : wide.shape[1] - 1 + right][used]
        here.append(np.flatnonzero(other >= 0))
        neighbour.append(other[other >= 0])
    rows, columns = np.concatenate(here), np.concatenate(neighbour)
    return used, coo_array((np.ones(rows.size), (rows, columns)), shape=(count, count)).tocsr()
