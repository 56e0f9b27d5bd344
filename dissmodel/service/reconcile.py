"""What the queue forgot is put again, and what ended without an outcome gets one."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal

from dissmodel.errors import DissmodelError
from dissmodel.service.documents import Outcome, Priority
from dissmodel.service.queue import Queue, QueueAway
from dissmodel.service.repeated import repeated
from dissmodel.service.sweeps import go_on, unfinished
from dissmodel.service.truth import CANCEL, OUTCOME, REQUEST, Truth

_LOG = logging.getLogger(__name__)
_AT_A_TIME = 500
_PAUSES = 9  # of a pass that takes long: it works a tenth of the time
# The errors of a place that can't be reached, and those of a document that may be read the next time. Any
# other error is about what a document holds, and no document changes.
_AWAY = frozenset({"storage_unreachable", "storage_missing", "credentials_missing"})
_PASSING = frozenset({"storage", "storage_denied"})


@dataclass(frozen=True)
class Reconciled:
    """What a pass did, by the ids of jobs; `problems` are those that it could do nothing about, and why."""

    put: tuple[str, ...] = ()
    completed: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()
    problems: Mapping[str, DissmodelError] = field(default_factory=dict)


def reconcile(
    truth: Truth, queue: Queue, unknown: dict[str, float], *, grace_s: float, now: float
) -> Reconciled:
    """Compare the jobs of the place with those of the queue, and settle where they differ.

    A job without an outcome that nobody holds is settled if it was cancelled, or if the queue has not known
    it for `grace_s`: it has ended if its record is there, and is put again if not. One list of the place is
    read, and documents only of the jobs that are settled. Several processes may do the same at the same time.

    Parameters
    ----------
    truth : Truth
        The jobs of the place.
    queue : Queue
        The jobs that wait or are held.
    unknown : dict of str to float
        When each job was missed in the queue first; kept from pass to pass, and changed.
    grace_s : float
        For how long a job has to be missed: between its take and the first beat nobody holds it.
    now : float
        The time on a monotonic clock.

    Raises
    ------
    QueueAway
        If the queue fails; then the jobs that were missed may be there.
    StorageError
        If the place fails.
    """
    # The list comes first: what is held or waits after that, without an outcome before it, is on its way.
    is_cancelled = {
        job: CANCEL in names for job, names in truth.jobs() if REQUEST in names and OUTCOME not in names
    }
    for job in unknown.keys() - is_cancelled.keys():
        del unknown[job]
    done: dict[str, list[str]] = {"put": [], "completed": [], "cancelled": []}
    problems: dict[str, DissmodelError] = {}
    forgotten: list[tuple[str, str, Priority]] = []
    for job, attempts in _missed(queue, unknown, is_cancelled, grace_s=grace_s, now=now):
        try:
            status = _settle(truth, queue, job, attempts, is_cancelled=is_cancelled[job])
            request = truth.request(job) if status is None else None
        except DissmodelError as error:
            if isinstance(error, QueueAway) or error.code in _AWAY:
                raise
            problems[job] = error
            if error.code not in _PASSING:
                unknown[job] = math.inf
            continue
        if status is not None:
            done[status].append(job)
            del unknown[job]
        elif request is not None:  # None: somebody empties the place
            forgotten.append((request.submitted_at.isoformat(), job, request.priority))
    for _, job, priority in sorted(forgotten):  # their turns are those of their submission again
        queue.put(job, priority)
        done["put"].append(job)
        del unknown[job]
    return Reconciled(**{name: tuple(found) for name, found in done.items()}, problems=problems)


def _missed(
    queue: Queue, unknown: dict[str, float], is_cancelled: Mapping[str, bool], *, grace_s: float, now: float
) -> Iterator[tuple[str, int]]:
    """Yield the jobs to settle, each with its attempts, and note those that are missed or no longer so."""
    jobs = list(is_cancelled)
    for start in range(0, len(jobs), _AT_A_TIME):
        for job, entry in queue.view(jobs[start : start + _AT_A_TIME]).items():
            if entry.is_leased or (entry.is_waiting and not is_cancelled[job]):
                unknown.pop(job, None)
            elif now - unknown.setdefault(job, now) >= (0 if is_cancelled[job] else grace_s):
                yield job, entry.attempts


def _settle(
    truth: Truth, queue: Queue, job: str, attempts: int, *, is_cancelled: bool
) -> Literal["completed", "cancelled"] | None:
    """Write the outcome of a job that nobody holds; return how it ended, None if it has not."""
    digest = truth.record_digest(job)
    if digest is None and not is_cancelled:
        return None
    status: Literal["completed", "cancelled"] = "cancelled" if digest is None else "completed"
    truth.put(job, Outcome(status=status, attempts=attempts, record_digest=digest))
    queue.done(job)
    return status


class Reconciler:
    """A thread that reconciles every half lease; of a large place less often, to leave it in peace."""

    def __init__(self, truth: Truth, queue: Queue, *, lease_s: float) -> None:
        self._truth, self._queue, self._half_s = truth, queue, lease_s / 2
        self._unknown: dict[str, float] = {}
        self._told: set[tuple[str, str]] = set()
        self._failed: str | None = None
        self._left: frozenset[str] = frozenset()
        self.has_missed = True
        """Whether a job may be put again soon; unknown before the first pass."""

    def running(self) -> AbstractContextManager[None]:
        """Reconcile now and every half lease for the block, and end after the pass that is under way."""
        return repeated(
            self.once,
            lambda took_s: max(self._half_s, _PAUSES * took_s),
            bug="Jobs were not reconciled.",
            is_awaited=True,
        )

    def once(self) -> Reconciled | None:
        """Reconcile now; None if queue or place failed, which the log tells once until both answer again."""
        try:
            sweeps = self._go_on()
            found = reconcile(
                self._truth, self._queue, self._unknown, grace_s=self._half_s, now=time.monotonic()
            )
        except DissmodelError as error:
            self._unknown.clear()  # nothing was missed, for nothing was seen
            self.has_missed = False
            if error.code != self._failed:
                _LOG.warning("Jobs are not reconciled for now. %s %s", error.message, error.hint)
            self._failed = error.code
            return None
        is_missed = any(map(math.isfinite, self._unknown.values()))
        self.has_missed = is_missed or bool(self._left - sweeps.keys())
        if self._failed is not None:
            _LOG.info("Jobs are reconciled again.")
        self._failed = None
        for job, problem in {**found.problems, **sweeps}.items():
            if (job, problem.code) not in self._told:
                self._told.add((job, problem.code))
                _LOG.warning("%s waits for somebody to look at it. %s", job, problem.message)
        for what in ("put", "completed", "cancelled"):
            for job in getattr(found, what):
                _LOG.info("Job %s was found without an outcome: %s.", job, what)
        return found

    def _go_on(self) -> dict[str, DissmodelError]:
        """Go on with sweeps that were not whole half a lease ago either; return the problems of others."""
        problems: dict[str, DissmodelError] = {}
        left = unfinished(self._truth)
        for one in left & self._left:
            try:
                sweep = self._truth.sweep(one)
                if sweep is not None:
                    go_on(self._truth, self._queue, sweep)
            except DissmodelError as error:
                if error.code in _AWAY:
                    raise
                problems[one] = error
        self._left = left
        return problems
