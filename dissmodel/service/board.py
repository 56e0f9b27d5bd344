"""The list of all jobs: a cache in SQLite that can be deleted, made from the place."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from dissmodel.errors import DissmodelError, StorageError
from dissmodel.progress import Silent
from dissmodel.service.documents import Request
from dissmodel.service.jobs import View, document_of, utc
from dissmodel.service.queue import Entry
from dissmodel.service.refusals import refused
from dissmodel.service.service import Service
from dissmodel.service.state import LEGACY, Seen, State
from dissmodel.service.truth import REQUEST
from dissmodel.storage.transfer import Pool

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")
_LOG = logging.getLogger(__name__)

MOST = 1000
"""How many jobs a page may have."""

_TABLES = """
CREATE TABLE IF NOT EXISTS job (
    id TEXT PRIMARY KEY, submitted_at TEXT NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL,
    request TEXT NOT NULL, document TEXT, has_ended INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS job_by_time ON job (submitted_at, id);
CREATE INDEX IF NOT EXISTS job_open ON job (id) WHERE NOT has_ended;
"""
_INSERT = "INSERT OR IGNORE INTO job (id, submitted_at, model, state, request) VALUES (?, ?, ?, 'queued', ?)"
_CHOSEN = (
    "(:model IS NULL OR model = :model) AND (:states IS NULL OR instr(:states, '<' || state || '>') > 0)"
)
_COUNT = f"SELECT count(*) FROM job WHERE {_CHOSEN}"  # noqa: S608  (constants)
_PAGE = f"""
SELECT id, submitted_at, request, document FROM job
WHERE {_CHOSEN} AND (:time IS NULL OR (submitted_at, id) < (:time, :id))
ORDER BY submitted_at DESC, id DESC LIMIT :limit
"""  # noqa: S608  (as above)
_STATES = "SELECT state, count(*) FROM job GROUP BY state"
_CODES = """
SELECT json_extract(document, '$.error.code') AS code, count(*) FROM job GROUP BY code HAVING code NOT NULL
"""
_SECONDS = """
SELECT count(seconds), total(seconds) FROM (SELECT json_extract(document, '$.seconds') AS seconds FROM job)
"""
_VERSION = 1
_FRESH_S, _LISTED_S = 1.0, 60.0
_MOST_TOLD = 100


class Board:
    """The list of jobs; what it has of a job that has ended is final.

    Parameters
    ----------
    service : Service
        Whose jobs.
    file : Path
        The cache; one of another place or version is made anew.
    completed : callable, optional
        Called with the id of each job that was found to have completed, if these are not too many.
    """

    def __init__(
        self, service: Service, file: Path, completed: Callable[[str], None] = lambda _job: None
    ) -> None:
        self._service, self._file, self._completed = service, file, completed
        self._opened: sqlite3.Connection | None = None
        self._using, self._refreshing = threading.Lock(), threading.Lock()
        self._fresh_at = self._listed_at = -1e9
        self._listing_s = 0.0
        service.noted.append(self.add)

    def add(self, request: Request) -> None:
        """Note a job that was submitted or cancelled; without the cache, the next listing finds it."""
        self._fresh_at = -1e9
        with contextlib.suppress(StorageError), self._database() as database:
            database.execute(_INSERT, _row(request))

    def page(
        self,
        *,
        limit: int = 100,
        status: str | None = None,
        model: str | None = None,
        after: str | None = None,
    ) -> Mapping[str, Any]:
        """Return a page of the list: ``experiments``, the newest first, ``total``, and the ``next`` page.

        Parameters
        ----------
        limit : int
            How many jobs, at most `MOST`.
        status : str, optional
            Those in this state, by its name of the HTTP API or of the service.
        model : str, optional
            Those of this model.
        after : str, optional
            What the page before said comes next.

        Raises
        ------
        UsageError
            If `after` was said by no page (code ``"bad_page"``).
        StorageError
            If the place or the cache fails.
        """
        self.refresh()
        time_text, mark, job = (after or "").partition("~")
        if after is not None and not mark:
            raise refused("bad_page", f"after={after[:80]!r} is of no page.")
        named = [f"<{state}>" for state in get_args(State) if status in {state, LEGACY.get(state)}]
        values = {
            "limit": limit + 1,
            "model": model,
            "states": "".join(named) if status is not None else None,
            "time": time_text or None,
            "id": job,
        }
        with self._database() as database:
            (total,) = database.execute(_COUNT, values).fetchone()
            rows = database.execute(_PAGE, values).fetchall()
        entries = self._service.entries(*(row[0] for row in rows))
        jobs = [_shown(row[2], row[3], entries.get(row[0])) for row in rows[:limit]]
        following = f"{rows[limit - 1][1]}~{rows[limit - 1][0]}" if len(rows) > limit else None
        return {"experiments": jobs, "total": total, "next": following}

    def refresh(self) -> None:
        """Bring the list up to date: jobs that other servers took, and those that have ended since."""
        with self._refreshing:
            now = time.monotonic()
            if now - self._listed_at >= max(_LISTED_S, 20 * self._listing_s):
                self._list()
                self._listed_at = time.monotonic()
                self._listing_s = self._listed_at - now
            if now - self._fresh_at >= _FRESH_S:
                self._fresh_at = now
                self._settle()

    def close(self) -> None:
        """Let go of the file; a later call opens it again."""
        with self._using:
            if self._opened is not None:
                self._opened.close()
            self._opened = None

    def numbers(self) -> Mapping[str, Any]:
        """Return how many jobs are in each state and failed with each code, and runs with their seconds."""
        self.refresh()
        with self._database() as database:
            states, codes = dict(database.execute(_STATES)), dict(database.execute(_CODES))
            return {"states": states, "codes": codes, "seconds": database.execute(_SECONDS).fetchone()}

    def _list(self) -> None:
        with self._database() as database:
            known = {job for (job,) in database.execute("SELECT id FROM job")}
        there = {job for job, names in self._service.truth.jobs() if REQUEST in names}
        found = _each(self._service.truth.request, sorted(there - known))
        with self._database() as database:
            database.executemany("DELETE FROM job WHERE id = ?", [(job,) for job in known - there])
            database.executemany(_INSERT, [_row(one) for one in found if one is not None])

    def _settle(self) -> None:
        with self._database() as database:
            rows = database.execute("SELECT id, request FROM job WHERE NOT has_ended").fetchall()
        entries = self._service.entries(*(row[0] for row in rows))
        requests = [Request.from_bytes(text.encode(), job) for job, text in rows]
        views = [View(one, Seen(entry=entries.get(one.experiment_id))) for one in requests]
        views = [one for one in views if one.is_queued] + _each(
            lambda one: self._service.look_again(one, None),
            [one.request for one in views if not one.is_queued],
        )
        changed = [
            (one.state, json.dumps(_short(one)), one.has_ended, one.request.experiment_id) for one in views
        ]
        with self._database() as database:
            statement = "UPDATE job SET state = ?, document = ?, has_ended = ? WHERE id = ?"
            database.executemany(statement, changed)
        completed = [one.request.experiment_id for one in views if one.state == "completed"]
        for job in completed if len(completed) <= _MOST_TOLD else ():
            self._completed(job)

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        with self._using:
            try:
                if self._opened is None:
                    self._opened = self._open()
                with self._opened:
                    yield self._opened
            except (sqlite3.Error, OSError) as error:
                self._opened = None
                why = f"{self._file}: the list of jobs can't be used: {error}."
                raise StorageError(why, "It can be deleted: it is made anew.") from error

    def _open(self) -> sqlite3.Connection:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        mark = zlib.crc32(f"{_VERSION} {self._service.truth.place.uri}".encode()) >> 1
        with contextlib.suppress(sqlite3.DatabaseError):
            database = self._connected()
            (found,) = database.execute("PRAGMA user_version").fetchone()
            if found == mark:
                return database
            database.close()
        for end in ("", "-wal", "-shm"):
            self._file.with_name(self._file.name + end).unlink(missing_ok=True)
        self._listed_at = -1e9
        database = self._connected()
        database.executescript(f"{_TABLES} PRAGMA user_version = {mark}")
        return database

    def _connected(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._file, timeout=10, check_same_thread=False)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        return database


def _row(request: Request) -> tuple[str, ...]:
    time_text, text = utc(request.submitted_at), request.to_bytes().decode()
    return request.experiment_id, time_text, request.model_name, text


def _short(view: View) -> dict[str, Any]:
    """Return a job as a list has it: of its log the first and the last line."""
    document = document_of(view)
    return {**document, "logs": document["logs"][:1] + document["logs"][1:][-1:]}


def _shown(request: str, document: str | None, entry: Entry | None) -> Any:
    view = View(Request.from_bytes(request.encode(), "the list of jobs"), Seen(entry=entry))
    return json.loads(document) if document is not None and not view.is_queued else _short(view)


def _each(work: Callable[[_Item], _Made], items: Sequence[_Item]) -> list[_Made]:
    """Return what `work` makes of each item, many at a time; one that fails is left for the next time."""
    found: Iterable[_Made | DissmodelError | None] = Pool(Silent()).each(work, items) if items else ()
    made = []
    for one in found:
        if isinstance(one, DissmodelError):
            _LOG.warning("%s", one.message, extra={"code": one.code})
        elif one is not None:
            made.append(one)
    return made
