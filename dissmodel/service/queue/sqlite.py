"""The queue as a file on a local disk, for any number of processes and threads of one machine.

Two clocks: leases and delays are measured by the system's monotonic clock, which all its processes share,
which nobody can set, and which stands still while a laptop sleeps, as its workers do. A time of that clock
that lies ahead of now is of an earlier boot, whose workers are gone. Turns have to outlast a boot, so they
are by the wall clock, but never before a turn that was given already.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from dissmodel import locks
from dissmodel.errors import StorageError
from dissmodel.service.documents import Priority
from dissmodel.service.queue import PRIORITIES, TURN_S, Answer, Entry, Progress, QueueAway

_Result = TypeVar("_Result")
_LOG = logging.getLogger(__name__)
_VERSION = 1
_PATIENCE_S = 5.0
_PAUSE_S = 0.05
_KEPT_S = 30 * 24 * 3600.0
_TICK_S = 1e-6
# What SQLite says of a file that is damaged, no database, or without our table: a new file helps.
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA}

_TABLES = """
CREATE TABLE job (
    id TEXT PRIMARY KEY,
    waits INTEGER NOT NULL DEFAULT 0,
    priority INTEGER NOT NULL DEFAULT 1,
    put_at REAL NOT NULL,                 -- wall clock
    turn REAL NOT NULL DEFAULT 0,         -- put_at, moved by the priority
    delayed_at REAL NOT NULL DEFAULT 0,   -- monotonic clock
    delay REAL NOT NULL DEFAULT 0,
    token TEXT,
    held_at REAL NOT NULL DEFAULT 0,      -- monotonic clock
    lease REAL NOT NULL DEFAULT 0,
    worker TEXT NOT NULL DEFAULT '',
    progress TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    is_cancelled INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX job_turn ON job (turn) WHERE waits;
CREATE INDEX job_put_at ON job (put_at);
"""
_IS_HELD = "token IS NOT NULL AND held_at <= :now AND :now < held_at + lease"
_NEXT = """
SELECT id FROM job WHERE waits AND NOT (delayed_at <= :now AND :now < delayed_at + delay)
ORDER BY turn LIMIT 1
"""
_NEW = "INSERT OR IGNORE INTO job (id, put_at) VALUES (:job, :wall)"
_FORGET = f"DELETE FROM job WHERE put_at < :oldest AND NOT waits AND NOT ({_IS_HELD})"  # noqa: S608
_WAIT = """
UPDATE job SET waits = 1, priority = :priority, put_at = :at, turn = :turn, delayed_at = :now, delay = :delay
WHERE id = :job AND NOT waits
"""
_HOLD = f"""
UPDATE job SET token = :token, held_at = :now, lease = :lease, progress = :progress, worker = :worker
WHERE id = :job AND (token = :token OR NOT ({_IS_HELD}))
"""  # noqa: S608  (no text from elsewhere is in it)
_FREE = f"UPDATE job SET token = NULL WHERE id = :job AND token = :token AND {_IS_HELD}"  # noqa: S608
_VIEW = f"""
SELECT id, waits, {_IS_HELD}, attempts, progress, iif({_IS_HELD}, worker, '') FROM job
WHERE id IN (SELECT value FROM json_each(:jobs))
"""  # noqa: S608


class SqliteQueue:
    """See `dissmodel.service.queue.Queue`.

    The file is a cache: where it is damaged or of an older version it is put aside and made anew.
    """

    def __init__(self, path: Path, *, lease_s: float) -> None:
        self._path = path
        self._lease_s = lease_s
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None

    def put(self, job: str, priority: Priority, *, delay_s: float = 0) -> None:
        """See `Queue.put`."""
        line = PRIORITIES.index(priority)

        def action(db: sqlite3.Connection) -> None:
            now = _now()
            db.execute(_FORGET, now | {"oldest": now["wall"] - _KEPT_S})
            (latest,) = db.execute("SELECT max(put_at) FROM job").fetchone()
            at = max(now["wall"], (latest or 0) + _TICK_S)
            turn = at + (line - 1) * TURN_S
            given = {"job": job, "priority": line, "delay": delay_s, "at": at, "turn": turn, **now}
            db.execute(_NEW, given)
            db.execute(_WAIT, given)

        self._write(action)

    def take(self, worker: str, *, wait_s: float = 1) -> str | None:  # noqa: ARG002  (the first beat tells it)
        """See `Queue.take`."""
        until = time.monotonic() + wait_s

        def action(db: sqlite3.Connection) -> str | None:
            found = db.execute(_NEXT, _now()).fetchone()
            if found:
                db.execute("UPDATE job SET waits = 0 WHERE id = ?", found)
            return found[0] if found else None

        while True:
            # Looking takes no lock that a worker's beat would wait for.
            if self._do(lambda db: db.execute(_NEXT, _now()).fetchone()) and (job := self._write(action)):
                return job
            left = until - time.monotonic()
            if left <= 0:
                return None
            time.sleep(min(_PAUSE_S, left))

    def beat(self, job: str, token: str, progress: Progress, worker: str = "") -> Answer:
        """See `Queue.beat`."""
        text = progress.to_text()

        def action(db: sqlite3.Connection) -> Answer:
            given = {"job": job, "token": token, "progress": text, "worker": worker, "lease": self._lease_s}
            given |= _now()
            db.execute(_NEW, given)
            if not db.execute(_HOLD, given).rowcount:
                return "lost"
            (is_cancelled,) = db.execute("SELECT is_cancelled FROM job WHERE id = ?", (job,)).fetchone()
            return "cancel" if is_cancelled else "ok"

        return self._write(action)

    def count(self, job: str, by: int = 1) -> int:
        """See `Queue.count`."""

        def action(db: sqlite3.Connection) -> int:
            db.execute(_NEW, {"job": job, **_now()})
            db.execute("UPDATE job SET attempts = max(0, attempts + ?) WHERE id = ?", (by, job))
            return int(db.execute("SELECT attempts FROM job WHERE id = ?", (job,)).fetchone()[0])

        return self._write(action)

    def free(self, job: str, token: str) -> bool:
        """See `Queue.free`."""
        given = {"job": job, "token": token}
        return self._write(lambda db: db.execute(_FREE, given | _now()).rowcount == 1)

    def cancel(self, job: str) -> None:
        """See `Queue.cancel`."""

        def action(db: sqlite3.Connection) -> None:
            db.execute(_NEW, {"job": job, **_now()})
            db.execute("UPDATE job SET waits = 0, is_cancelled = 1 WHERE id = ?", (job,))

        self._write(action)

    def done(self, job: str) -> None:
        """See `Queue.done`."""
        self._write(lambda db: db.execute("DELETE FROM job WHERE id = ?", (job,)))

    def view(self, jobs: Iterable[str]) -> Mapping[str, Entry]:
        """See `Queue.view`."""
        asked = list(jobs)
        given = json.dumps(asked)
        rows = self._do(lambda db: db.execute(_VIEW, {"jobs": given, **_now()}).fetchall())
        found = {
            job: Entry(bool(waits), bool(held), attempts, Progress.from_text(text if held else None), worker)
            for job, waits, held, attempts, text, worker in rows
        }
        return {job: found.get(job, Entry()) for job in asked}

    def counts(self) -> Mapping[Priority, int]:
        """See `Queue.counts`."""
        rows = self._do(
            lambda db: db.execute("SELECT priority, count(*) FROM job WHERE waits GROUP BY 1").fetchall()
        )
        found = dict(rows)
        return {name: found.get(number, 0) for number, name in enumerate(PRIORITIES)}

    def close(self) -> None:
        """See `Queue.close`."""
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
                raise QueueAway(
                    f"{self._path}: the queue can't be used: {str(error).rstrip('.')}.",
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
                self._db = sqlite3.connect(
                    self._path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
                )
                _prepare(self._db)
        return self._db

    def _alone(self) -> AbstractContextManager[None]:
        """Let one process at a time make the file or put it aside."""
        lock = self._path.with_name(f"{self._path.name}.lock")
        return locks.required(lock, f"{self._path}: another process opens the queue.", patience=_PATIENCE_S)

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
        _LOG.warning(
            "%s could not be used (%s): it is %s now, and the queue begins anew; no job is lost.",
            self._path,
            why,
            aside,
        )

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()  # what was not committed is undone
        self._db = None


def _now() -> dict[str, float]:
    return {"now": time.monotonic(), "wall": time.time()}


def _prepare(db: sqlite3.Connection) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:  # put aside, it would be put aside by the newer one in turn
        raise StorageError("a newer version of dissmodel made it")
    if version < _VERSION and (version or db.execute("SELECT 1 FROM sqlite_master").fetchone()):
        raise sqlite3.DatabaseError("it is not a queue of this version")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    if version < _VERSION:
        db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;")
