"""The list of all jobs: a cache in SQLite that can be deleted, made from the place."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from dissmodel.errors import DissmodelError, StorageError, UsageError
from dissmodel.progress import Silent
from dissmodel.service.documents import Request
from dissmodel.service.jobs import View, document_of, utc
from dissmodel.service.queue import Entry
from dissmodel.service.service import Service
from dissmodel.service.state import LEGACY, Seen, State, settle
from dissmodel.storage.transfer import Pool

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")
_LOG = logging.getLogger(__name__)

MOST = 1000
"""How many jobs a page may have."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS job (
    id TEXT PRIMARY KEY, submitted_at TEXT NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL,
    code TEXT, seconds REAL, request TEXT NOT NULL, document TEXT, has_ended INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS job_by_time ON job (submitted_at, id);
CREATE INDEX IF NOT EXISTS job_open ON job (id) WHERE NOT has_ended;
"""
_CHOSEN = """
(:model IS NULL OR model = :model) AND (:states IS NULL OR instr(:states, ',' || state || ',') > 0)
"""
_COUNT = f"SELECT count(*) FROM job WHERE {_CHOSEN}"  # noqa: S608  (constants)
_PAGE = f"""
SELECT id, submitted_at, request, document, has_ended FROM job
WHERE {_CHOSEN} AND (:time IS NULL OR (submitted_at, id) < (:time, :id))
ORDER BY submitted_at DESC, id DESC LIMIT :limit
"""  # noqa: S608  (as above)
_VERSION = 1
_FRESH_S, _LISTED_S = 1.0, 60.0


@dataclass(frozen=True)
class Page:
    """Some jobs, the newest first; how many there are in all, and what the next page comes after."""

    jobs: tuple[dict[str, Any], ...]
    total: int
    next: str | None


class Board:
    """The list of jobs; what it has of a job that has ended is final.

    Parameters
    ----------
    service : Service
        Whose jobs.
    file : Path
        The cache; one of another place or version is made anew.
    """

    def __init__(self, service: Service, file: Path) -> None:
        self._service, self._file = service, file
        self._lock = threading.Lock()
        self._fresh_at = self._listed_at = -_LISTED_S
        self._listing_s = 0.0
        service.noted.append(self.add)

    def add(self, request: Request) -> None:
        """Note a job that was submitted or cancelled; without the cache, the next listing finds it."""
        self._fresh_at = -_LISTED_S
        with contextlib.suppress(StorageError), self._database() as database:
            _insert(database, [request])

    def page(
        self,
        *,
        limit: int = 100,
        status: str | None = None,
        model: str | None = None,
        after: str | None = None,
    ) -> Page:
        """Return a page of the list.

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
        named = [state for state in get_args(State) if status in {state, LEGACY.get(state)}]
        values = {"limit": limit + 1, "model": model, "time": None, "id": None} | (
            _position(after) if after is not None else {}
        )
        values["states"] = None if status is None else f",{','.join(named)},"
        with self._database() as database:
            (total,) = database.execute(_COUNT, values).fetchone()
            rows = database.execute(_PAGE, values).fetchall()
        entries = self._service.entries(*(row[0] for row in rows if not row[4]))
        jobs = tuple(_shown(row, entries.get(row[0])) for row in rows[:limit])
        last = rows[limit - 1] if len(rows) > limit else None
        return Page(jobs, total, f"{last[1]}~{last[0]}" if last is not None else None)

    def refresh(self) -> None:
        """Bring the list up to date: jobs that other servers took, and those that have ended since."""
        with self._lock:
            now = time.monotonic()
            if now - self._listed_at >= max(_LISTED_S, 20 * self._listing_s):
                self._list()
                self._listed_at = time.monotonic()
                self._listing_s = self._listed_at - now
            if now - self._fresh_at >= _FRESH_S:
                self._settle()
                self._fresh_at = time.monotonic()

    def numbers(self) -> Mapping[str, Any]:
        """Return how many jobs are in each state, failed with each code, and took how long in all."""
        self.refresh()
        with self._database() as database:
            return {
                "states": dict(database.execute("SELECT state, count(*) FROM job GROUP BY state")),
                "codes": dict(
                    database.execute("SELECT code, count(*) FROM job WHERE code IS NOT NULL GROUP BY code")
                ),
                "seconds": database.execute("SELECT count(seconds), total(seconds) FROM job").fetchone(),
            }

    def _list(self) -> None:
        with self._database() as database:
            known = {row[0] for row in database.execute("SELECT id FROM job")}
            there = {job for job, names in self._service.truth.jobs() if "request.json" in names}
            gone = known - there
            database.executemany("DELETE FROM job WHERE id = ?", [(job,) for job in gone])
            found = _each(self._service.truth.request, sorted(there - known))
            _insert(database, [one for one in found if one is not None])

    def _settle(self) -> None:
        with self._database() as database:
            rows = database.execute("SELECT id, request FROM job WHERE NOT has_ended").fetchall()
            entries = self._service.entries(*(row[0] for row in rows))
            unknown, known = [], []
            for job, text in rows:
                entry = entries.get(job)
                if entry is not None and (entry.is_waiting or entry.is_leased):
                    state = settle(Seen(entry=entry))
                    known.append((state, job, state))
                else:
                    unknown.append(Request.from_bytes(text.encode(), job))
            views = _each(lambda one: self._service.look_again(one, None), unknown)
            database.executemany("UPDATE job SET state = ? WHERE id = ? AND state != ?", known)
            database.executemany(
                "UPDATE job SET state = ?, code = ?, seconds = ?, document = ?, has_ended = ? WHERE id = ?",
                map(_row, views),
            )

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._opened()) as database, database:
                yield database
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"{self._file}: the list of jobs can't be used: {error}.",
                "It can be deleted: it is made anew.",
            ) from error

    def _opened(self) -> sqlite3.Connection:
        mark = f"{_VERSION} {self._service.truth.place.uri}"
        for _ in range(2):
            try:
                database = sqlite3.connect(self._file, timeout=10)
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = NORMAL")
                database.execute("CREATE TABLE IF NOT EXISTS made_from (mark TEXT)")
                found = database.execute("SELECT mark FROM made_from").fetchone()
                if found is None:
                    database.executescript(_SCHEMA)
                    with database:
                        database.execute("INSERT INTO made_from VALUES (?)", (mark,))
                    self._listed_at = -_LISTED_S * 1e6
                    return database
                if found[0] == mark:
                    return database
                database.close()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
            for name in ("", "-wal", "-shm"):
                self._file.with_name(self._file.name + name).unlink(missing_ok=True)
        raise sqlite3.DatabaseError("it is not a database")


def _insert(database: sqlite3.Connection, requests: Sequence[Request]) -> None:
    rows = [
        (one.experiment_id, utc(one.submitted_at), one.model_name, "queued", one.to_bytes().decode())
        for one in requests
    ]
    database.executemany(
        "INSERT OR IGNORE INTO job (id, submitted_at, model, state, request) VALUES (?, ?, ?, ?, ?)", rows
    )


def _row(view: View) -> tuple[Any, ...]:
    outcome, record = view.seen.outcome, view.record
    error = outcome.error if outcome is not None else None
    seconds = record.metrics.get("time_total_sec") if record is not None else None
    return (
        view.state,
        error.code if error is not None else None,
        seconds if isinstance(seconds, int | float) else None,
        json.dumps(_short(document_of(view))),
        view.has_ended,
        view.request.experiment_id,
    )


def _short(document: dict[str, Any]) -> dict[str, Any]:
    """Return a job as a list has it: of its log the first and the last line."""
    logs = document["logs"]
    return {**document, "logs": [logs[0], logs[-1]] if len(logs) > 1 else logs}


def _shown(row: tuple[str, str, str, str | None, int], entry: Entry | None) -> dict[str, Any]:
    job, _, request, document, _ = row
    is_known = entry is not None and (entry.is_waiting or entry.is_leased)
    if document is not None and not is_known:
        found: dict[str, Any] = json.loads(document)
        return found
    return _short(document_of(View(Request.from_bytes(request.encode(), job), Seen(entry=entry))))


def _position(after: str) -> dict[str, str]:
    time_text, mark, job = after.partition("~")
    if not mark:
        raise UsageError(f"after={after[:80]!r} is of no page.", "Take it from next.", code="bad_page")
    return {"time": time_text, "id": job}


def _each(work: Callable[[_Item], _Made], items: Sequence[_Item]) -> list[_Made]:
    """Return what `work` makes of each item, many at a time; one that fails is left for the next time."""
    found = Pool(Silent()).each(work, items) if items else []
    for error in (one for one in found if isinstance(one, DissmodelError)):
        _LOG.warning("%s", error.message, extra={"code": error.code})
    return [one for one in found if one is not None and not isinstance(one, DissmodelError)]
