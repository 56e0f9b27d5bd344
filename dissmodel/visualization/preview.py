"""A sheet to print: maps of the state before, after and of the change, and a table below."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dissmodel.record.picture import MARK, Form
from dissmodel.visualization.colours import Ramp, ramp_picture
from dissmodel.visualization.paletted import Paletted
from dissmodel.visualization.table import EDGE, Table, draw_box, draw_table, write
from dissmodel.visualization.text import fitted, lines_of, width_of

DPI = 150
"""Of charts and sheets of many maps."""
PREVIEW_DPI = 300
# Inches.
MARGIN, GAP = 0.4, 0.25
_TITLE, LINE, _PANEL_TITLE, BELOW_MAP, _RAMP = 0.36, 0.2, 0.3, 0.42, 0.5
_NARROWEST, _PANEL, _HIGHEST = 9.0, 4.3, 5.6
_WHOLE, _TALL, _THINNEST, _SLOT = 13.4, 7.0, 0.05, 2.4
# Maps that are so low are drawn below each other, so high ones on a higher page.
_LOW_ASPECT, _HIGH_ASPECT = 0.12, 4.0
_FRAME = 0.01
_TO_SCALE = 0.05
# Of what is in the file, nothing depends on the day or the version.
_METADATA: dict[Form, dict[str, str | None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}
_MARKED: dict[Form, str] = {"png": MARK, "svg": "Identifier", "pdf": "Keywords"}
_SETTINGS = {"svg.hashsalt": MARK, "pdf.fonttype": 42}


@dataclass(frozen=True)
class Picture:
    """A map: of a state or of the change."""

    image: Paletted
    title: str
    ramp: Ramp | None  # where it shows measures
    what: str  # the name of the measure
    is_beyond: tuple[bool, bool] = (False, False)  # whether measures are below and above the ramp


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What is to be drawn."""

    title: str
    subtitle: str
    pictures: tuple[Picture, ...]  # of one shape
    key: tuple[tuple[str, str], ...]  # what changed cells became and its colour, where the table lacks it
    table: Table  # below the maps; of classes it is the legend too
    notes: tuple[str, ...]  # below the table
    aspect: float  # height of the map on the ground, by its width
    metres: float | None  # its width on the ground, for the scale bar; None: not known
    mark: str  # kept in the file under ``dissmodel``


@dataclass(frozen=True)
class Frame:
    """How maps are placed: the size of each, the width that each has for its texts, and in a row or not."""

    size: tuple[float, float]
    slot: float
    in_row: bool
    is_to_scale: bool


def draw(sheet: Sheet, form: Form = "png") -> bytes:
    """Return the sheet as a picture; the same sheet gives the same bytes with the same matplotlib."""
    with drawing():
        figure = drawn(sheet)
        stream = io.BytesIO()
        metadata = {**_METADATA[form], _MARKED[form]: sheet.mark}
        figure.savefig(stream, format=form, metadata=metadata)
        return stream.getvalue()


@contextmanager
def drawing() -> Iterator[None]:
    """Keep the user's own settings out, which would change the bytes; absent letters are drawn as boxes."""
    with matplotlib.style.context(["default", _SETTINGS]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def drawn(sheet: Sheet) -> Figure:
    """Return the sheet as a figure."""
    count = len(sheet.pictures)
    frame = framed(sheet.aspect, count)
    across = count if frame.in_row else 1
    width = max(_NARROWEST, across * frame.slot + (across - 1) * GAP + 2 * MARGIN)
    inner = width - 2 * MARGIN
    subtitle = lines_of(sheet.subtitle, inner, 2)
    titles = [lines_of(one.title, frame.slot, 2, 10) for one in sheet.pictures]
    notes = [fitted(note, inner, 8) for note in sheet.notes]
    if not frame.is_to_scale:
        notes.insert(0, "The maps are drawn wider than they are, so that they can be seen: no scale.")
    key = list(_key_places(sheet.key, inner))
    below_map = BELOW_MAP + (_RAMP if sheet.pictures[0].ramp is not None else 0.0)
    above_map = _PANEL_TITLE + (max(map(len, titles)) - 1) * LINE
    row = above_map + frame.size[1] + below_map
    above = _TITLE + LINE * len(subtitle)
    below_maps = (key[-1][1] + 1.5) * LINE if key else 0.0
    rows = 1 if frame.in_row else count
    below_table = LINE * (len(notes) + 0.5)
    height = _whole(2 * MARGIN + above + rows * row + below_maps + sheet.table.height + below_table)
    figure = Figure(figsize=(_whole(width), height), dpi=PREVIEW_DPI, facecolor="white")
    top = height - MARGIN
    write(figure, MARGIN, top, fitted(sheet.title, inner, 14, "bold"), size=14, weight="bold", va="top")
    for number, text in enumerate(subtitle):
        write(figure, MARGIN, top - _TITLE - number * LINE, text, va="top", color="#444444")
    top -= above
    left = (width - across * frame.slot - (across - 1) * GAP) / 2
    for number, (picture, title) in enumerate(zip(sheet.pictures, titles, strict=True)):
        slot = left + (number * (frame.slot + GAP) if frame.in_row else 0.0)
        under = top - above_map - frame.size[1] - (0.0 if frame.in_row else number * row)
        place = (slot + (frame.slot - frame.size[0]) / 2, under)
        _draw_map(figure, picture, title, place, frame)
        if number == 0 and sheet.metres is not None and frame.is_to_scale:
            draw_scale(figure, (slot, under), frame, sheet.metres)
    top -= rows * row
    if key:
        write(figure, MARGIN, top - LINE / 2, _KEY, va="center", weight="bold")
        for x, line, label, colour in key:
            draw_box(
                figure, (MARGIN + x, top - (line + 0.5) * LINE - 0.07), (0.2, 0.14), facecolor=colour, **EDGE
            )
            write(figure, MARGIN + x + 0.28, top - (line + 0.5) * LINE, label, va="center")
    top -= below_maps
    draw_table(figure, sheet.table, MARGIN, top, inner)
    for number, note in enumerate(notes):
        under = top - sheet.table.height - (number + 0.5) * LINE
        write(figure, MARGIN, under, note, size=8, color="#444444", va="top")
    return figure


def framed(aspect: float, count: int, highest: float = 0.0) -> Frame:
    """Return how `count` maps are placed; `highest` is the height of a row of maps in a sheet of many."""
    in_row = count == 1 or bool(highest) or aspect >= _LOW_ASPECT
    wide = _PANEL if count > 1 else 1.5 * _PANEL
    if aspect < _LOW_ASPECT and not highest:
        wide = _WHOLE
    highest = highest or (_TALL if aspect > _HIGH_ASPECT else _HIGHEST)
    high = min(wide * aspect, highest)
    size = _whole(max(high / aspect, _THINNEST)), _whole(max(high, _THINNEST))
    is_to_scale = abs(size[1] / size[0] / aspect - 1) < _TO_SCALE
    return Frame(size, max(size[0], _SLOT), in_row, is_to_scale)


def most_pixels(count: int, aspect: float) -> tuple[int, int]:
    """Return the rows and columns that each of `count` maps has on paper."""
    wide, high = framed(aspect, count).size
    return round(high * PREVIEW_DPI), round(wide * PREVIEW_DPI)


def _whole(inches: float) -> float:
    """Return a length as a whole number of pixels, as the pixels of a map need."""
    return max(1, round(inches * PREVIEW_DPI)) / PREVIEW_DPI


_KEY = "Changed cells became"


def _key_places(key: tuple[tuple[str, str], ...], width: float) -> Iterator[tuple[float, int, str, str]]:
    """Yield the place (inches from the left, line), the label and the colour of each entry."""
    start = x = width_of(_KEY, weight="bold") + 0.3
    line = 0
    for label, colour in key:
        shown = fitted(label, 2.7)
        wide = 0.28 + width_of(shown)
        if x + wide > width and x > start:
            x, line = start, line + 1
        yield x, line, shown, colour
        x += wide + 0.3


def _draw_map(
    figure: Figure, picture: Picture, title: list[str], place: tuple[float, float], frame: Frame
) -> None:
    axes = add_panel(figure, place, frame.size)
    axes.imshow(picture.image.rgba(), aspect="auto", interpolation="nearest")
    middle = place[0] + frame.size[0] / 2
    for number, line in enumerate(reversed(title)):
        write(figure, middle, _above(place, frame) + number * LINE, line, size=10, ha="center")
    if picture.ramp is not None:
        draw_ramp(figure, (middle, place[1]), frame, picture.ramp, picture.what, is_beyond=picture.is_beyond)


def _above(place: tuple[float, float], frame: Frame) -> float:
    return place[1] + frame.size[1] + 0.08


def add_panel(figure: Figure, place: tuple[float, float], size: tuple[float, float]) -> Axes:
    """Add axes for a map in a frame; place and size in inches, from the figure's lower left corner."""
    wide, high = figure.get_size_inches()
    left, bottom = _whole(place[0]), _whole(place[1])
    around = (size[0] + 2 * _FRAME, size[1] + 2 * _FRAME)
    style = {"facecolor": "none", "edgecolor": "#999999", "linewidth": 72 * _FRAME}
    draw_box(figure, (left - _FRAME, bottom - _FRAME), around, **style)
    axes = figure.add_axes((left / wide, bottom / high, size[0] / wide, size[1] / high))
    axes.set_axis_off()  # its own frame would hide the map's outermost pixels
    return axes


def draw_ramp(
    figure: Figure,
    place: tuple[float, float],
    frame: Frame,
    ramp: Ramp,
    label: str,
    *,
    is_beyond: tuple[bool, bool] = (False, False),
) -> None:
    """Draw the colours of measures below a map, given the middle of its lower edge."""
    length = 0.7 * frame.slot
    left, top = place[0] - length / 2, place[1] - BELOW_MAP + 0.1
    wide, high = figure.get_size_inches()
    axes = figure.add_axes((left / wide, (top - 0.12) / high, length / wide, 0.12 / high))
    axes.set_axis_off()
    low, most, _ = ramp
    steps = np.linspace(low, most if most > low else low + 1.0, 256)[np.newaxis]
    axes.imshow(ramp_picture(steps, (steps[0, 0], steps[0, -1], ramp[2])).rgba(), aspect="auto")
    signs = ["≤ " if is_beyond[0] else "", "", "≥ " if is_beyond[1] else ""]
    for part, sign in zip((0.0, 0.5, 1.0), signs, strict=True):
        value = f"{sign}{(1 - part) * low + part * most:.4g}".replace("-", "−")
        write(figure, left + part * length, top - 0.15, value, size=7, ha="center", va="top")
    write(figure, place[0], top - 0.3, fitted(label, frame.slot, 8), size=8, ha="center", va="top")


def draw_scale(figure: Figure, place: tuple[float, float], frame: Frame, metres: float) -> None:
    """Draw a bar of a round length below a map, at most a third of it, from the left of its slot."""
    per_inch = metres / frame.size[0]
    longest = max(frame.size[0] / 3, min(frame.size[1] / 3, frame.slot / 2)) * per_inch
    power = 10.0 ** math.floor(math.log10(longest))
    length = next(step for step in (5, 2, 1) if step * power <= longest) * power
    inches = length / per_inch
    draw_box(figure, (place[0], place[1] - 0.14), (inches, 0.04), facecolor="#333333")
    label = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"  # noqa: PLR2004  (metres in a km)
    write(figure, place[0] + inches + 0.06, place[1] - 0.12, label, size=8, va="center")
