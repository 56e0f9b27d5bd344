"""The records in a place that others can reach: of pushed experiments, and of results written there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dissmodel.errors import Differs, DissmodelError, StorageError
from dissmodel.experiment.layout import FOLDER, MOST_OBJECTS, RECORD, Place, open_place
from dissmodel.experiment.source import placed
from dissmodel.progress import Reporter
from dissmodel.record import store
from dissmodel.record.scan import Summary, summary_of
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.transfer import Pool

MOST_RECORDS = 10_000
MOST_BYTES = 1 << 30

_EXPERIMENT = re.compile(rf"(?:.*/)?{FOLDER}/([^/]+)/{RECORD}|([^/]+)/{RECORD}")
# The errors of a record that can't be relied on; any other is about the place.
_UNREADABLE = frozenset(
    {
        "experiment_id",
        "not_a_record",
        "object_too_large",
        "record_changed",
        "record_missing",
        "record_newer",
    }
)


@dataclass(frozen=True)
class _Object:
    """The object of a record; the id of its experiment where its folder bears it."""

    key: str
    size: int
    experiment_id: str | None


def placed_records(
    text: str, settings: StorageSettings, reporter: Reporter
) -> list[tuple[str, Summary | DissmodelError]]:
    """Return the records in a place and below by their URIs, or why a record can't be relied on.

    Of each record its own digest has to hold.

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

    def read(one: _Object) -> Summary:
        with pool.moving(one.size):
            return _read(place, one)

    outcomes = pool.each(read, there)
    for outcome in outcomes:  # what can't be reached now is not a record that can't be read
        if isinstance(outcome, DissmodelError) and outcome.code not in _UNREADABLE:
            raise outcome
    found = zip(there, outcomes, strict=True)
    return [(f"{place.uri}{one.key}", outcome) for one, outcome in found if outcome is not None]


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
    return StorageError(f"{place.uri}: there are more than {what}.", "Name a subfolder.")


def _read(place: Place, one: _Object) -> Summary:
    with placed(place, one.key, limit=min(one.size, store.MAX_BYTES)) as source:
        source.refuse_changed()
        refuse_other_id(source.given, source.record.experiment_id, one.experiment_id)
        return summary_of(source.document, source.given)


def refuse_other_id(uri: str, experiment_id: str, of_folder: str | None) -> None:
    """Refuse a record that is in the folder of another experiment.

    Raises
    ------
    Differs
        If the folder bears another id (code ``"experiment_id"``).
    """
    if of_folder not in {None, experiment_id}:
        raise Differs(
            f"{uri}: this is the record of {experiment_id[:80]}, not of the experiment whose folder it is"
            " in.",
            "Ask the person who stored it.",
            code="experiment_id",
        )
