"""Text that may come from another person, as a terminal can show it."""

from __future__ import annotations

import unicodedata

# Control and format characters, halves of surrogate pairs, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# In a table each line is as long as the longest.
_LONGEST = 1000


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
