"""A sheet of maps in rows, with the keys of their classes below."""

from __future__ import annotations

import io
import math
import textwrap
from dataclasses import dataclass

import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from dissmodel.geo.legend import Legend
from dissmodel.visualization.colours import paint, ramp_picture
from dissmodel.visualization.preview import DPI, Frame, add_panel, draw_ramp, draw_scale, framed
from dissmodel.visualization.shrink import shrunken
from dissmodel.visualization.table import draw_box, write
from dissmodel.visualization.text import fitted, plain

Floats = npt.NDArray[np.float64]

# Inches.
_MARGIN, _GAP, _TITLE, _LINE, _PANEL_TITLE, _BELOW_MAP, _RAMP = 0.4, 0.25, 0.36, 0.2, 0.3, 0.42, 0.5
_HEADING = 0.3
_NARROWEST, _LETTERS_PER_INCH, _SWATCH = 9.0, 12.5, 0.3
_HIGHEST_OF_MANY = 3.0
_HIGHEST = 5.6


@dataclass(frozen=True)
class Ramp:
    """How measures become colours."""

    label: str
    low: float
    high: float
    colours: str  # the name of a matplotlib colour map


@dataclass(frozen=True)
class Panel:
    """A map: codes of classes or measures, NaN where there is nothing."""

    title: str
    values: Floats  # shape (rows, columns), north up
    colours: Legend | Ramp


@dataclass(frozen=True, kw_only=True)
class MapSheet:
    """What is to be drawn."""

    title: str
    subtitle: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]  # a heading, and maps of one shape, in each row as many
    keys: tuple[tuple[str, Legend], ...] = ()  # a heading and the classes below it
    aspect: float = 1.0  # height of a map on the ground, by its width
    metres: float | None = None  # its width on the ground, for the scale bar; None: not known


def draw(sheet: MapSheet) -> bytes:
    """Return the sheet as a PNG; the same sheet gives the same bytes with the same matplotlib."""
    with matplotlib.style.context("default"):
        _, first_row = sheet.rows[0]
        count = len(first_row)
        frame = framed(sheet.aspect, count, _HIGHEST if len(sheet.rows) == 1 else _HIGHEST_OF_MANY)
        panel = frame.size
        width = max(_NARROWEST, count * frame.slot + (count - 1) * _GAP + 2 * _MARGIN)
        letters = int((width - 2 * _MARGIN) * _LETTERS_PER_INCH)
        subtitle = textwrap.wrap(plain(sheet.subtitle, 4 * letters), letters)
        keys = [_columns(legend, width - 2 * _MARGIN) for _, legend in sheet.keys]
        has_ramps = any(isinstance(one.colours, Ramp) for one in first_row)
        heading = _HEADING if any(heading for heading, _ in sheet.rows) else 0.0
        row_height = heading + _PANEL_TITLE + panel[1] + 0.1
        above = _TITLE + _LINE * (len(subtitle) + 0.5)
        below_maps = _BELOW_MAP + (_RAMP if has_ramps else 0.0)
        below = below_maps + sum((lines + 1.5) * _LINE for lines, _ in keys)
        height = 2 * _MARGIN + above + len(sheet.rows) * row_height + below
        figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
        top = height - _MARGIN
        write(figure, _MARGIN, top, plain(sheet.title, letters * 2 // 3), size=14, weight="bold", va="top")
        for number, line in enumerate(subtitle):
            write(figure, _MARGIN, top - _TITLE - number * _LINE, line, va="top", color="#444444")
        top -= above
        first = (width - count * frame.slot - (count - 1) * _GAP) / 2
        for text, row in sheet.rows:
            write(figure, _MARGIN, top - heading, plain(text, letters), weight="bold", va="bottom")
            bottom = top - heading - _PANEL_TITLE - panel[1]
            for number, one in enumerate(row):
                place = (first + number * (frame.slot + _GAP) + (frame.slot - panel[0]) / 2, bottom)
                _draw_panel(figure, one, place, frame, with_ramp=row is sheet.rows[-1][1])
            top -= row_height
        if sheet.metres is not None and frame.is_to_scale:
            draw_scale(figure, (first, bottom), frame, sheet.metres)
        top -= below_maps
        for (title, legend), (lines, wide) in zip(sheet.keys, keys, strict=True):
            _draw_key(figure, title, legend, (_MARGIN, top), (lines, wide))
            top -= (lines + 1.5) * _LINE
        stream = io.BytesIO()
        figure.savefig(stream, format="png", metadata={"Software": None})
        return stream.getvalue()


def _draw_panel(
    figure: Figure, panel: Panel, place: tuple[float, float], frame: Frame, *, with_ramp: bool
) -> None:
    axes = add_panel(figure, place, frame.size)
    middle, above = place[0] + frame.size[0] / 2, place[1] + frame.size[1] + 0.08
    write(figure, middle, above, fitted(panel.title, frame.slot, 10), size=10, ha="center")
    pixels = (round(frame.size[1] * DPI), round(frame.size[0] * DPI))
    if isinstance(panel.colours, Ramp):
        ramp = (panel.colours.low, panel.colours.high, panel.colours.colours)
        image = ramp_picture(shrunken(panel.values, pixels), ramp).rgba()
        if with_ramp:
            draw_ramp(figure, (middle, place[1]), frame, ramp, panel.colours.label)
    else:
        image = paint(shrunken(panel.values, pixels, [one.code for one in panel.colours]), panel.colours)
    axes.imshow(image, aspect="auto", interpolation="nearest")


def _columns(legend: Legend, width: float) -> tuple[int, float]:
    """Return how many lines a key takes, and how wide its columns are."""
    longest = max(len(one.name) for one in legend)
    wide = min(width, _SWATCH + (longest + 3) / _LETTERS_PER_INCH)
    return math.ceil(len(legend) / max(1, int(width / wide))), wide


def _draw_key(
    figure: Figure, title: str, legend: Legend, place: tuple[float, float], columns: tuple[int, float]
) -> None:
    left, top = place
    lines, wide = columns
    write(figure, left, top, title, weight="bold", va="center")
    for number, one in enumerate(legend):
        column, line = divmod(number, lines)
        x, y = left + column * wide, top - (line + 1) * _LINE
        draw_box(figure, (x, y - 0.07), (0.2, 0.14), facecolor=one.colour, edgecolor="#666666", linewidth=0.5)
        name = plain(one.name, int((wide - _SWATCH) * _LETTERS_PER_INCH))
        write(figure, x + _SWATCH, y, name, va="center")
