"""The child process of an attempt, as its worker sees it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from platformdirs import user_cache_dir

from dissmodel.record.known_secrets import is_secret_variable
from dissmodel.service.documents import LINE_LENGTH, Problem
from dissmodel.service.task import Task
from dissmodel.service.told import Told

_PR_SET_DUMPABLE = 4
_LONGEST = 1 << 20
_READERS_S = 3.0
_NAMES = frozenset(
    {
        *("PATH", "PATHEXT", "SYSTEMROOT", "COMSPEC", "WINDIR", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH"),
        *(
            "DYLD_LIBRARY_PATH",
            "PYTHONPATH",
            "PYTHONDONTWRITEBYTECODE",
            "PYTHONPYCACHEPREFIX",
            "PYTHONHASHSEED",
        ),
        *("PYTHONWARNINGS", "GDAL_DATA", "PROJ_DATA", "PROJ_LIB", "GDAL_CACHEMAX", "GDAL_NUM_THREADS"),
        *("COVERAGE_PROCESS_START",),
    }
)
_BEGINNINGS = ("LC_", "NUMBA_", "OMP_", "OPENBLAS_", "MKL_", "KMP_")


@dataclass(frozen=True)
class JobEnd:
    """How the process of an attempt ended.

    `record` is that of the run, of a failed one too; `error` is why it failed, and `retry` whether it may go
    well the next time. `crashed` is how a process ended that did not say how its run ended.
    """

    record: Path | None = None
    error: Problem | None = None
    retry: bool = False
    crashed: str = ""


class Job(Protocol):
    """The process of an attempt, on this machine or elsewhere."""

    def wait(self, seconds: float) -> JobEnd | None:
        """Return how it ended; None if it has not ended within so many seconds."""

    def stop(self, patience: float) -> JobEnd | None:
        """Let it end and leave a record; kill it, and all that it started, after so many seconds.

        Returns how it ended; None if it can't be killed now.
        """

    def close(self) -> None:
        """End it, and all that it started."""


class JobProcess(Job):
    """Runs a task in a process of its own, in a session of its own.

    `scratch` is a folder for all that the process writes; `trust` are the packages that the user trusts. How
    far the run is, and its lines, go to `hold`.
    """

    def __init__(
        self, task: Task, scratch: Path, *, data_dir: Path, trust: Sequence[str], hold: Told
    ) -> None:
        self._scratch, self._hold = scratch, hold
        self._end: dict[str, Any] | None = None
        path = scratch / "task.json"
        task.write(path)
        environ = furnished(scratch, data_dir, trust)
        self._process = subprocess.Popen(  # noqa: S603  (this interpreter, and a path of ours)
            [sys.executable, "-P", "-X", "utf8", "-m", "dissmodel.service.child", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=scratch,
            env=environ,
            start_new_session=True,
        )
        assert self._process.stdout is not None and self._process.stderr is not None  # noqa: PT018  (pipes)
        self._readers = [
            threading.Thread(target=self._hear, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._keep, args=(self._process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def wait(self, seconds: float) -> JobEnd | None:
        """Return how it ended; None if it has not ended within so many seconds."""
        try:
            number = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._kill()
        for reader in self._readers:
            reader.join(_READERS_S)
        match self._end:
            case {"record": str(path), **more} if not more and (record := self._ours(path)):
                return JobEnd(record)
            case {"error": {"code": str(code), "message": str(said), "hint": str(hint), **rest}, **more}:
                number = exits if type(exits := rest.get("exit_code")) is int else 1
                problem = Problem(code=code, message=said, hint=hint, exit_code=number)
                return JobEnd(self._ours(more.get("record")), problem, retry=more.get("retry") is True)
        by_signal = f"was killed by {signal.Signals(-number).name}" if number < 0 else ""
        return JobEnd(crashed=by_signal or f"ended with exit code {number}")

    def _ours(self, record: object) -> Path | None:
        """Return the path of a record if the process could write it into its scratch folder."""
        if isinstance(record, str) and Path(record).resolve().is_relative_to(self._scratch.resolve()):
            return Path(record)
        return None

    def stop(self, patience: float) -> JobEnd | None:
        """Let it end and leave a record; kill it, and all that it started, after so many seconds.

        Returns how it ended; None if it can't be killed now.
        """
        if patience > 0:
            with contextlib.suppress(OSError):
                self._process.terminate()
            if (ended := self.wait(patience)) is not None:
                return ended
        self._kill()
        return self.wait(_READERS_S)

    def close(self) -> None:
        """End it, and all that it started."""
        if self._process.returncode is None:
            self._kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                if stream is not None and not any(reader.is_alive() for reader in self._readers):
                    stream.close()

    def _kill(self) -> None:
        with contextlib.suppress(OSError):
            if sys.platform == "win32":  # no groups there: what it started ends when its pipes do
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)

    def _hear(self, stream: IO[bytes]) -> None:
        """Pass on what the process says; a model may find the pipe, and what it writes there is ignored."""
        for line in _lines(stream, _LONGEST):
            with contextlib.suppress(ValueError, RecursionError):
                match json.loads(line):
                    case {"end": dict(said)}:
                        self._end = said
                    case {"phase": [str(name)]}:
                        self._hold.tell(name)
                    case {"step": [int(done), int(total), _]}:
                        self._hold.tell(None, done, total)
                    case {"warn": [str(text)]}:
                        self._hold.warn(text)
                    case {"output": [str(text)]}:
                        self._hold.output(text)

    def _keep(self, stream: IO[bytes]) -> None:
        for line in _lines(stream, 2 * LINE_LENGTH):
            self._hold.output(line.decode("utf-8", "replace").rstrip())


def _lines(stream: IO[bytes], longest: int) -> Iterator[bytes]:
    """Yield the lines of a pipe; a longer one in parts, so that none fills the memory."""
    with contextlib.suppress(OSError, ValueError):
        while line := stream.readline(longest):
            yield line


def furnished(scratch: Path, data_dir: Path, trust: Sequence[str]) -> dict[str, str]:
    """Make the folders and the settings of a child process; return its variables.

    Its data folder has the environments of packages in it and nothing else; the settings say what is trusted.
    """
    for name in ("home", "data", "tmp"):
        (scratch / name).mkdir()
    shared, data = data_dir / "environments", scratch / "data"
    shared.mkdir(parents=True, exist_ok=True)
    (scratch / "config.toml").write_text(f"trust = {json.dumps(list(trust))}\n", encoding="utf-8")
    try:
        (data / "environments").symlink_to(shared, target_is_directory=True)
    except OSError:  # Windows lets only some users make links
        data = data_dir
    return environment(os.environ, scratch) | {"DISSMODEL_DATA": str(data)}


def environment(own: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """Return the variables of a child process: no credentials, and an empty home of its own.

    Compiled kernels are kept where each run of this user has them.

    >>> given = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "s", "NUMBA_TOKEN": "t"}
    >>> environment(given, Path("/scratch")).keys() & given.keys()
    {'PATH'}
    """
    kept = {
        name: value
        for name, value in own.items()
        if name.upper() in _NAMES or (name.startswith(_BEGINNINGS) and not is_secret_variable(name))
    }
    cache = Path(user_cache_dir("dissmodel", appauthor=False))
    folders = {"TMPDIR": scratch / "tmp", "TEMP": scratch / "tmp", "TMP": scratch / "tmp"}
    folders |= dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), scratch / "home")
    folders |= {"DISSMODEL_CACHE": scratch / "cache", "DISSMODEL_CONFIG": scratch / "config.toml"}
    caches = {"NUMBA_CACHE_DIR": cache / "numba", "MPLCONFIGDIR": cache / "matplotlib"}
    told = {name: str(folder) for name, folder in folders.items()}
    return {name: str(folder) for name, folder in caches.items()} | kept | told


def hide_environment() -> None:
    """Let no process of this user read the environment of this process: it may hold credentials."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)
