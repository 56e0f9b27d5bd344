"""From the records of a place to the index: what is new or changed is read, what is gone is forgotten.

A place is a folder or a bucket. To ingest twice changes nothing, and to ingest again after a kill goes on.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from dissmodel.config import load_settings
from dissmodel.errors import DissmodelError, StorageError
from dissmodel.experiment import index as indexed
from dissmodel.experiment.index import Entry, IndexUnusable, RecordIndex, Scope
from dissmodel.experiment.layout import FOLDER, RECORD, Place
from dissmodel.progress import Reporter, current
from dissmodel.record import store
from dissmodel.record.digest import is_changed, record_digest
from dissmodel.record.scan import Summary, names, summary_of
from dissmodel.storage.uri import is_remote, parse

FILE = "index.db"
"""The name of the index in the user's data folder."""

MOST_OBJECTS = 2_000_000
PATIENCE_S = 60.0
_BATCH = 500

T = TypeVar("T")


@dataclass(frozen=True)
class Ingested:
    """What became of the records of a place.

    Attributes
    ----------
    place : str
        The folder, or the URI.
    records, read, gone : int
        How many there are, were new or changed, and were indexed and are no more.
    problems : tuple of str
        Of each record that can't be relied on, and each folder that can't be looked into: why.
    shared_ids : tuple of str
        The ids that several records with different content have; a search marks these.
    """

    place: str
    records: int
    read: int
    gone: int
    problems: tuple[str, ...] = ()
    shared_ids: tuple[str, ...] = ()


def default_index() -> RecordIndex:
    """Return the user's index, which need not be there yet."""
    return RecordIndex(load_settings().data_dir / FILE)


def scope_of(place: Place) -> Scope:
    """Return which part of an index the records of a place are."""
    if is_remote(place.uri):
        return Scope(place.storage.shown, place.prefix)
    return _folder_scope(Path(place.uri))


def ingest(text: str, *, rebuild: bool = False, reporter: Reporter | None = None) -> Ingested:
    """Bring the user's index up to date with a folder, or ``s3://BUCKET/PREFIX``; see `ingest_place`.

    Raises
    ------
    DissmodelError
        If the place can't be listed or read, or the index can't be written.
    """
    index, shelf = default_index(), _shelf(text)
    return _alone(index, PATIENCE_S, lambda: _ingest(index, shelf, reporter or current(), rebuild=rebuild)[0])


def ingest_place(
    index: RecordIndex,
    place: Place,
    *,
    rebuild: bool = False,
    reporter: Reporter | None = None,
    patience: float = PATIENCE_S,
) -> Ingested:
    """Bring an index up to date with the records in a place and below, such as one experiment's folder.

    A record whose version is known is not read again. With `rebuild` what is indexed of the place is
    forgotten first. An index that can't be used is made anew. A folder that is not there has no records.

    Raises
    ------
    DissmodelError
        If the place can't be listed or read, or the index can't be written, or another process is still at it
        after `patience` seconds (code ``"index_busy"``).
    """
    shelf: _Shelf = _Objects(place) if is_remote(place.uri) else _Folder(Path(place.uri), is_needed=False)
    return _alone(index, patience, lambda: _ingest(index, shelf, reporter or current(), rebuild=rebuild)[0])


def indexed_records(text: str, reporter: Reporter) -> Iterator[tuple[Path | str, Summary | DissmodelError]]:
    """Yield the records in a folder or a place and below, as a list without the index finds them.

    Raises
    ------
    DissmodelError
        As `ingest`.
    """
    index, shelf = default_index(), _shelf(text)

    def act() -> tuple[list[_Item], dict[str, tuple[Summary | None, str | None]]]:
        there = _ingest(index, shelf, reporter)[1]
        with index.reading() as db:
            return there, indexed.entries(db, shelf.scope)

    items, known = _alone(index, PATIENCE_S, act)
    for item in items:
        yield item.where, item.error or shelf.told(item, *known[item.key])


@dataclass(frozen=True)
class _Item:
    """A record that is there: its key, its version, and what the user calls it.

    `size` is in bytes; `experiment_id` the id that its folder bears. `error` says why a folder can't be
    looked into.
    """

    key: str
    version: str
    where: Path | str
    size: int = 0
    experiment_id: str | None = None
    error: DissmodelError | None = None


class _Shelf(Protocol):
    """Where records are."""

    scope: Scope
    shown: str

    def list(self) -> Iterator[_Item]:
        """Yield the records, unread, in the order of a list."""

    def read(self, items: Sequence[_Item], reporter: Reporter) -> dict[str, Entry]:
        """Return what is read of these records, by key."""

    def told(self, item: _Item, summary: Summary | None, problem: str | None) -> Summary | DissmodelError:
        """Return what a list says of a record."""


class _Folder:
    """A folder of this machine; `is_needed` says that it has to be there."""

    def __init__(self, folder: Path, *, is_needed: bool = True) -> None:
        self.folder, self.shown, self._is_needed = folder, str(folder), is_needed
        self.scope = _folder_scope(folder)

    def list(self) -> Iterator[_Item]:
        """See `_Shelf.list`."""
        if not self._is_needed and not os.path.lexists(self.folder):
            return
        for found in names(self.folder):
            if found.error is not None:
                yield _Item("", "", found.path, error=found.error)
                continue
            key = f"{self.scope.prefix}{found.path.relative_to(self.folder).as_posix()}"
            above = found.path.parent
            is_pushed = found.path.name == RECORD and above.absolute().parent.name == FOLDER
            yield _Item(
                key,
                _version(found.path),
                found.path,
                experiment_id=above.absolute().name if is_pushed else None,
            )

    def read(self, items: Sequence[_Item], reporter: Reporter) -> dict[str, Entry]:
        """See `_Shelf.read`."""
        del reporter
        return {item.key: self._read(item) for item in items}

    @staticmethod
    def _read(item: _Item) -> Entry:
        path = Path(item.key)
        version = _version(path)  # before it is read: what is written meanwhile is read again next time
        try:
            document = store.read_document(path)
            summary = summary_of(document, str(path))
        except StorageError as error:  # it may be readable next time, without a change
            return Entry("", problem=error.message)
        except DissmodelError as error:
            return Entry(version, problem=error.message)
        entry = _entry(version, document, summary)
        if is_changed(document, entry.digest):
            return _doubted(entry, f"{path}: this record was changed: its digest is {entry.digest}.")
        if item.experiment_id not in {None, summary.experiment_id}:
            return _doubted(entry, f"{path}: this is the record of {summary.experiment_id[:80]}.")
        return entry

    def told(self, item: _Item, summary: Summary | None, problem: str | None) -> Summary | DissmodelError:
        """See `_Shelf.told`; a list of a folder doesn't check digests, and calls files as the user does."""
        del problem
        if summary is not None:
            return summary
        path = Path(item.where)
        try:
            return summary_of(store.read_document(path), str(path))
        except DissmodelError as error:
            return error


class _Objects:
    """A bucket, or a part of it."""

    def __init__(self, place: Place) -> None:
        self.place, self.shown, self.scope = place, place.uri, Scope(place.storage.shown, place.prefix)

    def list(self) -> Iterator[_Item]:
        """See `_Shelf.list`."""
        from dissmodel.experiment.placed import records_in  # noqa: PLC0415  (it loads what speaks to servers)

        for one in records_in(self.place, most=MOST_OBJECTS):
            # Which id it has to have depends on the part of the place that was named.
            version = f"{one.etag or ''} {one.size} {one.experiment_id or ''}"
            where = f"{self.place.uri}{one.name}"
            yield _Item(self.place.key(one.name), version, where, one.size, one.experiment_id)

    def read(self, items: Sequence[_Item], reporter: Reporter) -> dict[str, Entry]:
        """See `_Shelf.read`."""
        from dissmodel.experiment.placed import PlacedRecord, read_each  # noqa: PLC0415  (as above)

        there = [
            PlacedRecord(item.key.removeprefix(self.place.prefix), item.size, item.experiment_id)
            for item in items
        ]
        return {
            item.key: Entry(item.version, problem=found.message)
            if isinstance(found, DissmodelError)
            else _entry(item.version, *found)
            for item, found in zip(items, read_each(self.place, there, reporter), strict=True)
        }

    def told(self, item: _Item, summary: Summary | None, problem: str | None) -> Summary | DissmodelError:
        """See `_Shelf.told`."""
        del item
        if problem is not None:
            return StorageError(problem)
        assert summary is not None
        return summary


def _shelf(text: str) -> _Shelf:
    if not is_remote(text):
        return _Folder(parse(text).local())
    from dissmodel.experiment.layout import open_place  # noqa: PLC0415  (as above)
    from dissmodel.storage.settings import StorageSettings  # noqa: PLC0415  (as above)

    return _Objects(open_place(text, StorageSettings.of(load_settings())))


def _alone(index: RecordIndex, patience: float, act: Callable[[], T]) -> T:
    """Return what comes of `act`, while no other process ingests; once more if the index can't be used."""
    with index.only_writer(patience):
        try:
            return act()
        except IndexUnusable:
            index.discard()
            return act()


def _ingest(
    index: RecordIndex, shelf: _Shelf, reporter: Reporter, *, rebuild: bool = False
) -> tuple[Ingested, list[_Item]]:
    there = list(shelf.list())
    items = [item for item in there if item.error is None]
    with index.writing() as db:
        known = indexed.versions(db, shelf.scope)
        gone = known.keys() - {item.key for item in items}
        if rebuild or gone:
            with indexed.transaction(db):
                if rebuild:
                    indexed.set_whole(db, shelf.scope, is_whole=False)
                indexed.forget(db, shelf.scope, known if rebuild else gone)
                indexed.tidy(db)
        if rebuild:
            known = {}
        new = [item for item in items if not item.version or known.get(item.key) != item.version]
        for start in range(0, len(new), _BATCH):
            read = shelf.read(new[start : start + _BATCH], reporter)
            with indexed.transaction(db):
                indexed.write(db, shelf.scope, read)
        with indexed.transaction(db):
            if any(item.key in known for item in new):
                indexed.tidy(db)
            indexed.set_whole(db, shelf.scope, is_whole=True)
        problems = [item.error.message for item in there if item.error is not None]
        problems += indexed.problems(db, shelf.scope)
        shared = indexed.shared_ids(db, shelf.scope)
    ingested = Ingested(shelf.shown, len(items), len(new), len(gone), tuple(problems), shared)
    return ingested, there


def _entry(version: str, document: Mapping[str, Any], summary: Summary) -> Entry:
    finished, metrics = document.get("finished_at"), document.get("metrics")
    total = metrics.get("time_total_sec") if isinstance(metrics, Mapping) else None
    return Entry(
        version,
        summary,
        record_digest(document),
        _time(finished) if isinstance(finished, str) else None,
        total if isinstance(total, float) else None,
    )


def _doubted(entry: Entry, problem: str) -> Entry:
    return Entry(entry.version, entry.summary, entry.digest, entry.finished_at, entry.total_sec, problem)


def _time(text: str) -> datetime | None:
    with contextlib.suppress(ValueError, OverflowError):
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).astimezone(UTC)
    return None


def _folder_scope(folder: Path) -> Scope:
    path = Path(os.path.realpath(folder)).as_posix()
    return Scope("", f"{path.rstrip('/')}/")


def _version(path: Path) -> str:
    """Return what changes when a file is written or replaced, or when its rights are; empty if it is gone."""
    try:
        now = path.stat()
    except (OSError, ValueError):
        return ""
    return f"{now.st_mtime_ns:x}-{now.st_ctime_ns:x}-{now.st_size:x}-{now.st_ino:x}"
