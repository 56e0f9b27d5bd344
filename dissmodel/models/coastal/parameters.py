"""The parameters of the coastal models."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import AliasChoices, ConfigDict, Field, model_validator

from dissmodel.cells.parameters import (
    CRS,
    EVERY,
    SNAPSHOTS,
    Countable,
    CrsText,
    KeepsStates,
    Number,
    Step,
)
from dissmodel.errors import UsageError
from dissmodel.record.deferred import Deferred


class RiseParameters(Deferred):
    """What a user may set wherever the sea rises.

    Attributes
    ----------
    flood : bool
        Whether the flood runs; it belongs to the class. The mangrove runs where there is a tide to set.

    Raises
    ------
    pydantic.ValidationError
        For unknown names, values out of bounds, and two names of one parameter with different values.

    Examples
    --------
    >>> RiseParameters.model_validate({"taxa_elevacao": 0.5, "end_time": 10.0}).sea_level_rise_rate
    0.5
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    flood: ClassVar[bool] = True

    end_time: Countable = Field(
        default=88,
        ge=1,
        description="Last step, counted from the start of the first run",
        json_schema_extra={"unit": "step"},
    )
    sea_level_rise_rate: Number = Field(
        default=0.011,
        ge=0,
        allow_inf_nan=False,
        validation_alias=AliasChoices("sea_level_rise_rate", "taxa_elevacao"),
        description="Rise of the sea level per step (IPCC RCP8.5)",
        json_schema_extra={"unit": "m/step"},
    )
    crs: CrsText | None = CRS

    @model_validator(mode="before")
    @classmethod
    def _one_value_per_parameter(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        kept = dict(given)
        for name, field in cls.model_fields.items():
            choices = field.validation_alias
            if not isinstance(choices, AliasChoices):
                continue
            first, *others = [str(c) for c in choices.choices if c in kept] or [name]
            for other in others:
                if kept[other] != kept[first]:
                    raise ValueError(
                        f"{first} = {kept[first]!r} and {other} = {kept[other]!r} are the same parameter; "
                        "give one"
                    )
                del kept[other]
        return kept


class TideParameters(RiseParameters):
    """What a user may set wherever mangrove migrates."""

    tide_height: Number = Field(
        default=6.0,
        allow_inf_nan=False,
        validation_alias=AliasChoices("tide_height", "altura_mare"),
        description="Height of the tide, up to which mangrove migrates",
        json_schema_extra={"unit": "m"},
    )
    accretion_enabled: bool = Field(
        default=False,
        validation_alias=AliasChoices("accretion_enabled", "acrecao_ativa"),
        description="Sediment raises mangrove soil (Alongi 2008)",
        json_schema_extra={"unit": ""},
    )


class SeaParameters(RiseParameters, KeepsStates):
    """What a user may set of every model that writes the state of a coast."""

    resolution: Number | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Size of a pixel, where it cannot be inferred or polygons are to be resampled",
        json_schema_extra={"unit": "m"},
    )
    snapshots: tuple[Step, ...] | None = SNAPSHOTS
    every: Countable | None = EVERY


class FloodParameters(SeaParameters):
    """What a user may set of the flood alone."""


class CoastalParameters(SeaParameters, TideParameters):
    """What a user may set of flood and mangrove.

    >>> CoastalParameters(altura_mare=4).tide_height
    4.0
    """


class MangroveParameters(CoastalParameters):
    """What a user may set of the mangrove alone."""

    flood = False


class ValidationParameters(TideParameters):
    """What a user may set of the comparison of both substrates.

    >>> ValidationParameters(tolerance=0.5).for_a_run().tide_height
    6.0
    """

    tolerance: Number = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="How far two elevations of one cell may be apart; classes have to be equal",
        json_schema_extra={"unit": "m"},
    )

    def for_a_run(self) -> CoastalParameters:
        """Return the parameters of the runs that are compared."""
        return CoastalParameters.model_validate(self.model_dump(exclude={"tolerance"}))


def overflow(rate: float, lost: int, step: int) -> UsageError:
    """Return the error of elevations that are not numbers any more."""
    return UsageError(
        f"sea_level_rise_rate = {rate:g}: the elevation of {lost} cells overflowed up to step {step}.",
        "Give the rise in metres per step: --param sea_level_rise_rate=0.011",
        code="overflow",
    )
