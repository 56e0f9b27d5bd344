"""One attempt at a job: held, prepared, run in a process of its own, and delivered once."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dissmodel import locks
from dissmodel.config import load_settings
from dissmodel.errors import DissmodelError, StorageError, disk_errors
from dissmodel.experiment.layout import RECORD
from dissmodel.experiment.source import open_source
from dissmodel.progress import Silent, reporting
from dissmodel.record import store
from dissmodel.record.redact import redact, redact_document
from dissmodel.running.profiling import SHORT_ID, profiling_name, profiling_text
from dissmodel.service import inputs, packages
from dissmodel.service.documents import MAX_BYTES, Outcome, Problem, Request
from dissmodel.service.hold import Hold, LetGo, Times
from dissmodel.service.job_process import Ended, JobProcess
from dissmodel.service.queue import Queue, QueueAway
from dissmodel.service.settings import ServiceSettings
from dissmodel.service.state import DELIVER
from dissmodel.service.task import Task
from dissmodel.service.truth import Truth
from dissmodel.sharing.pull import PullRequest, pull
from dissmodel.sharing.push import PushRequest, push
from dissmodel.storage.base import Storage

MOST_LOST = 3
"""How many attempts may end without a word; then the job has failed."""

_LOOK_S = 0.1
_LOCK = ".lock"
_log = logging.getLogger(__name__)


def attempt(
    job: str,
    *,
    truth: Truth,
    queue: Queue,
    settings: ServiceSettings,
    worker: str,
    stop: threading.Event,
    threads: int | None = None,
    times: Times | None = None,
) -> None:
    """Try a job that was taken: run it and deliver the result, unless it has ended.

    Whatever happens, it ends with an outcome, waits again, or is another worker's; what it raised is in the
    outcome or in the log.

    Parameters
    ----------
    job : str
        Its id.
    truth, queue, settings
        Of the service.
    worker : str
        What this worker is called.
    stop : threading.Event
        Set when the worker has no more time: the job is let go, and the attempt not counted.
    threads : int, optional
        How many threads the model may use; by default all.
    times : Times, optional
        How long it waits for what.
    """
    times = times or Times()
    hold = Hold(
        job, queue=queue, truth=truth, worker=worker, lease_s=settings.lease_s, stop=stop, times=times
    )
    try:
        if hold.take() == "lost":
            return
        with hold.kept():
            _Attempt(job, hold, truth, queue, settings, threads, times).run()
    except QueueAway as error:  # it waits again once the queue is there
        _log.warning(error.message, extra={"experiment_id": job})
    finally:
        with contextlib.suppress(QueueAway):
            queue.free(job, hold.token)


class _Attempt:
    """What an attempt does while it holds the job."""

    def __init__(
        self,
        job: str,
        hold: Hold,
        truth: Truth,
        queue: Queue,
        settings: ServiceSettings,
        threads: int | None,
        times: Times,
    ) -> None:
        self._job, self._hold, self._truth, self._queue = job, hold, truth, queue
        self._settings, self._threads, self._times = settings, threads, times
        self._count, self._failures = 0, 0
        self._request: Request | None = None
        self._left: Ended | None = None

    def run(self) -> None:
        """Try; see `attempt`."""
        try:
            self._try()
        except LetGo:
            self._let_go()
        except StorageError as error:
            self._again(error)
        except DissmodelError as error:
            self._fail(error)
        except Exception as error:  # a bug must end neither the worker nor the job without a word
            _log.exception("The attempt failed.", extra={"experiment_id": self._job})
            self._fail(
                DissmodelError(f"This is a bug in dissmodel: {type(error).__name__}: {error}", code="bug")
            )

    def _try(self) -> None:
        request = self._request = self._truth.request(self._job)
        if request is None or self._truth.outcome(self._job) is not None:
            self._queue.done(self._job)
            return
        if self._settle():
            return
        if self._truth.cancelled(self._job) is not None:
            self._end(Outcome(status="cancelled"))
            return
        self._count = self._counted(1)
        if self._count > MOST_LOST:
            self._end(
                self._failed(
                    Problem(
                        code="worker_lost",
                        message=f"Each of {MOST_LOST} attempts ended without a word: its worker or its process was "
                        "killed, or crashed.",
                        hint="See the worker's log; a run may have used more memory than there is.",
                    )
                )
            )
            return
        self._hold.allow(request.timeout_s)
        _log.info("The attempt begins.", extra=self._about(attempt=self._count))
        with scratch_folder(self._settings, self._job, self._hold.token) as scratch:
            ended = self._ran(request, scratch)
            if ended.crashed:
                self._crashed(ended.crashed)
            elif ended.error is not None:
                if ended.retry:
                    raise StorageError(ended.error.message, ended.error.hint, code=ended.error.code)
                self._end(self._failed(ended.error, ended.record))
            else:
                assert ended.record is not None  # it completed
                self._deliver_patiently(ended.record)

    def _ran(self, request: Request, scratch: Path) -> Ended:
        """Fetch and install what the run needs, then run it; say how that ended."""
        core = load_settings()
        result = scratch / "result"
        result.mkdir()
        shared: dict[str, Any] = {
            "experiment_id": self._job,
            "folder": result,
            "threads": self._threads,
            "memory": self._settings.memory,
        }
        with reporting(self._hold), contextlib.ExitStack() as stack:
            self._hold.phase("fetch")
            if request.kind == "reproduce":
                path = self._pulled(request, scratch)
                source = stack.enter_context(open_source(path))
                packages.of_record(path, source.record, core, self._hold)
                found = stack.enter_context(inputs.recorded(source, self._settings))
                task = Task(**shared, source=found, recorded=path)
            else:
                package = packages.of_request(request, core, self._hold)
                task = Task(
                    **shared,
                    source=stack.enter_context(inputs.fetched(request.input, self._settings)),
                    model=request.model_name,
                    spec=request.spec,
                    commit=request.commit,
                    package=package,
                    parameters=request.parameters,
                    column_map=request.column_map,
                    band_map=request.band_map,
                    input_format=request.input_format,
                    layer=request.layer,
                    seed=request.seed,
                )
            self._hold.check()
            process = JobProcess(task, scratch, data_dir=core.data_dir, trust=core.trust, hold=self._hold)
            stack.callback(process.close)
            while (ended := process.wait(_LOOK_S)) is None:
                if (why := self._hold.why) is not None:
                    # Nobody wants what a run says that another worker has, or begins anew.
                    self._left = process.stop(0 if why in {"lost", "stopped"} else self._times.end_s)
                    raise LetGo
        return ended

    def _pulled(self, request: Request, scratch: Path) -> Path:
        """Bring the experiment to be reproduced here; return its record."""
        assert request.reproduces is not None  # the request of a reproduction has it
        place = self._truth.experiment(request.reproduces)
        pulled = pull(PullRequest(f"{place.uri}{RECORD}", to=scratch / "recorded"), Silent())
        return pulled.experiments[0].record

    def _deliver_patiently(self, record: Path) -> None:
        """Deliver; a result that is whole is not run again because the place fails for a time."""
        self._hold.allow(float("inf"))
        for seconds in self._times.again_s:
            try:
                self._deliver(record)
            except StorageError as error:
                _log.warning(error.message, extra=self._about(code=error.code))
                self._hold.wait(seconds)
            else:
                return
        self._deliver(record)

    def _deliver(self, record: Path) -> None:
        """Put the experiment into the place, unless its record is there, then the outcome."""
        self._hold.tell(DELIVER)
        if self._truth.cancelled(self._job) is not None and not self._truth.has_record(self._job):
            self._end(Outcome(status="cancelled"))
            return
        if self._hold.beat() == "lost":
            raise LetGo
        try:
            push(PushRequest((record,), self._settings.place), Silent())
        except DissmodelError as error:
            if not self._truth.has_record(self._job):
                raise
            # Another attempt was faster: its result stands, and this one is thrown away.
            _log.info("Another attempt was faster.", extra=self._about(code=error.code))
        self._settle()

    def _settle(self) -> bool:
        """Write the outcome of an experiment that is whole in the place; return whether it is."""
        digest = self._truth.record_digest(self._job)
        if digest is None:
            return False
        if self._settings.legacy_objects:
            self._put_legacy_objects()
        self._end(
            Outcome(status="completed", record_digest=digest, log=self._hold.log, attempts=self._attempts)
        )
        return True

    def _put_legacy_objects(self) -> None:
        """Write the record and the times of the phases under the names that older notebooks read."""
        place, short = self._truth.experiment(self._job), self._job[:SHORT_ID]
        with scratch_folder(self._settings, self._job, f"{self._hold.token}-legacy") as folder:
            path = folder / f"{short}{store.SUFFIX}"
            place.storage.get(place.key(RECORD), path, limit=store.MAX_BYTES)
            record = store.read(path)
            times = folder / profiling_name(record)
            times.write_text(profiling_text(record), encoding="utf-8")
            for file, kind in ((path, "application/json"), (times, "text/markdown")):
                _put_new(place.storage, file, place.key(file.name), kind)

    def _crashed(self, how: str) -> None:
        """Let a job whose process ended without a word wait again, as often as that may happen."""
        _log.warning("The process %s.", how, extra=self._about(attempt=self._count))
        self._hold.warn(f"The process of the run {how}.")
        if self._count < MOST_LOST:
            self._wait_again(0)
            return
        message = f"The process of the run {how}, in the last of {MOST_LOST} attempts."
        hint = "A run may have used more memory than there is; or the model is broken."
        self._end(self._failed(Problem(code="worker_lost", message=message, hint=hint)))

    def _let_go(self) -> None:
        why, record = self._hold.why, self._left.record if self._left is not None else None
        _log.info("The job is let go: %s.", why, extra=self._about())
        match why:
            case "cancelled":
                self._settle_or(Outcome(status="cancelled", log=self._hold.log, attempts=self._attempts))
            case "timeout":
                assert self._request is not None  # it has the time
                problem = Problem(
                    code="timeout",
                    message=f"The run took longer than {self._request.timeout_s:g} s.",
                    hint="Let jobs take longer: service.timeout",
                )
                self._settle_or(self._failed(problem, record))
            case "stopped":
                self._take_back()
                self._wait_again(0)

    def _settle_or(self, outcome: Outcome) -> None:
        try:
            if not self._settle():
                self._end(outcome)
        except StorageError as error:
            self._again(error)

    def _again(self, error: StorageError) -> None:
        """Let the job wait after storage has failed, or let it fail at last."""
        _log.warning(error.message, extra=self._about(code=error.code))
        self._take_back()  # it was not lost
        self._failures = self._counted(1, self._failures_id)
        delays = self._times.again_s
        if self._failures <= len(delays):
            self._wait_again(delays[self._failures - 1])
        else:
            self._fail(error)

    def _fail(self, error: DissmodelError) -> None:
        problem = Problem(code=error.code, message=redact(error.message), hint=redact(error.hint))
        try:
            self._end(self._failed(problem))
        except StorageError as away:  # not even that can be written: somebody tries again later
            _log.warning(away.message, extra=self._about(code=away.code))
            self._wait_again(self._times.again_s[-1] if self._times.again_s else 0)

    def _failed(self, problem: Problem, record: Path | None = None) -> Outcome:
        document = None
        if record is not None:
            with contextlib.suppress(DissmodelError):  # what the process wrote may be no record
                document = redact_document(store.read_document(record))
        return Outcome(
            status="failed", error=problem, record=document, log=self._hold.log, attempts=self._attempts
        )

    def _end(self, outcome: Outcome) -> None:
        """Write how the job ended; what stands there already stands."""
        is_first = self._truth.put(self._job, fitting(outcome))
        _log.info(
            "The job has ended: %s.",
            outcome.status,
            extra=self._about(first=is_first, code=outcome.error.code if outcome.error else None),
        )
        with contextlib.suppress(QueueAway):
            self._queue.done(self._job)
            self._queue.done(self._failures_id)

    def _wait_again(self, delay_s: float) -> None:
        """Let the job go, then wait; without a queue, reconciling puts it there."""
        priority = self._request.priority if self._request is not None else "normal"
        self._hold.end()
        with contextlib.suppress(QueueAway):
            self._queue.free(self._job, self._hold.token)
            self._queue.put(self._job, priority, delay_s=delay_s)

    def _take_back(self) -> None:
        """Count this attempt no longer."""
        if self._count:
            self._count = self._counted(-1)

    def _counted(self, by: int, counted: str | None = None) -> int:
        try:
            return self._queue.count(counted or self._job, by)
        except QueueAway:
            return 1

    @property
    def _failures_id(self) -> str:
        """What counts the failures of storage in the queue."""
        return f"{self._job}.storage"

    @property
    def _attempts(self) -> int:
        """How many attempts there were, as far as is known here."""
        return self._count + self._failures

    def _about(self, **more: Any) -> dict[str, Any]:
        return {
            "experiment_id": self._job,
            **{name: value for name, value in more.items() if value is not None},
        }


def fitting(outcome: Outcome) -> Outcome:
    """Return an outcome that is small enough to be stored; what the model noted goes first."""
    if len(outcome.to_bytes()) > MAX_BYTES and outcome.record is not None:
        brief = {**outcome.record, "metrics": {}, "step_metrics": {}, "logs": []}
        outcome = outcome.model_copy(update={"record": brief})
    while len(outcome.to_bytes()) > MAX_BYTES and outcome.log:
        outcome = outcome.model_copy(update={"log": outcome.log[len(outcome.log) // 2 + 1 :]})
    if len(outcome.to_bytes()) > MAX_BYTES:
        outcome = outcome.model_copy(update={"record": None})
    return outcome


@contextlib.contextmanager
def scratch_folder(settings: ServiceSettings, job: str, token: str) -> Iterator[Path]:
    """Give a new folder for an attempt, locked and removed after the block."""
    parent = settings.data_dir / "scratch"
    with disk_errors(str(parent), "Make room, or choose another data folder: DISSMODEL_DATA"):
        parent.mkdir(parents=True, exist_ok=True)
        parent.chmod(0o700)
    folder = parent / f"{job}.{token}"
    with contextlib.ExitStack() as stack:
        with disk_errors(str(folder), "Make room, or choose another data folder: DISSMODEL_DATA"):
            stack.enter_context(locks.held(folder.with_name(folder.name + _LOCK)))
            folder.mkdir(mode=0o700)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def sweep(settings: ServiceSettings) -> None:
    """Remove the folders that killed workers left; those in use are locked."""
    parent = settings.data_dir / "scratch"
    with contextlib.suppress(OSError):
        names = {
            path.name.removesuffix(_LOCK) for path in parent.iterdir() if not locks.is_owner_file(path.name)
        }
        for name in names:
            with contextlib.suppress(OSError), locks.held(parent / f"{name}{_LOCK}") as is_left:
                if is_left:
                    shutil.rmtree(parent / name, ignore_errors=True)


def _put_new(storage: Storage, file: Path, key: str, media_type: str) -> None:
    from dissmodel.record.digest import sha256_file

    try:
        storage.put(file, key, sha256=sha256_file(file), media_type=media_type, only_new=True)
    except DissmodelError as error:
        if error.code != "object_exists":
            raise
