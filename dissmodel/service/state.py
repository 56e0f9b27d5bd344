"""The state of a job: one pure function of what the place and the queue say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dissmodel.service.documents import Cancel, Outcome
from dissmodel.service.queue import Entry

State = Literal["queued", "running", "delivering", "completed", "failed", "cancelled"]
LEGACY = {"queued": "pending", "running": "running", "delivering": "running"}
OGC = {"queued": "accepted", "running": "running", "delivering": "running", "completed": "successful"} | {
    "failed": "failed",
    "cancelled": "dismissed",
}
DELIVER = "deliver"
"""The phase in which a worker puts the result into the place."""


@dataclass(frozen=True)
class Seen:
    """What was read of a job that was asked for; `has_record` of its experiment."""

    outcome: Outcome | None = None
    has_record: bool = False
    cancel: Cancel | None = None
    entry: Entry | None = None


def settle(seen: Seen) -> State:
    """Return the state of a job.

    The first outcome stands; a record without an outcome is a result; a job that a worker holds runs, also
    while its cancellation is on the way; a job that nobody holds and that was cancelled has ended.

    >>> settle(Seen(has_record=True, cancel=Cancel()))
    'completed'
    """
    if seen.outcome is not None:
        return seen.outcome.status
    if seen.has_record:
        return "completed"
    if seen.entry is not None and seen.entry.is_leased:
        return "delivering" if seen.entry.progress.phase == DELIVER else "running"
    return "cancelled" if seen.cancel is not None else "queued"
