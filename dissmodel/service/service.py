"""What the service does, without a word of HTTP: submit, look, cancel, reproduce."""

from __future__ import annotations

import contextlib
import hashlib
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
from dissmodel.service.documents import MAX_BYTES, Cancel, Request, is_id
from dissmodel.service.inputs import admit
from dissmodel.service.jobs import View
from dissmodel.service.models import Model
from dissmodel.service.queue import Entry, Queue, QueueAway
from dissmodel.service.schemas import Schemas
from dissmodel.service.settings import ServiceSettings
from dissmodel.service.state import Seen
from dissmodel.service.truth import Truth

MOST_QUEUED = 10_000
_LONGEST_KEY = 255
_GIVEN = ("input_format", "layer", "parameters", "column_map", "band_map", "seed", "priority")
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

    def job_id(self, by: str, key: str | None, path: str) -> str:
        """Return the id of a new job: with an idempotency key, the same for the same user, key and path.

        Raises
        ------
        UsageError
            If the key is too long.
        """
        if key is None:
            return uuid4().hex
        if not key or len(key) > _LONGEST_KEY:
            raise UsageError(
                f"Idempotency-Key: it has {len(key)} characters.",
                f"Send 1 to {_LONGEST_KEY} characters, such as a UUID.",
                code="bad_key",
            )
        return hashlib.sha256(f"{by}\0{key}\0{path}".encode()).hexdigest()[:32]

    def submitted(self, job: str, digest: str) -> Request | None:
        """Return what was submitted before with the same idempotency key; None if nothing was.

        Raises
        ------
        UsageError
            If it was another body (code ``"key_reused"``).
        """
        earlier = self.truth.request(job)
        if earlier is not None and earlier.digest != digest:
            raise UsageError(
                "This Idempotency-Key was sent before with another body.",
                "Send another key with each new job.",
                code="key_reused",
            )
        return earlier

    def run(
        self,
        fields: Mapping[str, Any],
        find: Callable[[], Model],
        *,
        by: str,
        key: str | None,
        path: str,
    ) -> Request:
        """Submit a run; nothing is fetched, and no model's code is loaded.

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
        DissmodelError
            If it can't be such a job; then there is none.
        """
        job, digest = self.job_id(by, key, path), digest_of(fields)
        earlier = self.submitted(job, digest) if key is not None else None
        if earlier is not None:
            return earlier
        model = find()
        given = {**model.given, **fields["parameters"]}
        self.schemas.refuse_paths(model, given)
        request = Request(
            **{name: fields[name] for name in _GIVEN},
            input=admit(fields["input_dataset"], self.settings),
            experiment_id=job,
            submitted_by=by,
            timeout_s=self.settings.timeout_s,
            model_name=model.name,
            spec=model.spec,
            registry=model.registry,
            commit=model.commit,
            digest=digest,
        )
        return self.submit(request)

    def reproduce(self, experiment: str, *, by: str, key: str | None, path: str) -> Request:
        """Submit a run of an experiment again; errors as for `completed` and `run`."""
        job, digest = self.job_id(by, key, path), digest_of({"reproduces": experiment})
        earlier = self.submitted(job, digest) if key is not None else None
        if earlier is not None:
            return earlier
        record = self.completed(experiment)
        request = Request(
            experiment_id=job,
            kind="reproduce",
            submitted_by=by,
            timeout_s=self.settings.timeout_s,
            model_name=record.model_name,
            spec=record.resolved_spec,
            commit=record.model_commit,
            reproduces=experiment,
            digest=digest,
        )
        return self.submit(request)

    def submit(self, request: Request) -> Request:
        """Write down what is asked for, then let it wait; return what stands.

        If the queue is away, its jobs are put there later.

        Raises
        ------
        UsageError
            If too many jobs wait (code ``"queue_full"``), or `request` can't be stored.
        StorageError
            If the place fails; then there is no job.
        """
        with contextlib.suppress(QueueAway):
            if sum(self.queue.counts().values()) >= MOST_QUEUED:
                raise UsageError(f"{MOST_QUEUED:,} jobs wait already.", "Try again later.", code="queue_full")
        try:
            size = len(request.to_bytes())
        except ValueError:  # a table in a table in a table …
            size = MAX_BYTES + 1
        if size > MAX_BYTES:
            raise UsageError(
                "The job can't be written down: it is nested too deep, or too large.",
                "Leave out what the model does not need.",
                code="body_too_large",
            )
        if not self.truth.put(request.experiment_id, request):
            return self.submitted(request.experiment_id, request.digest) or request
        try:
            self.queue.put(request.experiment_id, request.priority)
        except QueueAway as error:
            _LOG.warning("%s", error.message, extra={"experiment_id": request.experiment_id})
        self._note(request)
        return request

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
            raise UsageError(f"There is no job {job[:80]!r}.", "List them: GET /jobs", code="unknown_job")
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
            raise UsageError(
                f"The job {job} has ended already: it is {view.state}.",
                "Only a job that waits or runs can be cancelled.",
                code="job_ended",
            )
        self.truth.put(job, Cancel(by=by))
        with contextlib.suppress(QueueAway):  # the place has it: whoever takes the job looks there first
            self.queue.cancel(job)
        self._note(view.request)
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
            raise UsageError(
                f"The job {experiment} is {view.state}, and has no record.",
                f"See why: GET /job/{experiment}",
                code="no_record",
            )
        raise UsageError(
            f"The job {experiment} is {view.state}: there is no record yet.",
            "Ask again when it has ended.",
            code="not_ended",
        )

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
        raise UsageError(
            f"The job {experiment} is {view.state}, not completed.",
            "Only an experiment that completed has a result.",
            code="not_completed",
        )

    def _note(self, request: Request) -> None:
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


def digest_of(body: Mapping[str, Any]) -> str:
    """Return the digest of what a client sent, whatever the order of its names."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
