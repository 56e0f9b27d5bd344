"""A program that is started, waited for and ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_TAIL_BYTES = 64 << 10
_LARGEST = 64 << 20
_GRACE_S = 5.0

# It holds the program by the hand: when we are gone, also killed, the pipe ends, and so does its whole group.
_GUARD = """
import os, signal, subprocess, sys, threading
def watch():
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL) if hasattr(os, "killpg") else child.kill()
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
threading.Thread(target=watch, daemon=True).start()
sys.exit(child.wait() & 255)
"""


@dataclass(frozen=True)
class Ended:
    """How a program ended: its code, what it wrote, and the last of what it wrote on standard error."""

    code: int
    out: bytes
    err: str


def finished(words: Sequence[str], *, env: Mapping[str, str], patience: float, folder: Path) -> Ended:
    """Run a program without a shell and without input, and wait for it.

    On a time-out, a signal or any other error it is killed, and so is all that it started; so they are when
    this process itself is killed.

    Raises
    ------
    OSError
        If it can't be started.
    subprocess.TimeoutExpired
        If it takes longer than `patience` seconds.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(  # noqa: S603  (no shell; the callers parse what comes from outside)
            [sys.executable, "-I", "-S", "-c", _GUARD, *words],
            cwd=folder,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=err,
            start_new_session=True,  # a group of its own; Windows passes over it
        )
        try:
            code = process.wait(patience)
        finally:
            _end(process)
            if process.stdin is not None:
                process.stdin.close()
        out.seek(0)
        return Ended(code, out.read(_LARGEST), _tail(err))


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_S)


def _tail(stream: IO[bytes]) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _TAIL_BYTES))
    return stream.read().decode(errors="replace")
