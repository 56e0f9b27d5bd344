"""The parameters of the models, in the names of every published form."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

import numpy as np
from pydantic import Field, model_validator

from dissmodel.cells.parameters import CrsText, KeepsStates, Step, Whole
from dissmodel.errors import InvalidInput, did_you_mean
from dissmodel.executor.named_files import TakesFile
from dissmodel.models.lucc import kinds as _kinds  # noqa: F401  (makes them known)
from dissmodel.models.lucc.allocation import ContinuousAllocation, DiscreteAllocation, Limits
from dissmodel.models.lucc.demand import read_demand, two_dates
from dissmodel.models.lucc.entries import AllocationEntry, Entry, Finite, Named, PotentialEntry, given
from dissmodel.models.lucc.potential import ContinuousPotential, DiscretePotential, Potential
from dissmodel.models.lucc.space import Floats

E = TypeVar("E", bound=Entry)
Name = Annotated[str, Field(min_length=1)]
Area = Annotated[Finite, Field(ge=0)]
FileName = Annotated[str, TakesFile()]
Sign = Literal[-1, 0, 1]
Matrices = tuple[tuple[tuple[Literal[0, 1], ...], ...], ...]
Classes = Annotated[tuple[Name, ...], Field(min_length=2)]
Demands = tuple[tuple[Area, ...], ...]
RESULTS = ("start", "chpast", "chtot", "pot")
"""What a result has of each class."""
TAKEN = frozenset({"row", "col", "order", "passo", "halvings", "use"})
_SIGNS = {"Increase": 1, "Decrease": -1}


class TwoDates(Named):
    """Demand on a line between the input and the columns `final` of it."""

    kind: Literal["two_dates"]
    start_year: Whole
    final_year: Whole
    final: tuple[Name, ...]
    direction: tuple[str | None, ...] | None = None

    @property
    def years(self) -> int:
        """From the first to the last."""
        return self.final_year - self.start_year

    def signs(self, start: list[float], final: list[float]) -> list[int]:
        """Return whether each class grows, shrinks or stays."""
        said = self.direction or (None,) * len(self.final)
        found = [(after > before) - (after < before) for before, after in zip(start, final, strict=True)]
        return [sign if one is None else _SIGNS.get(one, 0) for sign, one in zip(found, said, strict=True)]

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.years < 1:
            raise ValueError(f"final_year = {self.final_year} has to follow start_year = {self.start_year}")
        return self


class Update(Named):
    """Drivers that change: `source` replaces them before a step."""

    step: Annotated[Whole, Field(ge=0)]
    source: FileName


class LuccParameters(Named, KeepsStates):
    """What a user may set of both models, in any of the published forms."""

    potentials: ClassVar[type[Potential]]
    allocations: ClassVar[type[ContinuousAllocation | DiscreteAllocation]]

    land_use_types: Classes = given(..., "The classes, in order: the names of their columns or bands")
    complementar_lu: str | None = given(None, "The class that takes what the others leave")
    land_use_no_data: str | None = given(None, "The class that is no land")
    cell_area: Finite = given(..., "Area of a cell, in the unit of the demand", gt=0)
    n_steps: Whole | None = given(None, "Steps, with that of the start year; as many as the demand has", ge=1)
    max_difference: Finite = given(..., "How far the area of a class may be from its demand", ge=0)
    max_iteration: Whole = given(1000, "Tries of a step", ge=1)
    region_attr: str | None = given(None, "The column of the region of each cell, 1 and up")
    order_attr: str | None = given(None, "The column of numbers by which cells are visited")
    demand_csv: FileName | None = given(None, "A table of the area of each class in each step")
    demand: Demands | TwoDates | None = given(None, "The same as rows, or between two dates")
    potential_kind: str = given(..., "How the potential is computed")
    allocation_kind: str = given(..., "How the demand is allocated")
    potential: tuple[Any, ...] = given((), "The coefficients of each class in each region")
    update: tuple[Update, ...] = given((), "Datasets that replace drivers, each before a step")
    driver_columns: tuple[str, ...] = given((), "Columns that must exist")
    snapshots: tuple[Step, ...] | None = given(None, "Steps after which the state is also kept", unit="step")
    every: Step | None = given(None, "Also keep the state after every N steps, before the last", unit="step")
    resolution: Finite | None = given(None, "Size of a pixel, of a raster without a transform", gt=0)
    crs: CrsText | None = given(None, "Coordinate reference system of an input that has none")

    @model_validator(mode="before")
    @classmethod
    def _published_forms(cls, found: Any) -> Any:
        """Return the tables in the form that the fields have, and the kinds that follow from them."""
        if not isinstance(found, dict):
            return found
        kept = dict(found)
        inner = {"land_use_types": "types", "transition_matrix": "data", "driver_columns": "cols"}
        for name, key in inner.items():
            if isinstance(kept.get(name), dict) and set(kept[name]) == {key}:
                kept[name] = kept[name][key]
        if isinstance(kept.get("allocation"), dict):  # [model.allocation] as one plain table
            for name, value in kept.pop("allocation").items():
                if kept.setdefault(name, value) != value:
                    raise ValueError(f"{name} = {kept[name]!r} and allocation.{name} = {value!r}: give one")
        demand = kept.get("demand")
        if isinstance(demand, dict):
            by_class = {name for name in ("final", "direction") if isinstance(demand.get(name), dict)}
            classes = kept.get("land_use_types") or ()
            kept["demand"] = demand | {name: [demand[name].get(lu) for lu in classes] for name in by_class}
        return {**cls._kinds_of(kept), **kept}

    @property
    def is_incomplete(self) -> bool:
        """Whether values are missing that have no default: the model is only shown."""
        return None in {self.land_use_types, self.cell_area, self.max_difference}

    @classmethod
    def _kinds_of(cls, found: dict[str, Any]) -> dict[str, str]:
        """Return the kinds of potential and allocation, where they are not given."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _classes_are_known(self) -> Self:
        if self.is_incomplete:
            return self
        classes = self.land_use_types
        twice = [name for name, count in Counter(classes).items() if count > 1]
        if twice:
            raise ValueError(f"land_use_types has {', '.join(twice)} more than once")
        for name in ("complementar_lu", "land_use_no_data"):
            _check_class(name, getattr(self, name) or classes[0], classes)
        if (self.demand is None) == (self.demand_csv is None):
            raise ValueError("give demand_csv, demand or [model.demand], and only one of them")
        rows: Any = self.demand or ()
        if isinstance(rows, TwoDates):
            rows = rows.final, rows.direction or classes
        for row in rows:
            if len(row) != len(classes):
                raise ValueError(f"demand: {len(row)} values for {len(classes)} classes")
        return self

    @model_validator(mode="after")
    def _names_are_free(self) -> Self:
        if self.is_incomplete:
            return self
        classes = self.land_use_types
        taken = [lu for lu in classes if lu in TAKEN]
        results = {f"{lu}_{what}" for lu in classes for what in RESULTS}
        taken += [name for name in (*self.drivers, *self.columns) if name in {*classes, *results}]
        if taken:
            raise ValueError(
                f"{taken[0]} can't be the name of a class or of a driver: it means something else"
            )
        return self

    @cached_property
    def rows(self) -> Floats | None:
        """The demands of a table, shape (steps, classes); None between two dates."""
        if self.demand_csv is not None:
            return read_demand(Path(self.demand_csv), self.land_use_types)
        return np.array(self.demand, np.float64) if isinstance(self.demand, tuple) else None

    @property  # type: ignore[misc]  # it follows, where the kit's parameters declare it
    def end_time(self) -> int:  # type: ignore[override]  # as above
        """The last step; raises `InvalidInput` if the demand has fewer rows than steps."""
        if isinstance(self.demand, TwoDates):
            return (self.n_steps or self.demand.years + 1) - 1
        rows = 0 if self.rows is None else len(self.rows)
        if not 1 <= (self.n_steps or rows) <= rows:
            hint = "The start year is a step, too: --param n_steps=N"
            raise InvalidInput(
                f"n_steps = {self.n_steps}, but the demand has {rows} rows.", hint, code="demand"
            )
        return (self.n_steps or rows) - 1

    def check_steps(self, step: int) -> None:
        """Raise `InvalidInput` if a run on from the state after `step` has no step, or lacks a snapshot's."""
        if self.end_time <= step:
            what = f"The input belongs to step {step}, and the last step is {self.end_time}"
            hint = "Steps count from the start year, step 0: give a longer demand, and n_steps if it is set."
            raise InvalidInput(f"{what} (n_steps - 1).", hint, code="end_time")
        super().check_steps(step)

    def demands(self, start: list[float], final: list[float]) -> Floats:
        """Return the demand of each step, shape (steps, classes); the areas are for two dates."""
        if isinstance(self.demand, TwoDates):
            signs = self.demand.signs(start, final)
            return two_dates(start, final, self.demand.years, signs, self.end_time + 1)
        assert self.rows is not None  # it is one of both
        return self.rows[: self.end_time + 1]

    @property
    def needs_grid(self) -> bool:
        """Whether the potential or the allocation asks for neighbours."""
        kinds = self.potentials.of_kind(self.potential_kind), self.allocations.of_kind(self.allocation_kind)
        return any(kind.needs_grid for kind in kinds)

    @property
    def drivers(self) -> tuple[str, ...]:
        """The columns that the potential and the allocation read."""
        entries = itertools.chain(*self.potential_entries)
        return tuple(dict.fromkeys(name for one in entries for name in one.betas))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the model reads, but for those of the classes."""
        final = self.demand.final if isinstance(self.demand, TwoDates) else ()
        order = () if self.order_attr is None else (self.order_attr,)
        named = (*self.drivers, *self.driver_columns, *final, *order, *self.regions)
        return tuple(dict.fromkeys(name for name in named if name not in self.land_use_types))

    @property
    def regions(self) -> dict[str, int]:
        """The columns of regions, and how many regions each has; raises ValueError where tables differ."""
        potential = len(self.potential_entries) if self.potential else 0
        counts = zip(self.region_columns, (potential, self._rule_regions), strict=True)
        found: dict[str, int] = {}
        for column, count in counts:
            if column and count and found.setdefault(column, count) != count:
                raise ValueError(f"{column}: one table has {found[column]} regions, and another has {count}")
        return found

    @property
    def region_columns(self) -> tuple[str | None, str | None]:
        """The columns of the regions of the potential, and of the rules or transitions; None: one region."""
        rules = self.region_column("rules") if self._rule_regions else None
        return self.region_attr if self.potential else None, rules

    @property
    def _rule_regions(self) -> int:
        """How many regions the rules or transitions have; 0 where there are none."""
        raise NotImplementedError

    def index(self, lu: str | None) -> int | None:
        """Return the place of a class."""
        return None if lu is None else self.land_use_types.index(lu)

    def by_region(self, name: str, rows: tuple[Any, ...], kind: type[E]) -> list[list[E]]:
        """Return entries[region][class] of a table, whose rows may leave out classes in their order.

        Raises
        ------
        ValueError
            For a class that is missing, unknown or given twice in a region.
        """
        classes = self.land_use_types
        found: dict[tuple[int, str], E] = {}
        unnamed: Counter[Any] = Counter()
        for row in rows or [{"lu": lu} for lu in classes]:
            if not isinstance(row, dict):
                raise ValueError(f"{name}: each row is a table, such as {{lu = {classes[0]!r}}}")  # noqa: TRY004  (pydantic wants ValueError)
            values = dict(row)
            region = values.get("region", 1)
            if "lu" not in values:
                if unnamed[region] == len(classes):
                    raise ValueError(f"{name}: region {region} has more rows than there are classes")
                values["lu"] = classes[unnamed[region]]
                unnamed[region] += 1
            entry = kind.model_validate(values)
            _check_class(name, entry.lu, classes)
            if (entry.region, entry.lu) in found:
                raise ValueError(f"{name}: class {entry.lu} has two rows for region {entry.region}")
            found[entry.region, entry.lu] = entry
        regions = range(1, 1 + max(region for region, _ in found))
        if len(regions) > 1 and not self.region_column(name):
            raise ValueError(f"{name} has a region {len(regions)}, and no region_attr says where it is")
        for region, lu in itertools.product(regions, classes):
            if (region, lu) not in found:
                raise ValueError(f"{name}: class {lu} has no row for region {region}")
        return [[found[region, lu] for lu in classes] for region in regions]

    def region_column(self, table: str) -> str | None:  # noqa: ARG002  (a subclass uses it)
        """Return the column of the regions of a table."""
        return self.region_attr

    @cached_property
    def potential_entries(self) -> list[list[PotentialEntry]]:
        """The coefficients by region and class; raises ValueError where they don't fit."""
        kind = self.potentials.of_kind(self.potential_kind)
        found = self.by_region("potential", self.potential, kind.Entry)
        used = {name for row in itertools.chain(*found) for name in row.model_fields_set}
        if {"ro", "elasticity"} <= used:
            raise ValueError(
                "potential has ro, of spatial_lag, and elasticity, of logistic: give one of them"
            )
        lacking = [
            one for one in kind.needs if any(getattr(row, one) is None for row in itertools.chain(*found))
        ]
        if lacking:
            raise ValueError(
                f"potential_kind = {self.potential_kind!r} needs {', '.join(lacking)} of each class"
            )
        return found


class ContinuousParameters(LuccParameters):
    """What a user may set of ``lucc_continuous``."""

    potentials = ContinuousPotential
    allocations = ContinuousAllocation

    initial_elasticity: Finite = given(0.1, "What a potential is multiplied by in the first try", gt=0)
    min_elasticity: Finite = given(0.001, "Its least value", gt=0)
    max_elasticity: Finite = given(1.5, "Its largest value", gt=0)
    cell_correction: bool | None = given(None, "Correct shares in each try; by default saturation does")
    attr_protection: str | None = given(None, "The column of the protected share of each cell")
    region_alloc_attr: str | None = given(None, 'Regions of the allocation: region_attr, or "" for one')
    allocation: tuple[Any, ...] = given((), "How each class may change in each region")
    static: dict[str, Sign] = given({}, "1: a class stays; -1: it changes as the demand does; 0: both ways")

    @classmethod
    def _kinds_of(cls, found: dict[str, Any]) -> dict[str, str]:
        rows = _rows(found, "potential", "potential_data")
        limits = {name for row in _rows(found, "allocation", "allocation_data") for name in row}
        saturates = found.get("attr_protection") or found.get("attrProtection")
        saturates = saturates or limits & {"change_limit", "change_limiar_value"}
        return {
            "potential_kind": "spatial_lag" if any("ro" in row for row in rows) else "linear",
            "allocation_kind": "saturation" if saturates else "clue",
        }

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.is_incomplete:
            return self
        if self.complementar_lu is None:
            raise ValueError("complementar_lu is missing: the class that takes what the others leave")
        low, first, high = self.min_elasticity, self.initial_elasticity, self.max_elasticity
        if not low <= first <= high:
            raise ValueError(f"initial_elasticity = {first:g} is not from {low:g} to {high:g}")
        self.allocations.of_kind(self.allocation_kind)
        _ = self.potential_entries
        _ = self.allocation_entries
        return self

    @cached_property
    def allocation_entries(self) -> list[list[AllocationEntry]]:
        """How classes may change, by region and class; raises ValueError where the table does not fit."""
        for lu in self.static:
            _check_class("static", lu, self.land_use_types)
        entries = self.by_region("allocation", self.allocation, AllocationEntry)
        for one in itertools.chain(*entries):
            wanted = self.static.get(one.lu, one.static)
            if "static" in one.model_fields_set and wanted != one.static:
                raise ValueError(f"static.{one.lu} = {wanted} and allocation has {one.static}: give one")
        return [
            [one.model_copy(update={"static": self.static.get(one.lu, one.static)}) for one in row]
            for row in entries
        ]

    @property
    def drivers(self) -> tuple[str, ...]:
        """The columns that the potential and the allocation read."""
        own = () if self.attr_protection is None else (self.attr_protection,)
        return tuple(dict.fromkeys((*super().drivers, *own)))

    def region_column(self, table: str) -> str | None:
        """Return the column of the regions of a table."""
        if table == "potential" or self.region_alloc_attr is None:
            return self.region_attr
        return self.region_alloc_attr or None

    @property
    def _rule_regions(self) -> int:
        return len(self.allocation_entries) if self.allocation else 0

    def limits(self) -> Limits:
        """Return when a try is accepted."""
        elasticity = self.initial_elasticity, self.min_elasticity, self.max_elasticity
        return Limits(self.cell_area, self.max_difference, self.max_iteration, elasticity)


class DiscreteParameters(LuccParameters):
    """What a user may set of ``lucc_discrete``."""

    potentials = DiscretePotential
    allocations = DiscreteAllocation

    factor_iteration: Finite = given(1e-4, "What a lacking unit of area adds to a potential in a try", gt=0)
    ties: Literal["order", "luccme"] = given(
        "order", "Equal potentials: as visited, or as Lua's sort has them"
    )
    transition_matrix: Matrices | None = given(None, "[region][from][to]: 1 where a class may become another")

    @classmethod
    def _kinds_of(cls, found: dict[str, Any]) -> dict[str, str]:  # noqa: ARG003  (the other model's matter)
        return {"potential_kind": "logistic", "allocation_kind": "clue_s"}

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.is_incomplete:
            return self
        size = len(self.land_use_types)
        for region, matrix in enumerate(self.transition_matrix or (), 1):
            if region > 1 and not self.region_attr:
                raise ValueError(
                    f"transition_matrix has a region {region}, and no region_attr says where it is"
                )
            if len(matrix) != size or any(len(row) != size for row in matrix):
                raise ValueError(
                    f"transition_matrix of region {region}: {size} rows of {size} values, 0 or 1"
                )
        if DiscreteAllocation.of_kind(self.allocation_kind).needs_transitions and not self.transition_matrix:
            raise ValueError(f"allocation_kind = {self.allocation_kind!r} needs a transition_matrix")
        _ = self.potential_entries
        return self

    @property
    def _rule_regions(self) -> int:
        return len(self.transition_matrix or ())

    def limits(self) -> Limits:
        """Return when a try is accepted."""
        return Limits(self.cell_area, self.max_difference, self.max_iteration, factor=self.factor_iteration)


def _check_class(name: str, lu: str, classes: tuple[str, ...]) -> None:
    if lu not in classes:
        raise ValueError(f"{name}: {lu!r} is no class. {did_you_mean(lu, classes).removesuffix('.')}")


def _rows(found: dict[str, Any], *names: str) -> list[dict[str, Any]]:
    """Return the rows of a table, whatever else it may hold."""
    table = next((found[name] for name in names if name in found), ())
    return [row for row in table if isinstance(row, dict)] if isinstance(table, list | tuple) else []
