"""The runs of a sweep that are there already: by the journal, and else by their records."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dissmodel import bounded
from dissmodel.sweeping.folder import RECORD, SweepFolder
from dissmodel.sweeping.journal import Journal
from dissmodel.sweeping.runs import COMPLETED, SHORT_KEY, EndedRun

if TYPE_CHECKING:
    from dissmodel.sweeping.bucket import Bucket

_END = re.compile(rb"\n  },")  # of an object in a document as `store.dumps` writes it
_FOLDER = re.compile(rf"[0-9a-f]{{{SHORT_KEY}}}")


def folders(folder: SweepFolder) -> set[str]:
    """Return the folders of runs whose record is there, by the beginning of the key."""
    there, runs = os.path.exists, f"{folder.runs_path}{os.sep}"
    return {name for name in _names(folder) if there(f"{runs}{name}{os.sep}{RECORD}")}


def _names(folder: SweepFolder) -> list[str]:
    try:
        return [one for one in os.listdir(folder.runs_path) if _FOLDER.fullmatch(one)]  # noqa: PTH208  (texts)
    except FileNotFoundError:
        return []


def reconcile(folder: SweepFolder, journal: Journal, bucket: Bucket | None = None) -> Iterator[EndedRun]:
    """Let the journal forget runs that are gone; yield the completed runs that it lacks.

    These are runs that ended as the process that waited for them was killed, or all of them, where there is
    no journal. A record that can't be read, or that is of another run than its folder, is none. `bucket`: the
    runs are there.
    """
    completed = list(journal.completed())
    look = folders if completed else _names  # where nothing is known, each record is read anyway
    there = set(look(folder)) if bucket is None else bucket.there()
    for key in completed:
        if key[:SHORT_KEY] not in there:
            journal.forget(key)
    for name in sorted(there.difference(key[:SHORT_KEY] for key in completed)):
        ended = _ended(read_run(folder, name, bucket))
        if ended is not None and ended.key.startswith(name):
            yield ended


def read_run(folder: SweepFolder, name: str, bucket: Bucket | None = None) -> Mapping[str, Any] | None:
    """Return the document of the record in the folder of a run; None if it can't be read."""
    if bucket is not None:
        return _parsed(bucket.read(name))
    return read(f"{folder.runs_path}{os.sep}{name}{os.sep}{RECORD}")


def read(path: str | Path) -> Mapping[str, Any] | None:
    """Return the document of a record; None if it can't be read.

    It is checked no further than its key and its status need.
    """
    from dissmodel.record import store  # noqa: PLC0415  (a journal that is whole needs none)

    try:
        return _parsed(bounded.contents(path, store.MAX_BYTES))
    except (OSError, bounded.Unfit):
        return None


def _parsed(data: bytes) -> Mapping[str, Any] | None:
    """Return the document of a record without the runtime, which is most of it, and of no use here."""
    start = data.find(b'\n  "runtime": {')
    end = _END.search(data, start) if start > 0 else None
    try:
        document = json.loads(data if end is None else data[:start] + data[end.end() :])
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def ended_in(path: Path) -> EndedRun | None:
    """Return how the run ended of which a record is; None where it is not that of a run that completed."""
    return _ended(read(path))


def _ended(document: Mapping[str, Any] | None) -> EndedRun | None:
    from dissmodel.sweeping.ended import ended_of  # noqa: PLC0415  (as above)
    from dissmodel.sweeping.keys import key_of_record  # noqa: PLC0415  (a journal that is whole needs none)

    if document is None or document.get("status") != COMPLETED:
        return None
    try:
        return ended_of(document, key_of_record(document))
    except (TypeError, ValueError, KeyError, AttributeError):  # no record of ours: it may hold anything
        return None
