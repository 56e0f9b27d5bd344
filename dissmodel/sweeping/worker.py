"""What a worker does: a run, of which it sends back how it ended."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dissmodel import gdal_settings, temporary
from dissmodel.engines import WorkerLost
from dissmodel.errors import DissmodelError, StorageError, disk_errors
from dissmodel.io.room import LEAST, no_room
from dissmodel.progress import Silent
from dissmodel.record import ExperimentRecord, store
from dissmodel.record.observed import kept
from dissmodel.record.plain import plain
from dissmodel.record.schema import Failure
from dissmodel.sweeping.ended import ended_of
from dissmodel.sweeping.folder import RECORD
from dissmodel.sweeping.runs import GO_ON, NAME, EndedRun

if TYPE_CHECKING:
    from dissmodel.running.run import RunRequest

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
    if task.tries > 1 and not (task.place or task.request.not_kept):
        from dissmodel.sweeping.finished import ended_in  # noqa: PLC0415  (few runs are tried again)

        stood = ended_in(task.folder / RECORD)  # its worker may have been lost once the record stood
        if stood is not None and stood.key == task.key:
            return replace(stood, tries=task.tries - 1)
    with _made_here(task) as here:
        return _do(here)


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
