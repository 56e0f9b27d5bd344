"""Lists, chains and differences of records, as a person or a program reads them on standard output."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dissmodel.cli.render import print_json, print_line, print_table, print_warnings, short_path, value_text
from dissmodel.experiment import columns, spreadsheet
from dissmodel.printable import count, cut, printable

if TYPE_CHECKING:
    from dissmodel.experiment.diff import RecordDiff
    from dissmodel.experiment.lineage import Lineage, Step
    from dissmodel.experiment.listing import Listing, Row
    from dissmodel.record.diff import Difference
    from dissmodel.record.scan import Summary

_SHORT_ID = 8
_LONGEST_ID = 64
_MOST_COLUMNS = 1000
_LONGEST = 40
_BEFORE = 12
_FEW = 3


def listing(found: Listing, *, written: Path | None = None, errors_only: bool = False) -> None:
    """Print a line per record, several where the terminal is narrow; on standard error what can't be read."""
    print_warnings((*found.unreadable, *found.interrupted))
    rows = [row for row in found.rows if not errors_only or row.state in {"differs", "missing"}]
    if written is not None and not errors_only:
        print_line(f"{short_path(written)}: {count(len(rows), 'record')}")
        return
    if not found.rows and not errors_only:
        print_warnings([f"none of {found.total} records matches. {found.hint}".rstrip()])
    if not rows:
        return
    if found.columns:
        head = tuple("when (UTC)" if one == "when" else one for one in found.columns)
        print_table(head, [tuple(_cell(row, one) for one in found.columns) for row in rows])
        return
    checked = rows[0].state is not None
    head = ("when (UTC)", "model", "status", *(("files",) if checked else ()), "given", "output", "id")
    given = head.index("given")
    print_table(head, [_cells(row) for row in rows], may_cut=(given, given + 1))


def listing_json(found: Listing) -> None:
    """Print a whole list."""
    print_json(
        {
            "total": found.total,
            "records": [
                {
                    **_summary_json(row.path, row.record),
                    "output": row.output,
                    **({"files": row.state} if row.state is not None else {}),
                    **({"columns": _values(row, found.columns)} if found.columns else {}),
                }
                for row in found.rows
            ],
            "unreadable": found.unreadable,
            "interrupted": found.interrupted,
            "hint": found.hint,
        }
    )


def as_csv(found: Listing) -> str:
    """Return a list as CSV: the columns that were asked for.

    By default these are all parameters too, each in a column of its own, named ``parameters.NAME``.
    """
    if found.columns:
        asked = [_values(row, found.columns).values() for row in found.rows]
        cells = [["" if one is None else _csv_value(one) for one in row] for row in asked]
        return spreadsheet.as_csv([found.columns, *cells])
    names = list(dict.fromkeys(name for row in found.rows for name in row.record.parameters))
    if len(names) > _MOST_COLUMNS:
        print_warnings([f"{len(names)} parameters; the CSV has {_MOST_COLUMNS} of them."])
        names = names[:_MOST_COLUMNS]
    checked = any(row.state is not None for row in found.rows)
    head = ["experiment_id", "created_at", "model_name", "status", *(["files"] if checked else [])]
    head += ["output", "record", *(f"parameters.{name}" for name in names)]
    rows: list[list[object]] = [[*head]]
    for row in found.rows:
        record = row.record
        when = record.created_at.isoformat() if record.created_at is not None else ""
        files = [row.state] if checked else []
        texts = [record.experiment_id, when, record.model_name, record.status, *files]
        texts += [row.output or "", str(row.path)]
        values = [_csv_value(record.parameters[name]) if name in record.parameters else "" for name in names]
        rows.append([*(text or "" for text in texts), *values])
    return spreadsheet.as_csv(rows)


def lineage(found: Lineage, *, as_json: bool, quiet: bool) -> None:
    """Print a chain, the latest run first, and how it ends."""
    if as_json:
        last = found.steps[-1].record
        print_json(
            {
                "steps": [
                    {
                        **_summary_json(step.path, step.record),
                        "output": step.record.main_path,
                        "source": step.record.source.model_dump(),
                        "found_by": step.link.by if step.link is not None else None,
                        "others": step.link.others if step.link is not None else 0,
                        "checks": step.checks,
                    }
                    for step in found.steps
                ],
                "end": found.end,
                "first_input": last.source.model_dump() if found.end == "input" else None,
                "missing": last.derived_from if found.end == "missing" else None,
                "unreadable": found.unreadable,
            }
        )
    elif not quiet:
        _print_lineage(found)


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
        _print_diff(found)


def _print_diff(found: RecordDiff) -> None:
    a, b = short_path(found.a), short_path(found.b)
    if found.same:
        print_line(f"{a} and {b}: the same run except for identity, times and paths")
        return
    print_line(f"A {a}")
    print_line(f"B {b}")
    for section in found.sections:
        rows, folded = _folded(section.differences)
        print_line("")
        cells = [(f"  {_around(one.what, 0)}", *_sides(one), "" if one.matters else "~") for one in rows]
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
    return _around(a, common), _around(b, common)


def _around(text: str | None, common: int) -> str:
    """Return a long text's part in which it begins to differ."""
    if text is None:
        return "not recorded"
    if len(text) <= _LONGEST:
        return text
    start = max(0, min(common - _BEFORE, len(text) - _LONGEST))
    piece = text[start : start + _LONGEST]
    return ("…" if start else "") + piece + ("…" if start + _LONGEST < len(text) else "")


def _print_lineage(found: Lineage) -> None:
    if found.unreadable:
        others = f" (and {len(found.unreadable) - 1} more)" if len(found.unreadable) > 1 else ""
        print_warnings([f"{found.unreadable[0]}{others}"])
    for number, step in enumerate(found.steps):
        if number:
            print_line("")
            print_line(_joint(found.steps[number - 1].record, step))
        _step(step)
    last = found.steps[-1].record
    source = f"{_short(last.source.uri)}  (sha256 {cut(last.source.checksum, _LONGEST_ID)})"
    run = (last.derived_from or "")[:_LONGEST_ID]
    print_line("")
    match found.end:
        case "input":
            print_line(f"first input: {source if last.source.checksum else 'the record names none'}")
        case "missing":
            print_line(f"missing: the record of run {run}, which made {source}")
            print_line("  Name the folder of that record: --records FOLDER")
        case "cycle":
            print_line(f"The chain is a circle: run {run} is listed above already.")


def _joint(later: Summary, step: Step) -> str:
    link = step.link
    assert link is not None  # only the first has none
    if link.by == "id and content":
        return "Its input was made by:"
    if link.by == "id":
        return "This run is said to have made its input, but no file of the run has those bytes:"
    also = f", as did {count(link.others, 'other run')}" if link.others else ""
    noted = (
        f" The record notes run {later.derived_from[:_LONGEST_ID]}, which was not found."
        if later.derived_from
        else ""
    )
    return f"Its input has the bytes that this run made{also}:{noted}"


def _step(step: Step) -> None:
    record = step.record
    name = cut(record.model_name or "a model")
    print_line(f"{name}: {cut(record.status)}  ({_short(step.path)})")
    rows = [("id", record.experiment_id), ("began", _when(record)), ("given", _given(record))]
    for check in step.checks:
        why = f"  ({check.found})" if check.verdict in {"missing", "not checked"} else ""
        rows.append((check.name, f"{check.verdict:11}  {_short(check.path)}{why}"))
    width = max(len(printable(name)) for name, _ in rows)
    for name, value in rows:
        if value:
            print_line(f"  {printable(name):{width}}  {cut(value)}".rstrip())


def _summary_json(path: Path | str, record: Summary) -> Mapping[str, Any]:
    document = record.model_dump(mode="json", exclude={"source", "artifacts", "files", "output_path"})
    where = str(path.absolute()) if isinstance(path, Path) else path
    return {"record": where, **document, "given": record.given}


def _cells(row: Row) -> tuple[str, ...]:
    record = row.record
    files = (row.state,) if row.state is not None else ()
    # A run that left no result has only its record to look at.
    output = _short(row.output) if row.output else f"({_short(row.path)})"
    texts = (_when(record), record.model_name or "-", record.status, *files, _given(record), output)
    return (*texts, record.experiment_id[:_SHORT_ID])


def _cell(row: Row, column: str) -> str:
    match column:
        case "when":
            return _when(row.record)
        case "given":
            return _given(row.record)
        case "output" | "record":
            return _short(str(columns.value(row, column) or "-"))
        case _:
            value = columns.value(row, column)
            return "-" if value is None else value if isinstance(value, str) else value_text(value)


def _values(row: Row, names: Iterable[str]) -> dict[str, Any]:
    """Return a record's values by column, times as texts."""
    found = {name: columns.value(row, name) for name in names}
    return {name: one.isoformat() if isinstance(one, datetime) else one for name, one in found.items()}


def _when(record: Summary) -> str:
    return f"{record.created_at:%Y-%m-%d %H:%M}" if record.created_at is not None else "-"


def _given(record: Summary) -> str:
    return ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in record.given.items()
    )


def _csv_value(value: Any) -> str | int | float:
    """Return a number or a text as it is, all else as JSON."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return json.dumps(value, ensure_ascii=False)
    return value


def _short(path: Path | str) -> str:
    """Return a path as one would type it here; printable first, for a NUL in it would be an error."""
    return short_path(printable(str(path)))
