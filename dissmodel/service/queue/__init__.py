"""Which job is next, and who has it. A queue may forget everything: the truth is in the place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, Protocol

from pydantic import TypeAdapter, ValidationError

from dissmodel.errors import StorageError
from dissmodel.service.documents import Priority

__all__ = ["KEPT_LINES", "PRIORITIES", "TURN_S", "Answer", "Entry", "Progress", "Queue", "QueueAway"]

PRIORITIES: tuple[Priority, ...] = ("high", "normal", "low")
KEPT_LINES = 100
TURN_S = 3600.0
"""How far a priority moves the turn of a job."""
Answer = Literal["ok", "cancel", "lost"]


class QueueAway(StorageError):
    """The queue's server does not answer: jobs that run go on, and what was asked for waits in the place."""

    code = "queue_away"


@dataclass(frozen=True)
class Progress:
    """Where an attempt is: its phase, and the steps of it that are done.

    `lines` are the last lines that the run has printed, at most `KEPT_LINES`, of `logged` in all.
    """

    phase: str = ""
    step: int = 0
    steps: int = 0
    lines: tuple[str, ...] = ()
    logged: int = 0

    def to_text(self) -> str:
        """Return it as a queue keeps it."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_text(text: str | None) -> Progress:
        """Read what a queue has kept; a text that is no progress tells of none."""
        try:
            return _READ.validate_json(text) if text else Progress()
        except ValidationError:
            return Progress()


_READ = TypeAdapter(Progress)


@dataclass(frozen=True)
class Entry:
    """What a queue knows of a job."""

    is_waiting: bool = False
    is_leased: bool = False
    attempts: int = 0
    progress: Progress = field(default_factory=Progress)
    worker: str = ""


class Queue(Protocol):
    """Jobs that wait, by priority and age, and the leases of those that workers hold.

    Every method raises `QueueAway` if the server does not answer. All are safe to call from several threads
    and processes.
    """

    def put(self, job: str, priority: Priority, *, delay_s: float = 0) -> None:
        """Let a job wait, once, no matter how often it is put; not before `delay_s` from now.

        A job that waits already keeps its turn. Turns are by the time of the put, a ``"high"`` job one hour
        ahead of it and a ``"low"`` job one hour behind.
        """

    def take(self, worker: str, *, wait_s: float = 1) -> str | None:
        """Return the next job, which then waits no longer; None if none came within `wait_s`.

        The first `beat` holds it. A job that is taken and never held is unknown here, so it is put again.
        """

    def beat(self, job: str, token: str, progress: Progress, worker: str = "") -> Answer:
        """Hold a job for another lease, in one atomic statement.

        ``"ok"`` if nobody holds it or `token` does, ``"cancel"`` if so and `cancel` was called, ``"lost"`` if
        another token does.
        """

    def count(self, job: str, by: int = 1) -> int:
        """Count an attempt, or take one back; return how many there were."""

    def free(self, job: str, token: str) -> bool:
        """Let a job go, if `token` holds it; return whether it did."""

    def cancel(self, job: str) -> None:
        """Take a job out of those that wait, and let the next `beat` say so; the place knows it already."""

    def done(self, job: str) -> None:
        """Forget all of a job that has ended."""

    def view(self, jobs: Iterable[str]) -> Mapping[str, Entry]:
        """Return what is known of each of these jobs at one instant; an empty entry if nothing is."""

    def counts(self) -> Mapping[Priority, int]:
        """Return how many jobs of each priority wait, those with a delay too."""

    def close(self) -> None:
        """Let go of files and connections; a later call opens them again."""
