"""The error about a pair that a run began to replace."""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import sys
from pathlib import Path

from dissmodel import machine
from dissmodel.errors import InvalidInput
from dissmodel.materialize import journal
from dissmodel.materialize.names import OLD, OLD_RECORD, is_scratch_of, pair_path, stem_of
from dissmodel.record import ExperimentRecord, Replacement


def interruption(record_path: Path, record: ExperimentRecord) -> InvalidInput:
    """Return the error about a record with status ``replacing``, with what settles it; change nothing.

    The record itself is not trusted: the error names only files that a result can have.
    """
    under_way = record.replacing or Replacement(scratch="", old={}, new={})
    began = f"{record_path}: a run began to replace this result and did not finish"
    own = next(
        (one for one, plan in journal.journals(record_path) if journal.is_under_way(plan, record_path)), None
    )
    if own is not None:
        kept = f"; the earlier result is kept in {own / OLD}" if under_way.old else ""
        return InvalidInput(
            f"{began}{kept}.",
            "Wait if the run still works. If not, the next run to this output restores the earlier result: "
            f"dissmodel run MODEL --input FILE --output {_quoted(_output(record_path, record))}",
            code="interrupted",
        )
    try:
        scratch, kept_files, new = _said(record_path, under_way)
    except InvalidInput as error:
        return InvalidInput(
            f"{began}, it says, but no dissmodel wrote this: {error.message}",
            "Don't trust this record. Move it away, or give another name: --output NAME",
            code="interrupted",
        )
    return InvalidInput(
        f"{began}. {_whose(under_way)} Nothing was moved. {_lies(scratch, kept_files, new)}".rstrip(),
        _choice(record_path, scratch, kept_files, new),
        code="interrupted",
    )


def user_name() -> str:
    """Return the name of the user that runs this, a number if the user has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a number without a name, as in a container
        return str(os.getuid()) if hasattr(os, "getuid") else ""


def _said(record_path: Path, under_way: Replacement) -> tuple[Path, list[tuple[Path, Path]], list[Path]]:
    """Return a record's replacement, if it is possible: scratch folder, old and new files."""
    if not is_scratch_of(under_way.scratch, record_path):
        raise InvalidInput(f"{under_way.scratch[:200]!r} is not a scratch folder of this result.")
    scratch = record_path.with_name(under_way.scratch)
    old = []
    for number, name in under_way.old.items():
        if not (number.isascii() and number.isdigit()):
            raise InvalidInput(f"{number[:200]!r} is not the number of a file.")
        old.append((scratch / OLD / number, pair_path(record_path, name)))
    if scratch.is_symlink() or (scratch / OLD).is_symlink():
        raise InvalidInput(f"{scratch} or a part of it is a link.")
    new = [pair_path(record_path, name) for name in under_way.new]
    kept = [(aside, path) for aside, path in old if journal.is_file(aside)]
    return scratch, kept, [*filter(journal.is_file, new)]


def _whose(under_way: Replacement) -> str:
    if under_way.host is None:
        return "It was a run of dissmodel 0.7.0 or earlier, which left no journal that can be trusted."
    if (under_way.host, under_way.user) != (machine.host(), user_name()):
        return (
            f"It was a run of {(under_way.user or 'a user')[:100]} on the machine {under_way.host[:100]}, "
            "and only that user's dissmodel there can settle it."
        )
    return (
        "No journal of yours on this machine is about it: this is a copy, the folder was moved or its files "
        "were changed, or your key for journals can't be kept or read."
    )


def _lies(scratch: Path, kept: list[tuple[Path, Path]], new: list[Path]) -> str:
    names = ", ".join(f"{aside} ({path.name})" for aside, path in kept)
    earlier = f"The earlier files: {names}." if kept else f"No earlier file is in {scratch / OLD}."
    return f"{earlier} At the result's place: {', '.join(map(str, new))}." if new else earlier


def _choice(record_path: Path, scratch: Path, kept: list[tuple[Path, Path]], new: list[Path]) -> str:
    move, remove, remove_all = (
        ("move", "del", "rmdir /s") if sys.platform == "win32" else ("mv", "rm", "rm -r")
    )
    old_record = scratch / OLD_RECORD
    back = [*kept, (old_record, record_path)] if journal.is_file(old_record) else kept

    def here(path: Path) -> str:
        return _quoted(os.path.join(os.curdir, path.relative_to(record_path.parent)))  # noqa: PTH118

    drop = f"{remove} {here(record_path)}"
    if os.path.lexists(scratch):
        drop += f" && {remove_all} {here(scratch)}"
    keep_old = " && ".join(f"{move} {here(aside)} {here(path)}" for aside, path in back)
    choice = f"to have the earlier result back: {keep_old}. " if back else ""
    what = "To keep the files at its place, without a record" if new else "To drop the record"
    after = "Then type the command again, or give another name: --output NAME"
    return f"In {record_path.parent}: {choice}{what}: {drop}. {after}"


def _output(record_path: Path, record: ExperimentRecord) -> Path:
    """Return the result's main file, as a command names it."""
    with contextlib.suppress(InvalidInput):
        return pair_path(record_path, record.output_path or "")
    return record_path.with_name(stem_of(record_path))


def _quoted(path: Path | str) -> str:
    return f'"{path}"' if sys.platform == "win32" else shlex.quote(str(path))
