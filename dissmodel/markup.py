"""HTML that a notebook shows: every text in it is escaped, and nothing runs."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable, Sequence

from dissmodel.printable import cut, printable

_MOST_ROWS = 50
_LONGEST = 200


def text(value: object) -> str:
    """Return a value as a line of HTML; what is no text as JSON has it, None as nothing.

    >>> text("<b>"), text(0.5), text(None)
    ('&lt;b&gt;', '0.5', '')
    """
    if value is None:
        return ""
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return html.escape(printable(cut(said, _LONGEST)))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of its first rows; below it, how many there are more."""
    found = list(rows)
    cells = "".join(f"<th>{text(one)}</th>" for one in head)
    lines = [f"<tr>{''.join(f'<td>{text(one)}</td>' for one in row)}</tr>" for row in found[:_MOST_ROWS]]
    more = f"<p>… and {len(found) - _MOST_ROWS} more</p>" if len(found) > _MOST_ROWS else ""
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{''.join(lines)}</tbody></table>{more}"


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
