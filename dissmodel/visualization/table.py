"""Text, boxes and the table below a map; places and lengths are in inches, from the lower left corner."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dissmodel.visualization.text import SIZE, fitted, width_of

ROW = 0.235  # inches, as all lengths here
_SWATCH, _NAME, _NUMBER, _GAP = 0.3, 2.7, 1.25, 0.45
_BETWEEN, _LEAST_BARS = 0.2, 0.5
EDGE: dict[str, Any] = {"edgecolor": "#666666", "linewidth": 0.5}


@dataclass(frozen=True)
class Table:
    """Rows of a name and numbers; rows beyond the end of `colours` or `gains` have no colour or no bar."""

    head: tuple[str, ...]  # over the name and over each number
    rows: tuple[tuple[str, ...], ...]  # the name and the numbers, as they are shown
    colours: tuple[str, ...] = ()  # ``#rrggbb`` of each row
    gains: tuple[float, ...] = ()  # of each row, drawn as a bar

    @property
    def height(self) -> float:
        """How high it is drawn, in inches."""
        return ROW * (len(self.rows) + 1)


def draw_table(figure: Figure, table: Table, left: float, top: float, width: float) -> None:
    """Draw a table; lengths in inches, from the figure's lower left corner."""
    wide = [
        max(_NUMBER, _BETWEEN + max([width_of(head, weight="bold"), *map(width_of, column)]))
        for head, *column in zip(table.head[1:], *(row[1:] for row in table.rows), strict=True)
    ]
    name = min(_NAME, width - _SWATCH - sum(wide))
    stops = [left + _SWATCH + name + stop for stop in accumulate(wide)]
    for number, row in enumerate((table.head, *table.rows)):
        middle = top - ROW * (number + 0.5)
        style = {"weight": "bold"} if number == 0 else {}
        write(figure, left + _SWATCH, middle, fitted(row[0], name, SIZE, **style), va="center", **style)
        for stop, text in zip(stops, row[1:], strict=True):
            write(figure, stop, middle, text, ha="right", va="center", **style)
        if 0 < number <= len(table.colours):
            colour = table.colours[number - 1]
            draw_box(figure, (left, middle - 0.07), (_SWATCH - 0.1, 0.14), facecolor=colour, **EDGE)
    begin = stops[-1] + _GAP
    if any(table.gains) and left + width - begin > _LEAST_BARS:
        _draw_bars(figure, table, begin, top - ROW, left + width - begin)


def _draw_bars(figure: Figure, table: Table, left: float, top: float, width: float) -> None:
    low, high = min(0.0, *table.gains), max(0.0, *table.gains)
    per_inch = width / (high - low)
    zero = left - low * per_inch
    colours = (*table.colours, *["#888888"] * len(table.gains))
    for number, (gain, colour) in enumerate(zip(table.gains, colours, strict=False)):
        place = (zero, top - ROW * (number + 0.78))
        draw_box(figure, place, (gain * per_inch, ROW * 0.56), facecolor=colour, **EDGE)
    height = ROW * len(table.gains)
    draw_box(figure, (zero - 0.005, top - height), (0.01, height), facecolor="#333333")


def write(figure: Figure, left: float, bottom: float, text: str, **style: Any) -> None:
    """Write text at a place; it is taken as it is, a ``$`` too."""
    figure.text(
        left, bottom, text, transform=figure.dpi_scale_trans, parse_math=False, **{"size": SIZE, **style}
    )


def draw_box(figure: Figure, place: tuple[float, float], size: tuple[float, float], **style: Any) -> None:
    """Draw a filled rectangle, given its lower left corner and its width and height."""
    figure.add_artist(Rectangle(place, *size, transform=figure.dpi_scale_trans, **style))
