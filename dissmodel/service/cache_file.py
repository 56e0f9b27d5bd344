"""A cache in a SQLite file, for any number of processes and threads of one machine."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, TypeVar

from dissmodel import locks
from dissmodel.errors import StorageError

_Result = TypeVar("_Result")
_LOG = logging.getLogger(__name__)
_PATIENCE_S = 5.0
# What SQLite says of a file that is damaged, no database, or without our table: a new file helps.
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA}


class CacheFile:
    """A file that is put aside and made anew where it is damaged or of another version.

    Attributes
    ----------
    _what : str
        What an error calls it.
    _tables : str
        The statements that make it.
    _error : type
        What is raised if it can't be used.
    _is_newer_kept : bool
        Whether a file with a higher version is left alone: a newer dissmodel would put ours aside in turn.
    """

    _what: ClassVar[str]
    _tables: ClassVar[str]
    _error: ClassVar[type[StorageError]] = StorageError
    _is_newer_kept: ClassVar[bool] = False

    def __init__(self, path: Path, *, version: int) -> None:
        self._path, self._version = path, version
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._openings = 0

    def close(self) -> None:
        """Let go of the file; a later call opens it again."""
        with self._lock:
            self._close()

    def _write(self, action: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Return what an action does, in one transaction."""

        def transaction(db: sqlite3.Connection) -> _Result:
            db.execute("BEGIN IMMEDIATE")
            result = action(db)
            db.execute("COMMIT")
            return result

        return self._do(transaction)

    def _do(self, action: Callable[[sqlite3.Connection], _Result]) -> _Result:
        with self._lock:
            try:
                try:
                    return action(self._connected())
                except sqlite3.DatabaseError as error:
                    self._close()
                    # Without a code it is ours, see `_prepare`.
                    if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_NOTADB) & 0xFF not in _BROKEN:
                        raise
                    self._put_aside(error)
                    return action(self._connected())
            except (sqlite3.Error, OSError, StorageError) as error:
                self._close()
                raise self._error(
                    f"{self._path}: {self._what} can't be used: {str(error).rstrip('.')}.",
                    "Check the disk and the rights. The file is only a cache: it may be removed.",
                ) from error

    def _connected(self) -> sqlite3.Connection:
        """Return the connection to the file that has our path now: it may have been removed or put aside."""
        if self._db is None or self._opened != self._file():
            self._close()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._alone():
                if self._file() is None:
                    self._path.touch(mode=0o600)
                self._opened = self._file()
                self._openings += 1
                self._db = sqlite3.connect(
                    self._path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
                )
                self._prepare(self._db)
        return self._db

    def _prepare(self, db: sqlite3.Connection) -> None:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > self._version and self._is_newer_kept:
            raise StorageError("a newer version of dissmodel made it")
        is_ours = version == self._version
        if not is_ours and (version or db.execute("SELECT 1 FROM sqlite_master").fetchone()):
            raise sqlite3.DatabaseError("it is not of this version")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        if not is_ours:
            db.executescript(f"BEGIN; {self._tables} PRAGMA user_version = {self._version}; COMMIT;")

    def _alone(self) -> AbstractContextManager[None]:
        """Let one process at a time make the file or put it aside."""
        lock = self._path.with_name(f"{self._path.name}.lock")
        busy = f"{self._path}: another process opens {self._what}."
        return locks.required(lock, busy, patience=_PATIENCE_S)

    def _file(self) -> tuple[int, int] | None:
        """Return what tells the file from another file of its name; None if there is none."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    def _put_aside(self, why: Exception) -> None:
        with self._alone():
            if self._opened != self._file():
                return  # another process has done it
            for end in ("-wal", "-shm"):
                self._path.with_name(self._path.name + end).unlink(missing_ok=True)
            aside = self._path.with_name(f"{self._path.name}.broken")
            self._path.replace(aside)
        told = "%s could not be used (%s): it is %s now, and %s begins anew; no job is lost."
        _LOG.warning(told, self._path, why, aside, self._what)

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()  # what was not committed is undone
        self._db = None
