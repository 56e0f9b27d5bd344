"""What happens to the files of an input while a model runs, also where their bytes are the same then."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from dissmodel.io import archive
from dissmodel.io.tiff_layout import is_tiff
from dissmodel.running.open_files import leased

# Of inotify(7).
_MODIFY, _ATTRIB, _CLOSE_WRITE, _DELETE_SELF, _MOVE_SELF = 0x2, 0x4, 0x8, 0x400, 0x800
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_UNMOUNT, _OVERFLOW = 0x2000, 0x4000
_OF_FILES = _MODIFY | _ATTRIB | _CLOSE_WRITE | _DELETE_SELF | _MOVE_SELF
_OF_NAMES = _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_EVENT = struct.Struct("iIII")
_CHUNK = 1 << 16

# The numbers of statfs(2): file systems whose every change is made on this machine, so that inotify tells it.
_IN_MEMORY = {0x01021994, 0x858458F6}  # tmpfs, ramfs
_LOCAL = _IN_MEMORY | {0xEF53, 0x58465342, 0x9123683E, 0xF2F52010}  # ext2 to 4, XFS, Btrfs, F2FS
_ROOM = 256  # more bytes than any statfs structure has

# Files with metadata that GDAL reads beside a GeoTIFF: the ends of their names after its stem.
_METADATA = (".imd", ".rpb", ".rpc", ".pvl", ".pass", ".xml", "_rpc.txt", "_metadata.txt", "_metadata.xml")


class _FileState(NamedTuple):
    """Which file a name means, and when it was changed; nanoseconds.

    `links` has each symbolic link on the way to the file: number and time of the last change.
    """

    device: int
    number: int
    links: tuple[tuple[int, int], ...]
    size: int
    modified: int
    changed: int


class InputWatch:
    """Watches files, so that a file that is changed and changed back does not count as unchanged.

    The name of a file has to mean the same file at the end, with the same size and times. On Linux the system
    also tells whether the file was written to or moved. What is written through a memory map makes no event.
    It changes the times of the file, which `os.utime` can set back, except for the time of the last change of
    any kind; and it takes a file that is open for writing. So other times are no matter where nobody had the
    file open for writing: what `chmod`, a new hard link, `os.utime` and ``touch -a`` leave. Where that can't
    be known (another system, a network drive) other times count as a change; Windows has no time of the last
    change of any kind. The writers of another user's file can't be seen before they close it.

    The files exist; the dataset itself comes first. They are watched until `close`.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._names = _sidecar_names(files[0]) if files else frozenset()
        self._folder = files[0].parent if self._names else Path()
        self._events = _Events(files, _OF_FILES)
        # What is written to a page of a memory map that is not on the disk yet changes no time.
        self._held = {path for path in files if _is_held(path, sync=True)}
        self._before = {path: _state(path) for path in files}
        # What SQLite makes for itself is empty where it only reads.
        kinds = _OF_NAMES | (_MODIFY if any(map(_is_sqlite, self._names)) else 0)
        self._folder_events = _Events([self._folder] if self._names else [], kinds)

    def close(self) -> None:
        """End the watch."""
        self._events.close()
        self._folder_events.close()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are watched."""
        return tuple(self._before)

    def change(self, path: Path) -> str:
        """Return what happened to a file since, as the end of a sentence; empty if it stayed what it is."""
        before, now, told = self._before[path], _state(path), self._events.of(path)
        events = 0
        for kind, _ in told or ():
            events |= kind
        if before is None or now is None or before[:3] != now[:3]:
            return "it was replaced by another file"
        if events & _MODIFY:
            return "it was written to"
        if events & (_MOVE_SELF | _DELETE_SELF | _UNMOUNT):
            return "it was moved"
        system = _file_system(path)
        if before == now and system not in _IN_MEMORY:
            return ""
        was_open = bool(events & _CLOSE_WRITE) or path in self._held or _is_held(path)
        if before == now:
            said = "it was open for writing, and a file in memory does not tell what was written to it"
            return said if was_open else ""
        is_told = told is not None and system in _LOCAL
        if (before.size, before.modified) == (now.size, now.modified) and is_told and not events & _ATTRIB:
            return ""  # only the time at which it was read was set
        if events & _ATTRIB and not was_open:
            return ""
        return "its times differ, so it may have been written to"

    def transient_sidecar(self, recorded: Iterable[Path]) -> str:
        """Return the name of a file that was read with the dataset for a time only; empty if there was none.

        Only Linux tells. What happened to the files in `recorded` is left to `change`.
        """
        names = self._names - {path.name.casefold() for path in recorded}
        kinds: dict[str, list[int]] = {}
        for kind, name in self._folder_events.of(self._folder) or ():
            if name.casefold() in names:
                kinds.setdefault(name, []).append(kind)
        for name, seen in kinds.items():
            went = any(kind & (_DELETE | _MOVED_FROM) for kind in seen)
            came = sum(bool(kind & (_CREATE | _MOVED_TO)) for kind in seen)
            has_content = any(kind & (_MODIFY | _MOVED_FROM | _MOVED_TO) for kind in seen)
            # A file that came and is still there can be looked at. What SQLite makes to read stays empty.
            if (went or came > 1) and (has_content or not _is_sqlite(name.casefold())):
                return name
        return ""

    @property
    def events_lost(self) -> bool:
        """Whether more happened in the dataset's folder than `transient_sidecar` heard of."""
        return bool(self._names) and self._folder_events.events_lost


def _state(path: Path) -> _FileState | None:
    try:
        found = path.stat()
        links = [part.lstat() for part in (path, *path.parents) if part.is_symlink()]
    except OSError:
        return None
    return _FileState(
        found.st_dev,
        found.st_ino,
        tuple((link.st_ino, link.st_ctime_ns) for link in links),
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


def _is_held(path: Path, *, sync: bool = False) -> bool:
    """Return whether somebody has a file open, or mapped, for writing; `sync`: then write it to the disk."""
    if sys.platform != "linux" or leased(Path(os.path.realpath(path))) is not False:
        return False
    if sync:
        with contextlib.suppress(OSError):
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                os.fsync(file)
            finally:
                os.close(file)
    return True


def _file_system(path: Path) -> int | None:
    """Return the number of the kind of file system that a file is on; None if that is not known."""
    if sys.platform != "linux":
        return None
    room = ctypes.create_string_buffer(_ROOM)
    try:
        failed = ctypes.CDLL(None).statfs(os.fsencode(path), room)
    except (OSError, AttributeError):  # another C library
        return None
    return None if failed else ctypes.c_ulong.from_buffer(room).value & 0xFFFFFFFF


def _sidecar_names(dataset: Path) -> frozenset[str]:
    """Return the names, case-folded, of files that may be read with a dataset; overviews are none."""
    names = set(archive.sidecars(dataset.name))
    if is_tiff(dataset):
        name, stem = dataset.name.casefold(), dataset.stem.casefold()
        suffix = dataset.suffix.casefold()
        names |= set(archive.sidecars(f"{stem}.tif"))
        names |= {f"{name}{end}" for end in (".aux.xml", ".msk", ".aux")}
        names |= {f"{stem}{end}" for end in (*_METADATA, f"{suffix}w", f".{suffix[1:2]}{suffix[-1:]}w")}
        names.add(f"{stem.rpartition('_')[0]}_mtl.txt")  # Landsat: one for all bands
    return frozenset(name for name in names if PurePath(name).suffix != ".ovr")


def _is_sqlite(name: str) -> bool:
    return name.endswith(("-wal", "-journal"))


class _Events:
    """Events of files or folders from Linux's inotify; none where inotify is missing."""

    def __init__(self, paths: Iterable[Path], kinds: int) -> None:
        self._queue: int | None = None
        self._watches: dict[Path, int] = {}
        self._told: list[tuple[int, int, str]] = []
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
        for path in paths:
            watch = library.inotify_add_watch(queue, os.fsencode(path), kinds)
            if watch >= 0:
                self._watches[path] = watch

    @property
    def events_lost(self) -> bool:
        """Whether the system had more to tell than it keeps."""
        self._hear()
        return any(kind & _OVERFLOW for _, kind, _ in self._told)

    def of(self, path: Path) -> list[tuple[int, str]] | None:
        """Return the events of a file or folder: kind and name in a folder; None if not all are known."""
        if self.events_lost or path not in self._watches:
            return None
        return [(kind, name) for watch, kind, name in self._told if watch == self._watches[path]]

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
                    watch, kind, _, length = _EVENT.unpack_from(chunk, place)
                    place += _EVENT.size
                    self._told.append((watch, kind, os.fsdecode(chunk[place : place + length].rstrip(b"\0"))))
                    place += length
