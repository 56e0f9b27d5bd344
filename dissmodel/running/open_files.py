"""Files that somebody still has open for writing: a thread or a process that a model left behind."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

if sys.platform == "linux":
    import fcntl

UNSEEN = 0
"""The number for a process, or a memory map, that can't be looked into."""

_PAUSE = 0.02
_WRITES = os.O_WRONLY | os.O_RDWR

Key = tuple[int, int]


def still_open(files: Iterable[Path]) -> dict[Path, int | None]:
    """Return the files that are open for writing → the number of the process that has the file open.

    Linux grants a read lease on a file only while nobody at all has it open, or mapped, for writing. Where a
    file system knows no leases, the open files of all processes are looked through that this user may see.
    Windows renames no file that somebody has open, so that nothing need be known there. Other systems don't
    tell: every file counts as open there, by no known process (None).
    """
    if sys.platform == "win32":
        return {}
    if sys.platform != "linux":
        return dict.fromkeys(files)
    told = {path: leased(path) for path in files}
    doubtful = [path for path, free in told.items() if not free]
    if not doubtful:
        return {}
    seen = _holders(doubtful)
    certain = _knows_leases(doubtful[0].parent)
    return {
        path: seen.get(path, UNSEEN) for path in doubtful if path in seen or (certain and told[path] is False)
    }


def wait_for_writers(
    files: Iterable[Path], patience: float, *, alone: Callable[[], bool]
) -> dict[Path, int | None]:
    """Wait until nobody has the files open for writing; return what `still_open` returns then.

    `patience` is for all files, in seconds. `alone` returns whether this process has no thread left that
    could write: then a file that only this process has open was merely not closed, and is not waited for.
    """
    until = time.monotonic() + patience
    held = still_open(files)
    while set(held.values()) - {None} and time.monotonic() < until:
        if alone() and set(held.values()) <= {os.getpid(), None}:
            break
        time.sleep(_PAUSE)
        held = still_open(held)
    return held


def name_of(process: int | None) -> str:
    """Return how an error names a process; empty if no process is known."""
    if process is None:
        return ""
    if process == UNSEEN:
        return "a process or a memory map that can't be looked into"
    if process == os.getpid():
        return "the model itself"
    with contextlib.suppress(OSError):
        name = Path(f"/proc/{process}/comm").read_bytes().decode("utf-8", "replace").strip()
        return f"process {process} ({name})"
    return f"process {process}"


def leased(path: Path) -> bool | None:
    """Return whether a read lease is granted; None if the question can't be asked."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        # Should somebody open the file at this very moment, the system sends a signal: one that harms nobody.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return False if error.errno == errno.EAGAIN else None
    finally:
        os.close(file)
    return True


def _knows_leases(folder: Path) -> bool:
    """Return whether a file that nobody has open gets a lease; a network drive may refuse all of them."""
    try:
        file, name = tempfile.mkstemp(dir=folder)
    except OSError:
        return True
    os.close(file)
    try:
        return leased(Path(name)) is True
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink()


def _holders(files: Iterable[Path]) -> dict[Path, int]:
    """Return which processes have files open for writing, as far as this user may see."""
    keys: dict[Key, Path] = {}
    for path in files:
        with contextlib.suppress(OSError):
            found = path.stat()
            keys[found.st_dev, found.st_ino] = path
    seen: dict[Path, list[int]] = {}
    for process in filter(str.isdecimal, _entries("/proc")):
        for path in _open_in(process, keys):
            seen.setdefault(path, []).append(int(process))
    # Another process than this one says most about a file.
    return {path: min(processes, key=os.getpid().__eq__) for path, processes in seen.items()}


def _open_in(process: str, keys: Mapping[Key, Path]) -> Iterator[Path]:
    for number in _entries(f"/proc/{process}/fd"):
        with contextlib.suppress(OSError, ValueError, StopIteration):  # it was closed meanwhile
            found = os.stat(f"/proc/{process}/fd/{number}")  # noqa: PTH116  (thousands of them)
            path = keys.get((found.st_dev, found.st_ino))
            if path is None or not stat.S_ISREG(found.st_mode):
                continue
            told = Path(f"/proc/{process}/fdinfo/{number}").read_text(encoding="ascii").splitlines()
            flags = next(line for line in told if line.startswith("flags:"))
            if int(flags.split()[1], 8) & _WRITES:
                yield path


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  (names, not paths)
    except OSError:  # it ended, or it is another user's
        return []
