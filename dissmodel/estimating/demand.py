"""Tables of demand, extrapolated from two observed maps: the executor `lucc_demand`."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, FilePath, field_validator

from dissmodel.cells.parameters import Number, Whole
from dissmodel.errors import InvalidInput, UsageError
from dissmodel.estimating.executor import LandUseExecutor, LandUseParameters
from dissmodel.estimating.extrapolation import Floats, Method, extrapolate
from dissmodel.estimating.land_use import LandUse, check_space
from dissmodel.executor import ExperimentRecord
from dissmodel.io._utils import write_bytes
from dissmodel.metrics import transition_matrix

_UNIT: dict[str, Any] = {"unit": ""}
_YEARS, _MOST_YEARS = 3, 10_000


class DemandParameters(LandUseParameters):
    """What a user may set of a demand."""

    end: FilePath = Field(description="The later map; the input is the earlier map", json_schema_extra=_UNIT)
    years: tuple[Whole, Whole, Whole] = Field(
        description="The years of both maps, and the last year of the table",
        json_schema_extra={"unit": "year"},
    )
    first: Whole | None = Field(
        default=None,
        description="The first year of the table; that of the later map by default",
        json_schema_extra={"unit": "year"},
    )
    method: Method = Field(default="linear", description="How areas go on", json_schema_extra=_UNIT)
    cell_area: Number = Field(
        default=1.0,
        gt=0,
        allow_inf_nan=False,
        description="The area of a cell, as the model has it",
        json_schema_extra={"unit": "any area"},
    )

    @field_validator("years", mode="before")
    @classmethod
    def _are_three(cls, given: Any) -> Any:
        if isinstance(given, list | tuple) and len(given) != _YEARS:
            raise ValueError("three years are needed: of both maps, and the last of the table")
        return given


@dataclass(frozen=True, kw_only=True)
class Demand:
    """The area of each class in each year: shape (years, classes)."""

    years: list[int]
    names: list[str]
    areas: Floats


class LuccDemand(LandUseExecutor[DemandParameters, Demand]):
    """Extrapolates the areas of land uses from two observed maps: linear, exponential or by a Markov chain.

    The input is the earlier map, `end` the later map. Writes the CSV that a model takes as `demand_csv`: a
    row for each year, a column for each class.
    """

    name = "lucc_demand"
    Parameters: ClassVar[type[Any]] = DemandParameters
    maps = ("start", "end")
    output_suffix = ".csv"
    output_suffixes = (".csv",)

    def read(self, record: ExperimentRecord, parameters: DemandParameters) -> tuple[LandUse, LandUse]:
        """Read both maps, of one space."""
        first, second, last = parameters.years
        begin = second if parameters.first is None else parameters.first
        if not (first < second and first <= begin <= last):
            raise UsageError(
                f"The maps are of {first} and {second}, the table is of {begin} to {last}: years ascend.",
                "--years FIRST,SECOND,LAST: the years of both maps, and the last year of the table.",
            )
        if last - begin > _MOST_YEARS:
            raise UsageError(
                f"The table would have {last - begin + 1:,} years; it has at most {_MOST_YEARS:,}.",
                "--years FIRST,SECOND,LAST",
            )
        start = self.read_map("start", record.source.uri, record, parameters)
        end = self.read_map("end", str(parameters.end), record, parameters)
        check_space(start, end)
        return start, end

    def run(self, data: tuple[LandUse, LandUse], record: ExperimentRecord) -> Demand:
        """Extrapolate; note the areas that were observed."""
        parameters = self.parameters(record)
        names, transitions = _transitions(*data, parameters)
        first, second, last = parameters.years
        years = list(range(second if parameters.first is None else parameters.first, last + 1))
        areas = extrapolate(
            parameters.method, transitions * parameters.cell_area, (first, second), years, names=names
        )
        for place, name in enumerate(names):
            before, after = transitions.sum(axis=1)[place], transitions.sum(axis=0)[place]
            record.metrics |= {
                f"start_{name}": before * parameters.cell_area,
                f"end_{name}": after * parameters.cell_area,
            }
            record.add_finding(
                "ok", f"{areas[0, place]:.6g} in {years[0]}, {areas[-1, place]:.6g} in {last}.", subject=name
            )
        return Demand(years=years, names=names, areas=areas)

    def save(self, result: Demand, record: ExperimentRecord) -> ExperimentRecord:
        """Write the table: numbers with all their digits."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["year", *result.names])
        # A float is written with all its digits.
        table.writerows([year, *row] for year, row in zip(result.years, result.areas.tolist(), strict=True))
        record.add_artifact("output", write_bytes(text.getvalue().encode(), self.output(record)))
        record.status = "completed"
        return record


def _transitions(start: LandUse, end: LandUse, parameters: DemandParameters) -> tuple[list[str], Floats]:
    """Return the classes, and the cells of each transition; of shares, what is known of them: their sums."""
    types, inside = list(parameters.land_use_types), start.pixels.inside
    if start.codes is not None and end.codes is not None:
        matrix = transition_matrix(start.codes, end.codes, mask=inside)
        codes = sorted({*matrix.classes, *range(1, len(types) + 1)})
        names = [types[code - 1] if 1 <= code <= len(types) else str(code) for code in codes]
        table = [[float(matrix.sizes.get((before, after), 0)) for after in codes] for before in codes]
        return names, np.array(table)
    if parameters.method == "markov":
        raise InvalidInput(
            "The maps have shares of classes: what became of what is not known, and a Markov chain needs it.",
            "--method linear or --method exponential",
            code="illegal_value",
        )
    before, after = (np.array([one[inside].sum() for one in each.shares_of(types)]) for each in (start, end))
    # Any matrix with these margins.
    return types, np.outer(before, after) / before.sum()
