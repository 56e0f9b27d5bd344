"""The sweeps, how far each is, and its runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import BackgroundTasks, Query, Request
from starlette.responses import RedirectResponse, Response

from dissmodel.service import many
from dissmodel.service.auth import caller_of
from dissmodel.service.pages.page import PATH, page
from dissmodel.service.pages.session import router
from dissmodel.service.parts import parts_of
from dissmodel.service.sweeps import Sweeps

reader, submitter = router("reader"), router("submitter")
ROUTERS = (reader, submitter)
_ROWS = 50


@reader.get(f"{PATH}/sweeps")
def show_sweeps(request: Request, after: str | None = None) -> Response:
    """List the sweeps, the newest first."""
    found = parts_of(request).board.sweeps(_ROWS, after)
    return page(request, "sweeps.html", sweeps=found["sweeps"], next=found["next"], after=after)


@reader.get(f"{PATH}/sweeps/{{sweep_id}}")
def show_sweep(sweep_id: many.Id, request: Request, after: Annotated[int, Query(ge=0)] = 0) -> Response:
    """Show how far a sweep is, and a page of its runs."""
    parts = parts_of(request)
    sweep = Sweeps(parts.service).look(sweep_id)
    runs = many.runs(parts, sweep, after, _ROWS)
    following = after + _ROWS if after + _ROWS < len(sweep.rows) else None
    return page(
        request,
        "sweep.html",
        sweep=many.shown(parts, sweep),
        runs=runs,
        varied=list(dict.fromkeys(name for one in runs for name in one["values"])),
        metrics=list(dict.fromkeys(name for one in runs for name in one["metrics"] or ())),
        after=after,
        next=following,
    )


@reader.get(f"{PATH}/sweeps/{{sweep_id}}/summary")
def show_summary(sweep_id: many.Id, request: Request) -> Response:
    """Show statistics over the runs, and the indices of a design."""
    found = many.summary(sweep_id, request)
    names = [name for name in (found["rows"] or [{}])[0] if name not in {"values", "metric"}]
    return page(request, "sweep_summary.html", sweep_id=sweep_id, found=found, names=names)


@submitter.post(f"{PATH}/sweeps/{{sweep_id}}/cancel")
def cancel(sweep_id: many.Id, request: Request, later: BackgroundTasks) -> Response:
    """Let the runs of a sweep end."""
    many.cancel(parts_of(request), sweep_id, caller_of(request).name, later)
    return RedirectResponse(f"{PATH}/sweeps/{sweep_id}", 303, background=later)
