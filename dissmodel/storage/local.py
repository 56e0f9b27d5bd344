"""A folder as a place of objects."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from dissmodel import temporary
from dissmodel.errors import StorageError
from dissmodel.record.store import sync_folder
from dissmodel.storage.arrival import SentFile, check_limit, missing, read_all, write_new, write_pieces
from dissmodel.storage.base import Progress, Stat, at_most
from dissmodel.storage.names import check_key, shown

_PIECE = 1 << 20
_LONGEST = 255  # the bytes of a name, in every usual file system


class LocalStorage:
    """The files below a folder. A key is a file's path in it; links are not followed.

    The folder has to exist; `put` makes the folders below it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def shown(self) -> str:
        """What an error calls the place: its path."""
        return str(self.folder)

    def stat(self, key: str) -> Stat | None:
        """Return the size of a file, and when it was written last as its `etag`; None where there is none."""
        path = self._path(key)
        with self._errors(key):
            try:
                status = path.lstat()
                return _from(status, key) if S_ISREG(status.st_mode) else None
            except (FileNotFoundError, NotADirectoryError):
                self._exists()
                return None

    def get(self, key: str, path: Path, *, limit: int, progress: Progress | None = None) -> Stat:
        """Copy a file; see `Storage.get`."""
        found = self._found(key, limit)
        pieces = self._pieces(self._path(key))
        size = write_new(pieces, path, self._shown(key), limit=limit, progress=progress)
        return Stat(key, size, etag=found.etag)

    def read(self, key: str, *, limit: int) -> bytes:
        """Return the content of a small file; see `Storage.read`."""
        self._found(key, limit)
        return read_all(self._pieces(self._path(key)), self._shown(key), limit=limit)

    def put(
        self,
        content: Path | bytes,
        key: str,
        *,
        sha256: str,
        media_type: str = "application/octet-stream",  # noqa: ARG002  (a file system keeps none)
        only_new: bool = False,
        progress: Progress | None = None,
    ) -> Stat:
        """Write a file; see `Storage.put`. A folder keeps no sha256, so its `Stat` has none."""
        target = self._path(key)
        with self._errors(key):
            self._exists()
            if only_new and os.path.lexists(target):
                raise self._taken(key)
            target.parent.mkdir(parents=True, exist_ok=True)
            self._path(key)  # a part of the path may be a link
            with temporary.new_file(target.parent) as copy:
                with closing(SentFile(content, sha256, self._shown(key))) as file:
                    write_pieces(file.pieces(), copy, self._shown(key), limit=file.size, progress=progress)
                self._settle(copy, target, key, only_new=only_new)
            return _from(target.lstat(), key)

    def list(self, prefix: str, *, most: int | None = None) -> Iterator[Stat]:
        """Yield the files whose path begins with `prefix`; links and unfinished files are left out."""
        with self._errors(prefix):
            self._exists()
            found = list(at_most(self._walk(self.folder, "", prefix), most, self._shown(prefix)))
        yield from sorted(found, key=lambda stat: stat.key)

    def delete(self, key: str) -> None:
        """Remove a file; its folder stays."""
        path = self._path(key)
        with self._errors(key):
            self._exists()
            with suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()

    def presign(self, key: str, seconds: int) -> None:
        """Return None: a folder has no URLs."""

    def _found(self, key: str, limit: int) -> Stat:
        found = self.stat(key)
        if found is None:
            raise missing(self._shown(key))
        check_limit(found.size, limit, self._shown(key))
        return found

    def _settle(self, copy: BinaryIO, target: Path, key: str, *, only_new: bool) -> None:
        if not only_new:
            temporary.replace(copy, target)
        else:
            copy.flush()
            temporary.sync(copy.fileno())
            try:
                target.hardlink_to(copy.name)
            except FileExistsError:
                raise self._taken(key) from None
            except OSError:  # a file system without hard links: as far as it can be promised there
                if os.path.lexists(target):
                    raise self._taken(key) from None
                temporary.replace(copy, target)
        sync_folder(target.parent)

    def _path(self, key: str) -> Path:
        check_key(key, self.shown)
        parts = key.split("/")
        is_no_name = any(
            not part or "\\" in part or ":" in part or len(part.encode()) > _LONGEST for part in parts
        )
        if is_no_name or temporary.is_name(parts[-1]):
            raise StorageError(
                f"{self._shown(key)}: no file here may have this name.",
                f"Leave out \\ and :, and put a name of at most {_LONGEST} bytes between two slashes.",
                code="storage_key",
            )
        path = self.folder
        for part in parts:
            path /= part
            if path.is_symlink():
                raise StorageError(
                    f"{self._shown(key)}: {path} is a link, which is not followed here.",
                    "Put the file itself there.",
                    code="storage_key",
                )
        return path

    def _exists(self) -> None:
        if not self.folder.is_dir():
            raise StorageError(
                f"{self.shown} is not a folder.", "Create it, or check its name.", code="storage_missing"
            )

    def _taken(self, key: str) -> StorageError:
        return StorageError(f"{self._shown(key)} exists already.", "Give another name.", code="object_exists")

    @staticmethod
    def _pieces(path: Path) -> Iterator[bytes]:
        try:
            with open(path, "rb", opener=_not_followed) as stream:
                while piece := stream.read(_PIECE):
                    yield piece
        except OSError as error:
            why = error.strerror or error
            raise StorageError(f"{path} could not be read: {why}.", "Check its rights.") from error

    def _walk(self, folder: Path, above: str, prefix: str) -> Iterator[Stat]:
        with os.scandir(folder) as entries:
            for entry in entries:
                key = above + entry.name
                is_below = key.startswith(prefix)
                is_file = entry.is_file(follow_symlinks=False) and not temporary.is_name(entry.name)
                if entry.is_dir(follow_symlinks=False) and (is_below or prefix.startswith(f"{key}/")):
                    yield from self._walk(Path(entry.path), f"{key}/", prefix)
                elif is_below and is_file:
                    yield _from(entry.stat(follow_symlinks=False), key)

    def _shown(self, key: str) -> str:
        return f"{self.folder}{os.sep}{shown(key)}"

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise StorageError(
                f"{self._shown(key)}: you have no right to do this.",
                "Check its rights.",
                code="storage_denied",
            ) from error
        except OSError as error:
            raise StorageError(
                f"{self._shown(key)}: {error.strerror or error}.", "Check the disk and the rights."
            ) from error


def _from(status: os.stat_result, key: str) -> Stat:
    return Stat(key, status.st_size, etag=f"{status.st_mtime_ns:x}-{status.st_size:x}")


def _not_followed(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))
