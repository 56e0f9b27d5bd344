"""What the service does, without a word of HTTP: submit, look, cancel, reproduce."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from dissmodel.errors import InvalidInput, UsageError
from dissmodel.experiment.layout import RECORD, Place
from dissmodel.experiment.source import placed
from dissmodel.record import ExperimentRecord
from dissmodel.record.digest import sha256_bytes
from dissmodel.running.others import SPACE, given_inputs
from dissmodel.service.documents import MAX_BYTES, Cancel, Request, Sweep, is_id, pairs_of
from dissmodel.service.inputs import admit
from dissmodel.service.jobs import View
from dissmodel.service.models import Model
from dissmodel.service.queue import Entry, Queue, QueueAway
from dissmodel.service.refusals import refused
from dissmodel.service.schemas import Schemas
from dissmodel.service.settings import ServiceSettings
from dissmodel.service.state import Seen
from dissmodel.service.truth import Truth

MOST_QUEUED = 10_000
_LONGEST_KEY = 255
_GIVEN = (
    "input_format",
    "layer",
    "parameters",
    "column_map",
    "band_map",
    "seed",
    "priority",
    "resample",
    "class_map",
    "input_fields",
    "output_suffix",
    "cog",
)
_LATER = frozenset({"inputs", "resample", "class_map", "input_fields", "output_suffix", "results", "cog"})
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """The jobs of a place.

    Attributes
    ----------
    settings : ServiceSettings
        What is set.
    truth : Truth
        The jobs' documents.
    queue : Queue
        Which of them wait.
    inputs : Place
        Where uploads are.
    schemas : Schemas
        What models' parameters are.
    noted : callable
        Called with each request that was submitted or cancelled; the list of jobs listens.
    """

    settings: ServiceSettings
    truth: Truth
    queue: Queue
    inputs: Place
    schemas: Schemas = field(default_factory=Schemas)
    noted: list[Callable[[Request], None]] = field(default_factory=list)

    def run(
        self, fields: Mapping[str, Any], find: Callable[[], Model], *, by: str, key: str | None, path: str
    ) -> View:
        """Submit a run and return the job; nothing is fetched, and no model's code is loaded.

        If the queue is away, the job is put there later. With an idempotency key, the same body of the same
        user to the same path gives the same job.

        Parameters
        ----------
        fields : Mapping
            What the client sent; ``input_dataset`` is the input.
        find : callable
            Returns the model.
        by, key, path : str
            Who asks, the idempotency key, and what it is for.

        Raises
        ------
        StorageError
            If the place fails; then there is no job.
        DissmodelError
            If it can't be such a job (``"key_reused"``: another body had the key), or too many jobs wait
            (``"queue_full"``).
        """

        def make() -> dict[str, Any]:
            model = find()
            return self.asked(model, fields, {**model.given, **fields["parameters"]})

        # A body of an earlier version, with the same key, is the same body.
        sent = {name: value for name, value in fields.items() if name not in _LATER or value}
        return self._submit(sent, make, by, key, path)

    def asked(self, model: Model, fields: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a request for a model; `parameters` may not be paths.

        Raises
        ------
        DissmodelError
            If it can't be such a request.
        """
        self.schemas.refuse_paths(model, parameters)
        read, inputs = self.admitted(fields["input_dataset"], fields["inputs"])
        given = {name: fields[name] for name in _GIVEN} | {"results": fields.get("results", {})}
        given |= {"registry": model.registry, "commit": model.commit, "spec": model.spec}
        return given | {"model_name": model.name, "input": read, "inputs": inputs}

    def admitted(self, first: str, others: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """Return the URI of the input, and those of the others by name, as a job may read them.

        Raises
        ------
        UsageError
            If it may not.
        """
        read = admit(first, self.settings)
        if SPACE in others:
            raise UsageError(f"The input {SPACE!r} is input_dataset.", "Leave it out of inputs.")
        _, _, given = given_inputs([("", read), *pairs_of(others)], None)
        bands = (next(iter(one.fields.values()), "") for one in given)
        return read, {
            name: f"{admit(one.place, self.settings)}{f':{band}' if band else ''}"
            for name, one, band in zip(others, given, bands, strict=True)
        }

    def reproduce(self, experiment: str, *, by: str, key: str | None, path: str) -> View:
        """Submit a run of an experiment again; errors as for `completed` and `run`."""

        def make() -> dict[str, Any]:
            record = self.completed(experiment)
            source = {"model_name": record.model_name, "spec": record.resolved_spec}
            return {"kind": "reproduce", "reproduces": experiment, "commit": record.model_commit, **source}

        return self._submit({"reproduces": experiment}, make, by, key, path)

    def _submit(
        self, body: Mapping[str, Any], make: Callable[[], dict[str, Any]], by: str, key: str | None, path: str
    ) -> View:
        job, digest = new_id(by, key, path), digest_of(body)
        if key is not None and (earlier := self._earlier(job, digest)) is not None:
            return earlier
        self.refuse_full()
        told = {"experiment_id": job, "submitted_by": by, "digest": digest, **make()}
        request = Request.model_validate({"timeout_s": self.settings.timeout_s, **told})
        refuse_large(request, MAX_BYTES)
        if not self.truth.put(job, request):
            return self._earlier(job, digest) or View(request, Seen())
        try:
            self.queue.put(job, request.priority)
        except QueueAway as error:
            _LOG.warning("%s", error.message, extra={"experiment_id": job})
        self.note(request)
        _LOG.info("The job was submitted.", extra={"experiment_id": job, "user": by})
        return View(request, Seen())  # as it was written: to look again costs as much as to submit

    def refuse_full(self, more: int = 1) -> None:
        """Refuse more jobs than may wait, as far as the queue answers.

        Raises
        ------
        UsageError
            With code ``"queue_full"``.
        """
        with contextlib.suppress(QueueAway):
            waiting = sum(self.queue.counts().values())
            if waiting + more > MOST_QUEUED:
                raise refused("queue_full", f"{waiting:,} jobs wait already, of at most {MOST_QUEUED:,}.")

    def _earlier(self, job: str, digest: str) -> View | None:
        earlier = self.truth.request(job)
        if earlier is None:
            return None
        if earlier.digest != digest:
            raise refused("key_reused", "This Idempotency-Key was sent before with another body.")
        return self.look_again(earlier, self.entries(job).get(job))

    def look(self, job: str) -> View:
        """Return a job as the place and the queue know it.

        Raises
        ------
        UsageError
            If there is no such job (code ``"unknown_job"``).
        StorageError
            If the place fails.
        """
        request = self.truth.request(job) if is_id(job) else None
        if request is None:
            raise refused("unknown_job", f"There is no job {job[:80]!r}.")
        return self.look_again(request, self.entries(job).get(job))

    def look_again(self, request: Request, entry: Entry | None) -> View:
        """Return a job of which the request, and what the queue knows, was read already."""
        job = request.experiment_id
        outcome = self.truth.outcome(job)
        has_record = outcome.status == "completed" if outcome is not None else self.truth.has_record(job)
        cancel = self.truth.cancelled(job) if outcome is None and not has_record else None
        seen = Seen(outcome, has_record, cancel, entry)
        found = self._record(job) if has_record else None
        return View(request, seen, found[0] if found is not None else None)

    def entries(self, *jobs: str) -> Mapping[str, Entry]:
        """Return what the queue knows of jobs; nothing if it is away."""
        try:
            return self.queue.view(jobs)
        except QueueAway as error:
            _LOG.warning("%s", error.message)
            return {}

    def cancel(self, job: str, by: str) -> View:
        """Let a job end; return what it was before.

        Raises
        ------
        UsageError
            If there is no such job, or it has ended (code ``"job_ended"``).
        """
        view = self.look(job)
        if view.has_ended or view.state == "cancelled":
            raise refused("job_ended", f"The job {job} has ended already: it is {view.state}.")
        self.truth.put(job, Cancel(by=by))
        with contextlib.suppress(QueueAway):  # the place has it: whoever takes the job looks there first
            self.queue.cancel(job)
        self.note(view.request)
        _LOG.info("The job is to be cancelled.", extra={"experiment_id": job, "user": by})
        return view

    def record(self, experiment: str) -> dict[str, Any]:
        """Return the record of an experiment, of a run that failed too.

        Raises
        ------
        UsageError
            If there is no such experiment, or the run ended before it had a record (code ``"no_record"``), or
            it has not ended (``"not_ended"``).
        """
        found = self._record(experiment)
        if found is not None:
            return found[1]
        view = self.look(experiment)
        if view.seen.outcome is not None and view.seen.outcome.record is not None:
            return dict(view.seen.outcome.record)
        if view.state in {"failed", "cancelled"}:
            raise refused("no_record", f"The job {experiment} is {view.state}, and has no record.")
        raise refused("not_ended", f"The job {experiment} is {view.state}: there is no record yet.")

    def completed(self, experiment: str) -> ExperimentRecord:
        """Return the record of an experiment that completed.

        Raises
        ------
        UsageError
            If there is none, or it did not complete (code ``"not_completed"``).
        """
        found = self._record(experiment)
        if found is not None:
            return found[0]
        view = self.look(experiment)
        raise refused("not_completed", f"The job {experiment} is {view.state}, not completed.")

    def note(self, request: Request) -> None:
        """Tell whoever listens of a request that was submitted or cancelled."""
        for tell in self.noted:
            tell(request)

    def _record(self, experiment: str) -> tuple[ExperimentRecord, dict[str, Any]] | None:
        if not is_id(experiment):
            return None
        try:
            with placed(self.truth.experiment(experiment), RECORD) as source:
                return source.record, source.document
        except InvalidInput as error:
            if error.code != "record_missing":
                raise
            return None


def new_id(by: str, key: str | None, path: str) -> str:
    """Return an id: with an idempotency key, the same for the same user and path.

    Raises
    ------
    UsageError
        If it can't be a key (code ``"bad_key"``).
    """
    if key is None:
        return uuid4().hex
    if not 0 < len(key) <= _LONGEST_KEY:
        raise refused("bad_key", f"Idempotency-Key: it has {len(key)} characters.")
    return sha256_bytes(f"{by}\0{key}\0{path}".encode())[:32]


def digest_of(body: Mapping[str, Any]) -> str:
    """Return the digest of what a client sent."""
    return sha256_bytes(json.dumps(body, sort_keys=True).encode())


def refuse_large(document: Request | Sweep, limit: int) -> None:
    """Refuse a document of more bytes.

    Raises
    ------
    UsageError
        With code ``"body_too_large"``.
    """
    try:
        size = len(document.to_bytes())
    except ValueError:  # a table in a table in a table …
        size = limit + 1
    if size > limit:
        raise refused("body_too_large", "It can't be written down: it is too large, or nested too deep.")
