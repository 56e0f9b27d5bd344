"""What differs between two runs, as a person or a program reads it on standard output."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dissmodel.cli.render import print_json, print_line, print_table, short_path

if TYPE_CHECKING:
    from dissmodel.experiment.diff import RecordDiff
    from dissmodel.record.diff import Difference

_LONGEST = 40
_BEFORE = 12
_FEW = 3


def diff(found: RecordDiff, *, as_json: bool, quiet: bool) -> None:
    """Print a table per part in which the runs differ."""
    if as_json:
        sections = [
            {
                "name": section.name,
                "differences": [
                    {"what": one.what, "a": one.recorded, "b": one.now, "matters": one.matters}
                    for one in section.differences
                ],
            }
            for section in found.sections
        ]
        document = {"a": found.a, "b": found.b, "same": found.same}
        print_json({**document, "sections": sections, "hints": found.hints})
    elif not quiet:
        _print(found)


def _print(found: RecordDiff) -> None:
    a, b = short_path(found.a), short_path(found.b)
    if found.same:
        print_line(f"{a} and {b}: the same run except for identity, times and paths")
        return
    print_line(f"A {a}")
    print_line(f"B {b}")
    for section in found.sections:
        rows, folded = _folded(section.differences)
        print_line("")
        cells = [(f"  {_cut(one.what, 0)}", *_sides(one), "" if one.matters else "~") for one in rows]
        print_table((section.name, "A", "B", ""), cells)
        if folded:
            print_line(f"  {folded} more packages that nothing of the model requires ~")
    if any(not one.matters for section in found.sections for one in section.differences):
        print_line("")
        print_line("~ could not change a bit of the result")
    for hint in found.hints:
        print_line(hint)


def _folded(differences: tuple[Difference, ...]) -> tuple[list[Difference], int]:
    """Return the rows to show, and how many packages without a part in the model are only counted."""
    idle = [one for one in differences if not one.matters and one.what.startswith("package ")]
    if len(idle) <= _FEW:
        return list(differences), 0
    return [one for one in differences if one not in idle], len(idle)


def _sides(one: Difference) -> tuple[str, str]:
    a, b = one.recorded, one.now
    common = len(os.path.commonprefix((a or "", b or "")))  # noqa: RUF071  (any text, not only paths)
    return _cut(a, common), _cut(b, common)


def _cut(text: str | None, common: int) -> str:
    """Return a long text's part in which it begins to differ."""
    if text is None:
        return "not recorded"
    if len(text) <= _LONGEST:
        return text
    start = max(0, min(common - _BEFORE, len(text) - _LONGEST))
    piece = text[start : start + _LONGEST]
    return ("…" if start else "") + piece + ("…" if start + _LONGEST < len(text) else "")
