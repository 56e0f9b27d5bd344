"""The bodies that clients send and get, as the OpenAPI document shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from dissmodel.executor.schemas import InlineJobRequest, JobRequest
from dissmodel.experiment.index import MOST_ROWS
from dissmodel.io.resampling import Method
from dissmodel.record.plain import plain


def storable(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse what a record can't hold as it is: NaN, halves of surrogate pairs, what is nested too deep."""
    if plain(value) != value:
        raise ValueError("it holds NaN, an infinite number, a text that is not UTF-8, or too many levels")
    return value


def _in_utc(time: datetime) -> datetime:
    try:
        return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:  # in the year 1 or 9999
        raise ValueError("it is out of the range of times") from None


def _names(value: Any) -> Any:
    """Take a band's number for its name."""
    if not isinstance(value, Mapping):
        return value
    return {
        name: str(given) if isinstance(given, int) and not isinstance(given, bool) else given
        for name, given in value.items()
    }


Parameters = Annotated[dict[str, Any], AfterValidator(storable)]
Names = Annotated[dict[str, str], BeforeValidator(_names)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Suffix = Annotated[str, StringConstraints(pattern=r"^(\.[A-Za-z0-9]{1,20}|/|)$")]


class _Data(BaseModel):
    input_dataset: Text
    parameters: Parameters = Field(default_factory=dict)
    column_map: Names = Field(default_factory=dict)
    band_map: Names = Field(default_factory=dict)
    class_map: dict[str, Text | dict[str, int | Text]] = Field(
        default_factory=dict, description="a field of classes → the name of a table, or old code → new code"
    )
    priority: Literal["low", "normal", "high"] = "normal"
    layer: Text | None = None
    inputs: dict[str, Text] = Field(
        default_factory=dict,
        max_length=100,
        description="other datasets: a field that is read from it → its URI, which may end in : and a band; "
        "a name that begins with * is of no field: the dataset's bands or columns say which fields it has",
    )
    input_fields: Names = Field(
        default_factory=dict,
        description="the fields that input_dataset is given for → its band or column, empty for its only one",
    )
    output_suffix: Suffix | None = Field(
        default=None, description="the suffix of the result, which decides its format; / for a folder"
    )
    resample: Method | None = None
    seed: int | None = Field(default=None, ge=0, lt=1 << 63)
    cog: bool | None = Field(default=None, description="whether GeoTIFFs of the result are Cloud Optimized")


class Job(_Data, JobRequest):
    """A model of a registry or of an installed package, and what to run it on.

    The nested form means the same: ``{"model": {"class", "package", "parameters"}, "source": {"uri"}}``.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model_name": "coastal_raster", "input_dataset": "s3://dissmodel-inputs/grid.tif"}]
        }
    )

    model_name: Text
    package: Text | None = None
    source_type: str | None = None


class InlineJob(_Data, InlineJobRequest):
    """The text of a model's TOML, and what to run it on."""

    model_spec_toml: Annotated[str, StringConstraints(min_length=1, max_length=1 << 20)]


_Vary = Annotated[dict[str, Any], Field(max_length=100), AfterValidator(storable)]


class SweepJob(_Data):
    """A model, and the values of its parameters or inputs that are all run."""

    model_name: Text
    package: Text | None = None
    input_dataset: Text | None = Field(default=None, description="may be left out where vary has input")  # type: ignore[assignment]
    input_format: Literal["tiff", "vector", "auto"] = "auto"
    vary: _Vary | Annotated[list[_Vary], Field(max_length=1000)] = Field(
        default_factory=dict,
        description="a parameter, input, or input.NAME → its values: a list, or a text as dissmodel sweep "
        "--vary has it, such as 0.5,1,2 or 0:1:0.1; all combinations are run. Of several tables each is "
        "combined by itself",
        examples=[{"sea_level_rise_rate": "0.01:0.05:0.01"}],
    )
    design: Annotated[str, StringConstraints(max_length=40)] | None = Field(
        default=None, description="lhs:N, sobol:N or morris:N, between the bounds in vary, such as 0:1"
    )
    replicates: int = Field(default=1, ge=1, le=10_000)
    until: str = Field(default="", max_length=1000, description="a condition that ends a run early")
    seed: int = Field(default=0, ge=0, lt=1 << 63, description="from which each run's seed is derived")
    priority: Literal["low", "normal", "high"] = "low"  # single jobs go before


class Problem(BaseModel):
    """Why a request was refused or failed; `detail` of a body that is not valid lists each problem."""

    detail: str | list[Any]
    code: str
    hint: str


class JobDocument(BaseModel):
    """A job; the fields after `logs` are null as long as they are not known."""

    model_config = ConfigDict(extra="allow")

    job_id: str
    experiment_id: str
    status: Literal["pending", "running", "completed", "failed", "cancelled"]
    model_name: str
    created_at: str
    output_path: str | None
    output_sha256: str | None
    input_sha256: str | None
    logs: list[str]
    progress: int


class Jobs(BaseModel):
    """A page of the list of jobs."""

    experiments: list[JobDocument]
    total: int
    next: str | None


class SweepDocument(BaseModel):
    """A sweep; `states` has the number of its runs by their status."""

    model_config = ConfigDict(extra="allow")

    sweep_id: str
    model_name: str
    created_at: str
    submitted_by: str
    runs: int
    states: dict[str, int]


class Experiments(BaseModel):
    """Which experiments are asked for."""

    model: str | None = None
    status: str | None = None
    since: Annotated[datetime, AfterValidator(_in_utc)] | None = None
    input: str | None = Field(default=None, description="the sha256 of the input")
    after: str | None = None
    limit: int = Field(default=100, ge=1, le=MOST_ROWS)
