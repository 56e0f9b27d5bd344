"""What happens to the files of an input while a model runs, beside what their bytes tell at its end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

# Of inotify(7).
_MODIFY, _ATTRIB, _DELETE_SELF, _MOVE_SELF = 0x2, 0x4, 0x400, 0x800
_UNMOUNT, _OVERFLOW = 0x2000, 0x4000
_EVENT = struct.Struct("iIII")
_CHUNK = 1 << 16


class _State(NamedTuple):
    """Which file a name means, and when it was changed; nanoseconds.

    `links` has each symbolic link on the way to the file: number and time of the last change.
    """

    device: int
    number: int
    links: tuple[tuple[int, int], ...]
    times: tuple[int, int, int]


class InputWatch:
    """Watches files, so that one that is changed and changed back does not pass for one that stayed.

    The name of a file has to mean the same file at the end, with the same size and times. On Linux the system
    also tells whether it was written to or moved, so that times which only `touch`, `chmod` or a new hard
    link changed are no matter. Elsewhere, and where the system can't tell, other times count as a change, for
    whether it was written to isn't known.

    Parameters
    ----------
    files : Iterable of Path
        The files, which exist. They are watched from now on until the end of the ``with`` block.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self._before = {path: _state(path) for path in files}
        self._events = _Events(self._before)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._events.close()

    def change(self, path: Path) -> str:
        """Return what happened to a file since, as the end of a sentence; empty if it stayed what it is."""
        before, now, events = self._before[path], _state(path), self._events.of(path)
        if before is None or now is None or before[:3] != now[:3]:
            return "it was replaced by another file"
        if events & _MODIFY:
            return "it was written to"
        if events & (_MOVE_SELF | _DELETE_SELF | _UNMOUNT):
            return "it was moved"
        if before.times != now.times and not events & _ATTRIB:
            return "it has other times, so it may have been written to"
        return ""


def _state(path: Path) -> _State | None:
    try:
        found = path.stat()
        links = [part.lstat() for part in (path, *path.parents) if part.is_symlink()]
    except OSError:
        return None
    return _State(
        found.st_dev,
        found.st_ino,
        tuple((link.st_ino, link.st_ctime_ns) for link in links),
        (found.st_size, found.st_mtime_ns, found.st_ctime_ns),
    )


class _Events:
    """What Linux tells of files, by inotify; where that can't be had, nothing is told."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._queue: int | None = None
        self._watches: dict[Path, int] = {}
        self._told: dict[int, int] = {}
        if sys.platform != "linux":
            return
        try:
            library = ctypes.CDLL(None, use_errno=True)
            queue = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, AttributeError):  # another C library
            return
        if queue < 0:  # this user has as many as the system allows
            return
        self._queue = queue
        for path in files:
            watch = library.inotify_add_watch(
                queue, os.fsencode(path), _MODIFY | _ATTRIB | _DELETE_SELF | _MOVE_SELF
            )
            if watch >= 0:
                self._watches[path] = watch

    def of(self, path: Path) -> int:
        """Return which kinds of events there were of a file; none if the system lost some."""
        self._hear()
        if self._told.get(-1, 0) & _OVERFLOW:
            return 0
        return self._told.get(self._watches.get(path, -1), 0)

    def close(self) -> None:
        if self._queue is not None:
            os.close(self._queue)
            self._queue = None

    def _hear(self) -> None:
        if self._queue is None:
            return
        with contextlib.suppress(BlockingIOError):  # there are no more
            while chunk := os.read(self._queue, _CHUNK):
                place = 0
                while place < len(chunk):
                    watch, kinds, _, length = _EVENT.unpack_from(chunk, place)
                    place += _EVENT.size + length
                    self._told[watch] = self._told.get(watch, 0) | kinds
