"""A job that this worker holds: its lease, how far it is, and why it has to be let go."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from dissmodel.errors import DissmodelError
from dissmodel.service.queue import KEPT_LINES, Answer, Queue, QueueAway
from dissmodel.service.told import Told
from dissmodel.service.truth import Truth

Why = Literal["cancelled", "lost", "timeout", "stopped"]

_NEWS_S = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Times:
    """How long the service waits, in seconds.

    Attributes
    ----------
    look_s : float
        Between two looks for a cancellation.
    end_s : float
        After SIGTERM until a run is killed.
    again_s : tuple of float
        After each failure of storage until the next attempt.
    grace_s : float
        After SIGTERM until a worker lets its jobs go.
    """

    look_s: float = 1.0
    end_s: float = 10.0
    again_s: tuple[float, ...] = (30.0, 120.0, 480.0)
    grace_s: float = 50.0


class LetGo(BaseException):
    """The job has to be let go, see `Hold.why`; no error, so that nothing takes it for a failure."""


class Hold(Told):
    """The lease of a job, kept by a thread, and what is told of the job; a reporter too.

    Attributes
    ----------
    why : str or None
        Why the job has to be let go: somebody cancelled it, another worker has it, its time is over, or this
        worker stops.
    token : str
        Of this attempt.
    """

    def __init__(
        self,
        job: str,
        *,
        queue: Queue,
        truth: Truth,
        worker: str,
        lease_s: float,
        stop: threading.Event,
        times: Times,
    ) -> None:
        super().__init__()
        self.job, self.token = job, uuid4().hex
        self._until = float("inf")
        self._queue, self._truth, self._worker, self._stop = queue, truth, worker, stop
        self._lease_s, self._times = lease_s, times
        self._why: Why | None = None
        self._over = threading.Event()
        self._beating = threading.Thread(target=self._beat_on, daemon=True)

    @property
    def why(self) -> Why | None:
        """Why the job has to be let go; None: it is held."""
        if self._why is None:
            if time.monotonic() >= self._until:
                self._why = "timeout"
            elif self._stop.is_set():
                self._why = "stopped"
        return self._why

    def allow(self, seconds: float) -> None:
        """Let the job take so many seconds from now on."""
        self._until = time.monotonic() + seconds

    def take(self) -> Answer:
        """Hold the job for a lease, for the first time.

        Raises
        ------
        QueueAway
            If the queue does not answer.
        """
        answer = self._queue.beat(self.job, self.token, self.news(KEPT_LINES), self._worker)
        if answer == "lost":
            self._why = "lost"
        return answer

    def beat(self) -> Answer:
        """Hold the job for another lease; with the queue away the answer is ok, for the record decides."""
        try:
            return self.take()
        except QueueAway as error:
            _log.warning(error.message, extra={"experiment_id": self.job})
            return "ok"

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the lease, and look for a cancellation, in the block."""
        self._beating.start()
        threading.Thread(target=self._look, daemon=True).start()
        try:
            yield
        finally:
            self.end()

    def end(self) -> None:
        """Keep the lease no longer; a beat that is under way would hold again what is let go."""
        self._over.set()
        self._beating.join()

    def check(self) -> None:
        """Raise `LetGo` if the job has to be let go."""
        if self.why is not None:
            raise LetGo

    def wait(self, seconds: float) -> None:
        """Wait, and raise `LetGo` as soon as the job has to be let go."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.check()
            time.sleep(min(0.1, max(0.0, until - time.monotonic())))

    def phase(self, name: str) -> None:
        """Tell the phase; raise `LetGo` as `check` does, and so below."""
        self.tell(name)
        self.check()

    def step(self, done: int, total: int, cells: int = 0) -> None:  # noqa: ARG002  (the protocol's)
        """Tell how far the phase is."""
        self.tell(None, done, total)
        self.check()

    def transferred(self, done: int, total: int) -> None:
        """Tell how far the phase is, in bytes."""
        self.step(done, total)

    def _beat_on(self) -> None:
        last = time.monotonic()
        while not self._over.wait(min(_NEWS_S, self._lease_s / 3)) and self._why != "lost":
            if self.is_new or time.monotonic() - last >= self._lease_s / 3:
                last = time.monotonic()
                self.beat()

    def _look(self) -> None:
        while not self._over.wait(self._times.look_s) and self._why is None:
            try:
                if self._truth.cancelled(self.job) is not None:
                    self._why = "cancelled"
            except DissmodelError as error:  # the place is away: the run goes on
                _log.warning(error.message, extra={"experiment_id": self.job})
