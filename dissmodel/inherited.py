"""Broken inheritance of a process: streams, folder, threads, variables."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from pathlib import Path

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
_BACKEND = "MPLBACKEND"
_MODULE = "module://"
# A linear algebra library that is refused a thread at its import interrupts the process.
_THREADS = "OPENBLAS_NUM_THREADS"


def open_streams() -> None:
    """Open standard input, output and error on nothing where they are closed, as cron or a GUI may have them.

    Otherwise the next file that is opened gets the number of one of them, and what a library prints goes into
    that file.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003  (takes the lowest number that is free)
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: PTH123, SIM115  (kept until the end)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def current_folder() -> Path | None:
    """Return the current folder; None where it was removed or can't be entered."""
    try:
        return Path.cwd()
    except OSError:
        return None


def refuses_threads(error: BaseException) -> bool:
    """Tell whether the system refused another thread."""
    return isinstance(error, RuntimeError) and str(error).startswith("can't start new thread")


def spare_threads() -> None:
    """Let libraries do without threads where the system refuses as many as they would start.

    To be called before they are imported.
    """
    if _THREADS in os.environ:
        return
    done = threading.Event()
    waiting: list[threading.Thread] = []
    try:
        for _ in range((os.cpu_count() or 1) - 1 or 1):
            thread = threading.Thread(target=done.wait, daemon=True)
            thread.start()
            waiting.append(thread)
    except RuntimeError:
        os.environ[_THREADS] = "1"
    finally:
        done.set()
        for thread in waiting:
            thread.join()


def drop_backend() -> None:
    """Forget a notebook's drawing backend that can't be imported here: matplotlib would refuse to start."""
    module = os.environ.get(_BACKEND, "")
    if module.startswith(_MODULE) and not _can_import(module.removeprefix(_MODULE)):
        del os.environ[_BACKEND]


def _can_import(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
