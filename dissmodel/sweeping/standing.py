"""Whether a sweep is done already: nothing was changed since all its runs completed.

Only the journal, the names of the runs' records and the files that determine the runs are looked at, so that
neither the model nor the libraries that it needs are loaded.
"""

from __future__ import annotations

import hashlib  # dissmodel.record.digest comes with pydantic
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dissmodel import __version__
from dissmodel.sweeping.finished import folders
from dissmodel.sweeping.folder import SweepFolder
from dissmodel.sweeping.journal import Header, Journal, header_of
from dissmodel.sweeping.runs import SHORT_KEY
from dissmodel.sweeping.swept import Sweep

_BESIDE = f"{os.sep}*"


def digest_of(asked: Mapping[str, Any]) -> str:
    """Return the digest of what was asked for, in this folder and of this version; empty if it has none."""
    try:
        whole = {"asked": asked, "folder": os.getcwd(), "version": __version__}  # noqa: PTH109  (a text)
        text = json.dumps(whole, sort_keys=True, default=os.fspath)
    except (TypeError, ValueError, OSError):  # an array, say; or the current folder is gone
        return ""
    return hashlib.sha256(text.encode()).hexdigest()


def determining(paths: Iterable[Path], datasets: Iterable[Path]) -> dict[str, str]:
    """Return the sha256 of each file by its path; a folder stands for the Python files below it.

    ``PATH/*`` of a dataset stands for the names beside it that begin as its own does: those files may be read
    with it.
    """
    names = [*map(str, paths), *(f"{one}{_BESIDE}" for one in datasets)]
    return {name: _digest(name) for name in names}


def standing(folder: SweepFolder, asked: str) -> Sweep | None:
    """Return how a sweep ended that has nothing to do; None if that takes a closer look."""
    if not asked:
        return None
    found = _by_journal(folder) or _by_record(folder)
    if found is None:
        return None
    header, completed = found
    if header.asked != asked or not header.files or len(completed) != header.runs:
        return None
    is_written = folder.table_path.is_file() and folder.record_path.is_file()
    if not is_written or not completed <= folders(folder):
        return None
    try:
        if any(_digest(name) != was for name, was in header.files.items()):
            return None
    except OSError:
        return None
    return Sweep(folder=folder, rows=header.rows, runs=header.runs, completed=header.runs, failed=0)


def _by_journal(folder: SweepFolder) -> tuple[Header, set[str]] | None:
    try:
        journal = Journal.read(folder.journal_path)
        is_later = folder.journal_path.stat().st_mtime_ns > folder.record_path.stat().st_mtime_ns
    except OSError:
        return None
    if journal.header is None or is_later:  # the last call did not come to its end
        return None
    return journal.header, {key[:SHORT_KEY] for key in journal.completed()}


def _by_record(folder: SweepFolder) -> tuple[Header, set[str]] | None:
    """Return what the record of the whole says, where there is no journal."""
    if folder.journal_path.exists():
        return None
    try:
        sweep = json.loads(folder.record_path.read_bytes())["sweep"]
        header = header_of(sweep["determined_by"])
        return None if header is None else (header, {key[:SHORT_KEY] for key in sweep["completed"]})
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _digest(name: str) -> str:
    path = Path(name.removesuffix(_BESIDE))
    if name.endswith(_BESIDE):
        stem = path.stem.casefold()
        found: list[Any] = sorted(one for one in os.listdir(path.parent) if one.casefold().startswith(stem))  # noqa: PTH208  (texts)
    elif path.is_dir():
        found = sorted((one.relative_to(path).as_posix(), _digest(str(one))) for one in path.rglob("*.py"))
    else:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()
