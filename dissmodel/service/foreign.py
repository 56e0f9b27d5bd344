"""Programs that load models, which are foreign code: in a process of their own, without credentials."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

from dissmodel import temporary
from dissmodel.config import load_settings
from dissmodel.errors import StorageError
from dissmodel.service.job_process import furnished

OUTPUT_TOO_LARGE = "output_too_large"
_PATIENCE_S, _READER_S = 60, 3
_MOST_BYTES = 8 << 20
_AT_ONCE = threading.Semaphore(max(2, os.cpu_count() or 1))


def run(module: str, *words: str, given: str = "") -> str:
    """Run a module of ours with `given` as its standard input; return what it prints.

    Raises
    ------
    StorageError
        If it fails, or takes more than a minute (code ``"process_failed"``), or prints more than 8 MiB
        (`OUTPUT_TOO_LARGE`).
    """
    with _AT_ONCE, temporary.new_folder() as folder:
        settings = load_settings()
        command: Sequence[str] = [sys.executable, "-m", module, *words]
        environ = furnished(folder, settings.data_dir, settings.trust)
        asked = folder / "given"
        try:
            asked.write_text(given, encoding="utf-8")
            with asked.open("rb") as stream:
                process = subprocess.Popen(  # noqa: S603  (our own program)
                    command,
                    stdin=stream,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    cwd=folder,
                    env=environ,
                    start_new_session=True,
                )
            said = _said(process)
            if len(said) > _MOST_BYTES:
                what = f"{module} printed more than {_MOST_BYTES >> 20} MiB."
                raise StorageError(what, "Ask for less at once.", code=OUTPUT_TOO_LARGE)
            text = said.decode()
            if process.returncode:
                raise subprocess.CalledProcessError(process.returncode, command, text)
        except (OSError, subprocess.SubprocessError, UnicodeError) as error:
            what = f"{module} failed: {type(error).__name__}."
            raise StorageError(
                what, "Try again. Does dissmodel doctor find something?", code="process_failed"
            ) from error
        return text


def _said(process: subprocess.Popen[bytes]) -> bytes:
    """Return what a process printed, if too much a part of it; end it, and all that it started."""
    found: list[bytes] = []

    def hear() -> None:
        assert process.stdout is not None  # a pipe
        found.append(process.stdout.read(_MOST_BYTES + 1))
        if len(found[0]) > _MOST_BYTES:
            process.kill()

    reader = threading.Thread(target=hear, daemon=True)
    reader.start()
    try:
        process.wait(_PATIENCE_S)
    finally:
        with contextlib.suppress(OSError):
            if sys.platform == "win32":  # no groups there
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reader.join(_READER_S)  # what left the group may hold the pipe
        if not reader.is_alive() and process.stdout is not None:
            process.stdout.close()
    return found[0] if found else b""
