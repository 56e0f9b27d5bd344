"""A program that is started, waited for and ended with all that it started: no shell, no terminal."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from dissmodel import temporary

LARGEST = 128 << 20
"""How many bytes a program may answer with; it is ended when it says more."""

STORAGE = ("AWS_", "AZURE_", "GOOGLE_", "GS_", "MC_HOST_", "MINIO_", "OSS_", "RCLONE_", "S3_", "SWIFT_")
"""How the names of variables begin that give access to storage: foreign code must not see them."""

_TAIL_BYTES = 64 << 10
_LOOK_S = 0.2

# It starts the program and watches a pipe: when this process ends, also killed, the pipe ends, and the whole
# process group is killed.
_GUARD = """
import os, signal, subprocess, sys, threading
def watch():
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL) if hasattr(os, "killpg") else child.kill()
said = open(sys.argv[1], "rb") if sys.argv[1] else subprocess.DEVNULL
child = subprocess.Popen(sys.argv[2:], stdin=said)
try:
    threading.Thread(target=watch, daemon=True).start()
except RuntimeError:  # the system refuses threads
    import select
    while hasattr(os, "killpg") and child.poll() is None:
        if select.select([0], [], [], 0.02)[0]:
            watch()
sys.exit(child.wait() & 255)
"""


@dataclass(frozen=True)
class Ended:
    """How a program ended: its code, what it wrote, and the last of what it wrote on standard error."""

    code: int
    out: bytes
    err: str


def finished(
    words: Sequence[str], *, env: Mapping[str, str], patience: float, folder: Path, said: bytes = b""
) -> Ended:
    """Run a program and wait for it.

    On a time-out, a signal or any other error it is killed, and so is all that it started; so they are when
    this process itself is killed.

    No shell reads the words, and `env` is all of the environment. `patience` is in seconds; `said` is what
    the program reads from its standard input.

    Returns
    -------
    Ended
        ``out`` has more than `LARGEST` bytes where it was ended for saying too much.

    Raises
    ------
    OSError
        If it can't be started.
    subprocess.TimeoutExpired
        If it takes longer than `patience`.
    """
    # Files, not pipes: what it leaves running may hold a pipe for ever.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, _as_file(said) as source:
        process = subprocess.Popen(  # noqa: S603  (no shell; the callers parse what comes from outside)
            [sys.executable, "-I", "-S", "-c", _GUARD, source, *words],
            cwd=folder,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=err,
            start_new_session=True,  # no terminal to ask on, and a group of its own; Windows passes over it
        )
        assert process.stdin is not None  # it is a pipe
        with process.stdin, _ending(process, out, patience) as late:
            code = process.wait()
        if late.is_set():
            raise subprocess.TimeoutExpired(words, patience)
        out.seek(0)
        return Ended(code, out.read(LARGEST + 1), _tail(err))


@contextlib.contextmanager
def _ending(process: subprocess.Popen[bytes], out: IO[bytes], patience: float) -> Iterator[threading.Event]:
    """End a process when its time is over or it said too much, and after the block in any case."""
    done, late = threading.Event(), threading.Event()
    until = time.monotonic() + patience

    def watch(is_done: Callable[[float], bool]) -> None:
        while not is_done(min(_LOOK_S, max(until - time.monotonic(), 0))):
            if time.monotonic() >= until:
                late.set()
            if late.is_set() or os.fstat(out.fileno()).st_size > LARGEST:
                _kill(process)
                return

    watcher = threading.Thread(target=watch, args=(done.wait,), daemon=True)
    try:
        try:
            watcher.start()
        except RuntimeError:  # the system refuses threads: this one looks until the process has ended
            watch(partial(_has_ended, process))
        yield late
    finally:
        done.set()
        if watcher.ident is not None:
            watcher.join()
        if process.poll() is None:
            _kill(process)
            process.wait()


@contextlib.contextmanager
def _as_file(said: bytes) -> Iterator[str]:
    """Give the path of a file with these bytes; an empty path for none."""
    if not said:
        yield ""
        return
    with temporary.new_folder() as folder:
        path = folder / "said"
        path.write_bytes(said)
        yield str(path)


def _has_ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.returncode is not None


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if sys.platform == "win32":  # no groups there: what it started ends when its pipes do
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def _tail(stream: IO[bytes]) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _TAIL_BYTES))
    text = stream.read().decode(errors="replace")
    # From a whole line on, because half a secret is not recognised.
    return (size > _TAIL_BYTES and text.partition("\n")[2]) or text


def installed_program(name: str) -> str | None:
    """Return the path of a program that PATH leads to; None if it leads to none.

    Windows looks into the current folder first, which may belong to another user: no program in it is used.
    """
    if sys.platform == "win32":
        folders = [
            folder for folder in os.environ.get("PATH", "").split(os.pathsep) if Path(folder).is_absolute()
        ]
        return next(filter(None, (shutil.which(str(Path(folder) / name)) for folder in folders)), None)
    return shutil.which(name)
