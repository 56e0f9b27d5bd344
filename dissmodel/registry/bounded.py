"""A program that may take a while, but not longer, and say much, but not more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LARGEST = 128 << 20
"""How many bytes a program may answer with."""


@dataclass(frozen=True)
class Answer:
    """How a program ended: its exit code, output and errors, and whether its time was over."""

    code: int
    output: bytes
    errors: str
    expired: bool


def answer_of(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, *, seconds: float, said: bytes = b""
) -> Answer:
    """Start a program and return its answer; after `seconds`, or too long an answer, it is killed.

    All that it started is killed with it. It has no terminal, so nothing in it can ask for a password.

    Parameters
    ----------
    command : sequence of str
        The program and its words; no shell reads them.
    environment : Mapping
        All of its environment.
    folder : Path
        The folder that it works in.
    seconds : float
        How long it may take.
    said : bytes
        What it reads from its standard input.
    """
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as asked:
        asked.write(said)
        asked.seek(0)
        with (
            _started(command, environment, folder, asked, errors) as process,
            _deadline(process, seconds) as late,
        ):
            assert process.stdout is not None
            output = process.stdout.read(LARGEST + 1)
            if len(output) > LARGEST:
                _kill(process)
            process.stdout.close()
            code = process.wait()
        errors.seek(0)
        return Answer(code, output, errors.read(1 << 16).decode("utf-8", "replace"), late.is_set())


@contextmanager
def _started(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, stdin: object, stderr: object
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process in a session of its own: it has no terminal to ask on, and ends with all it started."""
    process = subprocess.Popen(  # type: ignore[call-overload]  # noqa: S603  (no shell; URLs after `--`)
        command,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        cwd=folder,
        env=environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            _kill(process)
            process.wait()
        process.stdout.close()


@contextmanager
def _deadline(process: subprocess.Popen[bytes], seconds: float) -> Iterator[threading.Event]:
    expired = threading.Event()

    def end() -> None:
        expired.set()
        _kill(process)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield expired
    finally:
        timer.cancel()


def _kill(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":  # no groups there: git's helpers end when its pipes do
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
