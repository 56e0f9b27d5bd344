"""The list of experiments, what differs between two of them, and what waits and runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from dissmodel.errors import UsageError
from dissmodel.experiment.diff import sections
from dissmodel.experiment.index import Found
from dissmodel.service.jobs import utc
from dissmodel.service.new import value_of
from dissmodel.service.pages.page import PATH, page
from dissmodel.service.pages.session import router
from dissmodel.service.parts import Parts, parts_of

reader = router("reader")
ROUTERS = (reader,)

STATES = ("queued", "running", "completed", "failed", "cancelled")
_ROWS, _WAITING = 50, 200


class Asked(BaseModel):
    """Which experiments are asked for; `param` are texts ``NAME=VALUE``."""

    model: str = ""
    state: str = ""
    since: str = ""
    param: Annotated[list[str], Field(max_length=10)] = []
    after: str = ""


@reader.get(PATH)
def show_list(request: Request, asked: Annotated[Asked, Query()]) -> Response:
    """List experiments, the newest first; those with a value of a parameter are found by their records."""
    board, given = parts_of(request).board, asked.model_dump()
    given["param"] = [one.strip() for one in asked.param if one.strip()]
    errors = {}
    if not all("=" in one for one in given["param"]):
        errors["param"] = "Write it as NAME=VALUE."
    if asked.state and asked.state not in STATES:
        errors["state"] = "There is no such state."
    since = None
    try:
        since = datetime.combine(date.fromisoformat(asked.since), time(), UTC) if asked.since else None
    except ValueError:
        errors["since"] = "Write it as 2026-01-31."
    found: Mapping[str, Any] = {"experiments": [], "total": 0, "next": None}
    if not errors:
        search = _by_records if given["param"] else _by_jobs
        found = search(parts_of(request), given, since)
    filters = urlencode(
        {name: value for name, value in given.items() if value and name != "after"}, doseq=True
    )
    following = f"{filters}&{urlencode({'after': found['next']})}".lstrip("&")
    return page(
        request,
        "list.html",
        found=found,
        errors=errors,
        states=STATES,
        models=board.models(),
        given=given,
        is_asked=bool(filters),
        first=f"{PATH}?{filters}" if asked.after else None,
        next=f"{PATH}?{following}" if found["next"] else None,
    )


def _by_jobs(parts: Parts, given: Mapping[str, Any], since: datetime | None) -> Mapping[str, Any]:
    return parts.board.page(
        limit=_ROWS,
        status=given["state"] or None,
        model=given["model"] or None,
        after=given["after"] or None,
        submitted=(utc(since) if since is not None else None, None),
    )


def _by_records(parts: Parts, given: Mapping[str, Any], since: datetime | None) -> Mapping[str, Any]:
    pairs = [one.partition("=") for one in given["param"]]
    parts.board.refresh()  # what has ended since is indexed
    found = parts.indexing.search(
        model=given["model"] or None,
        status=given["state"] or None,
        since=since,
        parameters={name.strip(): value_of(text.strip()) for name, _, text in pairs},
        after=given["after"] or None,
        limit=_ROWS,
    )
    return {"experiments": [_row(one) for one in found.rows], "total": None, "next": found.next}


def _row(found: Found) -> Mapping[str, Any]:
    """Return an experiment of the index as the list of jobs has one."""
    return {
        "experiment_id": found.experiment_id,
        "model_name": found.model,
        "status": found.status,
        "created_at": utc(found.created_at) if found.created_at is not None else None,
        "seconds": found.total_sec,
        "given": found.parameters,
        "error": None,
    }


@reader.get(f"{PATH}/diff")
def show_diff(
    request: Request,
    a: str = "",
    b: str = "",
    ticked: Annotated[list[str] | None, Query(max_length=100)] = None,
) -> Response:
    """Show what differs between two experiments."""
    both = ticked or [one for one in (a, b) if one]
    if len(both) != 2:  # noqa: PLR2004  (a pair)
        raise UsageError(
            f"Two experiments can be compared; {len(both)} were chosen.",
            "Tick two of the list.",
            code="no_pair",
        )
    service = parts_of(request).service
    records = [service.completed(one) for one in both]
    return page(request, "diff.html", records=records, sections=sections(*records))


@reader.get(f"{PATH}/queue")
def show_queue(request: Request) -> Response:
    """Show what runs, where, and what waits."""
    parts = parts_of(request)
    running = parts.board.page(limit=_WAITING, status="running")["experiments"]
    waiting = parts.board.page(limit=_WAITING, status="queued")
    workers = parts.service.entries(*(one["experiment_id"] for one in running))
    return page(
        request,
        "queue.html",
        counts=parts.board.counts(),
        running=[(one, workers[one["experiment_id"]].worker if workers else "") for one in running],
        waiting=waiting,
    )
