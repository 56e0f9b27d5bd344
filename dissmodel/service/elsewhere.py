"""The process of an attempt on a worker of an engine: what that worker does, and its view from here.

Both share the attempt's scratch folder and know of each other by two files in it. ``order`` changes as long
as the job is held, and may ask for the end; ``news`` has how far the run is, and its last lines. A run whose
folder is gone, or whose order has not changed for a lease, is ended: nobody holds its job any more.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from concurrent import futures
from math import inf, isfinite
from pathlib import Path

from dissmodel import bounded
from dissmodel.engines import Engine, EngineLost, WorkerLost
from dissmodel.errors import DissmodelError, StorageError, UsageError
from dissmodel.service.documents import LINE_LENGTH, LOG_LINES
from dissmodel.service.hold import Hold
from dissmodel.service.job_process import Job, JobEnd, JobProcess, hide_environment
from dissmodel.service.queue import Progress
from dissmodel.service.task import Task
from dissmodel.service.told import Told

_ORDER, _NEWS = "order", "news"
_LOOK_S, _NEWS_S = 0.2, 0.5
_ANSWER_S = 4.0
_LONGEST_ORDER = 100
_MOST_NEWS = 12 * LOG_LINES * LINE_LENGTH  # JSON may need twelve bytes for a character


class JobElsewhere(Job):
    """Runs a task in a process on a worker of an engine, as `JobProcess` does it here.

    `scratch` is a folder that the worker shares. `timeout_s` counts from when the worker begins.

    Raises
    ------
    EngineLost
        By `wait`, if nobody knows how the process ends.
    """

    def __init__(
        self,
        engine: Engine,
        task: Task,
        scratch: Path,
        data_dir: Path,
        trust: Sequence[str],
        *,
        hold: Hold,
        lease_s: float,
    ) -> None:
        self._task, self._scratch, self._hold, self._lease_s = task, scratch, hold, lease_s
        self._news = Progress()
        self._orders = 0
        self._is_stopped = False
        self._heard = 0.0
        self._order()
        self._future = engine.submit(run, task, scratch, data_dir, tuple(trust), lease_s)

    def wait(self, seconds: float) -> JobEnd | None:
        """Return how it ended; None if it has not ended within so many seconds."""
        if not (self._future.running() or self._future.done()):
            self._hold.allow(self._task.request.timeout_s)
        if time.monotonic() - self._ordered > self._lease_s / 3:
            self._order()
        if not futures.wait([self._future], seconds).done:
            if time.monotonic() - self._heard > _NEWS_S:
                self._hear()
            return None
        self._hear()
        try:
            return self._future.result()
        except WorkerLost as error:
            return JobEnd(crashed=f"was lost ({error.message.rstrip('.')})")
        except futures.CancelledError as error:
            raise EngineLost("The engine was closed.") from error

    def stop(self, patience: float) -> JobEnd | None:
        """Let it end and leave a record, or be killed there after so many seconds."""
        self._is_stopped = True
        if not self._future.cancel():
            self._order("stop", str(patience))
            futures.wait([self._future], patience + _ANSWER_S)
        self._hear()
        with contextlib.suppress(DissmodelError, OSError, TimeoutError, futures.CancelledError):
            return self._future.result(0)
        return None

    def close(self) -> None:
        """End it, and all that it started; what did not end when it had to is not waited for again."""
        if not (self._future.done() or self._is_stopped):
            self.stop(0)

    def _order(self, *words: str) -> None:
        """Write an order that is new; where that fails, the worker ends the process after a lease."""
        self._orders += 1
        self._ordered = time.monotonic()
        _replace(self._scratch / _ORDER, " ".join((*words, str(self._orders))))

    def _hear(self) -> None:
        """Pass on what is new; a model may have written the file."""
        self._heard = time.monotonic()
        with contextlib.suppress(OSError, ValueError):
            news = Progress.from_text(bounded.contents(self._scratch / _NEWS, _MOST_NEWS).decode())
            if news != self._news and news.logged >= self._news.logged:
                self._hold.hear(news, self._news.logged)
                self._news = news


def run(task: Task, scratch: Path, data_dir: Path, trust: Sequence[str], lease_s: float) -> JobEnd:
    """Run a task in a process of its own, on a worker of an engine; return how it ended.

    Raises
    ------
    StorageError
        If this worker does not share the scratch folder (code ``"folder_not_shared"``).
    UsageError
        If it does not share an input (code ``"input_not_shared"``).
    EngineLost
        If nobody holds the job any more.
    """
    hide_environment()
    if not (scratch / _ORDER).exists():
        raise StorageError(
            f"{scratch}: a worker of the cluster does not see this folder.",
            "Name a folder that all share: dissmodel config set service.scratch FOLDER",
            code="folder_not_shared",
        )
    for found in (task.source, *task.others.values()):
        if not found.path.exists():
            raise UsageError(
                f"{found.path}: a worker of the cluster does not see this input.",
                "Put inputs into a bucket, or into a folder that all share: service.inputs",
                code="input_not_shared",
            )
    told = Told()
    process = JobProcess(task, scratch, data_dir=data_dir, trust=trust, hold=told)
    try:
        return _ended(process, told, scratch, lease_s)
    finally:
        process.close()
        _replace(scratch / _NEWS, told.news().to_text())


def _ended(process: JobProcess, told: Told, scratch: Path, lease_s: float) -> JobEnd:
    """Wait for the end of a process, which is ended by an order, or if there are no orders for a lease."""
    order, changed, written = "", time.monotonic(), 0.0
    while (ended := process.wait(_LOOK_S)) is None:
        now = time.monotonic()
        if told.is_new and now - written > _NEWS_S:
            written = now
            _replace(scratch / _NEWS, told.news().to_text())
        try:
            said = bounded.contents(scratch / _ORDER, _LONGEST_ORDER).decode("ascii")
            patience = _patience(said)
        except (OSError, ValueError):  # the file system is away, or a model wrote it: an order may still come
            said, patience = order, None
            if _is_gone(scratch):
                changed = -inf
        if said != order:
            order, changed = said, now
        if patience is not None:
            return process.stop(patience) or JobEnd(crashed="can't be killed")
        if now - changed > lease_s:
            process.stop(0)
            raise EngineLost("Nobody holds the job any more.")
    return ended


def _is_gone(folder: Path) -> bool:
    """Return whether a folder is not there any more; one that can't be looked at may be."""
    try:
        folder.stat()
    except OSError as error:
        return isinstance(error, FileNotFoundError)
    return False


def _patience(order: str) -> float | None:
    """Return after how many seconds an order kills the process; None if it is to go on.

    Raises ValueError for what is no order.
    """
    match order.split():
        case [number]:
            int(number)
            return None
        case ["stop", seconds, _] if isfinite(patience := float(seconds)):
            return patience
    raise ValueError(order)


def _replace(path: Path, text: str) -> None:
    """Write a file, whatever a model has made of it; where that fails, the next time may do."""
    new = path.with_suffix(".new")
    with contextlib.suppress(OSError):
        new.unlink(missing_ok=True)
        with new.open("x", encoding="utf-8") as stream:  # it follows no link
            stream.write(text)
        new.replace(path)
