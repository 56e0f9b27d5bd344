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

OURSELVES = "the model itself"
"""Who has a file open where only this process has."""

_PAUSE = 0.02
_UNSEEN = "a process or a memory map that can't be looked into"
_WRITES = os.O_WRONLY | os.O_RDWR

Key = tuple[int, int]


def still_open(files: Iterable[Path]) -> dict[Path, str]:
    """Return the files that are open for writing → by whom, in words.

    Linux grants a read lease on a file only while nobody at all has it open, or mapped, for writing. Where a
    file system knows no leases, the open files of all processes are looked through that this user may see.
    Windows renames no file that somebody has open, so that nothing need be known there. Other systems don't
    tell: every file counts as open there, by nobody in particular (an empty text).
    """
    if sys.platform == "win32":
        return {}
    if sys.platform != "linux":
        return dict.fromkeys(files, "")
    told = {path: _leased(path) for path in files}
    doubtful = [path for path, free in told.items() if not free]
    if not doubtful:
        return {}
    seen = _holders(doubtful)
    certain = _knows_leases(doubtful[0].parent)
    return {
        path: seen.get(path, _UNSEEN)
        for path in doubtful
        if path in seen or (certain and told[path] is False)
    }


def wait_for_writers(files: Iterable[Path], patience: float, *, alone: Callable[[], bool]) -> dict[Path, str]:
    """Wait until nobody has the files open for writing; return what `still_open` says then.

    Parameters
    ----------
    files : Iterable of Path
        The files.
    patience : float
        How long to wait for all of them, in seconds.
    alone : callable
        Whether this process has no thread left that could write: then a file that only this process has open
        was merely not closed, and is not waited for.
    """
    until = time.monotonic() + patience
    held = still_open(files)
    while any(held.values()) and time.monotonic() < until:
        if alone() and set(held.values()) <= {OURSELVES, ""}:
            break
        time.sleep(_PAUSE)
        held = still_open(held)
    return held


def _leased(path: Path) -> bool | None:
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
        return _leased(Path(name)) is True
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink()


def _holders(files: Iterable[Path]) -> dict[Path, str]:
    """Return which processes have files open for writing, as far as this user may see."""
    keys: dict[Key, Path] = {}
    for path in files:
        with contextlib.suppress(OSError):
            found = path.stat()
            keys[found.st_dev, found.st_ino] = path
    seen: dict[Path, list[str]] = {}
    for process in _entries("/proc"):
        if process.isdecimal():
            for path in _open_in(process, keys):
                seen.setdefault(path, []).append(_name(process))
    # It says most about a file that not only this process has it open.
    return {path: min(names, key=OURSELVES.__eq__) for path, names in seen.items()}


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


def _name(process: str) -> str:
    if int(process) == os.getpid():
        return OURSELVES
    with contextlib.suppress(OSError):
        name = Path(f"/proc/{process}/comm").read_bytes().decode("utf-8", "replace").strip()
        return f"process {process} ({name})"
    return f"process {process}"
