"""A signal to stop becomes an exception, so that a run can leave its record."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

_EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


class Stopped(KeyboardInterrupt):
    """The user or the system asked to stop."""

    def __init__(self, signum: signal.Signals) -> None:
        super().__init__(f"interrupted by {signum.name}")
        self.exit_code = _EXIT_CODES[signum]


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Raise `Stopped` on the first SIGINT or SIGTERM in the block; a second does not disturb the end."""
    if threading.current_thread() is not threading.main_thread():  # only there handlers can be set
        yield
        return
    before = {signum: signal.signal(signum, _stop) for signum in _EXIT_CODES}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _stop(signum: int, _frame: FrameType | None) -> NoReturn:
    for one in _EXIT_CODES:
        signal.signal(one, signal.SIG_IGN)
    raise Stopped(signal.Signals(signum))
