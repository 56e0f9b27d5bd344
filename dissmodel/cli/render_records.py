"""Lists and chains of records, as a person or a program reads them on standard output."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dissmodel.cli import layout
from dissmodel.cli.render import (
    cut,
    print_json,
    print_line,
    print_warnings,
    printable,
    short_path,
)
from dissmodel.experiment import spreadsheet

if TYPE_CHECKING:
    from dissmodel.experiment.lineage import Lineage, Step
    from dissmodel.experiment.listing import Listing, Row
    from dissmodel.record.scan import Summary

_SHORT_ID = 8
_LONGEST_ID = 64
_MOST_COLUMNS = 1000


def listing(found: Listing, *, written: Path | None = None, errors_only: bool = False) -> None:
    """Print a line per record, several where the terminal is narrow; on standard error what can't be read."""
    print_warnings(map(_plain, (*found.unreadable, *found.interrupted)))
    rows = [row for row in found.rows if not errors_only or row.state in {"differs", "missing"}]
    if written is not None and not errors_only:
        print_line(_plain(f"{short_path(str(written))}: {len(rows)} record{'s' * (len(rows) != 1)}"))
        return
    if not found.rows and not errors_only:
        print_warnings([_plain(f"none of {found.total} records matches. {found.hint}".rstrip())])
    if not rows:
        return
    checked = rows[0].state is not None
    head = ("when (UTC)", "model", "status", *(("files",) if checked else ()), "given", "output", "id")
    lines = [tuple(cut(cell) for cell in _cells(row)) for row in rows]
    given = head.index("given")
    for line in layout.table(head, lines, layout.terminal_width(), may_cut=(given, given + 1)):
        print_line(line)


def listing_json(found: Listing) -> None:
    """Print all of a list."""
    print_json(
        {
            "total": found.total,
            "records": [
                {
                    **_summary_json(row.path, row.record),
                    "output": row.output,
                    **({"files": row.state} if row.state is not None else {}),
                }
                for row in found.rows
            ],
            "unreadable": list(found.unreadable),
            "interrupted": list(found.interrupted),
            "hint": found.hint,
        }
    )


def as_csv(found: Listing) -> str:
    """Return a list as CSV: all parameters, each in a column of its own, named ``parameters.NAME``."""
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
        cells = [record.experiment_id, when, record.model_name, record.status, *files]
        cells += [row.output or "", str(row.path)]
        values = [_csv_value(record.parameters[name]) if name in record.parameters else "" for name in names]
        rows.append([*(cell or "" for cell in cells), *values])
    return spreadsheet.as_csv(rows)


def lineage_json(found: Lineage) -> None:
    """Print all of a chain."""
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
                    "checks": [
                        {**dataclasses.asdict(check), "record": str(check.record)} for check in step.checks
                    ],
                }
                for step in found.steps
            ],
            "end": found.end,
            "first_input": last.source.model_dump() if found.end == "input" else None,
            "missing": last.derived_from if found.end == "missing" else None,
            "unreadable": list(found.unreadable),
        }
    )


def lineage(found: Lineage) -> None:
    """Print a chain, the latest run first, and how it ends."""
    if found.unreadable:
        others = f" (and {len(found.unreadable) - 1} more)" if len(found.unreadable) > 1 else ""
        print_warnings([_plain(f"{found.unreadable[0]}{others}")])
    for number, step in enumerate(found.steps):
        if number:
            print_line("")
            print_line(_plain(_joint(found.steps[number - 1].record, step)))
        _step(step)
    last = found.steps[-1].record
    source = f"{short_path(_plain(last.source.uri))}  (sha256 {cut(last.source.checksum, _LONGEST_ID)})"
    run = (last.derived_from or "")[:_LONGEST_ID]
    print_line("")
    match found.end:
        case "input":
            print_line(_plain(f"first input: {source if last.source.checksum else 'the record says none'}"))
        case "missing":
            print_line(_plain(f"missing: the record of run {run}, which made {source}"))
            print_line("  Name the folder that it lies in: --records FOLDER")
        case "cycle":
            print_line(_plain(f"This goes in a circle: run {run} is above already."))


def _joint(later: Summary, step: Step) -> str:
    link = step.link
    assert link is not None  # only the first has none
    if link.by == "id and content":
        return "Its input was made by:"
    if link.by == "id":
        return "Its input is said to be made by this run, of which no file has its bytes:"
    also = f", as did {link.others} other run{'s' * (link.others != 1)}" if link.others else ""
    noted = (
        f" Run {later.derived_from[:_LONGEST_ID]}, which it notes, was not found."
        if later.derived_from
        else ""
    )
    return f"Its input has the bytes that this run made{also}:{noted}"


def _step(step: Step) -> None:
    record = step.record
    name = cut(record.model_name or "a model")
    print_line(_plain(f"{name}: {cut(record.status)}  ({short_path(_plain(str(step.path)))})"))
    rows = [("id", record.experiment_id), ("began", _when(record)), ("given", _given(record))]
    for check in step.checks:
        why = f"  ({check.found})" if check.verdict in {"missing", "not checked"} else ""
        rows.append((check.name, f"{check.verdict:11}  {short_path(_plain(check.path))}{why}"))
    width = max(len(_plain(name)) for name, _ in rows)
    for name, value in rows:
        if value:
            print_line(f"  {_plain(name):{width}}  {_plain(cut(value))}".rstrip())


def _summary_json(path: Path | str, record: Summary) -> Mapping[str, Any]:
    document = record.model_dump(mode="json", exclude={"source", "artifacts", "files", "output_path"})
    where = str(path.absolute()) if isinstance(path, Path) else path
    return {"record": where, **document, "given": record.given}


def _cells(row: Row) -> tuple[str, ...]:
    record = row.record
    files = (row.state,) if row.state is not None else ()
    # A run that left no result has only its record to look at.
    output = short_path(_plain(row.output)) if row.output else f"({short_path(_plain(str(row.path)))})"
    texts = (_when(record), record.model_name or "-", record.status, *files, _given(record), output)
    return (*map(_plain, texts), _plain(record.experiment_id[:_SHORT_ID]))


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


def _plain(text: str) -> str:
    # Most texts are; to look at each character takes a hundred times as long.
    return text if text.isprintable() else printable(text)
