"""The times of a run's phases as a file, as the public package's command line leaves it."""

from __future__ import annotations

from pathlib import Path

from dissmodel.executor.runner import PHASES
from dissmodel.record import ExperimentRecord
from dissmodel.record.digest import sha256_bytes

PROFILING = "profiling"
"""The name of the artifact."""

SHORT_ID = 8
"""How much of the run's id is in its files' names."""


def profiling_name(record: ExperimentRecord) -> str:
    """Return the name of the file with a run's times."""
    return f"{PROFILING}_{record.experiment_id[:SHORT_ID]}.md"


def profiling_text(record: ExperimentRecord) -> str:
    """Return the time of each phase as a table."""
    total = record.metrics["time_total_sec"]
    lines = [
        f"# Profiling: {record.model_name}",
        "",
        f"Experiment `{record.experiment_id}`, {record.created_at.isoformat(timespec='seconds')}",
        "",
        "| Phase | Time (s) | Share |",
        "|---|---|---|",
    ]
    for phase in (*PHASES, "total"):
        seconds = record.metrics[f"time_{phase}_sec"]
        lines.append(f"| {phase} | {seconds:.3f} | {seconds / total if total else 1:.1%} |")
    return "\n".join(lines) + "\n"


def write_profiling(record: ExperimentRecord, folder: Path) -> None:
    """Write the time of each phase, ``profiling_<id>.md``, and note it in the record that a run returned."""
    data = profiling_text(record).encode()
    (folder / profiling_name(record)).write_bytes(data)
    record.add_artifact(PROFILING, sha256_bytes(data))
