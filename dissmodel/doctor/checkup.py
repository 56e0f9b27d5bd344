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


def findings_of(checks: Sequence[TimedCheck]) -> tuple[Finding, ...]:
    """Carry out all checks at once and return what they found, in their order.

    A check that raises a `DissmodelError` or an ``OSError`` has that error as its finding; a check that
    takes too long is left behind, and that is its finding.

    >>> quick = TimedCheck("git", lambda found: found.add("ok", "2.39"))
    >>> slow = TimedCheck("disk", lambda found: time.sleep(1), patience=0.01)
    >>> [(one.severity, one.subject, one.message) for one in findings_of([quick, slow])]
    [('ok', 'git', '2.39'), ('warning', 'disk', 'no answer within 0.01 s')]
    """
    bugs: list[Exception] = []
    begun = {}
    for check in sorted(checks, key=lambda check: -check.patience):  # what takes longest begins first
        collector = Collector(check.subject)
        # The end of the process does not wait for it.
        thread = threading.Thread(target=_look, args=(check, collector, bugs), daemon=True)
        begun[check] = collector, thread, time.monotonic() + check.patience
        try:
            thread.start()
        except RuntimeError:  # the system refuses threads: this one waits until the check is done
            _look(check, collector, bugs)
    found: list[Finding] = []
    for check in checks:
        collector, thread, until = begun[check]
        if thread.ident is not None:
            thread.join(max(0.0, until - time.monotonic()))
        if thread.is_alive():
            collector.add("warning", f"no answer within {check.patience:g} s")
        found += collector.findings
        if bugs:
            raise bugs[0]
    return tuple(found)


def _look(check: TimedCheck, collector: Collector, bugs: list[Exception]) -> None:
    try:
        check.look(collector)
    except DissmodelError as error:
        collector.tell(error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        collector.add("error", f"{where}{error.strerror or error}")
    except Exception as error:  # noqa: BLE001  (raised again by `findings_of`)
        bugs.append(error)
