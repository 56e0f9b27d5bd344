"""A signal to stop becomes an exception, so that a run can leave its record."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

_EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
_DEFAULTS = (signal.SIG_DFL, signal.default_int_handler)
_AT_ONCE = 1.0  # seconds
_GRACE = 5.0  # seconds


class Stopped(KeyboardInterrupt):
    """The user or the system asked to stop."""

    def __init__(self, signum: signal.Signals) -> None:
        super().__init__(f"interrupted by {signum.name}")
        self.exit_code = _EXIT_CODES[signum]


_received: Stopped | None = None


def received() -> Stopped | None:
    """Return the signal that asked this process to stop, also where a library has swallowed it; else None."""
    return _received


@contextlib.contextmanager
def stopping(*, ends: bool = True) -> Iterator[None]:
    """Raise `Stopped` on a SIGINT or SIGTERM in the block; one that follows at once does not disturb the end.

    A later one is raised again, for the first may have been lost in code that lets no exception through.

    - `ends`: whether the process ends after the block; it does so also if threads or processes that were
      started in the block do not. If not, the handlers from before come back, and a handler of the program's
      own is left alone.
    """
    if threading.current_thread() is not threading.main_thread():  # only there handlers can be set
        yield
        return
    last = -_AT_ONCE

    def stop(signum: int, _frame: FrameType | None) -> None:
        nonlocal last
        global _received  # noqa: PLW0603  (signals are the process's)
        if time.monotonic() - last >= _AT_ONCE:
            last = time.monotonic()
            _received = Stopped(signal.Signals(signum))
            raise _received

    global _received  # noqa: PLW0603  (signals are the process's)
    others = set(threading.enumerate())
    signals = [one for one in _EXIT_CODES if ends or signal.getsignal(one) in _DEFAULTS]
    before = {signum: signal.signal(signum, stop) for signum in signals}
    code = 0
    try:
        yield
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        raise
    finally:
        _received = None
        for signum, handler in before.items():
            # The process is ending: another signal must not kill it before it has.
            signal.signal(signum, signal.SIG_IGN if ends and last >= 0 else handler)
        if ends and _left_over(others):
            timer = threading.Timer(_GRACE, _end, [code])
            timer.daemon = True
            with contextlib.suppress(RuntimeError):  # no threads: the end waits for the rest
                timer.start()


def _left_over(others: set[threading.Thread]) -> bool:
    """Tell whether Python would wait at its end for threads or processes of the block."""
    processes = sys.modules.get("multiprocessing")
    return any(thread not in others and not thread.daemon for thread in threading.enumerate()) or (
        processes is not None and bool(processes.active_children())
    )


def _end(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)
