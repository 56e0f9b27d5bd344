"""A worker: it takes jobs, one after the other or some at once, until it is told to stop."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import re
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from types import FrameType
from uuid import uuid4

from dissmodel.config import load_settings
from dissmodel.errors import DissmodelError
from dissmodel.experiment.layout import outputs_place
from dissmodel.service.attempt import attempt
from dissmodel.service.hold import Times
from dissmodel.service.indexing import Indexing
from dissmodel.service.job_engine import JobEngine
from dissmodel.service.job_process import hide_environment
from dissmodel.service.queue import Queue
from dissmodel.service.queue.open import open_queue
from dissmodel.service.reconcile import Reconciler
from dissmodel.service.settings import ServiceSettings
from dissmodel.service.truth import Truth
from dissmodel.storage.settings import StorageSettings

_LOOK_S = 0.2
_LAST_S = 5.0
_log = logging.getLogger(__name__)


def work(
    settings: ServiceSettings, *, jobs: int = 1, drain: bool = False, times: Times | None = None
) -> None:
    """Take jobs and run them, `jobs` at once, until SIGTERM or SIGINT; with `drain`, until none waits.

    After a signal no job is taken any more. What runs then has ``times.grace_s`` to end; what has not ended
    is let go, for another worker. A second signal ends that time.

    Raises
    ------
    DissmodelError
        If the place or the queue can't be opened, or ``service.engine`` is set wrong.
    """
    times = times or Times()
    hide_environment()
    truth = Truth(outputs_place(settings.place, StorageSettings.of(load_settings())))
    queue = open_queue(settings)
    reconciler = Reconciler(truth, queue, lease_s=settings.lease_s)
    worker = _Worker(
        worker_name(), truth, queue, settings, jobs, times, reconciler if drain else None, Indexing(truth)
    )
    with contextlib.ExitStack() as stack:
        if settings.engine:
            worker.engine = JobEngine(settings, jobs, worker.has_jobs)
            stack.enter_context(worker.engine.running())
        stack.enter_context(worker.signals())
        stack.enter_context(contextlib.closing(queue))
        stack.enter_context(reconciler.running())
        worker.work()


def worker_name() -> str:
    """Return a name that no worker has had: ``WORKER_ID`` or the host's name, and random digits."""
    said = os.environ.get("WORKER_ID") or platform.node() or "worker"
    return f"{re.sub(r'[^A-Za-z0-9._-]', '-', said)[:80]}-{os.getpid()}-{uuid4().hex[:8]}"


@dataclass
class _Worker:
    name: str
    truth: Truth
    queue: Queue
    settings: ServiceSettings
    jobs: int
    times: Times
    until_drained: Reconciler | None
    indexing: Indexing
    closing: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    active: set[str] = field(default_factory=set)
    engine: JobEngine | None = None

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Let the first signal close the worker, and the second stop it."""

        def close(_signum: int, _frame: FrameType | None) -> None:
            (self.stop if self.closing.is_set() else self.closing).set()

        before = {one: signal.signal(one, close) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def work(self) -> None:
        """Work until all threads have ended."""
        _log.info("The worker begins.", extra={"worker": self.name, "jobs": self.jobs})
        threads = [threading.Thread(target=self._take_jobs, daemon=True) for _ in range(self.jobs)]
        for thread in threads:
            thread.start()
        self._wait_for(threads, self.closing)
        if self.closing.is_set():
            _log.info("The worker takes no more jobs.", extra={"worker": self.name})
            self._wait_for(threads, self.stop, self.times.grace_s)
            self.stop.set()
            self._wait_for(threads, threading.Event(), _LAST_S)
        _log.info("The worker ends.", extra={"worker": self.name})

    @staticmethod
    def _wait_for(threads: list[threading.Thread], event: threading.Event, seconds: float = inf) -> None:
        """Wait until all threads have ended, or for an event, or for some seconds; signals come meanwhile."""
        until = time.monotonic() + seconds
        while any(thread.is_alive() for thread in threads) and time.monotonic() < until:
            if event.wait(_LOOK_S):
                return

    def _take_jobs(self) -> None:
        while not self.closing.is_set():
            try:
                job = self.queue.take(self.name, wait_s=1) if self._has_room() else None
                if job is None:
                    if self._is_drained():
                        return
                    continue
                if self.closing.is_set():  # it came just now
                    self._put_back(job)
                    return
            except DissmodelError as error:
                _log.warning(error.message, extra={"worker": self.name})
                self.closing.wait(1)
                continue
            self.active.add(job)
            self._attempt(job)
            self.active.discard(job)

    def _has_room(self) -> bool:
        """Return whether the engine can run one more job; if not, wait a second."""
        if self.engine is None or self.engine.has_room(len(self.active)):
            return True
        self.closing.wait(1)
        return False

    def has_jobs(self) -> bool:
        """Return whether a job runs here or waits."""
        return bool(self.active) or sum(self.queue.counts().values()) > 0

    def _put_back(self, job: str) -> None:
        request = self.truth.request(job)
        if request is not None:
            self.queue.put(job, request.priority)

    def _attempt(self, job: str) -> None:
        threads = None if self.jobs == 1 else max(1, (os.cpu_count() or 1) // self.jobs)
        try:
            is_delivered = attempt(
                job,
                truth=self.truth,
                queue=self.queue,
                settings=self.settings,
                worker=self.name,
                stop=self.stop,
                threads=threads if self.engine is None else self.engine.threads,
                times=self.times,
                engine=self.engine,
            )
            if is_delivered:
                self.indexing.note(job)
        except Exception:  # noqa: BLE001  (a bug: the job is held no more, and waits again)
            _log.exception("An attempt failed.", extra={"experiment_id": job, "worker": self.name})

    def _is_drained(self) -> bool:
        """Return whether this worker is to end: no job waits, and none that the queue forgot."""
        if self.until_drained is None or self.active or self.until_drained.has_missed:
            return False
        return not sum(self.queue.counts().values())
