"""The record of a whole sweep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from dissmodel.record import MAIN, Artifact, ExperimentRecord, Failure, store
from dissmodel.record.digest import sha256_file
from dissmodel.record.schema import SweepRuns
from dissmodel.sweeping.journal import Header
from dissmodel.sweeping.plan import Plan
from dissmodel.sweeping.runs import COMPLETED, EndedRun
from dissmodel.sweeping.swept import Sweep

MOST_LISTED = 80_000
"""So many runs have room in a record; of more, the table, whose digest the record has, has the digests."""

_MEDIA_TYPES = {
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".toml": "application/toml",
}


def write_whole(
    opening: ExperimentRecord,
    swept: Sweep,
    plan: Plan,
    header: Header | None,
    runs: Iterable[EndedRun],
) -> None:
    """Write the record of a sweep: its files, and the digests of the records of its `runs`.

    Raises
    ------
    StorageError
        If it can't be written.
    """
    folder = swept.folder
    found = SweepRuns(
        plan_digest=sha256_file(folder.plan_path), rows=swept.rows, runs=swept.runs, kept=plan.keep
    )
    if swept.runs <= MOST_LISTED:
        for ended in runs:
            listed = found.completed if ended.status == COMPLETED else found.failed
            listed[ended.key] = ended.record_digest
            if ended.old_code:
                found.old_code.append(ended.key)
    if header is not None and header.asked:
        found.determined_by = asdict(header)
    files = {MAIN: folder.table_path, "plan": folder.plan_path}
    parquet = folder.table_path.with_suffix(".parquet")
    if parquet.exists():
        files["parquet"] = parquet
    opening.files = {name: _artifact(path) for name, path in files.items()}
    opening.artifacts = {name: one.sha256 for name, one in opening.files.items()}
    opening.output_path = folder.table_path.name
    opening.sweep = found
    opening.metrics = {
        "runs": swept.runs,
        "completed": swept.completed,
        "failed": swept.failed,
        "missing": swept.missing,
    }
    opening.finished_at = datetime.now(UTC)
    opening.status, opening.error = _status(swept)
    store.write(opening, folder.record_path)


def _status(swept: Sweep) -> tuple[str, Failure | None]:
    if swept.missing:
        said = f"{swept.missing} of {swept.runs} runs have not ended"
        return "interrupted", Failure(phase="run", type="Unfinished", code="interrupted", message=f"{said}.")
    if swept.failed:
        said = f"{swept.failed} of {swept.runs} runs failed"
        return "failed", Failure(phase="run", type="RunFailed", code="run_failed", message=f"{said}.")
    return COMPLETED, None


def _artifact(path: Path) -> Artifact:
    return Artifact(
        path=path.name,
        size=path.stat().st_size,
        sha256=sha256_file(path),
        media_type=_MEDIA_TYPES[path.suffix],
    )
