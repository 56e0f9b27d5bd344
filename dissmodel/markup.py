"""Values as pages show them, and HTML for notebooks: every text in it is escaped, and nothing runs."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dissmodel.printable import cut, printable

_MOST_ROWS = 50
_LONGEST = 2000
_TABLE = '<table style="overflow-wrap: anywhere">'


def text(value: object) -> str:
    """Return a value as a line of HTML; what is no text as JSON has it, None as nothing.

    >>> text("<b>"), text(0.5), text(None)
    ('&lt;b&gt;', '0.5', '')
    """
    if value is None:
        return ""
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return html.escape(printable(cut(said)))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of its first rows; below it, how many there are more."""
    found = list(rows)
    cells = "".join(f"<th>{text(one)}</th>" for one in head)
    lines = [f"<tr>{''.join(f'<td>{text(one)}</td>' for one in row)}</tr>" for row in found[:_MOST_ROWS]]
    more = f"<p>… and {len(found) - _MOST_ROWS} more</p>" if len(found) > _MOST_ROWS else ""
    return f"{_TABLE}<thead><tr>{cells}</tr></thead><tbody>{''.join(lines)}</tbody></table>{more}"


def paragraph(said: object) -> str:
    """Return a paragraph."""
    return f"<p>{text(said)}</p>"


def folded(title: str, content: str) -> str:
    """Return content that is shown when its title is clicked."""
    return f"<details><summary>{text(title)}</summary>{content}</details>"


def cell(make: Callable[[], str]) -> str:
    """Return what `make` gives, for a cell of a notebook; of an error its text."""
    try:
        content = make()
    except Exception as error:  # noqa: BLE001  (a notebook shows the result of a call; it must not fail for its picture)
        content = paragraph(f"This can't be shown: {type(error).__name__}: {error}")
    return f'<div class="dissmodel">{content}</div>'


def value_text(value: Any) -> str:
    """Return a value as JSON has it, texts as they are."""
    if isinstance(value, str):
        return value
    return "none" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def number(value: object) -> str:
    """Return a number in at most six significant digits; a whole one in all of its digits.

    >>> number(12345678), number(0.123456789), number(None), number("a")
    ('12,345,678', '0.123457', '', 'a')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):  # noqa: PLR2004  (exact as a float)
        return f"{int(value):,}"
    return f"{value:,.6g}"


def shown(value: Any) -> Any:
    """Return a value as a page shows it: a text without what can't be seen, and not too long."""
    if hasattr(value, "__html__"):  # a template's own
        return value
    text = "" if value is None else str(value)
    return "\n".join(printable(line) for line in cut(text, _LONGEST).split("\n"))
