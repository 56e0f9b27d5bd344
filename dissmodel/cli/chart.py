"""A curve in a terminal, drawn with braille dots, or with plain characters where there are none."""

from __future__ import annotations

import math
from collections.abc import Sequence

HEIGHT = 8
"""Rows of a chart without its head and foot."""

_NARROWEST = 20
_WIDE, _HIGH = 2, 4  # dots of a braille character
_BLANK = 0x2800
# From column and row of a dot to its bit.
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_DRAWN = "⣿│└─"


def can_draw(encoding: str | None) -> bool:
    """Return whether an encoding has the characters of a chart.

    >>> can_draw("utf-8"), can_draw("ascii"), can_draw(None)
    (True, False, False)
    """
    try:
        _DRAWN.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def chart(
    name: str,
    steps: Sequence[float],
    values: Sequence[float],
    *,
    width: int,
    plain: bool = False,
) -> list[str]:
    """Return the lines of a chart: the name, the curve beside its greatest and least value, the steps.

    - `name`: over it.
    - `steps`, `values`: the curve, of one length, at least 1; a value that is not finite is a gap.
    - `width`: columns of the terminal.
    - `plain`: draw in ASCII.

    Examples
    --------
    >>> for line in chart("flooded", [1, 2, 3], [0, 5, 10], width=24, plain=True):
    ...     print(line)
    flooded
    10 |                  **
       |               ****
       |            ****
       |         ****
       |       ***
       |    ****
       | ****
     0 |**
       +--------------------
        1                  3
    """
    known = [value for value in values if math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    marks = [f"{high:.6g}", f"{low:.6g}"]
    margin = max(map(len, marks))
    columns = max(_NARROWEST, width) - margin - 2
    fine = (1, 1) if plain else (_WIDE, _HIGH)
    spans = _spans(values, columns * fine[0], HEIGHT * fine[1], low, high)
    rows = _plain_rows(spans) if plain else _braille_rows(spans, columns)
    side, corner, line = "|+-" if plain else "│└─"
    lines = [name]
    for number, row in enumerate(rows):
        mark = marks[0] if number == 0 else marks[1] if number == HEIGHT - 1 and high > low else ""
        lines.append(f"{mark:>{margin}} {side}{row}".rstrip())
    first, last = f"{steps[0]:g}", f"{steps[-1]:g}"
    lines.append(f"{'':{margin}} {corner}{line * columns}")
    lines.append(f"{'':{margin}}  {first}{last:>{columns - len(first)}}".rstrip())
    return lines


def _spans(
    values: Sequence[float], columns: int, rows: int, low: float, high: float
) -> list[tuple[int, int] | None]:
    """Return for each column of dots from which to which row (0 is the lowest) the curve runs."""
    levels: list[tuple[float, float] | None] = [None] * columns
    last = len(values) - 1
    for column in range(columns):
        # Everything between the middles of the neighbouring gaps: no peak is lost among many steps.
        begin, end = (max(0.0, (column + side) * last / max(columns - 1, 1)) for side in (-0.5, 0.5))
        begin, end = min(begin, last), min(end, last)
        seen = [_between(values, begin), _between(values, end)]
        seen += [float(value) for value in values[math.ceil(begin) : math.floor(end) + 1]]
        seen = [value for value in seen if math.isfinite(value)]
        if seen:
            levels[column] = (min(seen), max(seen))

    def row(value: float) -> int:
        # Halves, for the difference of two large numbers may be none.
        share = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.0
        return math.floor(share * (rows - 1) + 0.5)

    return [None if level is None else (row(level[0]), row(level[1])) for level in levels]


def _between(values: Sequence[float], at: float) -> float:
    left = math.floor(at)
    share = at - left
    if not share:
        return float(values[left])
    return values[left] * (1 - share) + values[left + 1] * share


def _plain_rows(spans: list[tuple[int, int] | None]) -> list[str]:
    return [
        "".join("*" if span is not None and span[0] <= row <= span[1] else " " for span in spans)
        for row in reversed(range(HEIGHT))
    ]


def _braille_rows(spans: list[tuple[int, int] | None], columns: int) -> list[str]:
    cells = [[0] * columns for _ in range(HEIGHT)]
    for column, span in enumerate(spans):
        for dot in range(span[0], span[1] + 1) if span is not None else ():
            row, part = divmod(HEIGHT * _HIGH - 1 - dot, _HIGH)
            cells[row][column // _WIDE] |= _BITS[column % _WIDE][part]
    return ["".join(chr(_BLANK | cell) if cell else " " for cell in row) for row in cells]
