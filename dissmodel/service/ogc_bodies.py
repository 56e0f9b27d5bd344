"""The bodies of OGC API - Processes 1.0, as its OpenAPI document shows them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from dissmodel.service.board import MOST
from dissmodel.service.bodies import Parameters

Status = Literal["accepted", "running", "successful", "failed", "dismissed"]


class Link(BaseModel):
    """Where something is."""

    href: str
    rel: str | None = None
    type: str | None = None
    title: str | None = None


class LandingPage(BaseModel):
    """What this is, and where its parts are."""

    title: str
    description: str
    links: list[Link]


class Conformance(BaseModel):
    """The classes of the standard that hold."""

    conformsTo: list[str]  # noqa: N815  (the names here are the standard's)


class ProcessSummary(BaseModel):
    """A model as the list of processes has it."""

    id: str
    version: str
    title: str | None = None
    description: str | None = None
    keywords: list[str] | None = None
    jobControlOptions: list[str]  # noqa: N815
    outputTransmission: list[str]  # noqa: N815
    links: list[Link]


class Processes(BaseModel):
    """A page of the list of processes."""

    processes: list[ProcessSummary]
    links: list[Link]


class Process(ProcessSummary):
    """A model with what it takes and gives."""

    inputs: dict[str, dict[str, Any]]
    outputs: dict[str, dict[str, Any]]


class Wanted(BaseModel):
    """How an output is wanted."""

    transmissionMode: Literal["value", "reference"] | None = None  # noqa: N815


def _are_known(outputs: dict[str, Wanted] | None) -> dict[str, Wanted] | None:
    unknown = sorted(set(outputs or {}) - {"output", "record"})
    if unknown:
        raise ValueError(f"there is no output {unknown[0][:80]!r}; there are output and record")
    return outputs


class Execution(BaseModel):
    """What to run a process on; a value is given itself, as {"value"}, or, for data, as {"href"}."""

    inputs: Parameters = Field(default_factory=dict)
    outputs: Annotated[dict[str, Wanted] | None, AfterValidator(_are_known)] = None
    response: Literal["raw", "document"] = "raw"


class StatusInfo(BaseModel):
    """A job."""

    jobID: str  # noqa: N815
    processID: str  # noqa: N815
    type: Literal["process"] = "process"
    status: Status
    message: str | None = None
    progress: Annotated[int, Field(ge=0, le=100)]
    created: str
    started: str | None = None
    finished: str | None = None
    updated: str | None = None
    links: list[Link]


class Page(BaseModel):
    """Which page of a list is asked for."""

    limit: int = Field(default=100, ge=1, json_schema_extra={"maximum": MOST})
    after: str | None = Field(default=None, description="Where the page begins: follow the link next")

    @property
    def most(self) -> int:
        """How many rows the page may have."""
        return min(self.limit, MOST)


class Jobs(Page):
    """Which jobs are asked for."""

    type: list[Literal["process"]] | None = None  # there are no others
    processID: list[str] | None = None  # noqa: N815
    status: list[Status] | None = None
    datetime: str | None = Field(default=None, description="When it was submitted: a time or an interval")
    minDuration: int | None = Field(default=None, ge=0, le=1 << 40)  # noqa: N815
    maxDuration: int | None = Field(default=None, ge=0, le=1 << 40)  # noqa: N815


class JobList(BaseModel):
    """A page of the list of jobs."""

    jobs: list[StatusInfo]
    links: list[Link]


class ProblemDetails(BaseModel):
    """Why a request was refused or failed (RFC 7807); `code` and `hint` are as on the other paths."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
