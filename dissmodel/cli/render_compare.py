"""A comparison or a reproduction, as a person or a program reads it on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from dissmodel.cli.render import (
    as_dict,
    print_json,
    print_line,
    print_places,
    print_table,
    print_warnings,
    short_path,
)

if TYPE_CHECKING:
    from dissmodel.comparing.compare import Compared
    from dissmodel.comparison import ChangedValue, Comparison, Part, Verdict
    from dissmodel.reproducing.reproduction import Reproduced

_MEANING = {
    "identical-file": "the same bytes",
    "identical-content": "equal values in other bytes",
    "within-tolerance": "no value differs by more than the tolerance",
}
_LONGEST = 40
_LONGEST_FACT = 60


def comparison(compared: Compared, *, as_json: bool, quiet: bool) -> None:
    """Print the verdict, what it rests on, and the changes of classes."""
    found = compared.comparison
    if as_json:
        print_json(
            {
                "a": compared.a,
                "b": compared.b,
                **as_document(found),
                "diff_map": compared.diff_map,
                "warnings": compared.warnings,
            }
        )
    elif not quiet:
        print_warnings(compared.warnings)
        details(found, f"{short_path(compared.a)} and {short_path(compared.b)}")
        if compared.diff_map is not None:
            print_line("")
            print_line(f"difference B - A: {short_path(compared.diff_map)}")


def as_document(found: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON has it."""
    from dissmodel.record.plain import plain

    tolerance = {"rtol": found.tolerance.rtol, "atol": found.tolerance.atol} if found.tolerance else None
    return {
        "verdict": found.verdict,
        "same": found.same,
        "kind": found.kind,
        "why": found.why,
        "tolerance": tolerance,
        # Values may be NaN or infinite, which JSON lacks.
        "parts": [plain({**as_dict(part), "share": part.share}) for part in found.parts],
    }


def details(found: Comparison, files: str) -> None:
    """Print a verdict on what is called `files`, and below it the bands or columns if any differ."""
    print_line(f"{found.verdict}: {files}{meaning(found.verdict)}")
    for why in found.why:
        print_line(f"  {why}")
    if found.verdict != "identical-content":
        _parts(found.parts, found.kind == "raster")


def meaning(verdict: Verdict) -> str:
    """Return what a verdict means, in brackets; empty where the lines below show it."""
    return f" ({_MEANING[verdict]})" if verdict in _MEANING else ""


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
        _print_reproduction(found)


def _print_reproduction(found: Reproduced) -> None:
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
        (
            f"  {_cut(one.what, _LONGEST_FACT)}",
            _cut(one.recorded or "not recorded", _LONGEST_FACT),
            _cut(one.now or "not known", _LONGEST_FACT),
        )
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


def _parts(parts: tuple[Part, ...], raster: bool) -> None:
    if not parts:
        return
    what, unit = ("band", "cells") if raster else ("column", "features")
    tolerant = any(part.beyond is not None for part in parts)
    head = (what, "type", "changed", "share", *(("beyond",) if tolerant else ()), "max |B-A|", "mean |B-A|")
    print_line("")
    print_table(head, [_row(part, tolerant) for part in parts])
    for line in _places(parts):
        print_line(line)
    for part in parts:
        if part.moves:
            _moves(part, unit)


def _row(part: Part, tolerant: bool) -> tuple[str, ...]:
    types = part.types[0] if part.types[0] == part.types[1] else "/".join(part.types)
    beyond = (str(part.beyond),) if tolerant else ()
    counts = (f"{part.changed} of {part.cells}", _percent(part.share), *beyond)
    return (_cut(part.name), types, *counts, _number(part.max_abs), _number(part.mean_abs))


def _places(parts: Iterable[Part]) -> Iterator[str]:
    firsts = [
        (f"{_cut(part.name)}, {label}", place)
        for part in parts
        for label, place in (("first changed", part.first), ("first beyond the tolerance", part.first_beyond))
        if place is not None and (place is part.first or place != part.first)
    ]
    if firsts:
        yield ""
        yield "Where it begins (rows, columns and features count from 0)"
        yield from (f"  {label}: {_place(place)}" for label, place in firsts)


def _place(place: ChangedValue) -> str:
    if place.feature is not None:
        where = f"feature {place.feature}"
    else:
        where = f"row {place.row}, column {place.col}"
        where += f" (x {place.x!r}, y {place.y!r})" if place.x is not None else ""
    if place.a is None and place.b is None:
        return where
    return f"{where}: {_value(place.a)} → {_value(place.b)}"


def _moves(part: Part, unit: str) -> None:
    print_line("")
    print_line(f"{_cut(part.name)}, largest changes")
    rows = [(f"  {_value(move.before)}", _value(move.after), str(move.count)) for move in part.moves]
    print_table(("  from", "to", unit), rows)
    if part.more_moves:
        print_line(f"  … and {part.more_moves} more kinds of change")


def _value(value: Any) -> str:
    if value is None:
        return "no data"
    return f'"{_cut(value)}"' if isinstance(value, str) else repr(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"


def _percent(share: float) -> str:
    # A single cell of many is not nothing.
    return "<0.01 %" if 0 < share < 1e-4 else f"{100 * share:.2f} %"  # noqa: PLR2004  (what two digits show)


def _cut(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
