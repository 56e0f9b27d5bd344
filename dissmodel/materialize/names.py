"""The names that a pair of result and record can have."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from dissmodel.errors import InvalidInput
from dissmodel.record import store

PREFIX = ".dissmodel-"
"""How the names of scratch folders, locks and unfinished files begin."""

NEW = "new"
OLD = "old"
OLD_RECORD = "old.record.json"


def pair_path(record_path: Path, name: str) -> Path:
    """Return the path of a file of a pair, by its name relative to the record.

    The files of a result are beside its record, under names without a dot at the start unless the user gave
    such a name; or in a folder whose name is the record's stem, with or without a suffix. They are never
    below a folder whose name begins with a dot, and never below a link.
    """
    path = store.artifact_path(record_path, name)
    *folders, last = path.relative_to(record_path.parent).parts
    stem = stem_of(record_path)
    visible = folders or [last.removeprefix(f"{stem}.")]
    hidden = [part for part in visible if part.startswith(".")]
    is_elsewhere = bool(folders) and folders[0] != stem and not folders[0].startswith(f"{stem}.")
    if hidden or is_elsewhere or last.startswith(PREFIX) or path == record_path:
        raise InvalidInput(
            f"{record_path}: no file of this result can have the name {name[:200]!r}.",
            "The files of a result are beside its record, or in the folder of its name.",
            code="artifact_path",
        )
    folder = record_path.parent
    for part in folders:
        folder /= part
        if os.path.lexists(folder) and not stat.S_ISDIR(folder.lstat().st_mode):
            raise InvalidInput(
                f"{folder}: this is a link or a file, and no result is written through it.",
                "Put a folder there, or give another name: --output NAME",
                code="artifact_path",
            )
    return path


def stem_of(record_path: Path) -> str:
    """Return what the names of a pair begin with."""
    return record_path.name.removesuffix(store.SUFFIX)


def is_scratch_of(name: str, record_path: Path) -> bool:
    """Return whether a scratch folder of this name can be one for this record."""
    return re.fullmatch(rf"{re.escape(PREFIX + stem_of(record_path))}(\.[0-9a-f]{{8}})?", name) is not None


def records_of(scratch: Path) -> tuple[Path, ...]:
    """Return the places of the records for which a scratch folder of this name can be."""
    stem = scratch.name.removeprefix(PREFIX)
    stems = dict.fromkeys([stem, re.sub(r"\.[0-9a-f]{8}$", "", stem)])
    return tuple(scratch.with_name(stem + store.SUFFIX) for stem in stems)
