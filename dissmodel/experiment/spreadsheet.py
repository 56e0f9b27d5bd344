"""Tables as CSV that a spreadsheet opens: a text in a cell stays a text, for it may come from anyone."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable

# What a spreadsheet begins to compute at, also in the wide forms of East Asian keyboards.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# Control and format characters, halves of surrogate pairs, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def as_csv(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as CSV, a line each: numbers with every digit, a text that begins a formula after ``'``.

    >>> print(as_csv([("name", "rise"), ("=1+1", -0.5)]), end="")
    name,rise
    '=1+1,-0.5
    """
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([_cell(one) for one in row] for row in rows)
    return stream.getvalue()


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = f"'{value}" if value.startswith(_FORMULA) else value
    # Most texts are printable; to look at each character takes a hundred times as long.
    return text if text.isprintable() else "".join(_shown(one) for one in text)


def _shown(character: str) -> str:
    is_hidden = unicodedata.category(character) in _HIDDEN
    return character.encode("unicode_escape").decode() if is_hidden else character
