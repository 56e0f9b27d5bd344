"""The runs of a sweep that are there already: by the journal, and else by their records."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dissmodel import bounded
from dissmodel.sweeping.folder import RECORD, SweepFolder
from dissmodel.sweeping.journal import Journal
from dissmodel.sweeping.runs import SHORT_KEY, EndedRun

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


def reconcile(folder: SweepFolder, journal: Journal) -> Iterator[EndedRun]:
    """Let the journal forget runs that are gone; yield the completed runs that it lacks.

    These are runs that ended as the process that waited for them was killed, or all of them, where there is
    no journal. A record that can't be read, or that is of another run than its folder, is none.
    """
    there = folders(folder)
    known = set()
    for key in list(journal.completed()):
        if key[:SHORT_KEY] in there:
            known.add(key[:SHORT_KEY])
        else:
            journal.forget(key)
    for name in sorted(there - known):
        document = read(folder.runs_path / name / RECORD)
        ended = None if document is None else _ended(document)
        if ended is not None and ended.key.startswith(name):
            yield ended


def read(path: Path) -> Mapping[str, Any] | None:
    """Return the document of a record; None if it can't be read.

    Ten thousand of them are read at once: the record is checked no further than its key and its status need.
    """
    from dissmodel.record import store  # noqa: PLC0415  (a journal that is whole needs none)

    try:
        document = json.loads(bounded.contents(path, store.MAX_BYTES))
    except (OSError, ValueError, RecursionError, bounded.Unfit):
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
