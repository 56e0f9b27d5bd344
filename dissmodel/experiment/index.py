"""An index of records in a SQLite file: what a list and a search need of each, and where it was read.

The records alone are true. Whatever is in the file can be made again from them, see
`dissmodel.experiment.ingest`, so a file that can't be used is removed.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dissmodel.errors import StorageError, UsageError, disk_errors
from dissmodel.locks import required
from dissmodel.record.plain import plain
from dissmodel.record.scan import Summary, same_value

MOST_ROWS = 1000
"""How many experiments a page may have."""

_SCHEMA = 2
_TABLES = """
CREATE TABLE experiment (
  number INTEGER PRIMARY KEY, record_digest TEXT NOT NULL UNIQUE, experiment_id TEXT NOT NULL,
  created INTEGER NOT NULL, finished_at TEXT, model TEXT NOT NULL, status TEXT NOT NULL, input_sha256 TEXT,
  output_sha256 TEXT, reproduces TEXT, derived_from TEXT, total_sec REAL
);
CREATE INDEX by_created ON experiment (created, record_digest);
CREATE INDEX by_model ON experiment (model, created, record_digest);
CREATE INDEX by_status ON experiment (status, created, record_digest);
CREATE INDEX by_input_sha256 ON experiment (input_sha256, created, record_digest);
CREATE INDEX by_id ON experiment (experiment_id);
CREATE TABLE param (
  name TEXT NOT NULL, value BLOB NOT NULL, created INTEGER NOT NULL, experiment INTEGER NOT NULL,
  PRIMARY KEY (name, value, created, experiment)
) WITHOUT ROWID;
CREATE TABLE seen (
  place TEXT NOT NULL, key BLOB NOT NULL, version TEXT NOT NULL, experiment INTEGER, problem BLOB,
  summary TEXT, PRIMARY KEY (place, key)
) WITHOUT ROWID;
CREATE TABLE whole (place TEXT NOT NULL, prefix BLOB NOT NULL, PRIMARY KEY (place, prefix)) WITHOUT ROWID;
CREATE INDEX of_experiment ON seen (experiment);
CREATE INDEX of_problem ON seen (place, key) WHERE problem IS NOT NULL;
"""
_PATIENCE_S = 30.0
# Codes of SQLite about a file that is no index of ours, is damaged, or can't be opened.
_BROKEN = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_LONGEST_TEXT = 200
_MANY = 2000
_CURSOR = re.compile(r"(-?[0-9]{1,18})\.(sha256:[0-9a-f]{64})")


class IndexUnusable(StorageError):
    """There is no index, or it can't be used: it has to be made from the records."""

    code = "index_unusable"


@dataclass(frozen=True)
class Scope:
    """A part of what is indexed: a place, and how the keys there begin.

    The place is empty for the files of this machine, whose keys are their absolute paths. A prefix ends with
    a slash, unless it is empty.
    """

    place: str
    prefix: str

    @property
    def range(self) -> tuple[str, bytes, bytes]:
        """The place, the first key, and what is after the last."""
        first = to_bytes(self.prefix)
        return self.place, first, first[:-1] + b"0" if first else b"\xff"  # 0 comes after /


@dataclass(frozen=True)
class Entry:
    """What was read at one key.

    `summary` is None of a record that can't be read; `problem` says why a record can't be relied on. `digest`
    is that of the record as it was found, `finished_at` and `total_sec` are what it says.
    """

    version: str
    summary: Summary | None = None
    digest: str = ""
    finished_at: datetime | None = None
    total_sec: float | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Found:
    """An experiment of the index.

    Attributes
    ----------
    record_digest, experiment_id : str
        Its record's digest, and its id.
    created_at, finished_at : datetime or None
        When it began and ended, in UTC.
    model, status : str
        What ran, and how it ended.
    parameters : Mapping
        All parameters of the run.
    input_sha256, output_sha256 : str or None
        Of the input and of the main file of the result.
    reproduces, derived_from : str or None
        The ids of the experiment that it repeats, and of the one that made its input.
    total_sec : float or None
        How long it took.
    place, key : str
        Where one copy of its record was read.
    shares_id : bool
        Whether another record, with another content, has the same id.
    """

    record_digest: str
    experiment_id: str
    created_at: datetime | None
    finished_at: datetime | None
    model: str
    status: str
    parameters: Mapping[str, Any]
    input_sha256: str | None
    output_sha256: str | None
    reproduces: str | None
    derived_from: str | None
    total_sec: float | None
    place: str
    key: str
    shares_id: bool = False


@dataclass(frozen=True)
class Page:
    """Experiments, the latest first; `next` is what `search` takes as `after` to go on, None at the end."""

    rows: tuple[Found, ...]
    next: str | None = None


class RecordIndex:
    """The index in a file; see the module."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Open the index to read, for the block.

        Raises
        ------
        IndexUnusable
            If there is none, or it can't be used.
        StorageError
            If the disk fails.
        """
        with self._errors(), contextlib.closing(self._connect("rw")) as db:
            db.execute("PRAGMA query_only = ON")
            if _version(db) != _SCHEMA:
                raise self.unusable("another version of dissmodel made it")
            yield db

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Open the index to write, for the block; it is made where there is none. Errors as for `reading`."""
        with self._errors(), contextlib.closing(self._connect("rwc")) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            with transaction(db):
                is_empty = not db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
                if is_empty and _version(db) == 0:
                    for statement in filter(str.strip, _TABLES.split(";")):
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version = {_SCHEMA}")
            if _version(db) != _SCHEMA:
                raise self.unusable("another version of dissmodel made it")
            yield db

    @contextlib.contextmanager
    def only_writer(self, patience: float) -> Iterator[None]:
        """Let no other process ingest during the block: who lists a place last must also write last.

        Raises
        ------
        StorageError
            If another process still does after `patience` seconds (code ``"index_busy"``).
        """
        busy = f"{self.path}: another command is bringing the index up to date."
        lock = self.path.with_name(f".{self.path.name}.lock")
        with contextlib.ExitStack() as stack:
            with disk_errors(f"{self.path}: can't be written", "Choose another folder with DISSMODEL_DATA."):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(
                    required(lock, busy, "Try again in a moment.", code="index_busy", patience=patience)
                )
            yield

    def discard(self) -> None:
        """Remove the file; the next `writing` makes it anew.

        Raises
        ------
        StorageError
            If it can't be removed.
        """
        with disk_errors(f"{self.path}: can't be removed", "Remove it yourself: it holds no result."):
            for end in ("", "-wal", "-shm", "-journal"):
                self.path.with_name(self.path.name + end).unlink(missing_ok=True)

    def _connect(self, mode: str) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        return sqlite3.connect(uri, uri=True, timeout=_PATIENCE_S, isolation_level=None)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN:
                raise self.unusable(str(error)) from error
            raise StorageError(f"{self.path}: {error}.", "Check the disk and its room.") from error

    def unusable(self, why: str) -> IndexUnusable:
        """Return the error of an index that can't be used."""
        return IndexUnusable(
            f"{self.path}: the index can't be used: {why}.", "Make it again: dissmodel ingest PLACE --rebuild"
        )


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Write all of the block or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def versions(db: sqlite3.Connection, scope: Scope) -> dict[str, str]:
    """Return the version of each key that was read."""
    rows = db.execute("SELECT key, version FROM seen WHERE place = ? AND key >= ? AND key < ?", scope.range)
    return {to_text(key): version for key, version in rows}


def entries(db: sqlite3.Connection, scope: Scope) -> dict[str, tuple[Summary | None, str | None]]:
    """Return what was read at each key: the summary, and why the record can't be relied on."""
    rows = db.execute(
        "SELECT key, summary, problem FROM seen WHERE place = ? AND key >= ? AND key < ?", scope.range
    )
    return {
        to_text(key): (
            Summary.model_validate(json.loads(summary)) if summary is not None else None,
            to_text(problem) if problem is not None else None,
        )
        for key, summary, problem in rows
    }


def problems(db: sqlite3.Connection, scope: Scope) -> tuple[str, ...]:
    """Return why records can't be relied on, by key."""
    where = "problem IS NOT NULL AND place = ? AND key >= ? AND key < ?"
    statement = f"SELECT problem FROM seen WHERE {where} ORDER BY key"  # noqa: S608  (a constant)
    return tuple(to_text(problem) for (problem,) in db.execute(statement, scope.range))


def write(db: sqlite3.Connection, scope: Scope, read: Mapping[str, Entry]) -> None:
    """Note what was read at these keys."""
    for key, entry in read.items():
        number = _number(db, entry) if entry.summary is not None else None
        summary = None
        if entry.summary is not None:
            said = entry.summary.model_dump(mode="json", exclude_defaults=True)
            summary = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        problem = to_bytes(entry.problem) if entry.problem is not None else None
        row = (scope.place, to_bytes(key), entry.version, number, problem, summary)
        db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?, ?)", row)


def set_whole(db: sqlite3.Connection, scope: Scope, *, is_whole: bool) -> None:
    """Note that all records of a scope are indexed, or are no more; then nor are those of a larger scope."""
    prefix = to_bytes(scope.prefix)
    if is_whole:
        db.execute("INSERT OR IGNORE INTO whole VALUES (?, ?)", (scope.place, prefix))
    else:
        related = "substr(prefix, 1, length(?2)) = ?2 OR substr(?2, 1, length(prefix)) = prefix"
        db.execute(f"DELETE FROM whole WHERE place = ?1 AND ({related})", (scope.place, prefix))  # noqa: S608  (a constant)


def _is_whole(db: sqlite3.Connection, scope: Scope) -> bool:
    covering = "SELECT 1 FROM whole WHERE place = ?1 AND substr(?2, 1, length(prefix)) = prefix"
    return db.execute(covering, (scope.place, to_bytes(scope.prefix))).fetchone() is not None


def forget(db: sqlite3.Connection, scope: Scope, keys: Iterable[str]) -> None:
    """Forget what was read at these keys."""
    rows = ((scope.place, to_bytes(key)) for key in keys)
    db.executemany("DELETE FROM seen WHERE place = ? AND key = ?", rows)


def tidy(db: sqlite3.Connection) -> None:
    """Remove the experiments of which no record is left."""
    held = "SELECT experiment FROM seen WHERE experiment IS NOT NULL"
    left = f"SELECT number FROM experiment WHERE number NOT IN ({held})"  # noqa: S608  (constants)
    numbers = db.execute(left).fetchall()
    if numbers:
        db.execute(f"DELETE FROM param WHERE experiment IN ({left})")  # noqa: S608  (a constant)
        db.executemany("DELETE FROM experiment WHERE number = ?", numbers)


def shared_ids(db: sqlite3.Connection, scope: Scope) -> tuple[str, ...]:
    """Return the ids that several records have, of which one is here."""
    rows = db.execute(
        "SELECT DISTINCT e.experiment_id FROM seen s JOIN experiment e ON e.number = s.experiment"
        " WHERE s.place = ? AND s.key >= ? AND s.key < ? AND EXISTS (SELECT 1 FROM experiment o"
        " WHERE o.experiment_id = e.experiment_id AND o.number <> e.number) ORDER BY 1",
        scope.range,
    )
    return tuple(one for (one,) in rows)


@dataclass
class _Query:
    """The parts of a statement, with what is put into each."""

    source: str
    time: str = "e"
    number: str = "e.number"
    conditions: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def where(self, condition: str, *values: Any) -> None:
        self.conditions.append(condition)
        self.values += values


def search(
    index: RecordIndex,
    *,
    scope: Scope | None = None,
    model: str | None = None,
    status: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    since: datetime | None = None,
    input: str | None = None,  # noqa: A002  (the name of the filter)
    after: str | None = None,
    limit: int = 100,
) -> Page:
    """Return the experiments that were asked for, the latest first; those of records to rely on alone.

    Parameters
    ----------
    index : RecordIndex
        Where to look.
    scope : Scope, optional
        Only those of which a record is there; by default all that are indexed.
    model, status : str, optional
        Only those of this model, or with this status.
    parameters : Mapping, optional
        Only those with these values: 1 is 1.0, but not true.
    since : datetime, optional
        Only those that began then or later; it knows its time zone.
    input : str, optional
        Only those whose input has this sha256.
    after : str, optional
        `Page.next` of the page before.
    limit : int
        How many, from 1 to `MOST_ROWS`.

    Raises
    ------
    UsageError
        If `after` is none (code ``"bad_cursor"``), or `limit` is out of its range.
    IndexUnusable
        If there is no index, or it can't be used, or not all records of `scope` were read yet.
    StorageError
        If the disk fails.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise UsageError(f"limit {limit}: a page has from 1 to {MOST_ROWS:,} experiments.", code="bad_limit")
    cursor = _cursor(after)
    wanted = {name: plain(value) for name, value in (parameters or {}).items()}
    columns = {"model": model, "status": status, "input_sha256": input}
    with index.reading() as db:
        if scope is not None and not _is_whole(db, scope):
            raise index.unusable(f"not all records of {scope.place or scope.prefix} were read yet")
        query = _driven(db, {name: value for name, value in columns.items() if value is not None}, wanted)
        if since is not None:
            query.where(f"{query.time}.created >= ?", _microseconds(since))
        if cursor is not None:
            before = f"{query.time}.created <= ? AND ({query.time}.created < ? OR e.record_digest < ?)"
            query.where(before, cursor[0], *cursor)
        if scope is not None:
            query.where("s.place = ? AND s.key >= ? AND s.key < ?", *scope.range)
        return _page(db, query, wanted, limit)


def to_bytes(text: str) -> bytes:
    """Return a text as SQLite can keep it: a path may hold what no text in UTF-8 can."""
    return text.encode("utf-8", "surrogatepass")


def to_text(data: bytes) -> str:
    """Return the text of `to_bytes`."""
    return data.decode("utf-8", "surrogatepass")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _number(db: sqlite3.Connection, entry: Entry) -> int:
    """Return the number of an experiment in the index, where it is put if it is new."""
    summary = entry.summary
    assert summary is not None
    known = db.execute("SELECT number FROM experiment WHERE record_digest = ?", (entry.digest,)).fetchone()
    if known is not None:
        return int(known[0])
    created = _microseconds(summary.created_at or _LONG_AGO)
    row = (
        entry.digest,
        summary.experiment_id,
        created,
        entry.finished_at.isoformat() if entry.finished_at is not None else None,
        summary.model_name,
        summary.status,
        summary.source.checksum or None,
        summary.artifacts.get("output"),
        summary.reproduces,
        summary.derived_from,
        entry.total_sec,
    )
    statement = "INSERT INTO experiment VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    number = db.execute(statement, row).lastrowid
    assert number is not None
    values = {(name, _sortable(value), created, number) for name, value in summary.parameters.items()}
    db.executemany("INSERT INTO param VALUES (?, ?, ?, ?)", values)
    return number


def _sortable(value: Any) -> float | bytes:
    """Return what equal values of a parameter have in common; a few others may have it too."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):
            return float(value)
    text = value if isinstance(value, str) else json.dumps(_loose(value), sort_keys=True)
    return type(value).__name__.encode() + b":" + to_bytes(text[:_LONGEST_TEXT])


def _loose(value: Any) -> Any:
    """Return a value in which all numbers that Python takes for equal are the same."""
    if isinstance(value, Mapping):
        return {name: _loose(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_loose(inner) for inner in value]
    with contextlib.suppress(OverflowError):
        return float(value) if isinstance(value, (int, float)) else value
    return str(value)


def _driven(db: sqlite3.Connection, columns: Mapping[str, str], parameters: Mapping[str, Any]) -> _Query:
    """Return a query that walks along the filter that fewest experiments meet, the latest first."""

    def many(table: str, condition: str, *values: Any) -> int:
        counted = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {condition} LIMIT {_MANY})"  # noqa: S608  (constants)
        return int(db.execute(counted, values).fetchone()[0])

    sizes = {("e", name): many("experiment", f"{name} = ?", value) for name, value in columns.items()}
    sizes |= {
        ("p", name): many("param", "name = ? AND value = ?", name, _sortable(value))
        for name, value in parameters.items()
    }
    driver = min(sizes, key=sizes.__getitem__, default=("e", "created"))
    if driver[0] == "p":
        query = _Query("param p CROSS JOIN experiment e ON e.number = p.experiment", "p", "p.experiment")
        query.where("p.name = ? AND p.value = ?", driver[1], _sortable(parameters[driver[1]]))
    else:
        query = _Query(f"experiment e INDEXED BY by_{driver[1]}")
    for name, value in columns.items():
        query.where(f"e.{name} = ?" if driver == ("e", name) else f"+e.{name} = ?", value)
    for name, value in parameters.items():
        if driver != ("p", name):
            same = f"q.created = {query.time}.created AND q.experiment = {query.number}"
            met = f"SELECT 1 FROM param q WHERE q.name = ? AND q.value = ? AND {same}"  # noqa: S608  (constants)
            query.where(f"EXISTS ({met})", name, _sortable(value))
    return query


def _page(db: sqlite3.Connection, query: _Query, parameters: Mapping[str, Any], limit: int) -> Page:
    query.where("s.problem IS NULL")
    statement = (
        "SELECT e.*, s.place, s.key, s.summary, EXISTS (SELECT 1 FROM experiment o"  # noqa: S608  (constants)
        " WHERE o.experiment_id = e.experiment_id AND o.number <> e.number)"
        f" FROM {query.source} CROSS JOIN seen s ON s.experiment = e.number"
        f" WHERE {' AND '.join(query.conditions)} ORDER BY {query.time}.created DESC, e.record_digest DESC"
    )
    rows: list[Found] = []
    last, number = "", None
    for row in db.execute(statement, query.values):
        if row[0] == number:  # another copy of the same record
            continue
        summary = Summary.model_validate(json.loads(row[14]))
        held = summary.parameters
        if not all(name in held and same_value(held[name], value) for name, value in parameters.items()):
            continue
        if len(rows) == limit:
            return Page(tuple(rows), last)
        number, last = row[0], f"{row[3]}.{row[1]}"
        rows.append(
            Found(
                record_digest=row[1],
                experiment_id=row[2],
                created_at=summary.created_at,
                finished_at=datetime.fromisoformat(row[4]) if row[4] is not None else None,
                model=row[5],
                status=row[6],
                parameters=held,
                input_sha256=row[7],
                output_sha256=row[8],
                reproduces=row[9],
                derived_from=row[10],
                total_sec=row[11],
                place=row[12],
                key=to_text(row[13]),
                shares_id=bool(row[15]),
            )
        )
    return Page(tuple(rows))


def _cursor(after: str | None) -> tuple[int, str] | None:
    if after is None:
        return None
    parts = _CURSOR.fullmatch(after)
    if parts is None:
        raise UsageError(
            f"after {after[:80]!r}: no page ended there.",
            "Take `next` of the page before.",
            code="bad_cursor",
        )
    return int(parts[1]), parts[2]


def _microseconds(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(microseconds=1)
