"""The parameters of the coastal models."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from dissmodel.errors import InvalidInput

_SHOWN = 10
_MOST = 2**53  # a column of floats, as shapefiles have it, counts no further


def _not_text(value: object) -> object:
    if isinstance(value, bool | str):
        kind = "a truth value" if isinstance(value, bool) else "text"
        raise ValueError(f"this is {kind}, not a number")  # noqa: TRY004  (pydantic wants ValueError)
    return value


Number = Annotated[float, BeforeValidator(_not_text)]


def _countable(value: int) -> int:
    if value > _MOST:
        raise ValueError(f"no file holds a step beyond {_MOST} exactly")
    return value


WholeNumber = Annotated[int, BeforeValidator(_not_text), AfterValidator(_countable)]
Step = Annotated[WholeNumber, Field(ge=1)]


class RiseParameters(BaseModel):
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

    end_time: WholeNumber = Field(
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
    crs: str | None = Field(
        default=None,
        description="Coordinate reference system of an input that has none",
        json_schema_extra={"unit": ""},
    )

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

    @field_validator("crs")
    @classmethod
    def _proj_reads_it(cls, given: str | None) -> str | None:
        if given is not None:
            import rasterio  # noqa: PLC0415  (parameters are shown without GDAL)

            try:
                with rasterio.Env():  # without it, PROJ writes to standard error itself
                    rasterio.CRS.from_user_input(given)
            except rasterio.errors.CRSError as error:
                raise ValueError("this is not a coordinate reference system that PROJ reads") from error
        return given


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


class SeaParameters(RiseParameters):
    """What a user may set of every model that writes the state of a coast.

    Examples
    --------
    >>> parameters = SeaParameters(end_time=30, snapshots=[5], every=10)
    >>> [step for step in range(1, 31) if parameters.keeps(step)], parameters.kept_after(5)
    ([5, 10, 20], 2)
    """

    resolution: Number | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Size of a pixel, where it cannot be inferred or polygons are to be resampled",
        json_schema_extra={"unit": "m"},
    )
    snapshots: tuple[Step, ...] | None = Field(
        default=None,
        description="Steps after which the state is also kept, such as [10,20]",
        json_schema_extra={"unit": "step"},
    )
    every: WholeNumber | None = Field(
        default=None,
        ge=1,
        description="Also keep the state after every N steps, before the last step",
        json_schema_extra={"unit": "step"},
    )

    @model_validator(mode="after")
    def _snapshots_are_steps_of_the_run(self) -> Self:
        given = self.snapshots or ()
        twice = [step for step, count in Counter(given).items() if count > 1]
        if twice:
            raise ValueError(f"snapshots = {_listed(given)}: {_listed(twice)} are given more than once")
        late = [step for step in given if step > self.end_time]
        if late:
            raise ValueError(
                f"snapshots = {_listed(given)}: {_listed(late)} come after end_time = {self.end_time}"
            )
        return self

    def check_snapshots(self, step: int) -> None:
        """Raise `InvalidInput` if a snapshot is asked for that a run on from `step` never has."""
        early = [one for one in self.snapshots or () if one <= step]
        if early:
            raise InvalidInput(
                f"snapshots = {_listed(self.snapshots or ())}: {_listed(early)} come before the first step, "
                f"{step + 1}: the input belongs to step {step}.",
                f"Name steps from {step + 1} to {self.end_time}: steps are counted from the first run.",
                code="snapshots",
            )

    def keeps(self, step: int) -> bool:
        """Return whether the state after `step` is to be kept beside the result."""
        return step in (self.snapshots or ()) or self._is_multiple(step)

    def kept_after(self, step: int) -> int:
        """Return how many states are kept after `step`."""
        named = sum(one > step and not self._is_multiple(one) for one in self.snapshots or ())
        return named + (0 if self.every is None else (self.end_time - 1) // self.every - step // self.every)

    def _is_multiple(self, step: int) -> bool:
        # The last step is the result itself.
        return self.every is not None and step % self.every == 0 and step < self.end_time


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


def _listed(steps: Iterable[int]) -> str:
    shown = [str(step) for step in itertools.islice(steps, _SHOWN + 1)]
    return ", ".join(shown[:_SHOWN]) + (" …" if len(shown) > _SHOWN else "")
