"""The rows of the parameters' tables: what a class has in a region; and names that have synonyms."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, AliasGenerator, BaseModel, ConfigDict, Field, model_validator

from dissmodel.cells.parameters import Number, Whole

Finite = Annotated[Number, Field(allow_inf_nan=False)]
Share = Annotated[Number, Field(ge=0, le=1)]


_ALSO = {
    "allocation": ("allocation_data",),
    "change_limit": ("change_limiar_value",),
    "complementar_lu": ("complementary_lu", "complementarLU"),
    "max_change_above": ("max_change_above_limiar",),
    "potential": ("potential_data",),
}


def _names(name: str) -> AliasChoices:
    """Return a name and what published models call the same: that of LuccME is in camel case."""
    camel = re.sub("_(.)", lambda found: found[1].upper(), name)
    return AliasChoices(*dict.fromkeys([name, *_ALSO.get(name, ()), camel]))


def given(default: Any, description: str, *, unit: str = "", **bounds: float) -> Any:
    """Declare a parameter."""
    return Field(default, description=description, json_schema_extra={"unit": unit}, **bounds)  # type: ignore[call-overload]  # of ge, gt, le and lt


class Named(BaseModel):
    """A table whose names may have synonyms."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        alias_generator=AliasGenerator(validation_alias=_names),
    )

    @model_validator(mode="before")
    @classmethod
    def _one_value_per_name(cls, found: Any) -> Any:
        if not isinstance(found, dict):
            return found
        kept = dict(found)
        for name, field in cls.model_fields.items():
            assert isinstance(field.validation_alias, AliasChoices)  # the generator's
            first, *others = [str(one) for one in field.validation_alias.choices if one in kept] or [name]
            for other in others:
                if kept[other] != kept[first]:
                    what = f"{first} = {kept[first]!r} and {other} = {kept[other]!r}"
                    raise ValueError(f"{what} are the same; give one")
                del kept[other]
        return kept


class Entry(Named):
    """What a class has in a region."""

    lu: str
    region: Annotated[Whole, Field(ge=1)] = 1


class PotentialEntry(Entry):
    """The coefficients of a class in a region."""

    const: Finite = 0.0
    betas: dict[str, Finite] = {}
    is_log: bool = False
    ro: Finite = 0.0
    min_reg: Finite = 0.0
    max_reg: Finite = 1.0
    const_change: Finite = 0.1
    elasticity: Finite = 0.0
    perc_neighbors_use: Annotated[Finite, Field(gt=0)] | None = None


class AllocationEntry(Entry):
    """How a class may change in a region."""

    static: Literal[-1, 0, 1] = -1
    min_value: Share = 0.0
    max_value: Share = 1.0
    min_change: Share = 0.0
    max_change: Share = 1.0
    change_limit: Share = 1.0
    max_change_above: Share = 0.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for low, high in (("min_value", "max_value"), ("min_change", "max_change")):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} = {getattr(self, low):g} exceeds {high} = {getattr(self, high):g}")
        return self
