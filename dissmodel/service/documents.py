"""What a job's documents in the place say: what was asked for, that it was cancelled, how it ended."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from dissmodel.errors import InvalidInput
from dissmodel.io.resampling import Method
from dissmodel.record.digest import sha256_bytes

SCHEMA_VERSION = 1
MAX_BYTES = 4 << 20
"""How large a document may be: an outcome has the record and the log of a run that failed."""
MAX_SWEEP_BYTES = 16 << 20
LOG_LINES, LINE_LENGTH = 1000, 2000
UNNAMED = "*"
"""How the name of an input begins that is of no field."""

Priority = Literal["high", "normal", "low"]
Ended = Literal["completed", "failed", "cancelled"]
_ID_LENGTH = 32
_ID = re.compile(rf"[0-9a-f]{{{_ID_LENGTH}}}")


def is_id(text: str) -> bool:
    """Return whether a text can be the id of an experiment of the service: 32 hex digits."""
    return _ID.fullmatch(text) is not None


def storable(text: str) -> str:
    r"""Return a text as UTF-8 can hold it: a model may print half of a character.

    >>> storable("sea \ud83d")
    'sea ?'
    """
    return text.encode(errors="replace").decode()


def pairs_of(inputs: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the field of each other input, empty for an input that is of no field, and its place.

    >>> pairs_of({"alt": "dem.tif:2", "*1": "roads.tif"})
    [('alt', 'dem.tif:2'), ('', 'roads.tif')]
    """
    return [("" if name.startswith(UNNAMED) else name, place) for name, place in inputs.items()]


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


_Text = Annotated[str, AfterValidator(storable)]


class _Document(BaseModel):
    # A later version may write more; what is read is not written again.
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    schema_version: int = SCHEMA_VERSION

    def to_bytes(self) -> bytes:
        """Return the document as it is stored."""
        return self.model_dump_json(indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Self:
        """Read a document; `where` is what an error calls it.

        Raises
        ------
        InvalidInput
            If it is not such a document (code ``"bad_document"``).
        """
        try:
            return cls.model_validate(json.loads(data))
        except (ValueError, RecursionError) as error:
            first = error.errors()[0] if isinstance(error, ValidationError) else None
            why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else "it is not JSON"
            raise InvalidInput(
                f"{where}: not a {cls.__name__.lower()} of a job: {why}.",
                "Only the service writes here.",
                code="bad_document",
            ) from error


class Request(_Document):
    """What was asked for; written before the client has its answer, and never changed.

    Attributes
    ----------
    experiment_id : str
        Of the job and of the experiment at every attempt, 32 hex digits.
    kind : {"run", "reproduce"}
        What to do.
    submitted_at, submitted_by : datetime, str
        When, and the name of the client's key.
    priority : {"high", "normal", "low"}
        Before or behind which others it waits.
    timeout_s : float
        How long one attempt may take.
    model_name : str
        As the client named it, and as the spec does.
    spec : Mapping
        The tables of the model's TOML as it was read then: a worker needs no registry, and a model that
        changes later changes no job. Its ``[model]`` has ``class``, and ``package`` where the model has an
        environment of its own.
    registry, commit : str
        Where the spec is from, and that registry's commit; empty for a built-in model and for a spec that
        the client sent.
    input : str
        The URI of the input, as `dissmodel.service.inputs` admitted it; of a reproduction, empty.
    inputs : Mapping of str to str
        Other inputs by name; the URIs as `dissmodel.service.inputs` admitted them, each with its band.
    input_fields : Mapping of str to str
        The fields that the input is given for, as `dissmodel.running.others.given_inputs` returns them.
    input_format, layer, parameters, column_map, band_map, class_map, seed, resample, cog
        As `dissmodel.api.run` takes them.
    output_suffix : str or None
        The suffix of the result, a slash for a folder; None: as the model has it.
    reproduces : str or None
        The id of the experiment to reproduce.
    until : str
        A condition that ends the run early, as `dissmodel.sweeping.plan.Plan` has it.
    sweep : str
        The id of the sweep whose run it is; empty: of none.
    results : Mapping
        How a client of OGC API - Processes wants the results: ``response`` and ``outputs``.
    digest : str
        Of the body that the client sent, to tell the same submission from another one with the same key.
    """

    experiment_id: str
    kind: Literal["run", "reproduce"] = "run"
    submitted_at: datetime = Field(default_factory=now)
    submitted_by: str = ""
    priority: Priority = "normal"
    timeout_s: float = Field(gt=0)
    model_name: str
    spec: Mapping[str, Any] = Field(default_factory=dict)
    registry: str = ""
    commit: str = ""
    input: str = ""
    inputs: Mapping[str, str] = Field(default_factory=dict)
    input_fields: Mapping[str, str] = Field(default_factory=dict)
    output_suffix: str | None = None
    resample: Method | None = None
    cog: bool | None = None
    input_format: Literal["auto", "raster", "tiff", "vector"] = "auto"
    layer: str | None = None
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    column_map: Mapping[str, str] = Field(default_factory=dict)
    band_map: Mapping[str, str] = Field(default_factory=dict)
    class_map: Mapping[str, Any] = Field(default_factory=dict)
    seed: int | None = Field(default=None, ge=0)
    reproduces: str | None = None
    until: str = ""
    sweep: str = ""
    results: Mapping[str, Any] = Field(default_factory=dict)
    digest: str = ""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """See `pairs_of`."""
        return pairs_of(self.inputs)

    @field_validator("experiment_id", "reproduces")
    @classmethod
    def _check_id(cls, value: str | None) -> str | None:
        if value is not None and not is_id(value):
            raise ValueError("it is not 32 hex digits")
        return value


class SweepRun(NamedTuple):
    """A row of a sweep: its run's key, and what of it differs from the other rows; rows may share a run."""

    key: str
    seed: int | None
    replicate: int
    values: Mapping[str, Any]
    inputs: Mapping[str, str]


class Sweep(_Document):
    """Many runs that were asked for at once; written before the client has its answer, and never changed.

    Attributes
    ----------
    sweep_id : str
        32 hex digits.
    shared : Request
        What the requests of all runs have in common.
    vary, design, replicates, seed
        As the client sent them.
    plan : str
        The plan as it was resolved, a TOML; without its inputs.
    rows : tuple of SweepRun
        In the order of the plan.
    digest : str
        Of the body that the client sent.
    """

    sweep_id: str
    shared: Request
    vary: tuple[Mapping[str, Any], ...] = ()
    design: str | None = None
    replicates: int = 1
    seed: int = 0
    plan: str = ""
    rows: tuple[SweepRun, ...]
    digest: str = ""

    def job(self, row: SweepRun) -> str:
        """Return the id of the job of a row; rows that share a run have the same."""
        return sha256_bytes(f"{self.sweep_id}\0{row.key}".encode())[:_ID_LENGTH]

    @cached_property
    def jobs(self) -> Mapping[str, SweepRun]:
        """The runs by the ids of their jobs."""
        return {self.job(one): one for one in self.rows}

    def request(self, row: SweepRun) -> Request:
        """Return the request of the job of a row."""
        shared, others = self.shared, {name: one for name, one in row.inputs.items() if name}
        changed = {
            "experiment_id": self.job(row),
            "parameters": {**shared.parameters, **row.values},
            "seed": row.seed,
            "input": row.inputs.get("", shared.input),
            "inputs": {**shared.inputs, **others},
        }
        return shared.model_copy(update=changed)


class Cancel(_Document):
    """Somebody asked to end a job, or a sweep."""

    at: datetime = Field(default_factory=now)
    by: str = ""


class Problem(BaseModel):
    """Why a job failed, as an error of dissmodel says it; `exit_code` is that of ``dissmodel run``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: str
    message: _Text
    hint: _Text = ""
    exit_code: int = 1


class Outcome(_Document):
    """How a job ended; the first that is written stands.

    Attributes
    ----------
    status : {"completed", "failed", "cancelled"}
        How.
    finished_at : datetime
        When that was found.
    attempts : int
        How many times it was started, as far as the queue knows.
    record_digest : str or None
        The digest of the experiment's record, of a job that completed.
    error : Problem or None
        Why, of a job that failed.
    record : Mapping or None
        The record of a run that failed, if it had begun.
    log : tuple of str
        The last lines of the run.
    logged : int
        How many lines it had in all.
    """

    status: Ended
    finished_at: datetime = Field(default_factory=now)
    attempts: int = 0
    record_digest: str | None = None
    error: Problem | None = None
    record: Mapping[str, Any] | None = None
    log: tuple[str, ...] = ()
    logged: int = 0
