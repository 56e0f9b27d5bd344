"""The list of all jobs: a cache in SQLite that can be deleted, made from the place."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from dissmodel.errors import DissmodelError, StorageError
from dissmodel.progress import Silent
from dissmodel.service.cache_file import CacheFile
from dissmodel.service.documents import Request
from dissmodel.service.jobs import View, document_of, run_of, utc
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
CREATE TABLE job (
    id TEXT PRIMARY KEY, submitted_at TEXT NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL,
    request TEXT NOT NULL, document TEXT, has_ended INTEGER NOT NULL DEFAULT 0, sweep TEXT
);
CREATE INDEX job_by_time ON job (submitted_at, id, model, state);
CREATE INDEX job_by_model ON job (model, submitted_at, id, state);
CREATE INDEX job_by_state ON job (state, submitted_at, id, model);
CREATE INDEX job_open ON job (id) WHERE NOT has_ended;
"""
_INSERT = """
INSERT OR IGNORE INTO job (id, submitted_at, model, state, request, sweep) VALUES (?, ?, ?, 'queued', ?, ?)
"""
_LASTED = """
round(86400 * (
    julianday(json_extract(document, '$.finished_at')) - julianday(json_extract(document, '$.started_at'))
), 3)
"""
# Only what is asked for is in a statement, so that the documents of all jobs are read for a time taken alone.
_CONDITIONS = {
    "models": "model IN (SELECT value FROM json_each(:models))",
    "states": "state IN (SELECT value FROM json_each(:states))",
    "since": "submitted_at >= :since",
    "until": "submitted_at <= :until",
    "shortest": f"{_LASTED} >= :shortest",
    "longest": f"{_LASTED} <= :longest",
}
_COUNT = "SELECT count(*) FROM job WHERE {}"
_PAGE = """
SELECT id, submitted_at, request, document FROM job WHERE {}
AND (:time IS NULL OR (submitted_at, id) < (:time, :id)) ORDER BY submitted_at DESC, id DESC LIMIT :limit
"""
_STATES = "SELECT state, count(*) FROM job GROUP BY state"
_SWEEPS = """
SELECT sweep, submitted_at, model, json_extract(request, '$.submitted_by'), count(*) FROM job
WHERE sweep NOT NULL AND (:time IS NULL OR (submitted_at, sweep) < (:time, :id))
GROUP BY sweep ORDER BY submitted_at DESC, sweep DESC LIMIT :limit
"""
_STATES_OF = """
SELECT sweep, state, count(*) FROM job WHERE sweep IN (SELECT value FROM json_each(:sweeps)) GROUP BY 1, 2
"""
_NAMED = "SELECT id, request, document FROM job WHERE id IN (SELECT value FROM json_each(:ids))"
_CODES = """
SELECT json_extract(document, '$.error.code') AS code, count(*) FROM job GROUP BY code HAVING code NOT NULL
"""
_SECONDS = """
SELECT count(seconds), total(seconds) FROM (SELECT json_extract(document, '$.seconds') AS seconds FROM job)
"""
# Each name leads to the next: however many jobs there are, only the names are read.
_MODELS = f"""
WITH RECURSIVE named(model) AS (
    SELECT min(model) FROM job
    UNION ALL SELECT (SELECT min(model) FROM job WHERE model > named.model) FROM named WHERE model NOT NULL
) SELECT model FROM named WHERE model NOT NULL LIMIT {MOST}
"""  # noqa: S608  (a constant)
_VERSION = 3
_FRESH_S, _LISTED_S = 1.0, 60.0
_MOST_TOLD = 100


class Board(CacheFile):
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

    _what, _tables = "the list of jobs", _TABLES

    def __init__(
        self, service: Service, file: Path, completed: Callable[[str], None] = lambda _job: None
    ) -> None:
        mark = zlib.crc32(f"{_VERSION} {service.truth.place.uri}".encode()) >> 1
        super().__init__(file, version=mark)
        self._service, self._completed = service, completed
        self._refreshing, self._listing = threading.Lock(), threading.Lock()
        # At which opening of the file it had the jobs of the place. Not which file: one that is removed and
        # made anew may have the same inode.
        self._listed = 0
        self._fresh_at = self._listed_at = -1e9
        self._listing_s = 0.0
        service.noted.append(self.add)

    def add(self, request: Request) -> None:
        """Note a job that was submitted or cancelled; without the cache, the next listing finds it."""
        self._fresh_at = -1e9
        with contextlib.suppress(StorageError):
            self._write(lambda db: db.execute(_INSERT, _row(request)))

    def page(
        self,
        *,
        limit: int = 100,
        status: str | Sequence[str] | None = None,
        model: str | Sequence[str] | None = None,
        after: str | None = None,
        submitted: tuple[str | None, str | None] = (None, None),
        seconds: tuple[float | None, float | None] = (None, None),
    ) -> Mapping[str, Any]:
        """Return a page of the list: ``experiments``, the newest first, ``total``, and the ``next`` page.

        Parameters
        ----------
        limit : int
            How many jobs, at most `MOST`.
        status : str or sequence of str, optional
            Those in these states, by their names of the HTTP API or of the service.
        model : str or sequence of str, optional
            Those of these models.
        after : str, optional
            What the page before said comes next.
        submitted : tuple of str or None
            Those that were submitted between these times, as `dissmodel.service.jobs.utc` writes them.
        seconds : tuple of float or None
            Those that took so long from the begin of the run to the end of the job.

        Raises
        ------
        UsageError
            If `after` was said by no page (code ``"bad_page"``).
        StorageError
            If the place or the cache fails.
        """
        self.refresh()
        time_text, job = _begin(after)
        statuses = {status} if isinstance(status, str) else set(status or ())
        named = [one for one in get_args(State) if statuses & {one, LEGACY.get(one)}]
        values: dict[str, Any] = {
            "models": json.dumps([model] if isinstance(model, str) else model) if model is not None else None,
            "states": json.dumps(named) if status is not None else None,
            **dict(zip(("since", "until", "shortest", "longest"), (*submitted, *seconds), strict=True)),
        }
        asked = [condition for name, condition in _CONDITIONS.items() if values[name] is not None]
        where = " AND ".join(asked) or "TRUE"
        values |= {"limit": limit + 1, "time": time_text, "id": job}
        ((total,),) = self._rows(_COUNT.format(where), values)
        rows = self._rows(_PAGE.format(where), values)
        entries = self._service.entries(*(row[0] for row in rows))
        jobs = [_shown(row[2], row[3], entries.get(row[0])) for row in rows[:limit]]
        following = f"{rows[limit - 1][1]}~{rows[limit - 1][0]}" if len(rows) > limit else None
        return {"experiments": jobs, "total": total, "next": following}

    def sweeps(self, limit: int = 100, after: str | None = None) -> Mapping[str, Any]:
        """Return a page of the sweeps of which a run was submitted, and the ``next`` page; as `page`."""
        self.refresh()
        time_text, sweep = _begin(after)
        rows = self._rows(_SWEEPS, {"limit": limit + 1, "time": time_text, "id": sweep})
        states = self.states(*(row[0] for row in rows))
        names = ("sweep_id", "created_at", "model_name", "submitted_by", "runs")
        found = [{**dict(zip(names, row, strict=True)), "states": states[row[0]]} for row in rows[:limit]]
        following = f"{rows[limit - 1][1]}~{rows[limit - 1][0]}" if len(rows) > limit else None
        return {"sweeps": found, "next": following}

    def states(self, *sweeps: str) -> Mapping[str, Mapping[str, int]]:
        """Return how many jobs of each sweep have each status."""
        self.refresh()
        found: dict[str, Counter[str]] = {one: Counter() for one in sweeps}
        for sweep, state, count in self._rows(_STATES_OF, {"sweeps": json.dumps(sweeps)}):
            found[sweep][LEGACY.get(state, state)] += count
        return found

    def jobs(self, ids: Sequence[str]) -> Mapping[str, Any]:
        """Return the jobs that were submitted among these, by their ids, as `page` has them."""
        self.refresh()
        entries = self._service.entries(*ids)
        rows = self._rows(_NAMED, {"ids": json.dumps(ids)})
        return {row[0]: _shown(row[1], row[2], entries.get(row[0])) for row in rows}

    def models(self) -> list[str]:
        """Return the models that jobs have named, at most `MOST`."""
        return [model for (model,) in self._rows(_MODELS)]

    def refresh(self, *, ahead: bool = False) -> None:
        """Bring the list up to date: jobs that other servers took, and those that have ended since.

        `ahead`: jobs of other servers are looked for before somebody has to wait for that.
        """
        self._rows("SELECT 1")  # now it is known whether the file is a new one
        listed_s = max(_LISTED_S, 20 * self._listing_s) * (1 if ahead else 2)
        is_known = self._openings == self._listed
        is_due = not is_known or time.monotonic() - self._listed_at >= listed_s
        if is_due and self._listing.acquire(blocking=not is_known):  # one that lists is enough
            try:
                if self._openings != self._listed or is_known:
                    self._list()
            finally:
                self._listing.release()
        with self._refreshing:
            now = time.monotonic()
            if now - self._fresh_at >= _FRESH_S:
                self._fresh_at = now
                self._settle()

    def counts(self) -> Mapping[str, int]:
        """Return how many jobs are in each state."""
        self.refresh()
        return dict(self._rows(_STATES))

    def numbers(self) -> Mapping[str, Any]:
        """Return how many jobs are in each state and failed with each code, and runs with their seconds."""
        self.refresh()
        states, codes, (seconds,) = map(self._rows, (_STATES, _CODES, _SECONDS))
        return {"states": dict(states), "codes": dict(codes), "seconds": seconds}

    def _list(self) -> None:
        began, opening = time.monotonic(), self._openings
        known = {job for (job,) in self._rows("SELECT id FROM job")}
        there = {job for job, names in self._service.truth.jobs() if REQUEST in names}
        found = _each(self._service.truth.request, sorted(there - known))
        self._write_all("DELETE FROM job WHERE id = ?", [(job,) for job in known - there])
        self._write_all(_INSERT, [_row(one) for one in found if one is not None])
        self._listed, self._listed_at = opening, time.monotonic()
        self._listing_s = self._listed_at - began

    def _settle(self) -> None:
        rows = self._rows("SELECT id, request FROM job WHERE NOT has_ended")
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
        self._write_all("UPDATE job SET state = ?, document = ?, has_ended = ? WHERE id = ?", changed)
        completed = [one.request.experiment_id for one in views if one.state == "completed"]
        for job in completed if len(completed) <= _MOST_TOLD else ():
            self._completed(job)

    def _rows(self, statement: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        return self._do(lambda db: db.execute(statement, values or {}).fetchall())

    def _write_all(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        self._write(lambda db: db.executemany(statement, rows))


def _row(request: Request) -> tuple[str | None, ...]:
    time_text, text = utc(request.submitted_at), request.to_bytes().decode()
    return request.experiment_id, time_text, request.model_name, text, request.sweep or None


def _begin(after: str | None) -> tuple[str | None, str]:
    """Return the time and the id after which a page begins."""
    time_text, mark, one = (after or "").partition("~")
    if after is not None and not mark:
        raise refused("bad_page", f"after={after[:80]!r} is of no page.")
    return time_text or None, one


def _short(view: View) -> dict[str, Any]:
    """Return a job as a list has it: of its log the first and the last line."""
    document = document_of(view)
    if view.request.sweep:
        document |= {"run": run_of(view)}
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
