"""How a sweep stands, while it runs and afterwards."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from dissmodel import locks
from dissmodel.errors import disk_errors
from dissmodel.sweeping.finished import folders
from dissmodel.sweeping.folder import SweepFolder
from dissmodel.sweeping.journal import Journal

LOCK = ".sweep.lock"


@dataclass(frozen=True, kw_only=True)
class SweepStatus:
    """How a sweep stands.

    `rows` are those of the plan, `runs` the different runs among them; None: the journal is gone. `running`:
    a command is at it now. `rate` is how many runs ended in a second since that command began, and
    `seconds_left` how long the rest takes at this rate; None where that is not known.
    """

    folder: Path
    rows: int | None
    runs: int | None
    completed: int
    failed: int
    running: bool
    rate: float | None = None
    seconds_left: float | None = None

    @property
    def missing(self) -> int | None:
        """How many runs have not ended."""
        return None if self.runs is None else max(self.runs - self.completed - self.failed, 0)


def status(path: Path) -> SweepStatus:
    """Look at a sweep; nothing is changed.

    Raises
    ------
    InvalidInput
        If there is none.
    StorageError
        If its folder can't be read.
    """
    folder = SweepFolder.open(path)
    journal = Journal.read(folder.journal_path)
    header = journal.header
    completed, failed = journal.count() if header is not None else (len(folders(folder)), 0)
    lock = path / LOCK
    running = lock.exists() and not _is_free(lock)
    rate = left = None
    if running and header is not None:
        ended = completed + failed - header.ended
        rate = ended / max(time.time() - header.began, 1e-9)
        left = (header.runs - completed - failed) / rate if ended else None
    return SweepStatus(
        folder=path,
        rows=None if header is None else header.rows,
        runs=None if header is None else header.runs,
        completed=completed,
        failed=failed,
        running=running,
        rate=rate,
        seconds_left=left,
    )


def _is_free(lock: Path) -> bool:
    with disk_errors(f"{lock.parent}: can't be looked into"), locks.held(lock) as is_ours:
        return is_ours
