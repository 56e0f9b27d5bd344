"""What a worker does: a run, of which it sends back how it ended."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dissmodel.errors import DissmodelError
from dissmodel.progress import Silent
from dissmodel.record import MAIN, ExperimentRecord, store
from dissmodel.record.plain import plain
from dissmodel.record.schema import Failure
from dissmodel.sweeping.runs import NAME, EndedRun

if TYPE_CHECKING:
    from dissmodel.running.run import RunRequest

_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


@dataclass(frozen=True, kw_only=True)
class Task:
    """A run to do; it can be pickled, for its request has no executor and asks nobody.

    `key` is the run's; `folder` is where its record goes if it can't begin. `keep`: whether the result stays
    once its record describes it. `tries` counts this try too.
    """

    key: str
    request: RunRequest
    folder: Path
    keep: bool = True
    tries: int = 1


def do(task: Task) -> EndedRun:
    """Run the model and return how the run ended; a run that fails is an `EndedRun` too.

    Raises
    ------
    KeyboardInterrupt
        If a signal to stop came.
    """
    from dissmodel.running.run import run  # noqa: PLC0415  (a sweep that has nothing to do needs none)

    try:
        made = run(task.request, Silent())
    except DissmodelError as error:
        if error.record_path is None:
            return failed(task, error)
        record = store.read(error.record_path)
    else:
        record = made.record
        if not task.keep:
            for name, path in made.files.items():
                if not record.files[name].external:
                    path.unlink()
    return replace(ended_of(record, task.key), tries=task.tries, worker=f"{platform.node()}:{os.getpid()}")


def failed(task: Task, error: DissmodelError) -> EndedRun:
    """Leave the record of a run that could not begin, or whose worker was lost; return how it ended."""
    request = task.request
    record = ExperimentRecord(
        experiment_id=request.experiment_id,
        model_name=request.model or "",
        parameters=dict(request.parameters),
        seed=request.seed,
        command=list(request.command),
        status="failed",
        finished_at=datetime.now(UTC),
        error=Failure(
            phase="open", type=type(error).__name__, code=error.code, message=error.message, hint=error.hint
        ),
    )
    task.folder.mkdir(parents=True, exist_ok=True)
    store.write(record, store.failed_record_path(task.folder / f"{NAME}.x", request.experiment_id))
    return replace(ended_of(record, task.key), tries=task.tries)


def ended_of(record: ExperimentRecord, key: str) -> EndedRun:
    """Return how a run ended, as its record says."""
    main = record.files.get(MAIN)
    content = main.content_digest if main is not None else None
    seconds = (record.finished_at - record.created_at).total_seconds() if record.finished_at else 0.0
    return EndedRun(
        key=key,
        status=record.status,
        record_digest=record.record_digest or "",
        output=main.path if main is not None else "",
        sha256=main.sha256 if main is not None else "",
        content_digest=content.digest if content is not None else "",
        seed=record.seed,
        metrics=numbers(plain(record.metrics)),
        seconds=round(seconds, 3),
        cpu_seconds=record.cpu_seconds or 0.0,
        peak_memory_bytes=record.peak_memory_bytes or 0,
        error=record.error.message if record.error is not None else "",
    )


def numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers among a record's metrics.

    >>> numbers({"area": 3, "share": "NaN", "name": "a", "all": True})
    {'area': 3, 'share': nan}
    """
    found = {name: _NUMBERS.get(one, one) if isinstance(one, str) else one for name, one in metrics.items()}
    return {
        name: one for name, one in found.items() if isinstance(one, int | float) and not isinstance(one, bool)
    }
