"""Programs that load models, which are foreign code: in a process of their own, without credentials."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence

from dissmodel import temporary
from dissmodel.config import load_settings
from dissmodel.errors import StorageError
from dissmodel.service.job_process import furnished

_PATIENCE_S = 60
_MAX_CHARACTERS = 8 << 20
_AT_ONCE = threading.Semaphore(max(2, os.cpu_count() or 1))


def run(module: str, *words: str, given: str = "") -> str:
    """Run a module of ours with `given` as its standard input; return what it prints.

    Raises
    ------
    StorageError
        If it fails, or takes more than a minute (code ``"process_failed"``).
    """
    with _AT_ONCE, temporary.new_folder() as folder:
        settings = load_settings()
        command: Sequence[str] = [sys.executable, "-m", module, *words]
        try:
            done = subprocess.run(  # noqa: S603  (our own program)
                command,
                input=given,
                cwd=folder,
                env=furnished(folder, settings.data_dir, settings.trust),
                capture_output=True,
                text=True,
                timeout=_PATIENCE_S,
                check=True,
            )
        except (OSError, subprocess.SubprocessError, UnicodeError) as error:
            what = f"{module} failed: {type(error).__name__}."
            raise StorageError(what, "The server's log may have more.", code="process_failed") from error
        return done.stdout[:_MAX_CHARACTERS]
