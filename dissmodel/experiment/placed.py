"""The records in a place that others can reach: of pushed experiments, and of results written there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

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
class PlacedRecord:
    """The object of a record, by its name in the place; the id of the experiment if its folder bears it."""

    name: str
    size: int
    experiment_id: str | None
    etag: str | None = None


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
    there: list[PlacedRecord] = []
    size = 0
    for one in records_in(place):
        there.append(one)
        size += one.size
        if len(there) > MOST_RECORDS or size > MOST_BYTES:
            raise _too_much(place, f"{MOST_RECORDS:,} records or {MOST_BYTES:,} bytes of them")
    outcomes = read_each(place, there, reporter)
    return [
        (f"{place.uri}{one.name}", outcome[1] if isinstance(outcome, tuple) else outcome)
        for one, outcome in zip(there, outcomes, strict=True)
    ]


def records_in(place: Place, *, most: int = MOST_OBJECTS) -> Iterator[PlacedRecord]:
    """Yield the records in a place and below, unread.

    Raises
    ------
    StorageError
        If the place can't be listed, or holds more than `most` objects.
    """
    for number, stat in enumerate(place.storage.list(place.prefix)):
        if number >= most:
            raise _too_much(place, f"{most:,} objects")
        name = stat.key.removeprefix(place.prefix)
        experiment = _EXPERIMENT.fullmatch(name)
        if experiment is not None or name == RECORD or name.endswith(store.SUFFIX):
            folder = (experiment[1] or experiment[2]) if experiment is not None else None
            yield PlacedRecord(name, stat.size, folder, stat.etag)


def read_each(
    place: Place, there: Sequence[PlacedRecord], reporter: Reporter
) -> list[tuple[dict[str, Any], Summary] | DissmodelError]:
    """Return the document and the summary of each record; or why that record can't be relied on.

    Raises
    ------
    DissmodelError
        If the place fails.
    """
    pool = Pool(reporter)
    pool.expect("download", sum(one.size for one in there))

    def read(one: PlacedRecord) -> tuple[dict[str, Any], Summary]:
        limit = min(one.size, store.MAX_BYTES)
        with pool.moving(one.size), placed(place, one.name, limit=limit) as source:
            source.refuse_changed()
            refuse_other_id(source.given, source.record.experiment_id, one.experiment_id)
            return source.document, summary_of(source.document, source.given)

    found = []
    for outcome in pool.each(read, there):  # what can't be reached now is not a record that can't be read
        if isinstance(outcome, DissmodelError) and outcome.code not in _UNREADABLE:
            raise outcome
        if outcome is not None:
            found.append(outcome)
    return found


def _too_much(place: Place, what: str) -> StorageError:
    return StorageError(f"{place.uri}: there are more than {what}.", "Name a subfolder.")


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
