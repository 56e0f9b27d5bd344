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
from dissmodel.sweeping.runs import SHORT_KEY, EndedRun

if TYPE_CHECKING:
    from dissmodel.sweeping.bucket import Bucket

_FOLDER = re.compile(rf"[0-9a-f]{{{SHORT_KEY}}}")


def folders(folder: SweepFolder) -> set[str]:
    """Return the folders of runs whose record is there, by the beginning of the key."""
    try:
        with os.scandir(folder.runs_path) as entries:
            names = [one.name for one in entries]
    except FileNotFoundError:
        return set()
    there, runs = os.path.exists, f"{folder.runs_path}{os.sep}"
    return {
        name
        for name in names
        if len(name) == SHORT_KEY and _FOLDER.fullmatch(name) and there(f"{runs}{name}/{RECORD}")
    }


def reconcile(folder: SweepFolder, journal: Journal, bucket: Bucket | None = None) -> Iterator[EndedRun]:
    """Let the journal forget runs that are gone; yield the completed runs that it lacks.

    These are runs that ended as the process that waited for them was killed, or all of them, where there is
    no journal. A record that can't be read, or that is of another run than its folder, is none. `bucket`: the
    runs are there.
    """
    there = folders(folder) if bucket is None else bucket.there()
    known = set()
    for key in list(journal.completed()):
        if key[:SHORT_KEY] in there:
            known.add(key[:SHORT_KEY])
        else:
            journal.forget(key)
    for name in sorted(there - known):
        document = read_run(folder, name, bucket)
        ended = None if document is None else _ended(document)
        if ended is not None and ended.key.startswith(name):
            yield ended


def read_run(folder: SweepFolder, name: str, bucket: Bucket | None = None) -> Mapping[str, Any] | None:
    """Return the document of the record in the folder of a run; None if it can't be read."""
    return read(folder.runs_path / name / RECORD) if bucket is None else _parsed(bucket.read(name))


def read(path: Path) -> Mapping[str, Any] | None:
    """Return the document of a record; None if it can't be read.

    Ten thousand of them are read at once: the record is checked no further than its key and its status need.
    """
    from dissmodel.record import store  # noqa: PLC0415  (a journal that is whole needs none)

    try:
        return _parsed(bounded.contents(path, store.MAX_BYTES))
    except (OSError, bounded.Unfit):
        return None


def _parsed(data: bytes) -> Mapping[str, Any] | None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _ended(document: Mapping[str, Any]) -> EndedRun | None:
    from dissmodel.sweeping.keys import key_of_record  # noqa: PLC0415  (as above)
    from dissmodel.sweeping.worker import ended_of  # noqa: PLC0415  (as above)

    if document.get("status") != "completed":
        return None
    try:
        return ended_of(document, key_of_record(document))
    except (TypeError, ValueError, KeyError, AttributeError):  # no record of ours: it may hold anything
        return None
