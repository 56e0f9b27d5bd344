"""How far a sweep is, for who watches."""

from __future__ import annotations

import time

from dissmodel.printable import count
from dissmodel.progress import Reporter
from dissmodel.sweeping.runs import COMPLETED, EndedRun


class Progress:
    """Counts the runs that end, and tells the reporter."""

    def __init__(self, reporter: Reporter, missing: int) -> None:
        self._reporter = reporter
        self._missing = missing
        self._completed = self._failed = 0
        self._began = time.perf_counter()

    def begin(self, engine: str) -> None:
        """Say that the runs begin."""
        self._reporter.phase("sweep")
        self._began = time.perf_counter()
        self._show(f"{count(self._missing, 'run')} on {engine}")

    def ended(self, ended: EndedRun) -> None:
        """Count a run, and say how it ended."""
        is_whole = ended.status == COMPLETED
        self._completed += is_whole
        self._failed += not is_whole
        self._show(
            f"{self._completed + self._failed}/{self._missing} {ended.key[:16]} {ended.status} "
            f"in {ended.seconds:.2f} s{'' if is_whole else f': {ended.error}'}"
        )

    def _show(self, line: str) -> None:
        show = getattr(self._reporter, "runs", None)
        if show is not None:
            done = self._completed + self._failed
            rate = done / max(time.perf_counter() - self._began, 1e-9)
            show(
                done,
                self._missing,
                f"{self._completed} done, {self._failed} failed, {self._missing - done} left, {rate:.1f}/s",
                line,
            )
