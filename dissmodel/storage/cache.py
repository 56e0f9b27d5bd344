"""Fetched files that may be needed again: whole, checked, and bounded in size.

An entry is a folder with ``entry.json``, which lists its files, and ``data/``, which holds these files alone.
A process that uses an entry holds a lock in it, so that no other process removes it meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from dissmodel import locks
from dissmodel.bounded import contents
from dissmodel.config import UserSettings
from dissmodel.config.keys import parse_size
from dissmodel.errors import StorageError, disk_errors
from dissmodel.record.digest import sha256_file

DEFAULT_LIMIT = 20_000_000_000
"""Bytes that the cache may take by default."""

_META = "entry.json"
_DATA = "data"
_USE, _PART, _GONE = ".use-", ".part-", ".gone-"
_LOCK = ".lock"
_PATIENCE_S = 60.0
_LONGEST_META = 1_000_000


@dataclass(frozen=True)
class CachedFile:
    """The main file of an entry, its sha256 (just computed), and its source's version, empty if unknown."""

    path: Path
    sha256: str
    size: int
    version: str


@dataclass(frozen=True)
class Cache:
    """A folder whose least recently used entries are removed once it has more than `limit` bytes."""

    folder: Path
    limit: int = DEFAULT_LIMIT

    @classmethod
    def of(cls, settings: UserSettings) -> Cache:
        """Return the cache for inputs, as the settings have it."""
        size = settings.text("cache_size")
        return cls(settings.cache_dir / "inputs", parse_size(size, "cache_size") if size else DEFAULT_LIMIT)

    def take(self, key: str, stack: contextlib.ExitStack) -> CachedFile | None:
        """Return an entry that is whole, kept until `stack` closes; None if there is none.

        Raises StorageError if the folder can't be used.
        """
        folder = self.folder / key
        with contextlib.ExitStack() as mine:
            with self._guarded():
                if not (folder / _META).is_file():
                    return None
                use = folder / f"{_USE}{uuid4().hex[:12]}{_LOCK}"
                mine.enter_context(locks.held(use))
            entry = _whole(folder)
            if entry is not None:
                with contextlib.suppress(OSError):
                    os.utime(folder / _META)
                stack.push(mine.pop_all())
            return entry

    @contextlib.contextmanager
    def filling(self, name: str, *, patience: float) -> Iterator[Path]:
        """Give the new, empty folder in which an entry is made; one process at a time has it.

        `name` stands for the source, letters and digits; another process that fetches from it is waited for
        `patience` seconds. Raises StorageError if it takes longer, or the folder can't be used.
        """
        part = self.folder / f"{_PART}{name}"
        busy = f"{self.folder}: another process has been fetching this for {patience:.0f} s."
        wait = "Wait for it, or end it, then try again."
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = part.with_name(part.name + _LOCK)
            with locks.required(lock, busy, wait, code="cache_busy", patience=patience):
                _remove(part)
                try:
                    (part / _DATA).mkdir(parents=True)
                    yield part / _DATA
                finally:
                    _remove(part)

    def add(self, key: str, data: Path, files: Mapping[str, str], version: str) -> None:
        """Make an entry of the folder `data` that `filling` gave; an existing entry that is whole stays.

        `files` are name → sha256, the main file first; `version` is that of the source.
        """
        with self._writing():
            meta = {"main": next(iter(files)), "version": version, "files": dict(files)}
            (data.parent / _META).write_text(json.dumps(meta), encoding="utf-8")
            with self._guarded():
                folder = self.folder / key
                if _whole(folder) is None:
                    self._forget(folder)
                    data.parent.rename(folder)
            self._sweep()

    def make_room(self, needed: int) -> None:
        """Remove the least recently used entries until `needed` more bytes are within the limit.

        Entries in use stay, so the cache may exceed the limit while they are used. Raises StorageError if the
        disk itself has no room.
        """
        with self._writing():
            with self._guarded():
                entries = sorted(self._entries(), key=lambda one: one[2])
                total = needed + sum(size for _, size, _ in entries)
                for folder, size, _ in entries:
                    if total <= self.limit:
                        break
                    if not _is_used(folder):
                        self._forget(folder)
                        total -= size
            self._sweep()
            free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise StorageError(
                f"{self.folder}: {needed:,} bytes have to be fetched, and the disk has room for {free:,}.",
                "Make room, or set another folder: DISSMODEL_CACHE=FOLDER",
                code="disk_full",
            )

    def _entries(self) -> Iterator[tuple[Path, int, float]]:
        """Yield each entry's folder, its bytes and the time of its last use."""
        for folder in self.folder.iterdir():
            with contextlib.suppress(OSError):
                used = (folder / _META).stat().st_mtime
                yield folder, sum(one.stat().st_size for one in (folder / _DATA).iterdir()), used

    def _forget(self, folder: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            folder.rename(self.folder / f"{_GONE}{uuid4().hex[:12]}")

    def _sweep(self) -> None:
        """Delete the removed entries, and what killed processes left."""
        for folder in self.folder.glob(f"{_GONE}*"):
            _remove(folder)
        for part in self.folder.glob(f"{_PART}*"):
            if part.name.endswith(_LOCK):
                continue
            with locks.held(part.with_name(part.name + _LOCK)) as is_left:
                if is_left:
                    _remove(part)

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Hold the lock for looking at entries and renaming them, which takes no time."""
        busy = f"{self.folder}: another process has locked it."
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            with locks.required(self.folder / _LOCK, busy, patience=_PATIENCE_S):
                yield

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        hint = "Make room, or set a folder that you may write to: DISSMODEL_CACHE=FOLDER"
        return disk_errors(f"{self.folder}: can't be written", hint)


def _whole(folder: Path) -> CachedFile | None:
    """Return the main file of an entry if each of its files has the bytes that were fetched."""
    try:
        meta = json.loads(contents(folder / _META, _LONGEST_META))
        data = folder / _DATA
        files: Mapping[str, str] = meta["files"]
        if {path.name for path in data.iterdir()} != set(files):
            return None
        if any(sha256_file(data / name) != digest for name, digest in files.items()):
            return None
        main = str(meta["main"])
        return CachedFile(data / main, files[main], (data / main).stat().st_size, str(meta["version"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _is_used(folder: Path) -> bool:
    for use in folder.glob(f"{_USE}*"):
        with locks.held(use) as is_left:
            if not is_left:
                return True
    return False


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
