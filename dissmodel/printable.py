"""Text that may come from another person, as a terminal can show it."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

# Control and format characters, halves of surrogate pairs, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# In a table each line is as long as the longest.
_LONGEST = 1000
_LONGEST_ON_PAGE = 2000


def printable(text: str) -> str:
    r"""Return a text as one line of visible characters; the others are written as escapes.

    An escape sequence could clear the screen, and a line break could fake a line that reads "ok".

    >>> printable("coast\x1b[2J\nok")
    'coast\\x1b[2J\\nok'
    """
    if text.isprintable():  # most texts are; looking at each character takes a hundred times as long
        return text
    return "".join(
        one if unicodedata.category(one) not in _HIDDEN else one.encode("unicode_escape").decode()
        for one in text
    )


def cut(text: str, longest: int = _LONGEST) -> str:
    """Return a text, or its beginning and its length where it is longer than `longest` characters.

    >>> cut("dune" * 100, 6)
    'dunedu… (400 characters)'
    """
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"


def count(number: int, what: str) -> str:
    """Return a number with its noun.

    >>> count(1, "record"), count(2, "record")
    ('1 record', '2 records')
    """
    return f"{number} {what}{'s' * (number != 1)}"


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
    return "\n".join(printable(line) for line in cut(text, _LONGEST_ON_PAGE).split("\n"))
