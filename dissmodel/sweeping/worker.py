"""What a worker does: a run, of which it sends back how it ended."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dissmodel import gdal_settings, temporary
from dissmodel.engines import WorkerLost
from dissmodel.errors import DissmodelError, StorageError, disk_errors
from dissmodel.executor.runner import PHASES
from dissmodel.io.room import LEAST, no_room
from dissmodel.progress import Silent
from dissmodel.record import MAIN, ExperimentRecord, store
from dissmodel.record.observed import kept
from dissmodel.record.plain import plain
from dissmodel.record.schema import Failure
from dissmodel.sweeping.folder import RECORD
from dissmodel.sweeping.runs import NAME, EndedRun

if TYPE_CHECKING:
    from dissmodel.running.run import RunRequest

GO_ON = "Make room on the disk; the same command then goes on. No run that ended is lost."

_READ = (
    "status",
    "record_digest",
    "files",
    "seed",
    "metrics",
    "step_metrics",
    "created_at",
    "finished_at",
    "cpu_seconds",
    "peak_memory_bytes",
    "not_kept",
    "error",
)
_TIMES = frozenset(f"time_{phase}_sec" for phase in (*PHASES, "total"))
_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


@dataclass(frozen=True, kw_only=True)
class Task:
    """A run to do; it can be pickled, for its request has no executor and asks nobody.

    `key` is the run's, `model` the model's name; `folder` is where the run's record goes if it can't begin.
    `tries` counts this try too. `place` is the URI of the folder of a run in a bucket, whose request's output
    is a name only. `work` is a text that the tasks of one sweep have in common: see
    `dissmodel.record.observed.kept`.
    """

    key: str
    request: RunRequest
    folder: Path
    model: str
    work: str
    place: str = ""
    tries: int = 1


def do(task: Task) -> EndedRun:
    """Run the model and return how the run ended; a run that fails is an `EndedRun` too.

    Raises
    ------
    WorkerLost
        If there was not enough memory.
    StorageError
        If the disk is full: no other run has room either.
    KeyboardInterrupt
        If a signal to stop came.
    """
    # Its worker may have been lost once the record stood.
    stood = _completed(task) if task.tries > 1 and not (task.place or task.request.not_kept) else None
    if stood is not None:
        return replace(stood, tries=task.tries - 1)
    with _made_here(task) as here:
        return _do(here)


def _completed(task: Task) -> EndedRun | None:
    """Return how the run ended of which a record is there; None without the record of a completed one."""
    from dissmodel.sweeping.keys import key_of_record  # noqa: PLC0415  (few runs are tried again)

    path = task.folder / RECORD
    try:
        document = store.read_document(path) if path.exists() else {}
        is_it = document.get("status") == "completed" and key_of_record(document) == task.key
        return ended_of(document, task.key) if is_it else None
    except (DissmodelError, TypeError, KeyError, ValueError, AttributeError):  # it is no whole record
        return None


@contextlib.contextmanager
def _made_here(task: Task) -> Iterator[Task]:
    """Yield the task as it is done on this machine; what it leaves goes to its place after the block."""
    if not task.place:
        yield task
        return
    from dissmodel.sweeping.bucket import send_run  # noqa: PLC0415  (most sweeps are in a folder)

    with temporary.new_folder() as folder:
        output = f"{folder}{os.sep}{task.request.output}"
        request = replace(task.request, output=output)
        yield replace(task, place="", folder=folder, request=request)
        send_run(folder, task.place)


def _do(task: Task) -> EndedRun:
    from dissmodel.running.run import run  # noqa: PLC0415  (a sweep that has nothing to do needs none)

    gdal_settings.ignore()  # before the record notes them
    with contextlib.suppress(OSError):  # Linux can: the peak of memory is this run's, not the process's
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    try:
        with kept(task.work):
            made = run(task.request, Silent())
    except DissmodelError as error:
        if isinstance(error.__cause__, MemoryError):  # another try may find more
            raise WorkerLost(error.message) from error
        if error.record_path is None or error.record_path.parent != task.folder:
            ended = _failed(task, error)
        else:
            ended = ended_of(store.read_document(error.record_path), task.key)
        why = no_room(task.folder, little=LEAST) if isinstance(error, StorageError) else ""
        if why:
            raise StorageError(f"{task.folder}: {why}.", GO_ON, code="disk_full") from error
    else:
        ended = ended_of(plain({name: getattr(made.record, name) for name in _READ}), task.key)
        if made.record.not_kept:
            for name, path in made.files.items():
                if not made.record.files[name].external:
                    path.unlink()
    return replace(ended, tries=task.tries, worker=f"{platform.node()}:{os.getpid()}")


def failed(task: Task, error: DissmodelError) -> EndedRun:
    """Leave the record of a run that could not begin, or whose worker was lost; return how it ended.

    Raises
    ------
    StorageError
        If the disk takes no record.
    """
    with _made_here(task) as here:
        return _failed(here, error)


def _failed(task: Task, error: DissmodelError) -> EndedRun:
    request, now = task.request, datetime.now(UTC)
    record = ExperimentRecord(
        experiment_id=request.experiment_id,
        created_at=now,
        model_name=task.model,
        parameters=dict(request.parameters),
        seed=request.seed,
        command=list(request.command),
        status="failed",
        finished_at=now,
        error=Failure(
            phase="open", type=type(error).__name__, code=error.code, message=error.message, hint=error.hint
        ),
    )
    with disk_errors(f"{task.folder}: can't be made", GO_ON):
        task.folder.mkdir(parents=True, exist_ok=True)
    path = store.failed_record_path(task.folder / f"{NAME}.x", request.experiment_id)
    return replace(ended_of(store.write(record, path), task.key), tries=task.tries)


def ended_of(document: Mapping[str, Any], key: str) -> EndedRun:
    """Return how a run ended, as the document of its record says; raises TypeError, KeyError and so on."""
    main = document["files"].get(MAIN) or {}
    content = main.get("content_digest") or {}
    began, ended = document.get("created_at"), document.get("finished_at")
    seconds = _time(ended) - _time(began) if began and ended else timedelta()
    return EndedRun(
        key=key,
        status=document["status"],
        record_digest=document.get("record_digest") or "",
        output="" if document.get("not_kept") else main.get("path", ""),
        sha256=main.get("sha256", ""),
        content_digest=content.get("digest", ""),
        seed=document.get("seed"),
        metrics=metrics_of(document),
        seconds=round(seconds.total_seconds(), 3),
        cpu_seconds=document.get("cpu_seconds") or 0.0,
        peak_memory_bytes=document.get("peak_memory_bytes") or 0,
        error=(document.get("error") or {}).get("message", ""),
    )


def metrics_of(document: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers among a record's metrics, and what the model measured after its last step.

    The times of the phases are no metrics here.

    >>> metrics = {"time_run_sec": 0.1, "kappa": "NaN"}
    >>> metrics_of({"metrics": metrics, "step_metrics": {"step": [1, 2], "built": [3, 5]}})
    {'built': 5, 'kappa': nan}
    """
    steps = {
        name: row[-1] for name, row in document.get("step_metrics", {}).items() if row and name != "step"
    }
    found = steps | {name: one for name, one in document["metrics"].items() if name not in _TIMES}
    numbers = ((name, _NUMBERS.get(one, one) if isinstance(one, str) else one) for name, one in found.items())
    return {name: one for name, one in numbers if isinstance(one, int | float) and not isinstance(one, bool)}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
