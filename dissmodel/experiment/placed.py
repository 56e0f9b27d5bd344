"""The records in a place that others can reach: of pushed experiments, and of results written there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dissmodel.errors import Differs, DissmodelError, StorageError
from dissmodel.experiment.layout import FOLDER, MOST_OBJECTS, RECORD, Place, open_place, read_placed
from dissmodel.progress import Reporter
from dissmodel.record import store
from dissmodel.record.scan import Summary, summary_of
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.transfer import Pool

MOST_RECORDS = 10_000
MOST_BYTES = 1 << 30

_EXPERIMENT = re.compile(rf"(?:.*/)?{FOLDER}/([^/]+)/{RECORD}|([^/]+)/{RECORD}")


@dataclass(frozen=True)
class PlacedSummary:
    """A record that lies in a place: its URI, and what it says or why it can't be read."""

    uri: str
    record: Summary | None = None
    error: DissmodelError | None = None


@dataclass(frozen=True)
class _Object:
    """The object of a record; the id of its experiment where its folder bears it."""

    key: str
    size: int
    experiment_id: str | None


def placed_records(text: str, settings: StorageSettings, reporter: Reporter) -> list[PlacedSummary]:
    """Read the records in a place and below; of each its own digest has to hold.

    Parameters
    ----------
    text : str
        ``s3://BUCKET/PREFIX``.
    settings : StorageSettings
        How storage is reached.
    reporter : Reporter
        Hears of the bytes.

    Raises
    ------
    DissmodelError
        If the place can't be opened or listed, or holds more than `MOST_RECORDS` records or `MOST_BYTES` of
        them.
    """
    place = open_place(text, settings)
    there = list(_objects(place))
    pool = Pool(reporter)
    pool.expect("download", sum(one.size for one in there))

    def read(one: _Object) -> PlacedSummary:
        with pool.moving(one.size):
            return _read(place, one)

    found: list[PlacedSummary] = []
    for one, outcome in zip(there, pool.each(read, there), strict=True):
        if outcome is None or isinstance(outcome, PlacedSummary):
            found += [outcome] if outcome is not None else []
        elif outcome.code in _UNREADABLE:
            found.append(PlacedSummary(f"{place.uri}{one.key}", error=outcome))
        else:  # what can't be reached now is no record that can't be read
            raise outcome
    return found


# How `read_placed` says that what lies there is no record that can be relied on.
_UNREADABLE = frozenset(
    {
        "experiment_id",
        "not_a_record",
        "object_missing",
        "object_too_large",
        "record_changed",
        "record_missing",
        "record_newer",
    }
)


def _objects(place: Place) -> Iterator[_Object]:
    records = size = 0
    for number, stat in enumerate(place.storage.list(place.prefix)):
        if number >= MOST_OBJECTS:
            raise _too_much(place, f"{MOST_OBJECTS:,} objects")
        key = stat.key.removeprefix(place.prefix)
        experiment = _EXPERIMENT.fullmatch(key)
        if experiment is None and key != RECORD and not key.endswith(store.SUFFIX):
            continue
        records, size = records + 1, size + stat.size
        if records > MOST_RECORDS or size > MOST_BYTES:
            raise _too_much(place, f"{MOST_RECORDS:,} records or {MOST_BYTES:,} bytes of them")
        yield _Object(key, stat.size, (experiment[1] or experiment[2]) if experiment is not None else None)


def _too_much(place: Place, what: str) -> StorageError:
    return StorageError(f"{place.uri}: more than {what} lie there.", "Name a folder further down.")


def _read(place: Place, one: _Object) -> PlacedSummary:
    uri = f"{place.uri}{one.key}"
    placed = read_placed(place, place.key(one.key), uri, limit=min(one.size, store.MAX_BYTES))
    if one.experiment_id not in {None, placed.record.experiment_id}:
        raise Differs(
            f"{uri}: this is the record of {placed.record.experiment_id[:80]}, not of the experiment whose"
            " folder it is in.",
            "Ask whoever put it there.",
            code="experiment_id",
        )
    return PlacedSummary(uri, summary_of(placed.document, uri))
