"""The report of a folder: the runs whose records are in it and below."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from dissmodel.errors import InvalidInput
from dissmodel.experiment.files import name_of
from dissmodel.experiment.listing import ListRequest, Row, list_records
from dissmodel.markup import value_text
from dissmodel.printable import count
from dissmodel.record.report_file import is_report, report_path
from dissmodel.reporting.page import Cell, Link, Page, rendered, table

_MOST_ROWS = 1000


def folder_page(folder: Path) -> tuple[bytes, list[str]]:
    """Return the report of a folder, and what it lacks.

    Raises
    ------
    InvalidInput
        If no record is in it or below.
    """
    page, listing = Page(), list_records(ListRequest(folder=str(folder), sort="when"))
    page.told += [*listing.interrupted, *listing.unreadable]
    if not listing.rows:
        why = listing.unreadable[0] if listing.unreadable else "no record is in this folder or below."
        raise InvalidInput(f"{folder}: {why}", "Give a record, or a folder with records.", code="no_record")
    runs = table(
        "Runs, the first one first",
        ("record", "began", "model", "status", "parameters that were given", "result"),
        (_row(folder, row) for row in listing),
        most=_MOST_ROWS,
    )
    kinds: dict[tuple[str, str], int] = {}
    for row in listing:
        key = (row.record.model_name or "a model", row.record.status)
        kinds[key] = kinds.get(key, 0) + 1
    told = ", ".join(f"{number} of {model} {status}" for (model, status), number in kinds.items())
    title = f"Runs in {folder.resolve().name or folder}"
    lede = f"{count(len(listing), 'run')}: {told}."
    return rendered("folder.html", page, title=title, lede=lede, runs=runs), page.told


def _row(folder: Path, row: Row) -> tuple[Cell, ...]:
    record, path = row.record, Path(row.path)
    name = os.path.relpath(path, folder)
    report = report_path(path)
    cell: Cell = Link(name, quote(os.path.relpath(report, folder))) if is_report(report) else name
    began = "" if record.created_at is None else f"{record.created_at:%Y-%m-%d %H:%M}"
    given = ", ".join(f"{name} = {value_text(value)}" for name, value in record.given.items())
    return cell, began, record.model_name, record.status, given, name_of(row.output or "")
