"""Text on paper as wide as it is: measured, cut and broken into lines. Lengths are in inches."""

from __future__ import annotations

import textwrap
from functools import lru_cache
from typing import Any

from matplotlib.font_manager import FontProperties, findfont, get_font

_POINTS = 72  # in an inch
_FRACTION = 64  # a font's unit is a 64th of a point
SIZE = 9.0
"""Of a text in points, by default."""


def plain(text: str, letters: int) -> str:
    r"""Return text as one line of at most `letters`, with ``?`` for what can't be drawn.

    >>> plain("a\nlong name", 7)
    'a?long…'
    """
    shown = "".join(one if one.isprintable() else "?" for one in text[: letters + 1])
    return shown if len(shown) <= letters else shown[: letters - 1] + "…"


def width_of(text: str, size: float = SIZE, weight: str = "normal") -> float:
    """Return how wide a line of text is."""
    font = _font(weight)
    font.set_size(size, _POINTS)
    font.set_text(text, 0.0)
    return float(font.get_width_height()[0]) / _FRACTION / _POINTS


def fitted(text: str, width: float, size: float = SIZE, weight: str = "normal") -> str:
    """Return text as one line that is no wider than `width`, its end left out where it must be."""
    # No letter is narrower than a 20th of its height.
    shown = plain(text, max(2, int(width * _POINTS / size * 20)))
    while len(shown) > 1 and (wide := width_of(shown, size, weight)) > width:
        shown = plain(shown.rstrip("…"), max(1, min(len(shown) - 1, int(len(shown) * width / wide) + 1)))
    return shown


def lines_of(text: str, width: float, most: int, size: float = SIZE) -> list[str]:
    """Return text in lines that are no wider than `width`, at most so many."""
    shown = plain(text, most * max(2, int(width * _POINTS / size * 20)))
    letters = max(1, int(width / max(width_of(shown, size) / max(1, len(shown)), 1e-9)))
    while letters > 1 and any(width_of(one, size) > width for one in textwrap.wrap(shown, letters)[:most]):
        letters -= 1
    lines = textwrap.wrap(shown, letters)
    if len(lines) > most:
        lines = [*lines[: most - 1], fitted(f"{lines[most - 1]} …", width, size)]
    return lines


@lru_cache(maxsize=8)
def _font(weight: str) -> Any:
    return get_font(findfont(FontProperties(family="sans-serif", weight=weight)))
