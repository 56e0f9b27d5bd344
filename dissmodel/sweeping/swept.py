"""What a sweep is asked for, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dissmodel.consent import Consent

if TYPE_CHECKING:
    from pathlib import Path

    from dissmodel.sweeping.folder import SweepFolder
    from dissmodel.sweeping.plan import Plan


@dataclass(frozen=True, kw_only=True)
class SweepRequest:
    """What a user asked for.

    `cluster` and `workers` are as `dissmodel.engines.open_engine` takes them; `threads` is how many threads
    each run may use. `fail_fast`: no run begins after one that failed. `keep_old_code`: runs that an earlier
    state of the model's code made count. `other_plan`: the plan may take the place of another one, whose runs
    it does not all have. `asked` is the digest of all that determines the runs as it was asked for, but for
    the files.
    """

    plan: Plan
    output: Path
    cluster: str | None = None
    workers: int | None = None
    threads: int = 1
    fail_fast: bool = False
    keep_old_code: bool = False
    other_plan: bool = False
    consent: Consent = field(default_factory=Consent)
    command: tuple[str, ...] = ()
    asked: str = ""
    asked_files: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Swept:
    """How a sweep ended.

    `rows` are those of the plan, `runs` the different runs among them, of which `completed` and `failed` have
    ended; `began` counts those that this call ran, `old_code` those that an earlier state of the model's code
    made. `seconds` is how long this call ran them.
    """

    folder: SweepFolder
    rows: int
    runs: int
    completed: int
    failed: int
    began: int = 0
    old_code: int = 0
    seconds: float = 0.0

    @property
    def missing(self) -> int:
        """How many runs have not ended."""
        return self.runs - self.completed - self.failed
