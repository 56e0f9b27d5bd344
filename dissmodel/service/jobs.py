"""A job as clients see it: what was asked for, where it is, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dissmodel.record import ExperimentRecord
from dissmodel.record.plain import plain
from dissmodel.record.redact import redact_document
from dissmodel.service.documents import LINE_LENGTH, Request
from dissmodel.service.queue import Entry
from dissmodel.service.state import LEGACY, Seen, State, settle
from dissmodel.storage.uri import parse
from dissmodel.sweeping.ended import ended_of

# How far a job is at the begin of each phase, of 100; the phase "run" goes on by steps.
_PHASES = {"fetch": 0, "validate": 10, "load": 12, "run": 15, "save": 90, "deliver": 95}
_SHOWN_LINES = 100
_NOTHING = Entry()
_RECORDED = (
    *("status", "record_digest", "files", "seed", "metrics", "step_metrics", "created_at", "finished_at"),
    *("cpu_seconds", "peak_memory_bytes", "not_kept", "error"),
)
RUN = (
    *("seconds", "cpu_seconds", "peak_memory_bytes", "sha256", "content_digest", "record_digest", "metrics"),
)
"""What `run_of` returns, by the names of a sweep's table."""
_PUBLISHED = (
    *("experiment_id", "model_name", "model_commit", "code_version", "column_map", "band_map"),
    *("parameters", "resolved_spec", "logs", "record_digest"),
)


@dataclass(frozen=True)
class View:
    """A job: what was asked for, what is known of it, and the record of an experiment that completed."""

    request: Request
    seen: Seen
    record: ExperimentRecord | None = None

    @property
    def state(self) -> State:
        """See `dissmodel.service.state.settle`."""
        return settle(self.seen)

    @property
    def has_ended(self) -> bool:
        """Whether the state never changes again."""
        return self.seen.outcome is not None or self.seen.has_record

    @property
    def is_queued(self) -> bool:
        """Whether the queue has it: it waits, or a worker holds it."""
        return self.seen.entry is not None and (self.seen.entry.is_waiting or self.seen.entry.is_leased)

    @property
    def percent(self) -> int:
        """How far it is, 0 to 100."""
        state, entry = self.state, self.seen.entry
        if state == "completed":
            return 100
        if entry is None or state not in {"running", "delivering"}:
            return 0
        start, progress = _PHASES.get(entry.progress.phase, 0), entry.progress
        share = min(progress.step / progress.steps, 1.0) if progress.steps > 0 else 0.0
        return start + int((_PHASES["save"] - start) * share) if progress.phase == "run" else start

    @property
    def lines(self) -> tuple[str, ...]:
        """The last lines of its log."""
        if self.seen.outcome is not None:
            return self.seen.outcome.log
        return self.seen.entry.progress.lines if self.seen.entry is not None else ()

    @property
    def logged(self) -> int:
        """How many lines its log has, of which `lines` are the last."""
        if self.seen.outcome is not None:
            return max(self.seen.outcome.logged, len(self.lines))
        return max(self.seen.entry.progress.logged if self.seen.entry is not None else 0, len(self.lines))


def document_of(view: View) -> dict[str, Any]:
    """Return a job in the form of the HTTP API."""
    request, record, outcome, entry = view.request, view.record, view.seen.outcome, view.seen.entry
    progress = entry.progress if entry is not None and entry.is_leased else None
    error = outcome.error if outcome is not None else None
    commit = (record.model_commit if record is not None else "") or request.commit
    said = {"resolved_spec": request.spec, "parameters": request.parameters}
    told = dict.fromkeys(("output_path", "output_sha256", "input_sha256", "code_version", "seconds"))
    shown = redact_document(said)
    told |= shown if record is None else _told_by(record)
    lines = (*view.lines[-_SHOWN_LINES:], *([error.message[:LINE_LENGTH]] if error is not None else ()))
    found: dict[str, Any] = plain(
        {
            "job_id": request.experiment_id,
            "experiment_id": request.experiment_id,
            "status": LEGACY.get(view.state, view.state),
            "model_name": request.model_name,
            "created_at": utc(request.submitted_at),
            "started_at": _started(view),
            "finished_at": utc(outcome.finished_at) if outcome is not None else None,
            "logs": [f"Record created — model={request.model_name} commit={commit or 'unknown'}", *lines],
            "model_commit": commit or None,
            "progress": view.percent,
            "phase": (progress.phase or None) if progress is not None else None,
            "step": progress.step if progress is not None else None,
            "steps": progress.steps if progress is not None else None,
            "attempt": (outcome or entry or _NOTHING).attempts,
            "error": error.model_dump() if error is not None else None,
            "reproduces": request.reproduces,
            "sweep": request.sweep or None,
            "given": shown["parameters"],
            **told,
        }
    )
    return found


def _told_by(record: ExperimentRecord) -> dict[str, Any]:
    return {
        "output_path": uri_of(record.output_path),
        "output_sha256": record.output_sha256,
        "input_sha256": record.source.checksum or None,
        "code_version": record.code_version,
        "resolved_spec": record.resolved_spec,
        "parameters": record.parameters,
        "seconds": record.metrics.get("time_total_sec"),
    }


def run_of(view: View) -> dict[str, Any] | None:
    """Return what a run's record says of it that a sweep compares, None if there is no record."""
    if view.record is not None:
        document = {name: getattr(view.record, name) for name in _RECORDED}
    elif view.seen.outcome is not None and view.seen.outcome.record is not None:
        document = dict(view.seen.outcome.record)
    else:
        return None
    try:
        found: dict[str, Any] = plain(asdict(ended_of(plain(document), "")))
    except (TypeError, KeyError, ValueError, AttributeError):  # a record of another version
        return None
    return {name: found[name] for name in RUN}


def _started(view: View) -> str | None:
    """Return when the run began, as its record says: of a job that has ended."""
    if view.record is not None:
        return utc(view.record.created_at)
    kept = view.seen.outcome.record if view.seen.outcome is not None else None
    try:
        return utc(datetime.fromisoformat(str((kept or {}).get("created_at"))))
    except ValueError:
        return None


def utc(time: datetime) -> str:
    """Return a time in UTC as ISO 8601, with a Z.

    >>> utc(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05.000000Z'
    """
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def uri_of(path: str | None) -> str | None:
    """Return where a result is as a URI: of a file of this machine, ``file://``.

    >>> uri_of("s3://bucket/experiments/1a2b/output.tif")
    's3://bucket/experiments/1a2b/output.tif'
    """
    if path is None:
        return None
    here = parse(path).path
    return path if here is None else Path(here).absolute().as_uri()


def publication_of(record: ExperimentRecord, uri: str) -> Mapping[str, Any]:
    """Return what a publication has to say of an experiment whose record is at `uri`."""
    kept = record.model_dump(mode="json", include=set(_PUBLISHED))
    return {
        **kept,
        "input": record.source.model_dump(mode="json"),
        "output_path": uri_of(record.output_path),
        "output_sha256": record.output_sha256,
        "note": f'Anyone who can read the place can run it again: dissmodel reproduce "{uri}"',
        "bundle": f'dissmodel record bundle "{uri}" --output {record.experiment_id[:8]}.zip',
    }
