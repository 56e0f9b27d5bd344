"""One attempt at a job: held, prepared, run in a process of its own, and delivered once."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dissmodel import temporary
from dissmodel.config import load_settings
from dissmodel.engines import EngineLost
from dissmodel.errors import DissmodelError, StorageError
from dissmodel.experiment.at_hand import AtHand
from dissmodel.experiment.layout import RECORD
from dissmodel.experiment.source import open_source, placed
from dissmodel.progress import Silent, reporting
from dissmodel.record import store
from dissmodel.record.redact import redact, redact_document
from dissmodel.running.others import given_inputs
from dissmodel.running.profiling import SHORT_ID, profiling_name, profiling_text
from dissmodel.service import inputs, packages
from dissmodel.service.documents import MAX_BYTES, Ended, Outcome, Problem, Request
from dissmodel.service.hold import Hold, LetGo, Times
from dissmodel.service.job_engine import JobEngine
from dissmodel.service.job_process import Job, JobEnd, JobProcess
from dissmodel.service.queue import Queue, QueueAway
from dissmodel.service.settings import ServiceSettings
from dissmodel.service.state import DELIVER
from dissmodel.service.task import Task
from dissmodel.service.truth import Truth, put_new
from dissmodel.sharing.pull import PullRequest, pull
from dissmodel.sharing.push import PushRequest, push

MOST_LOST = 3
"""How many attempts may end without a word; then the job has failed."""

_LOOK_S = 0.1
_PATIENCE_S = 4.0  # less than a worker that ends has for its last words
_ROOM = "Make room, or choose another data folder: DISSMODEL_DATA"
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
    engine: JobEngine | None = None,
) -> bool:
    """Try a job that was taken: run it and deliver the result; return whether the result is in the place now.

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
    engine : JobEngine, optional
        Where the run's process is; by default on this machine.
    """
    times = times or Times()
    hold = Hold(
        job, queue=queue, truth=truth, worker=worker, lease_s=settings.lease_s, stop=stop, times=times
    )
    tried = _Attempt(hold, truth, queue, settings, threads, times, engine)
    try:
        if hold.take() != "lost":
            with hold.kept():
                tried.run()
    except QueueAway as error:  # it waits again once the queue is there
        _log.warning(error.message, extra={"experiment_id": job})
    finally:
        with contextlib.suppress(QueueAway):
            queue.free(job, hold.token)
    return tried.is_settled


@dataclass
class _Attempt:
    """What an attempt does while it holds the job."""

    hold: Hold
    truth: Truth
    queue: Queue
    settings: ServiceSettings
    threads: int | None
    times: Times
    engine: JobEngine | None = None
    request: Request | None = None
    counted: int = 0
    is_taken_back: bool = False
    failures: int = 0
    left: dict[str, Any] | None = None  # the record of a run that had to end
    is_settled: bool = False

    @property
    def job(self) -> str:
        """Its id."""
        return self.hold.job

    def run(self) -> None:
        """Try; see `attempt`."""
        try:
            try:
                self._try()
            except LetGo:
                self._let_go()
        except EngineLost as error:  # no fault of the job
            _log.warning(error.message, extra=self._about(code=error.code))
            self._take_back()
            if self.hold.beat() != "lost":
                self._wait_again(0)
        except StorageError as error:
            self._again(error)
        except DissmodelError as error:
            self._fail(error)
        except OSError as error:
            self._again(StorageError(f"{error.filename or 'The disk'}: {error.strerror or error}.", _ROOM))
        except Exception as error:  # noqa: BLE001  (a bug must end neither the worker nor the job without a word)
            _log.exception("The attempt failed.", extra=self._about())
            said = f"This is a bug in dissmodel: {type(error).__name__}: {error}"
            self._fail(DissmodelError(said, code="bug"))

    def _try(self) -> None:
        request = self.request = self.truth.request(self.job)
        if request is None or self.truth.outcome(self.job) is not None:
            self.queue.done(self.job)
            return
        if self._settle():
            return
        if self.truth.cancelled(self.job) is not None:
            self._end(self._outcome("cancelled"))
            return
        self.counted = self._counted(1)
        if self.counted > MOST_LOST:
            self.counted -= 1  # this one never began
            self._end_lost(f"Each of {MOST_LOST} attempts ended without a word: its worker was killed.")
            return
        self.hold.allow(request.timeout_s)
        _log.info("The attempt begins.", extra=self._about(attempt=self.counted))
        with temporary.new_folder(_made(self.settings.scratch)) as folder:
            scratch = folder / f"{self.job}.{self.hold.token}"
            scratch.mkdir()
            ended = self._ran(request, scratch)
            if ended.crashed:
                self._crashed(ended.crashed)
            elif ended.error is not None:
                if ended.retry:
                    raise StorageError(ended.error.message, ended.error.hint, code=ended.error.code)
                self._end(self._outcome("failed", error=ended.error, record=_document(ended.record)))
            else:
                assert ended.record is not None  # it completed
                self._deliver_patiently(ended.record)

    def _ran(self, request: Request, scratch: Path) -> JobEnd:
        """Fetch and install what the run needs, then run it; say how that ended."""
        core = load_settings(given=self.engine.given if self.engine is not None else None)
        result = scratch / "result"
        result.mkdir()
        with reporting(self.hold), contextlib.ExitStack() as stack:
            self.hold.phase("fetch")
            path = package = None
            others: dict[str, AtHand] = {}
            if request.kind == "reproduce":
                path = self._pulled(request, scratch)
                source = stack.enter_context(open_source(path))
                packages.of_record(path, source.record, core, self.hold)
                recorded = source.record
                found = stack.enter_context(inputs.recorded(source, self.settings, recorded.source))
                others = {
                    one.name: stack.enter_context(inputs.recorded(source, self.settings, one))
                    for one in recorded.sources
                }
            else:
                package = packages.of_request(request, core, self.hold)
                found = stack.enter_context(inputs.fetched(request.input, self.settings))
                _, _, given = given_inputs([("", request.input), *request.pairs], None)
                others = {
                    name: stack.enter_context(inputs.fetched(one.place, self.settings))
                    for name, one in zip(request.inputs, given, strict=True)
                }
            if self.engine is not None:
                found = inputs.shared(found, scratch / "input")
                others = {
                    name: inputs.shared(one, scratch / f"input-{number}")
                    for number, (name, one) in enumerate(others.items())
                }
            task = Task(
                request=request,
                folder=result,
                source=found,
                others=others,
                package=package,
                threads=self.threads,
                memory=self.settings.memory,
                recorded=path,
            )
            self.hold.check()
            start: Callable[..., Job] = JobProcess if self.engine is None else self.engine.start
            process = start(task, scratch, data_dir=core.data_dir, trust=core.trust, hold=self.hold)
            stack.callback(process.close)
            while (ended := process.wait(_LOOK_S)) is None:
                if (why := self.hold.why) is not None:
                    if why == "stopped":  # this worker may end before the process does
                        self._take_back()
                    # Nobody wants what a run says that another worker has, or begins anew.
                    left = process.stop(0 if why in {"lost", "stopped"} else self.times.end_s)
                    self.left = _document(left.record if left is not None else None)
                    raise LetGo
        return ended

    def _pulled(self, request: Request, scratch: Path) -> Path:
        """Bring the experiment to be reproduced here; return its record."""
        assert request.reproduces is not None  # the request of a reproduction has it
        place = self.truth.experiment(request.reproduces)
        pulled = pull(PullRequest(f"{place.uri}{RECORD}", to=scratch / "recorded"), Silent())
        return pulled.experiments[0].record

    def _deliver_patiently(self, record: Path) -> None:
        """Deliver; a result that is whole is not run again because the place fails for a time."""
        self.hold.allow(float("inf"))
        for seconds in self.times.again_s:
            try:
                self._deliver(record)
            except StorageError as error:
                _log.warning(error.message, extra=self._about(code=error.code))
                self.hold.wait(seconds)
            else:
                return
        self._deliver(record)

    def _deliver(self, record: Path) -> None:
        """Put the experiment into the place, unless its record is there, then the outcome."""
        self.hold.tell(DELIVER)
        if self.truth.cancelled(self.job) is not None and not self.truth.has_record(self.job):
            self._end(self._outcome("cancelled"))
            return
        if self.hold.beat() == "lost":
            raise LetGo
        for is_again in (False, True):
            try:
                push(PushRequest((record,), self.settings.place, aside=is_again), Silent())
                break
            except DissmodelError as error:
                if self.truth.has_record(self.job):  # its result stands, and this one is thrown away
                    _log.info("Another attempt was faster.", extra=self._about(code=error.code))
                    break
                # An attempt that was killed while it delivered may have left files with other bytes.
                if is_again or error.code != "object_exists":
                    raise
        self._settle()

    def _settle(self) -> bool:
        """Write the outcome of an experiment that is whole in the place; return whether it is."""
        digest = self.truth.record_digest(self.job)
        if digest is None:
            return False
        if self.settings.legacy_objects:
            self._put_legacy_objects()
        self._end(self._outcome("completed", record_digest=digest))
        self.is_settled = True
        return True

    def _put_legacy_objects(self) -> None:
        """Write the record and the times of the phases under the names that older notebooks read."""
        place = self.truth.experiment(self.job)
        with placed(place, RECORD) as source:
            record, times = store.dumps(source.document), profiling_text(source.record).encode()
            put_new(place, f"{self.job[:SHORT_ID]}{store.SUFFIX}", record, "application/json")
            put_new(place, profiling_name(source.record), times, "text/markdown")

    def _crashed(self, how: str) -> None:
        """Let a job whose process ended without a word wait again, as often as that may happen."""
        _log.warning("The process %s.", how, extra=self._about(attempt=self.counted))
        self.hold.warn(f"The process of the run {how}.")
        if self.counted < MOST_LOST:
            self._wait_again(0)
        else:
            self._end_lost(f"The process of the run {how}, in the last of {MOST_LOST} attempts.")

    def _end_lost(self, message: str) -> None:
        hint = "A run may have used more memory than there is. See the log of the worker."
        problem = Problem(code="worker_lost", message=message, hint=hint)
        self._end(self._outcome("failed", error=problem))

    def _let_go(self) -> None:
        """Do what the reason for letting the job go asks for."""
        why = self.hold.why
        _log.info("The job is let go: %s.", why, extra=self._about())
        if why == "lost":  # to a pause, or to a queue that forgot the lease; this worker is not lost
            self._take_back()
        elif why == "stopped":
            self._take_back()
            self._wait_again(0)
        elif why == "cancelled" and not self._settle():
            self._end(self._outcome("cancelled", record=self.left))
        elif why == "timeout" and not self._settle():
            assert self.request is not None  # it has the time
            problem = Problem(
                code="timeout",
                message=f"The run took longer than {self.request.timeout_s:g} s.",
                hint="Let jobs take longer: service.timeout",
            )
            self._end(self._outcome("failed", error=problem, record=self.left))

    def _again(self, error: StorageError) -> None:
        """Let the job wait after storage has failed, or let it fail at last."""
        _log.warning(error.message, extra=self._about(code=error.code))
        self._take_back()  # it was not lost
        self.failures = self._counted(1, self._failures_id)
        delays = self.times.again_s
        if self.failures <= len(delays):
            self._wait_again(delays[self.failures - 1])
        else:
            self._fail(error)

    def _fail(self, error: DissmodelError) -> None:
        said = {"message": redact(error.message), "hint": redact(error.hint)}
        problem = Problem(code=error.code, exit_code=error.exit_code, **said)
        try:
            self._end(self._outcome("failed", error=problem))
        except (StorageError, OSError) as away:  # not even that can be written: somebody tries again later
            _log.warning("%s", away, extra=self._about())
            self._wait_again(self.times.again_s[-1] if self.times.again_s else 0)

    def _outcome(self, status: Ended, **more: Any) -> Outcome:
        """Return how the job ended, with what is known of it here."""
        attempts = self.counted + self.failures
        return Outcome(status=status, log=self.hold.log, logged=self.hold.logged, attempts=attempts, **more)

    def _end(self, outcome: Outcome) -> None:
        """Write how the job ended; what stands there already stands."""
        is_first = self.truth.put(self.job, fitting(outcome))
        _log.info(
            "The job has ended: %s.",
            outcome.status,
            extra=self._about(first=is_first, code=outcome.error.code if outcome.error else None),
        )
        self.hold.end()
        with contextlib.suppress(QueueAway):
            self.queue.done(self.job)
            self.queue.done(self._failures_id)

    def _wait_again(self, delay_s: float) -> None:
        """Let the job go, then wait; without a queue, reconciling puts it there."""
        priority = self.request.priority if self.request is not None else "normal"
        self.hold.end()
        with contextlib.suppress(QueueAway):
            self.queue.free(self.job, self.hold.token)
            self.queue.put(self.job, priority, delay_s=delay_s)

    def _take_back(self) -> None:
        """Count this attempt no longer; wait for a queue that is away, which else would count it as lost."""
        if not self.counted or self.is_taken_back:
            return
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            try:
                self.counted = self.queue.count(self.job, -1)
            except QueueAway:
                time.sleep(_LOOK_S)
            else:
                self.is_taken_back = True
                return

    def _counted(self, by: int, counted: str | None = None) -> int:
        try:
            return self.queue.count(counted or self.job, by)
        except QueueAway:
            return 1

    @property
    def _failures_id(self) -> str:
        """What counts the failures of storage in the queue."""
        return f"{self.job}.storage"

    def _about(self, **more: Any) -> dict[str, Any]:
        return {
            "experiment_id": self.job,
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


def _document(record: Path | None) -> dict[str, Any] | None:
    """Return what the record of a run that did not complete says, without secrets."""
    if record is not None:
        with contextlib.suppress(DissmodelError):  # what the process wrote may be no record
            found: dict[str, Any] = redact_document(store.read_document(record))
            return found
    return None


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
