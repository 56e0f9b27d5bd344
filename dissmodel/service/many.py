"""The paths of sweeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import BackgroundTasks, Path, Query, Request
from starlette.responses import PlainTextResponse

from dissmodel.experiment.spreadsheet import as_csv
from dissmodel.record.plain import plain
from dissmodel.record.redact import redact, redact_document
from dissmodel.service import models
from dissmodel.service.auth import caller_of, router
from dissmodel.service.board import MOST
from dissmodel.service.bodies import SweepDocument, SweepJob
from dissmodel.service.documents import Sweep, SweepRun
from dissmodel.service.jobs import RUN, utc
from dissmodel.service.legacy import Key
from dissmodel.service.parts import Parts, parts_of
from dissmodel.service.refusals import refused
from dissmodel.service.sweep_summary import summary_of
from dissmodel.service.sweeps import Sweeps
from dissmodel.sweeping.folder import column_of_metric, column_of_varied

reader, submitter = router("reader"), router("submitter")
loaded_by_pages = router("reader", pages=True)
ROUTERS = (reader, submitter, loaded_by_pages)

Id = Annotated[str, Path(alias="sweep_id", description="32 hex digits")]
_BEFORE = ("replicate", "seed", "status")
_OPEN = ("pending", "running")


@submitter.post("/submit_sweep", response_model=SweepDocument)
def submit_sweep(body: SweepJob, request: Request, later: BackgroundTasks, key: Key = None) -> Any:
    """Submit a model's runs with all combinations of some values, or with those of a design."""
    parts, by = parts_of(request), caller_of(request).name
    sweeps = Sweeps(parts.service)

    def find() -> models.Model:
        return models.find_model(body.model_name, body.package)

    made = sweeps.submit(body.model_dump(), find, by=by, key=key, path=request.url.path)
    later.add_task(sweeps.go_on, made)
    return shown(parts, made)


@reader.get("/sweeps")
def list_sweeps(
    request: Request, limit: Annotated[int, Query(ge=1, le=MOST)] = 100, after: str | None = None
) -> Mapping[str, Any]:
    """List sweeps, the newest first, with the runs that were submitted until now."""
    return parts_of(request).board.sweeps(limit, after)


@reader.get("/sweeps/{sweep_id}", response_model=SweepDocument)
def show_sweep(sweep_id: Id, request: Request) -> Any:
    """Return a sweep: its plan, and how many runs have which status."""
    parts = parts_of(request)
    return shown(parts, Sweeps(parts.service).look(sweep_id))


@submitter.delete("/sweeps/{sweep_id}")
def cancel_sweep(sweep_id: Id, request: Request, later: BackgroundTasks) -> Mapping[str, str]:
    """Let the runs of a sweep end that wait or run."""
    parts = parts_of(request)
    cancel(parts, sweep_id, caller_of(request).name, later)
    return {"message": "The runs that have not ended are cancelled.", "sweep_id": sweep_id}


@reader.get("/sweeps/{sweep_id}/runs")
def list_runs(
    sweep_id: Id,
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    after: Annotated[int, Query(ge=0)] = 0,
) -> Mapping[str, Any]:
    """List the rows of a sweep's plan after number `after`, each with its run: state, metrics, digests."""
    parts = parts_of(request)
    sweep = Sweeps(parts.service).look(sweep_id)
    rows = runs(parts, sweep, after, limit)
    return {
        "runs": rows,
        "total": len(sweep.rows),
        "next": after + limit if after + limit < len(sweep.rows) else None,
    }


@loaded_by_pages.get("/sweeps/{sweep_id}/runs.csv", response_class=PlainTextResponse)
def table(sweep_id: Id, request: Request) -> PlainTextResponse:
    """Return all rows as a CSV, with columns as ``dissmodel sweep`` names them."""
    parts = parts_of(request)
    sweep = Sweeps(parts.service).look(sweep_id)
    found = _all_runs(parts, sweep)
    name = f'attachment; filename="{sweep_id[:8]}.runs.csv"'
    text = as_csv(_cells(found))
    return PlainTextResponse(text, media_type="text/csv", headers={"Content-Disposition": name})


@loaded_by_pages.get("/sweeps/{sweep_id}/summary")
def summary(sweep_id: Id, request: Request) -> Mapping[str, Any]:
    """Return statistics of the metrics over replicates, and sensitivity indices of a design that has them."""
    parts = parts_of(request)
    sweep = Sweeps(parts.service).look(sweep_id)
    return summary_of(sweep, _all_runs(parts, sweep))


def _all_runs(parts: Parts, sweep: Sweep) -> list[dict[str, Any]]:
    return [one for at in range(0, len(sweep.rows), MOST) for one in runs(parts, sweep, at, MOST)]


def shown(parts: Parts, sweep: Sweep) -> dict[str, Any]:
    """Return a sweep in the form of the HTTP API."""
    shared = sweep.shared
    told = {
        "sweep_id": sweep.sweep_id,
        "model_name": shared.model_name,
        "created_at": utc(shared.submitted_at),
        "submitted_by": shared.submitted_by,
        "rows": len(sweep.rows),
        "runs": len(sweep.jobs),
        "states": _states(parts, sweep),
        **{name: getattr(sweep, name) for name in ("vary", "design", "replicates", "seed", "plan")},
        **{name: getattr(shared, name) for name in ("input", "inputs", "parameters", "until", "priority")},
    }
    return redact_document(plain(told))  # an address may hold a signature


def _states(parts: Parts, sweep: Sweep) -> dict[str, int]:
    found = dict(parts.board.states(sweep.sweep_id)[sweep.sweep_id])
    left = len(sweep.jobs) - sum(found.values())
    if left:
        state = _unsubmitted(parts, sweep)
        found[state] = found.get(state, 0) + left
    return found


def _unsubmitted(parts: Parts, sweep: Sweep) -> str:
    return "pending" if parts.service.truth.cancelled_sweep(sweep.sweep_id) is None else "cancelled"


def cancel(parts: Parts, sweep_id: str, by: str, later: BackgroundTasks) -> None:
    """Cancel a sweep, for each of its runs once the answer was sent.

    Raises
    ------
    UsageError
        If there is no such sweep, or all of its runs have ended (code ``"sweep_ended"``).
    """
    sweeps = Sweeps(parts.service)
    sweep = sweeps.look(sweep_id)
    if not _states(parts, sweep).keys() & set(_OPEN):
        raise refused("sweep_ended", f"All runs of the sweep {sweep_id} have ended.")
    sweeps.cancel(sweep_id, by)
    later.add_task(sweeps.go_on, sweep)


def runs(parts: Parts, sweep: Sweep, after: int, limit: int) -> list[dict[str, Any]]:
    """Return rows of a sweep's plan, each with its run as far as it is known."""
    rows = sweep.rows[after : after + limit]
    jobs = parts.board.jobs(list(dict.fromkeys(map(sweep.job, rows))))
    without = _unsubmitted(parts, sweep) if len(jobs) < len(rows) else ""
    return [
        _run(number, sweep.job(row), row, jobs.get(sweep.job(row)), without)
        for number, row in enumerate(rows, start=after + 1)
    ]


def _run(number: int, job: str, row: SweepRun, document: Any, without: str) -> dict[str, Any]:
    job_of = document or {"status": without}
    ended = job_of.get("run") or dict.fromkeys(RUN)
    given = {f"input.{name}".rstrip("."): redact(one) for name, one in row.inputs.items()}
    return {
        "run": number,
        "experiment_id": job,
        "values": {**given, **row.values},
        "replicate": row.replicate,
        "seed": row.seed,
        "status": job_of["status"],
        "progress": job_of.get("progress", 0),
        **ended,
        "error": (job_of.get("error") or {}).get("message"),
    }


def _cells(rows: list[dict[str, Any]]) -> Iterator[list[Any]]:
    varied = list(dict.fromkeys(name for one in rows for name in one["values"]))
    metrics = list(dict.fromkeys(name for one in rows for name in one["metrics"] or ()))
    after = [*(name for name in RUN if name != "metrics"), "error"]
    before = ["run", "experiment_id", *map(column_of_varied, varied), *_BEFORE]
    others = {*before, *after}
    yield [*before, *(column_of_metric(one, others) for one in metrics), *after]
    for one in rows:
        values, measured = one["values"], one["metrics"] or {}
        cells = [one["run"], one["experiment_id"], *map(values.get, varied), *(one[name] for name in _BEFORE)]
        yield [*cells, *map(measured.get, metrics), *(one[name] for name in after)]
