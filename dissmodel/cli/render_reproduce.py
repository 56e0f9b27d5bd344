"""A reproduction, as a person or a program reads it on standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissmodel.cli.render import (
    print_json,
    print_line,
    print_places,
    print_table,
    print_warnings,
    short_path,
)
from dissmodel.cli.render_compare import as_document, details, meaning

if TYPE_CHECKING:
    from dissmodel.reproducing.reproduction import Reproduced

_LONGEST = 60


def reproduction(found: Reproduced, *, as_json: bool, quiet: bool) -> None:
    """Print the verdict and what it rests on: each file, and what differs in code, packages and machine."""
    if as_json:
        from dissmodel.record import store

        print_json(
            {
                "verdict": found.verdict,
                "same": found.same,
                "reproduces": found.recorded.experiment_id,
                "recorded_path": found.recorded_path,
                "record_path": found.record_path,
                "files": found.files,
                "drawn": sorted(found.drawn),
                "artifacts": {name: as_document(one) for name, one in found.artifacts.items()},
                "other_code": found.other_code,
                "changed": found.changed,
                "diff_map": found.diff_map,
                "statement": found.statement,
                "warnings": found.warnings,
                "record": store.written(found.record),
            }
        )
    elif not quiet:
        _print(found)


def _print(found: Reproduced) -> None:
    print_warnings(found.warnings)
    where = f"{found.recorded.model_name} of {short_path(found.recorded_path)}"
    print_line(f"{found.verdict}: {where}{meaning(found.verdict)}")
    if found.other_code:
        print_line("  This was not the recorded code; see below.")
    _files(found)
    if not found.same:
        print_line("")
        print_line("A is the recorded result, B the new one.")
    _changes(found)
    if found.files or found.diff_map is not None:
        print_line("")
    print_places(
        {
            **found.files,
            "record": found.record_path,
            "B - A": found.diff_map,
            "attested": found.statement,
        }
    )


def _files(found: Reproduced) -> None:
    for name, one in found.artifacts.items():
        if one.verdict == "identical-file":
            print_line(f"  {name}: identical-file")
        elif name in found.drawn:
            print_line(f"  {name}: {one.verdict}, but it only sets how the result is drawn")
        else:
            print_line("")
            details(one, name)


def _changes(found: Reproduced) -> None:
    rows = [
        (f"  {_cut(one.what)}", _cut(one.recorded or "not recorded"), _cut(one.now or "not known"))
        for one in found.changed
        if one.matters
    ]
    others = len(found.changed) - len(rows)
    if rows:
        print_line("")
        print_line("What differs in the run context and could matter")
        print_table(("  what", "recorded", "now"), rows)
    if others:
        print_line("")
        print_line(f"{others} other differences can't matter; --json lists them.")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
