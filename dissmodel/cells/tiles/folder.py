"""The folder with the working files of a run in tiles, beside its result; a killed run leaves it."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from dissmodel import temporary

_END = ".tiles"
_JOURNAL = "journal.json"
# Arrays, states that are kept, the journal: no other file is ours.
_OURS = re.compile(r"\d{4,}\.[ab]|\d+-\d+\.kept|journal\.json")


def folder_of(record_path: Path) -> Path:
    """Return the folder of the run that writes this record."""
    return record_path.with_name(f".{record_path.name.removesuffix('.record.json')}{_END}")


def journal_of(folder: Path) -> Path:
    """Return the journal in a folder."""
    return folder / _JOURNAL


def has_journal(folder: Path) -> bool:
    """Return whether a run finished a round there."""
    return is_own(folder) and journal_of(folder).is_file()


def is_own(folder: Path) -> bool:
    """Return whether there is such a folder, itself and not a link."""
    return folder.is_dir() and not folder.is_symlink()


def remove(folder: Path) -> None:
    """Remove the working files, and the folder where there is nothing else in it."""
    if is_own(folder):
        temporary.remove_left_files(folder)
        # The journal first: without it nothing goes on from the rest.
        for path in (journal_of(folder), *folder.iterdir()):
            if _OURS.fullmatch(path.name):
                with contextlib.suppress(
                    OSError
                ):  # Windows keeps a file that is mapped; the next run removes it
                    path.unlink()
        with contextlib.suppress(OSError):
            folder.rmdir()


def bytes_in(folder: Path) -> int:
    """Return how many bytes of the disk the files in a folder take."""
    with os.scandir(folder) as entries:
        found = [entry.stat(follow_symlinks=False) for entry in entries]
    return sum(getattr(one, "st_blocks", one.st_size // 512) * 512 for one in found)
