"""Sweeps: a document first, then a job for each run; whoever meets a sweep that is not whole goes on."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dissmodel.errors import DissmodelError, StorageError, UsageError
from dissmodel.progress import Silent
from dissmodel.service import foreign
from dissmodel.service.documents import MAX_SWEEP_BYTES, Cancel, Request, Sweep, SweepRun, is_id
from dissmodel.service.models import Model
from dissmodel.service.queue import Queue, QueueAway
from dissmodel.service.refusals import refused
from dissmodel.service.schemas import NOT_INSTALLED, is_installed
from dissmodel.service.service import MOST_QUEUED, Service, digest_of, new_id, refuse_large
from dissmodel.service.truth import CANCEL, CANCELLED, SUBMITTED, SWEEP, Truth
from dissmodel.storage.transfer import Pool
from dissmodel.sweeping.values import is_input

_AT_ONCE = 200
_STORAGE = 5  # the exit code
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sweeps:
    """The sweeps of a service."""

    service: Service

    def submit(
        self, fields: Mapping[str, Any], find: Callable[[], Model], *, by: str, key: str | None, path: str
    ) -> Sweep:
        """Write a sweep down and return it; `go_on` then submits its runs. Nothing is fetched.

        A process of its own loads the model to check all rows. Arguments are as for `Service.run`.

        Raises
        ------
        StorageError
            If the place fails; then there is no sweep.
        DissmodelError
            If it can't be such a sweep, with all that is wrong with its values; or as `Service.run`.
        """
        sweep, digest = new_id(by, key, path), digest_of(fields)
        earlier = self._earlier(sweep, digest) if key is not None else None
        if earlier is not None:
            return earlier
        self.service.refuse_full()
        model = find()
        vary = fields["vary"] if isinstance(fields["vary"], list) else [fields["vary"]]
        varied = {name: None for grid in vary for name in grid if not is_input(name)}
        rows, plan = self._expanded(model, {**fields, "vary": vary})
        first = fields["input_dataset"] or next((one.inputs[""] for one in rows if "" in one.inputs), None)
        if first is None:
            raise UsageError("Which input?", "Give input_dataset, or let input vary.")
        parameters = {**model.given, **fields["parameters"], **varied}
        asked = self.service.asked(model, {**fields, "input_dataset": first}, parameters)
        shared = Request(
            experiment_id=sweep,
            sweep=sweep,
            submitted_by=by,
            timeout_s=self.service.settings.timeout_s,
            until=fields["until"],
            **asked,
        )
        names = ("design", "replicates", "seed")
        made = Sweep(
            sweep_id=sweep,
            shared=shared,
            vary=tuple(vary),
            plan=plan,
            rows=self._admitted(rows, first),
            digest=digest,
            **{name: fields[name] for name in names},
        )
        refuse_large(made, MAX_SWEEP_BYTES)
        self.service.refuse_full(len(made.jobs))
        if not self.service.truth.put_sweep(sweep, made):
            return self._earlier(sweep, digest) or made
        _LOG.info("The sweep was submitted.", extra={"sweep": sweep, "user": by})
        return made

    def look(self, sweep: str) -> Sweep:
        """Return a sweep.

        Raises
        ------
        UsageError
            If there is no such sweep (code ``"unknown_sweep"``).
        """
        found = self.service.truth.sweep(sweep) if is_id(sweep) else None
        if found is None:
            raise refused("unknown_sweep", f"There is no sweep {sweep[:80]!r}.")
        return found

    def cancel(self, sweep: str, by: str) -> None:
        """Let the runs of a sweep end that have not; `go_on` then does it for each."""
        self.service.truth.put_sweep(sweep, Cancel(by=by))
        _LOG.info("The sweep is to be cancelled.", extra={"sweep": sweep, "user": by})

    def go_on(self, sweep: Sweep) -> None:
        """Submit or cancel what is left of a sweep; if the place fails, a worker does it later."""
        try:
            go_on(self.service.truth, self.service.queue, sweep, self.service.note)
        except DissmodelError as error:
            _LOG.warning("%s", error.message, extra={"sweep": sweep.sweep_id})

    def _earlier(self, sweep: str, digest: str) -> Sweep | None:
        earlier = self.service.truth.sweep(sweep)
        if earlier is not None and earlier.digest != digest:
            raise refused("key_reused", "This Idempotency-Key was sent before with another body.")
        return earlier

    def _expanded(self, model: Model, fields: Mapping[str, Any]) -> tuple[list[SweepRun], str]:
        if not is_installed(model):
            raise refused("package_missing", f"{model.name}: {NOT_INSTALLED}")
        names = ("parameters", "vary", "design", "replicates", "seed", "until")
        asked = {name: fields[name] for name in names}
        asked |= {"name": model.name, "spec": model.spec, "commit": model.commit, "most": MOST_QUEUED}
        asked["memory"] = self.service.settings.memory
        try:
            found = json.loads(foreign.run("dissmodel.service.expand", given=json.dumps(asked, default=str)))
        except StorageError as error:
            if error.code != foreign.OUTPUT_TOO_LARGE:
                raise
            raise refused("body_too_large", "The rows of the plan are too large.") from None
        if (said := found.get("error")) is not None:
            kind = StorageError if said.pop("exit_code") == _STORAGE else UsageError
            raise kind(**said)
        return [SweepRun(*one) for one in found["rows"]], found["plan"]

    def _admitted(self, rows: list[SweepRun], first: str) -> tuple[SweepRun, ...]:
        """Return the rows with the URIs of their inputs, as jobs may read them."""
        known: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
        for one in rows:
            named = tuple(one.inputs.items())
            if named not in known:
                others = {name: place for name, place in named if name}
                read, others = self.service.admitted(one.inputs.get("", first), others)
                known[named] = others | ({"": read} if "" in one.inputs else {})
        return tuple(one._replace(inputs=known[tuple(one.inputs.items())]) for one in rows)


def go_on(
    truth: Truth, queue: Queue, sweep: Sweep, note: Callable[[Request], None] = lambda _request: None
) -> None:
    """Submit each run of a sweep that is no job yet; of a cancelled sweep, cancel each that has not ended.

    Several processes may do the same at the same time: a job is submitted once. `note` is called with each
    request that was submitted. A cancellation ends the submission, and is done by another call.

    Raises
    ------
    StorageError
        If the place fails.
    """
    cancelled = truth.cancelled_sweep(sweep.sweep_id)
    done = SUBMITTED if cancelled is None else CANCELLED
    if truth.is_noted(sweep.sweep_id, done):
        return

    def submit(job: str) -> None:
        request = sweep.request(sweep.jobs[job])
        if truth.put(job, request):
            with contextlib.suppress(QueueAway):  # reconciling puts it there
                queue.put(job, request.priority)
            note(request)

    def cancel(job: str) -> None:
        if cancelled is not None and truth.outcome(job) is None:  # what is no job yet never runs then
            truth.put(job, cancelled)
            with contextlib.suppress(QueueAway):
                queue.cancel(job)

    jobs = list(sweep.jobs)
    for start in range(0, len(jobs), _AT_ONCE):
        if cancelled is None and truth.cancelled_sweep(sweep.sweep_id) is not None:
            return
        _each(submit if cancelled is None else cancel, jobs[start : start + _AT_ONCE])
    truth.note_sweep(sweep.sweep_id, done)


def unfinished(truth: Truth) -> frozenset[str]:
    """Return the sweeps of which runs are to be submitted or cancelled."""
    return frozenset(
        sweep
        for sweep, names in truth.sweeps()
        if SWEEP in names and (CANCELLED if CANCEL in names else SUBMITTED) not in names
    )


def _each(work: Callable[[str], None], jobs: list[str]) -> None:
    for one in Pool(Silent()).each(work, jobs):
        if isinstance(one, DissmodelError):
            raise one
