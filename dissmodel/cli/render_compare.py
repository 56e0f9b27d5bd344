"""A comparison or a reproduction, as a person or a program reads it on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dissmodel.cli.render import (
    as_dict,
    print_json,
    print_line,
    print_places,
    print_table,
    print_text,
    print_warnings,
    short_path,
)

if TYPE_CHECKING:
    from dissmodel.comparing.compare import Compared
    from dissmodel.comparing.observed import Measured
    from dissmodel.comparison import ChangedValue, Comparison, Part, Verdict
    from dissmodel.metrics import ClassMeasures
    from dissmodel.reproducing.reproduction import Reproduced

_MEANING = {
    "identical-file": "the same bytes",
    "identical-content": "equal values in other bytes",
    "within-tolerance": "no value differs by more than the tolerance",
}
_LONGEST = 40
_LONGEST_FACT = 60
_MOST_COLUMNS = 20


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
                **({} if compared.metrics is None else {"metrics": compared.metrics.document()}),
            }
        )
    elif not quiet:
        print_warnings(compared.warnings)
        if compared.metrics is not None:
            print_line(f"{found.verdict}: {short_path(compared.a)} and {short_path(compared.b)}")
            _measured(compared.metrics)
        else:
            details(found, f"{short_path(compared.a)} and {short_path(compared.b)}")
        if compared.diff_map is not None:
            print_line("")
            print_line(f"difference B - A: {short_path(compared.diff_map)}")


def _measured(found: Measured) -> None:
    """Print how good a simulated map is."""
    bands = " against ".join(dict.fromkeys(map(_cut, found.bands.values())))
    print_line(f"{bands}: {found.cells:,} {found.unit}, each with a value in every map")
    left_out = [f"{number:,} in the {role} map" for role, number in found.left_out.items() if number]
    if left_out:
        print_text(f"{found.unit} without a value, left out: {', '.join(left_out)}", indent=2)
    for note in found.notes:
        print_text(note, indent=2)
    if found.numbers is not None:
        one = found.numbers
        values = (one.bias, one.mae, one.rmse, one.r2, one.max_error)
        what = (
            "bias, simulated - observed",
            "mean absolute error",
            "root mean squared error",
            "R²",
            "largest error",
        )
        print_line("")
        print_table(("measure", "value"), list(zip(what, map(_number, values), strict=True)))
    if found.classes is not None:
        _measured_classes(found, found.classes)


def _measured_classes(found: Measured, classes: ClassMeasures) -> None:
    apart, change = classes.disagreement, classes.change
    rows = [
        ("agreement", classes.agreement / found.cells, "part with the observed class"),
        ("quantity disagreement", apart.quantity, "other amounts of the classes"),
        ("allocation disagreement", apart.allocation, "right amounts, other places"),
        ("  exchange", apart.exchange, "two classes changed places"),
        ("  shift", apart.shift, "three or more did"),
        ("fuzzy agreement", classes.fuzzy.similarity, "a class up to 4 cells away counts in part"),
        ("fuzzy kappa", classes.fuzzy_kappa, "the same, beyond chance"),
        ("fit over all windows", classes.fit.total, "1, 2, 4 … cells wide"),
        ("kappa", classes.kappa, "Pontius & Millones (2011) advise against it"),
    ]
    if change is not None:
        sizes = {"hits": change.hits, "misses": change.misses, "false alarms": change.false_alarms}
        sizes |= {"wrong class": change.wrong_class}
        said = ", ".join(f"{name} {int(size):,}" for name, size in sizes.items())
        rows.insert(1, ("figure of merit", change.figure_of_merit, said))
    print_line("")
    print_table(("measure", "value", ""), [(name, _number(value), what) for name, value, what in rows])
    amounts, unit = (found.areas, "km²") if found.areas else (found.counts, found.unit)
    print_line("")
    print_table(
        ("class", *(f"{role}, {unit}" for role in amounts), "quantity", "allocation", "exchange", "shift"),
        [
            (
                _class_name(found, code),
                *(f"{one[code]:,.7g}" for one in amounts.values()),
                *(map(_number, asdict(apart.classes[code]).values()) if code in apart.classes else ["-"] * 4),
            )
            for code in found.names
        ],
    )
    matrices = {"simulated (rows) and observed (columns)": classes.matrix}
    if classes.observed is not None and classes.simulated is not None:
        matrices |= {
            "initial (rows) and observed (columns)": classes.observed,
            "initial (rows) and simulated (columns)": classes.simulated,
        }
    if len(found.names) > _MOST_COLUMNS:
        print_line("")
        print_line(f"The matrix of {len(found.names)} classes is in --json.")
        matrices = {}
    for what, matrix in matrices.items():
        names = [_class_name(found, code) for code in matrix.classes]
        print_line("")
        print_line(f"{found.unit}, {what}")
        rows_of = zip(names, matrix.table(), strict=True)
        print_table(("", *names), [(f"  {name}", *(f"{size:,}" for size in row)) for name, row in rows_of])
    if classes.fit.fits:
        print_line("")
        fits = classes.fit.fits.items()
        print_table(("window, cells", "fit"), [(f"{width:,}", _number(fit)) for width, fit in fits])
    _landscapes(found)


def _landscapes(found: Measured) -> None:
    if not found.landscape:
        return
    wholes = [one.whole for one in found.landscape.values()]
    rows = [("all", name, *(_number(one[name]) for one in wholes)) for name in wholes[0]]
    for name in found.names.values():
        mine = [one.classes.get(name, {}) for one in found.landscape.values()]
        metrics = dict.fromkeys(metric for one in mine for metric in one)
        rows += [(_cut(name), metric, *(_number(one.get(metric)) for one in mine)) for metric in metrics]
    print_line("")
    print_table(("class", "landscape metric", *found.landscape), rows)


def _class_name(found: Measured, code: int) -> str:
    name = found.names[code]
    return _cut(name if f"{name} ".startswith(f"{code} ") else f"{code} {name}")


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
