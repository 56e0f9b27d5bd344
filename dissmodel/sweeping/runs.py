"""One run of a sweep: as it is planned, as a worker says that it ended, and as the table has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NAME = "result"
"""What each run's result is called in its folder; its record is ``result.record.json``."""
COMPLETED = "completed"
GO_ON = "Make room on the disk; the same command then goes on. No run that ended is lost."
SHORT_KEY = 16
"""So many digits of a run's key are the name of its folder."""


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """A run of a plan.

    `number` counts the rows of the plan from 1; `key` is the sha256 of what determines the run,
    `key_without_code` that of all but the code of the model. `values` has the varied parameters, as the model
    types them; `inputs` the varied inputs: name of the input (empty: the first) → path. `replicate` counts
    from 1.
    """

    number: int
    key: str
    key_without_code: str
    values: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)
    replicate: int = 1
    seed: int | None = None

    @property
    def folder(self) -> str:
        """The name of the run's folder below ``runs/``."""
        return self.key[:SHORT_KEY]


@dataclass(frozen=True, kw_only=True)
class EndedRun:
    """How a run ended: what a worker sends back, and a line of the journal.

    `status` is that of the record; `metrics` are the numbers in the record's metrics. `output` is the file
    name of the result. `sha256` and `content_digest` are of the result, `record_digest` is the record's own.
    `error` is empty for a run that completed. `tries` counts how often a worker began it. `old_code`: it was
    made by an earlier state of the model's code and kept.
    """

    key: str
    status: str
    record_digest: str = ""
    output: str = ""
    sha256: str = ""
    content_digest: str = ""
    seed: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    error: str = ""
    worker: str = ""
    tries: int = 1
    old_code: bool = False
