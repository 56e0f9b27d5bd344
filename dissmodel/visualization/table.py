"""A table under a map: what each colour means, how much of it there is, a bar for what it gained or lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dissmodel.visualization.text import plain, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW = 0.235  # inches, as all lengths here
_SWATCH, _NAME, _NUMBER, _GAP = 0.3, 2.7, 1.25, 0.45
_NAME_LETTERS = 34


@dataclass(frozen=True)
class Table:
    """Rows of a name and numbers.

    Attributes
    ----------
    head : tuple of str
        Over the name and over each number.
    rows : tuple of tuple of str
        The name and the numbers, as they are shown.
    colours : tuple of str, optional
        ``#rrggbb`` of each row; no colour for those beyond its end.
    gains : tuple of float, optional
        What each row gained, drawn as a bar; no bar for those beyond its end.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    colours: tuple[str, ...] = ()
    gains: tuple[float, ...] = ()

    @property
    def height(self) -> float:
        """How high it is drawn, in inches."""
        return ROW * (len(self.rows) + 1)


def draw_table(figure: Figure, table: Table, left: float, top: float, width: float) -> None:
    """Draw a table; lengths in inches, from the figure's lower left corner."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415  (loaded when something is drawn)

    stops = [left + _SWATCH + _NAME + _NUMBER * (number + 1) for number in range(len(table.head) - 1)]
    scale = figure.dpi_scale_trans
    for number, row in enumerate((table.head, *table.rows)):
        middle = top - ROW * (number + 0.5)
        style = {"weight": "bold"} if number == 0 else {}
        write(figure, left + _SWATCH, middle, plain(row[0], _NAME_LETTERS), va="center", **style)
        for stop, text in zip(stops, row[1:], strict=True):
            write(figure, stop, middle, text, ha="right", va="center", **style)
        if 0 < number <= len(table.colours):
            figure.add_artist(
                Rectangle(
                    (left, middle - 0.07),
                    _SWATCH - 0.1,
                    0.14,
                    transform=scale,
                    facecolor=table.colours[number - 1],
                    edgecolor="#666666",
                    linewidth=0.5,
                )
            )
    if any(table.gains):
        begin = stops[-1] + _GAP
        _draw_bars(figure, table, begin, top - ROW, left + width - begin)


def _draw_bars(figure: Figure, table: Table, left: float, top: float, width: float) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415  (loaded when something is drawn)

    low, high = min(0.0, *table.gains), max(0.0, *table.gains)
    per_inch = width / (high - low)
    zero = left - low * per_inch
    for number, gain in enumerate(table.gains):
        figure.add_artist(
            Rectangle(
                (zero, top - ROW * (number + 0.78)),
                gain * per_inch,
                ROW * 0.56,
                transform=figure.dpi_scale_trans,
                facecolor=_colour(table.colours, number),
                edgecolor="#666666",
                linewidth=0.5,
            )
        )
    figure.add_artist(
        Rectangle(
            (zero - 0.005, top - ROW * len(table.gains)),
            0.01,
            ROW * len(table.gains),
            transform=figure.dpi_scale_trans,
            facecolor="#333333",
        )
    )


def _colour(colours: Sequence[str], number: int) -> str:
    return colours[number] if number < len(colours) else "#888888"
