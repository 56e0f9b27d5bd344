"""A job's documents in the place, which alone are true: queue and index are caches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from dissmodel.errors import DissmodelError, InvalidInput
from dissmodel.experiment.layout import FOLDER, RECORD, Place
from dissmodel.experiment.placed import refuse_other_id
from dissmodel.experiment.source import placed
from dissmodel.record.digest import sha256_bytes
from dissmodel.service.documents import MAX_BYTES, MAX_SWEEP_BYTES, Cancel, Outcome, Request, Sweep, is_id

_Document = TypeVar("_Document", Request, Cancel, Outcome, Sweep)
JOBS, SWEEPS = "jobs", "sweeps"
REQUEST, CANCEL, OUTCOME, SWEEP = "request.json", "cancel.json", "outcome.json", "sweep.json"
SUBMITTED, CANCELLED = "submitted.json", "cancelled.json"
"""What says of a sweep that each of its runs was submitted, or cancelled."""
_FILES = {Request: REQUEST, Cancel: CANCEL, Outcome: OUTCOME, Sweep: SWEEP}


@dataclass(frozen=True)
class Truth:
    """The jobs of a place; see ``jobs/`` and ``experiments/`` there.

    Every method raises `dissmodel.errors.StorageError` if the place fails.
    """

    place: Place

    def request(self, job: str) -> Request | None:
        """Return what was asked for, None if there is no such job.

        Raises
        ------
        InvalidInput
            If the document is no request, or that of another job (code ``"bad_document"``).
        """
        found = self._read(Request, job)
        if found is not None and found.experiment_id != job:
            raise InvalidInput(
                f"{self.place.uri}{JOBS}/{job}: the request in it is that of {found.experiment_id}.",
                "Only the service writes here.",
                code="bad_document",
            )
        return found

    def cancelled(self, job: str) -> Cancel | None:
        """Return who asked to end the job, None if nobody did."""
        return self._read(Cancel, job)

    def outcome(self, job: str) -> Outcome | None:
        """Return how the job ended, None if it has not."""
        return self._read(Outcome, job)

    def has_record(self, job: str) -> bool:
        """Return whether the experiment is whole in the place."""
        return self.experiment(job).storage.stat(self.experiment(job).key(RECORD)) is not None

    def record_digest(self, job: str) -> str | None:
        """Return the digest of the experiment's record, None if the experiment is not whole in the place.

        Raises
        ------
        DissmodelError
            If the record is damaged, or that of another experiment.
        """
        experiment = self.experiment(job)
        if not self.has_record(job):
            return None
        with placed(experiment, RECORD) as source:
            source.refuse_changed()
            refuse_other_id(source.given, source.record.experiment_id, job)
            return source.digest

    def sweep(self, sweep: str) -> Sweep | None:
        """Return a sweep, None if there is no such sweep."""
        return self._read(Sweep, sweep, self.place.below(SWEEPS))

    def is_cancelled(self, sweep: str) -> bool:
        """Return whether somebody asked to end a sweep."""
        return self._read(Cancel, sweep, self.place.below(SWEEPS)) is not None

    def put_sweep(self, sweep: str, document: Sweep | Cancel) -> bool:
        """Write a document of a sweep, unless one is there; return whether this one stands."""
        folder = self.place.below(SWEEPS).below(sweep)
        return put_new(folder, _FILES[type(document)], document.to_bytes(), "application/json")

    def note_sweep(self, sweep: str, name: str) -> None:
        """Note that all runs of a sweep were submitted or cancelled; `name` is the name of the document."""
        put_new(self.place.below(SWEEPS).below(sweep), name, b"{}", "application/json")

    def put(self, job: str, document: Request | Cancel | Outcome) -> bool:
        """Write a document, unless one is there; return whether this one stands."""
        folder = self.place.below(JOBS).below(job)
        return put_new(folder, _FILES[type(document)], document.to_bytes(), "application/json")

    def experiment(self, job: str) -> Place:
        """Return the folder of the job's experiment."""
        return self.place.below(FOLDER).below(job)

    def jobs(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield each job with the names of its documents that are there."""
        return self._listed(self.place.below(JOBS))

    def sweeps(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield each sweep with the names of its documents that are there."""
        return self._listed(self.place.below(SWEEPS))

    def _listed(self, folder: Place) -> Iterator[tuple[str, frozenset[str]]]:
        found: dict[str, set[str]] = {}
        for stat in folder.storage.list(folder.prefix):
            job, _, name = stat.key.removeprefix(folder.prefix).partition("/")
            if is_id(job):
                found.setdefault(job, set()).add(name)
        for job, names in found.items():
            yield job, frozenset(names)

    def _read(self, kind: type[_Document], job: str, among: Place | None = None) -> _Document | None:
        folder, name = (among or self.place.below(JOBS)).below(job), _FILES[kind]
        limit = MAX_SWEEP_BYTES if kind is Sweep else MAX_BYTES
        try:
            data = folder.storage.read(folder.key(name), limit=limit)
        except DissmodelError as error:
            if error.code != "object_missing":
                raise
            return None
        return kind.from_bytes(data, f"{folder.uri}{name}")


def put_new(folder: Place, name: str, data: bytes, media_type: str) -> bool:
    """Write an object, unless one of that name is there; return whether this one stands."""
    key, sha256 = folder.key(name), sha256_bytes(data)
    try:
        folder.storage.put(data, key, sha256=sha256, media_type=media_type, only_new=True)
    except DissmodelError as error:
        if error.code != "object_exists":
            raise
        return False
    return True
