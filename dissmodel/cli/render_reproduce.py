"""A reproduction, as a person or a program reads it on standard output."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from dissmodel.cli.render import print_json, print_line, print_table, print_warnings, printable, short_path
from dissmodel.cli.render_compare import as_document, details, meaning

if TYPE_CHECKING:
    from dissmodel.reproducing.reproduction import Reproduced

_LONGEST = 60


def reproduction_json(found: Reproduced, statement: Path | None = None) -> None:
    """Print all of it."""
    from dissmodel.record import store

    print_json(
        {
            "verdict": found.verdict,
            "same": found.same,
            "reproduces": found.recorded.experiment_id,
            "recorded_path": str(found.recorded_path),
            "record_path": str(found.record_path) if found.record_path else None,
            "files": {name: str(path) for name, path in found.files.items()},
            "drawn": sorted(found.drawn),
            "artifacts": {name: as_document(one) for name, one in found.artifacts.items()},
            "other_code": [dataclasses.asdict(one) for one in found.other_code],
            "changed": [dataclasses.asdict(one) for one in found.changed],
            "diff_map": str(found.diff_map) if found.diff_map else None,
            "statement": str(statement) if statement else None,
            "warnings": list(found.warnings),
            "record": store.written(found.record),
        }
    )


def reproduction(found: Reproduced, statement: Path | None = None) -> None:
    """Print the verdict and what it rests on: each file, and what is otherwise around it."""
    print_warnings(printable(message) for message in found.warnings)
    name = found.recorded.model_name
    told = f"{found.verdict}: {name} of {short_path(str(found.recorded_path))}{meaning(found.verdict)}"
    print_line(printable(told))
    if found.other_code:
        print_line("  This was not the recorded code; see below.")
    _files(found)
    if not found.same:
        print_line("\nA is the recorded result, B the new one.")
    _changes(found)
    if found.files or found.diff_map is not None:
        print_line("")
    for name, path in found.files.items():
        print_line(printable(f"  {name:8} {short_path(str(path))}"))
    if found.record_path is not None:
        print_line(printable(f"  {'record':8} {short_path(str(found.record_path))}"))
    if found.diff_map is not None:
        print_line(printable(f"  B - A    {short_path(str(found.diff_map))}"))
    if statement is not None:
        print_line(printable(f"  attested {short_path(str(statement))}"))


def _files(found: Reproduced) -> None:
    for name, one in found.artifacts.items():
        if one.verdict == "identical-file":
            print_line(printable(f"  {name}: identical-file"))
        elif name in found.drawn:
            print_line(printable(f"  {name}: {one.verdict}, but it only says how the result is drawn"))
        else:
            print_line("")
            details(one, name)


def _changes(found: Reproduced) -> None:
    rows = [
        (_cut(one.what), _cut(one.recorded or "not recorded"), _cut(one.now or "not known"))
        for one in found.changed
        if one.matters
    ]
    others = len(found.changed) - len(rows)
    if rows:
        print_line("\nWhat differs around it and could matter")
        print_table(("  what", "recorded", "now"), [(f"  {what}", was, now) for what, was, now in rows])
    if others:
        print_line(f"\n{others} other differences can't matter; --json lists them.")


def _cut(text: str) -> str:
    return printable(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
