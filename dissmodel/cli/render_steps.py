"""What a model measured at each step, on a terminal."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from dissmodel.cli.chart import can_draw, chart
from dissmodel.cli.layout import terminal_width
from dissmodel.cli.render import print_line
from dissmodel.experiment.steps import STEP, StepTable
from dissmodel.printable import printable

PIPE_WIDTH = 80
_DIGITS, _DECIMALS = 10, 6
_BETWEEN = "  "


def step_rows(table: StepTable) -> None:
    """Print a row per step, the numbers aligned; what a terminal has no room for stands below."""
    head = [STEP, *map(printable, table.measures)]
    columns = [_aligned(values) for values in (table.steps, *table.measures.values())]
    widths = [max(map(len, [name, *cells])) for name, cells in zip(head, columns, strict=True)]
    for number, part in enumerate(_parts(widths)):
        if number:
            print_line("")
        for row in (head, *zip(*columns, strict=True)):
            print_line(_BETWEEN.join(f"{row[column]:>{widths[column]}}" for column in part))


def step_charts(table: StepTable) -> None:
    """Print a chart per measure, as wide as the terminal; 80 columns where there is none."""
    width = terminal_width() or PIPE_WIDTH
    plain = not can_draw(sys.stdout.encoding)
    for number, (name, values) in enumerate(table.measures.items()):
        if number:
            print_line("")
        for line in chart(printable(name), table.steps, values, width=width - 1, plain=plain):
            print_line(line)


def _parts(widths: Sequence[int]) -> list[list[int]]:
    """Return the columns that fit beside each other, the first of all in each part; all in one for a pipe."""
    room = terminal_width() or sum(widths) + len(_BETWEEN) * len(widths)
    parts, used = [[0]], widths[0]
    for column in range(1, len(widths)):
        wider = used + len(_BETWEEN) + widths[column]
        if wider > room and len(parts[-1]) > 1:
            parts.append([0])
            wider = widths[0] + len(_BETWEEN) + widths[column]
        parts[-1].append(column)
        used = wider
    return parts


def _aligned(values: Sequence[float | int]) -> list[str]:
    """Return numbers with as many decimals as the one that needs most, within reason."""
    if all(isinstance(value, int) for value in values):
        return [str(value) for value in values]
    short = [f"{value:.{_DIGITS}g}" for value in values]
    if any("e" in text for text, value in zip(short, values, strict=True) if math.isfinite(value)):
        return short
    decimals = min(_DECIMALS, max(len(text.partition(".")[2]) for text in short))
    return [f"{value:.{decimals}f}" for value in values]
