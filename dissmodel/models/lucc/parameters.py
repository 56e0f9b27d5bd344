"""The parameters of the models, in the names of every published form."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AliasChoices, Field, model_validator

from dissmodel.cells.parameters import CrsText, Whole
from dissmodel.errors import did_you_mean
from dissmodel.models.lucc import kinds as _kinds  # noqa: F401  (makes them known)
from dissmodel.models.lucc.allocation import ContinuousAllocation, DiscreteAllocation, Limits
from dissmodel.models.lucc.component import Component
from dissmodel.models.lucc.entries import AllocationEntry, Entry, Finite, Named, PotentialEntry
from dissmodel.models.lucc.potential import ContinuousPotential, DiscretePotential, Potential

E = TypeVar("E", bound=Entry)
Name = Annotated[str, Field(min_length=1)]
Positive = Annotated[Finite, Field(gt=0)]
NotNegative = Annotated[Finite, Field(ge=0)]
Sign = Literal[-1, 0, 1]
_SIGNS = {"Increase": 1, "Decrease": -1}


def _also(name: str, *others: str) -> AliasChoices:
    return AliasChoices(name, *others)


class TwoDates(Named):
    """Demand on a line between the input and its columns `final`."""

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
        given = self.direction or (None,) * len(self.final)
        found = [(after > before) - (after < before) for before, after in zip(start, final, strict=True)]
        return [sign if one is None else _SIGNS.get(one, 0) for sign, one in zip(found, given, strict=True)]

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.years < 1:
            raise ValueError(f"final_year = {self.final_year} has to follow start_year = {self.start_year}")
        return self


class LuccParameters(Named):
    """What a user may set of both models; `of` reads every published form of it."""

    potential_kinds: ClassVar[type[Potential]]
    allocation_kinds: ClassVar[type[Component]]

    land_use_types: Annotated[tuple[Name, ...], Field(min_length=2)] = Field(
        description="The classes, in order: the names of their columns or bands"
    )
    complementar_lu: str | None = Field(
        default=None, validation_alias=_also("complementar_lu", "complementary_lu", "complementarLU"),
        description="The class that takes what the others leave",
    )  # fmt: skip
    land_use_no_data: str | None = Field(
        default=None, validation_alias=_also("land_use_no_data", "landUseNoData"),
        description="The class that is no land",
    )  # fmt: skip
    cell_area: Positive = Field(
        validation_alias=_also("cell_area", "cellArea"),
        description="Area of a cell, in the unit of the demand",
    )
    n_steps: Annotated[Whole, Field(ge=1)] | None = Field(
        default=None,
        description="How many steps from the start year, which is one; by default all of the demand",
    )
    max_difference: NotNegative = Field(
        validation_alias=_also("max_difference", "maxDifference"),
        description="How far the area of a class may be from its demand",
    )
    max_iteration: Annotated[Whole, Field(ge=1)] = Field(
        default=1000, validation_alias=_also("max_iteration", "maxIteration"), description="Tries of a step"
    )
    region_attr: str | None = Field(
        default=None, validation_alias=_also("region_attr", "regionAttr"),
        description="The column of the region of each cell, 1 and up",
    )  # fmt: skip
    order_attr: str | None = Field(
        default=None, validation_alias=_also("order_attr", "orderAttr"),
        description="The column of numbers by which cells are visited",
    )  # fmt: skip
    demand_csv: str | None = Field(default=None, description="A table of the area of each class in each step")
    demand: tuple[tuple[NotNegative, ...], ...] | TwoDates | None = Field(
        default=None, description="The same as rows, or what two dates lie at"
    )
    potential_kind: str = Field(description="How the potential is computed")
    allocation_kind: str = Field(description="How the demand is allocated")
    potential: tuple[Any, ...] = Field(
        default=(), validation_alias=_also("potential", "potential_data"),
        description="The coefficients of each class in each region",
    )  # fmt: skip
    driver_columns: tuple[str, ...] = Field(default=(), description="Columns that must exist")
    resolution: Positive | None = Field(default=None, description="Size of a pixel")
    crs: CrsText | None = Field(
        default=None, description="Coordinate reference system of an input that has none"
    )

    @model_validator(mode="before")
    @classmethod
    def _published_forms(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        kept = cls._one_form(dict(given))
        return cls._inferred(kept)

    @classmethod
    def _one_form(cls, kept: dict[str, Any]) -> dict[str, Any]:
        """Return the tables in the one form that the fields have."""
        for name, inner in (
            ("land_use_types", "types"),
            ("transition_matrix", "data"),
            ("driver_columns", "cols"),
        ):
            table = kept.get(name)
            if isinstance(table, dict) and set(table) == {inner}:
                kept[name] = table[inner]
        scalars = kept.get("allocation")
        if isinstance(scalars, dict):  # [model.allocation] as one plain table
            del kept["allocation"]
            for name, value in scalars.items():
                if kept.setdefault(name, value) != value:
                    raise ValueError(f"{name} = {kept[name]!r} and allocation.{name} = {value!r}: give one")
        demand = kept.get("demand")
        if isinstance(demand, dict):
            classes = kept.get("land_use_types") or ()
            kept["demand"] = demand | {
                name: [demand[name].get(lu) for lu in classes]
                for name in ("final", "direction")
                if isinstance(demand.get(name), dict)
            }
        return kept

    @classmethod
    def _inferred(cls, kept: dict[str, Any]) -> dict[str, Any]:
        """Return what was given and the kinds that follow from it."""
        return kept

    @model_validator(mode="after")
    def _classes_are_known(self) -> Self:
        twice = [name for name, count in Counter(self.land_use_types).items() if count > 1]
        if twice:
            raise ValueError(f"land_use_types has {', '.join(twice)} more than once")
        for name in ("complementar_lu", "land_use_no_data"):
            lu = getattr(self, name)
            if lu is not None and lu not in self.land_use_types:
                raise ValueError(f"{name} = {lu!r} is no class. {did_you_mean(lu, self.land_use_types)}")
        if (self.demand is None) == (self.demand_csv is None):
            raise ValueError("give demand_csv, demand or [model.demand], and only one of them")
        rows = self.demand if isinstance(self.demand, tuple) else ()
        wrong = [number for number, row in enumerate(rows) if len(row) != len(self.land_use_types)]
        if wrong:
            raise ValueError(
                f"demand, row {wrong[0]}: {len(rows[wrong[0]])} areas for {len(self.land_use_types)} classes"
            )
        if isinstance(self.demand, TwoDates):
            for name in ("final", "direction"):
                given = getattr(self.demand, name)
                if given is not None and len(given) != len(self.land_use_types):
                    raise ValueError(
                        f"demand.{name} has {len(given)} values for {len(self.land_use_types)} classes"
                    )
        return self

    def index(self, lu: str | None) -> int | None:
        """Return the place of a class."""
        return None if lu is None else self.land_use_types.index(lu)

    def by_region(self, name: str, entries: tuple[Any, ...], kind: type[E]) -> list[list[E]]:
        """Return entries[region][class] of a table.

        Raises
        ------
        ValueError
            For a class that is missing, unknown or given twice in a region.
        """
        classes, found = self.land_use_types, dict[tuple[int, str], E]()
        unnamed: Counter[int] = Counter()
        for given in itertools.chain.from_iterable(
            one if isinstance(one, list | tuple) else (one,) for one in entries
        ):
            row = dict(given)
            region = row.get("region", 1)
            if "lu" not in row:
                if unnamed[region] >= len(classes):
                    raise ValueError(f"{name}, region {region}: there are more rows than classes")
                row["lu"] = classes[unnamed[region]]
                unnamed[region] += 1
            entry = kind.model_validate(row)
            if entry.lu not in classes:
                raise ValueError(f"{name}: {entry.lu!r} is no class. {did_you_mean(entry.lu, classes)}")
            if (entry.region, entry.lu) in found:
                raise ValueError(f"{name}: class {entry.lu} is given twice for region {entry.region}")
            found[entry.region, entry.lu] = entry
        regions = range(1, 1 + max((region for region, _ in found), default=0))
        for region, lu in itertools.product(regions, classes):
            if (region, lu) not in found:
                raise ValueError(f"{name}: there is no row for class {lu} in region {region}")
        return [[found[region, lu] for lu in classes] for region in regions]

    def potentials(self) -> list[list[PotentialEntry]]:
        """Return the coefficients by region and class; defaults where there is no table."""
        given = self.potential or tuple({"lu": lu} for lu in self.land_use_types)
        found = self.by_region("potential", given, self.potential_kinds.of_kind(self.potential_kind).Entry)
        used = {name for row in itertools.chain(*found) for name in row.model_fields_set}
        if {"ro", "elasticity"} <= used:
            raise ValueError(
                "potential has ro, of spatial_lag, and elasticity, of logistic: give one of them"
            )
        return found


class ContinuousParameters(LuccParameters):
    """What a user may set of ``lucc_continuous``."""

    potential_kinds = ContinuousPotential
    allocation_kinds = ContinuousAllocation

    initial_elasticity: Positive = Field(
        default=0.1, validation_alias=_also("initial_elasticity", "initialElasticity"),
        description="What a potential is multiplied by in the first try",
    )  # fmt: skip
    min_elasticity: Positive = Field(
        default=0.001,
        validation_alias=_also("min_elasticity", "minElasticity"),
        description="Its least value",
    )
    max_elasticity: Positive = Field(
        default=1.5,
        validation_alias=_also("max_elasticity", "maxElasticity"),
        description="Its largest value",
    )
    cell_correction: bool | None = Field(
        default=None, description="Whether the shares of each cell are corrected in each try"
    )
    attr_protection: str | None = Field(
        default=None, validation_alias=_also("attr_protection", "attrProtection"),
        description="The column of the protected share of each cell",
    )  # fmt: skip
    region_alloc_attr: str | None = Field(
        default=None, validation_alias=_also("region_alloc_attr", "regionAllocAttr"),
        description='The column of regions of the allocation; region_attr by default, "" for one region',
    )  # fmt: skip
    allocation: tuple[Any, ...] = Field(
        default=(), validation_alias=_also("allocation", "allocation_data"),
        description="How each class may change in each region",
    )  # fmt: skip
    static: dict[str, Sign] | None = Field(
        default=None, description="1: a class stays; -1: changes as the demand does; 0: both ways"
    )

    @classmethod
    def _inferred(cls, kept: dict[str, Any]) -> dict[str, Any]:
        rows = _rows(kept, "potential", "potential_data")
        limits = _rows(kept, "allocation", "allocation_data")
        full = {"change_limit", "change_limiar_value"}
        saturates = (
            kept.get("attr_protection")
            or kept.get("attrProtection")
            or any(full & set(row) for row in limits)
        )
        kept.setdefault("potential_kind", "spatial_lag" if any("ro" in row for row in rows) else "linear")
        kept.setdefault("allocation_kind", "saturation" if saturates else "clue")
        return kept

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.complementar_lu is None:
            raise ValueError("complementar_lu is missing: the class that takes what the others leave")
        if not self.min_elasticity <= self.initial_elasticity <= self.max_elasticity:
            raise ValueError(
                f"initial_elasticity = {self.initial_elasticity:g} is not between min_elasticity = "
                f"{self.min_elasticity:g} and max_elasticity = {self.max_elasticity:g}"
            )
        self.potentials()
        self.allocations()
        return self

    def allocations(self) -> list[list[AllocationEntry]]:
        """Return how classes may change, by region and class."""
        static = self.static or {}
        for lu in static:
            if lu not in self.land_use_types:
                raise ValueError(f"static: {lu!r} is no class. {did_you_mean(lu, self.land_use_types)}")
        if not self.allocation:
            plain = [{"lu": lu, "static": static.get(lu, -1)} for lu in self.land_use_types]
            return self.by_region("allocation", tuple(plain), AllocationEntry)
        entries = self.by_region("allocation", self.allocation, AllocationEntry)
        for entry in itertools.chain(*entries):
            wanted = static.get(entry.lu, entry.static)
            if "static" in entry.model_fields_set and wanted != entry.static:
                raise ValueError(f"static.{entry.lu} = {wanted} and allocation has {entry.static}: give one")
        return [
            [one.model_copy(update={"static": static.get(one.lu, one.static)}) for one in row]
            for row in entries
        ]

    def limits(self) -> Limits:
        """Return when a try is accepted."""
        return Limits(
            self.cell_area, self.max_difference, self.max_iteration,
            self.initial_elasticity, self.min_elasticity, self.max_elasticity,
        )  # fmt: skip


class DiscreteParameters(LuccParameters):
    """What a user may set of ``lucc_discrete``."""

    potential_kinds = DiscretePotential
    allocation_kinds = DiscreteAllocation

    factor_iteration: Positive = Field(
        default=0.0001, validation_alias=_also("factor_iteration", "factorIteration"),
        description="What a unit of lacking area adds to the potential of a class in a try",
    )  # fmt: skip
    ties: Literal["order", "luccme"] = Field(
        default="order",
        description="Which of cells with one potential comes first: as visited, or as Lua sorts",
    )
    transition_matrix: tuple[tuple[tuple[Literal[0, 1], ...], ...], ...] | None = Field(
        default=None, description="transition_matrix[region][from][to]: 1 where a class may become another"
    )

    @classmethod
    def _inferred(cls, kept: dict[str, Any]) -> dict[str, Any]:
        kept.setdefault("potential_kind", "logistic")
        kept.setdefault("allocation_kind", "clue_s")
        return kept

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        size = len(self.land_use_types)
        for number, matrix in enumerate(self.transition_matrix or (), 1):
            if len(matrix) != size or any(len(row) != size for row in matrix):
                raise ValueError(
                    f"transition_matrix, region {number}: it has to be {size} rows of {size} values"
                )
        if (
            self.transition_matrix is None
            and DiscreteAllocation.of_kind(self.allocation_kind).needs_transitions
        ):
            raise ValueError(f"allocation_kind = {self.allocation_kind!r} needs a transition_matrix")
        self.potentials()
        return self

    def limits(self) -> Limits:
        """Return when a try is accepted."""
        return Limits(self.cell_area, self.max_difference, self.max_iteration, factor=self.factor_iteration)


def _rows(kept: dict[str, Any], *names: str) -> list[dict[str, Any]]:
    """Return the rows of a table, whatever else it may hold."""
    given = next((kept[name] for name in names if name in kept), ())
    return [row for row in given if isinstance(row, dict)] if isinstance(given, list | tuple) else []
