"""The parameters of the coastal models."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

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


class SeaParameters(BaseModel):
    """What a user may set of every coastal model.

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
    >>> SeaParameters.model_validate({"taxa_elevacao": 0.5, "end_time": 10.0}).sea_level_rise_rate
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
    resolution: Number | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Size of a pixel, where it cannot be inferred or polygons are to be resampled",
        json_schema_extra={"unit": "m"},
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
                        f"{first} = {kept[first]!r} and {other} = {kept[other]!r} are one parameter; give one"
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
                raise ValueError("this is no coordinate reference system that PROJ reads") from error
        return given


class FloodParameters(SeaParameters):
    """What a user may set of the flood alone."""


class CoastalParameters(SeaParameters):
    """What a user may set of flood and mangrove.

    >>> CoastalParameters(altura_mare=4).tide_height
    4.0
    """

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


class MangroveParameters(CoastalParameters):
    """What a user may set of the mangrove alone."""

    flood = False
