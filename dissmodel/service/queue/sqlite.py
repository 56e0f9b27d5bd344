"""The queue as a file on a local disk, for any number of processes and threads of one machine.

Two clocks: leases and delays are measured by the system's monotonic clock, which all its processes share,
which nobody can set, and which stands still while a laptop sleeps, as its workers do. A time of that clock
that lies ahead of now is of an earlier boot, whose workers are gone. Turns have to outlast a boot, so they
are by the wall clock, but never before a turn that was given already.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dissmodel.service.cache_file import CacheFile
from dissmodel.service.documents import Priority
from dissmodel.service.queue import PRIORITIES, TURN_S, Answer, Entry, Progress, QueueAway

_VERSION = 1
_PAUSE_S = 0.05
_KEPT_S = 30 * 24 * 3600.0
_TICK_S = 1e-6

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
_FORGET = f"DELETE FROM job WHERE put_at < :wall - {_KEPT_S} AND NOT waits AND NOT ({_IS_HELD})"  # noqa: S608
_AT = f"max(:wall, (SELECT max(put_at) FROM job) + {_TICK_S})"  # noqa: S608  (no text from elsewhere is in it)
_WAIT = f"""
UPDATE job SET waits = 1, priority = :priority, put_at = {_AT}, turn = {_AT} + :shift, delayed_at = :now,
delay = :delay WHERE id = :job AND NOT waits
"""  # noqa: S608
_TAKE = "UPDATE job SET waits = 0 WHERE id = ?"
_HOLD = f"""
UPDATE job SET token = :token, held_at = :now, lease = :lease, progress = :progress, worker = :worker
WHERE id = :job AND (token = :token OR NOT ({_IS_HELD}))
"""  # noqa: S608
_HOLDER = "SELECT token = :token, is_cancelled FROM job WHERE id = :job"
_COUNT = "UPDATE job SET attempts = max(0, attempts + :by) WHERE id = :job"
_COUNTED = "SELECT attempts FROM job WHERE id = :job"
_CANCEL = "UPDATE job SET waits = 0, is_cancelled = 1 WHERE id = :job"
_DONE = "DELETE FROM job WHERE id = :job"
_FREE = f"UPDATE job SET token = NULL WHERE id = :job AND token = :token AND {_IS_HELD}"  # noqa: S608
_VIEW = f"""
SELECT id, waits, {_IS_HELD}, attempts, progress, iif({_IS_HELD}, worker, '') FROM job
WHERE id IN (SELECT value FROM json_each(:jobs))
"""  # noqa: S608
_COUNTS = "SELECT priority, count(*) FROM job WHERE waits GROUP BY 1"


class SqliteQueue(CacheFile):
    """See `dissmodel.service.queue.Queue`."""

    _what, _tables, _error = "the queue", _TABLES, QueueAway
    _is_newer_kept = True

    def __init__(self, path: Path, *, lease_s: float) -> None:
        super().__init__(path, version=_VERSION)
        self._lease_s = lease_s

    def put(self, job: str, priority: Priority, *, delay_s: float = 0) -> None:
        """See `Queue.put`."""
        line = PRIORITIES.index(priority)
        self._run(_FORGET, _NEW, _WAIT, job=job, priority=line, shift=(line - 1) * TURN_S, delay=delay_s)

    def take(self, worker: str, *, wait_s: float = 1) -> str | None:  # noqa: ARG002  (the first beat tells it)
        """See `Queue.take`."""
        until = time.monotonic() + wait_s

        def look(db: sqlite3.Connection) -> tuple[str] | None:
            found: tuple[str] | None = db.execute(_NEXT, _now()).fetchone()
            return found

        def action(db: sqlite3.Connection) -> tuple[str] | None:
            if (found := look(db)) is not None:
                db.execute(_TAKE, found)
            return found

        while True:
            # Looking takes no lock that a worker's beat would wait for.
            if self._do(look) and (found := self._write(action)):
                return found[0]
            left = until - time.monotonic()
            if left <= 0:
                return None
            time.sleep(min(_PAUSE_S, left))

    def beat(self, job: str, token: str, progress: Progress, worker: str = "") -> Answer:
        """See `Queue.beat`."""
        given = {"token": token, "progress": progress.to_text(), "worker": worker, "lease": self._lease_s}
        rows, _ = self._run(_NEW, _HOLD, _HOLDER, job=job, **given)
        is_ours, is_cancelled = rows[0]
        return "lost" if not is_ours else "cancel" if is_cancelled else "ok"

    def count(self, job: str, by: int = 1) -> int:
        """See `Queue.count`."""
        return int(self._run(_NEW, _COUNT, _COUNTED, job=job, by=by)[0][0][0])

    def free(self, job: str, token: str) -> bool:
        """See `Queue.free`."""
        return self._run(_FREE, job=job, token=token)[1] == 1

    def cancel(self, job: str) -> None:
        """See `Queue.cancel`."""
        self._run(_NEW, _CANCEL, job=job)

    def done(self, job: str) -> None:
        """See `Queue.done`."""
        self._run(_DONE, job=job)

    def view(self, jobs: Iterable[str]) -> Mapping[str, Entry]:
        """See `Queue.view`."""
        asked = list(jobs)
        given = {"jobs": json.dumps(asked), **_now()}
        rows = self._do(lambda db: db.execute(_VIEW, given).fetchall())
        found = {
            job: Entry(bool(waits), bool(held), attempts, Progress.from_text(text if held else None), worker)
            for job, waits, held, attempts, text, worker in rows
        }
        return {job: found.get(job, Entry()) for job in asked}

    def counts(self) -> Mapping[Priority, int]:
        """See `Queue.counts`."""
        found = dict(self._do(lambda db: db.execute(_COUNTS).fetchall()))
        return {name: found.get(number, 0) for number, name in enumerate(PRIORITIES)}

    def _run(self, *statements: str, **given: Any) -> tuple[list[Any], int]:
        """Run statements in one transaction; return the rows of the last, and how many it changed."""

        def action(db: sqlite3.Connection) -> tuple[list[Any], int]:
            for statement in statements:
                cursor = db.execute(statement, {**given, **_now()})
            return cursor.fetchall(), cursor.rowcount

        return self._write(action)


def _now() -> dict[str, float]:
    return {"now": time.monotonic(), "wall": time.time()}
