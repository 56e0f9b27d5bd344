"""Checks at the same time, each with a time limit: a check that hangs delays no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dissmodel.errors import DissmodelError
from dissmodel.executor.findings import Collector, Finding


@dataclass(frozen=True)
class TimedCheck:
    """A check: `look` adds its findings to the collector; it may take `patience` seconds."""

    subject: str
    look: Callable[[Collector], None]
    patience: float = 20.0


class _Looking:
    """A check that is under way, in a thread that the end of the process does not wait for."""

    def __init__(self, check: TimedCheck) -> None:
        self._check = check
        self._collector = Collector(check.subject)
        self._bug: Exception | None = None
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._until = time.monotonic() + check.patience
        try:
            self._thread.start()
        except RuntimeError:  # the system refuses threads: this one waits until it is done
            self._look()

    def _look(self) -> None:
        try:
            self._check.look(self._collector)
        except DissmodelError as error:
            self._collector.tell(error)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            self._collector.add("error", f"{where}{error.strerror or error}")
        except Exception as error:  # noqa: BLE001  (raised again by who asks for the findings)
            self._bug = error

    def findings(self) -> tuple[Finding, ...]:
        if self._thread.ident is not None:
            self._thread.join(max(0.0, self._until - time.monotonic()))
        if self._thread.is_alive():
            self._collector.add("warning", f"no answer within {self._check.patience:g} s")
        if self._bug is not None:
            raise self._bug
        return tuple(self._collector.findings)


def findings_of(checks: Sequence[TimedCheck]) -> tuple[Finding, ...]:
    """Carry out all checks at once and return what they found, in their order.

    A check that raises a `DissmodelError` or an ``OSError`` has that error as its finding; a check that
    takes too long is left behind, and that is its finding.

    >>> quick = TimedCheck("git", lambda found: found.add("ok", "2.39"))
    >>> slow = TimedCheck("disk", lambda found: time.sleep(1), patience=0.01)
    >>> [(one.severity, one.subject, one.message) for one in findings_of([quick, slow])]
    [('ok', 'git', '2.39'), ('warning', 'disk', 'no answer within 0.01 s')]
    """
    # What takes longest begins first.
    looking = {check: _Looking(check) for check in sorted(checks, key=lambda check: -check.patience)}
    return tuple(finding for check in checks for finding in looking[check].findings())
