"""A sheet to print: maps of the state before, after and of the change, and a table below."""

from __future__ import annotations

import io
import math
import textwrap
import warnings
from dataclasses import dataclass

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from dissmodel.record.picture import MARK
from dissmodel.visualization.colours import Ramp
from dissmodel.visualization.paletted import Paletted
from dissmodel.visualization.table import Table, draw_box, draw_table, plain, write

DPI = 150
# Inches.
_MARGIN, _GAP = 0.4, 0.25
_TITLE, _LINE, _PANEL_TITLE, _BELOW_MAP, _RAMP = 0.36, 0.2, 0.3, 0.42, 0.5
_NARROWEST, _PANEL, _HIGHEST = 9.0, 4.3, 5.6
_LETTERS_PER_INCH = 12.5


@dataclass(frozen=True)
class Picture:
    """A map: of a state or of the change."""

    image: Paletted
    title: str
    ramp: Ramp | None  # where it shows measures
    what: str  # the name of the measure


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What is to be drawn."""

    title: str
    subtitle: str
    pictures: tuple[Picture, ...]  # of one shape
    table: Table  # below the maps; of classes it is the legend too
    notes: tuple[str, ...]  # below the table
    aspect: float  # height of the map on the ground, by its width
    metres: float | None  # its width on the ground, for the scale bar; None: not known
    mark: str  # kept in the file under ``dissmodel``


def draw(sheet: Sheet) -> bytes:
    """Return the sheet as a PNG; the same sheet gives the same bytes with the same matplotlib."""
    # Settings of the user's own would change the bytes; letters that the font lacks are drawn as boxes.
    with matplotlib.style.context("default"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        count = len(sheet.pictures)
        panel = panel_size(sheet.aspect, count)
        width = max(_NARROWEST, count * panel[0] + (count - 1) * _GAP + 2 * _MARGIN)
        letters = int((width - 2 * _MARGIN) * _LETTERS_PER_INCH)
        subtitle = textwrap.wrap(plain(sheet.subtitle, 2 * letters), letters)[:2]
        notes = [plain(note, letters) for note in sheet.notes]
        below_map = _BELOW_MAP + (_RAMP if sheet.pictures[0].ramp is not None else 0.0)
        above_map = _TITLE + _LINE * len(subtitle) + _PANEL_TITLE
        below_table = _LINE * (len(notes) + 0.5)
        height = 2 * _MARGIN + above_map + panel[1] + below_map + sheet.table.height + below_table
        figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
        top = height - _MARGIN
        write(figure, _MARGIN, top, plain(sheet.title, letters * 2 // 3), size=14, weight="bold", va="top")
        for number, line in enumerate(subtitle):
            write(figure, _MARGIN, top - _TITLE - number * _LINE, line, va="top", color="#444444")
        bottom = top - above_map - panel[1]
        first = (width - count * panel[0] - (count - 1) * _GAP) / 2
        places = [(first + number * (panel[0] + _GAP), bottom) for number in range(count)]
        _draw_maps(figure, sheet, places, panel)
        table_top = bottom - below_map
        draw_table(figure, sheet.table, _MARGIN, table_top, width - 2 * _MARGIN)
        for number, note in enumerate(notes):
            under = table_top - sheet.table.height - (number + 0.5) * _LINE
            write(figure, _MARGIN, under, note, size=8, color="#444444", va="top")
        stream = io.BytesIO()
        figure.savefig(stream, format="png", metadata={"Software": None, MARK: sheet.mark})
        return stream.getvalue()


def panel_size(aspect: float, count: int, highest: float = _HIGHEST) -> tuple[float, float]:
    """Return the width and height, in inches, of each of `count` maps side by side."""
    width = _PANEL if count > 1 else 1.5 * _PANEL
    height = min(max(width * aspect, 0.6), highest)
    return min(width, max(height / aspect, 1.5)), height


def most_pixels(count: int, aspect: float) -> tuple[int, int]:
    """Return the rows and columns that each of `count` maps side by side has on paper."""
    wide, high = panel_size(aspect, count)
    return max(1, int(high * DPI)), max(1, int(wide * DPI))


def _draw_maps(
    figure: Figure, sheet: Sheet, places: list[tuple[float, float]], size: tuple[float, float]
) -> None:
    for picture, place in zip(sheet.pictures, places, strict=True):
        axes = add_panel(figure, place, size)
        axes.imshow(picture.image.rgba(), aspect="auto", interpolation="nearest")
        axes.set_title(plain(picture.title, int(size[0] * 11)), size=10, parse_math=False)
        if picture.ramp is not None:
            draw_ramp(figure, axes, picture.ramp, picture.what)
    if sheet.metres is not None:
        draw_scale(figure, places[0], size[0], sheet.metres)


def add_panel(figure: Figure, place: tuple[float, float], size: tuple[float, float]) -> Axes:
    """Add axes for a map; place and size in inches, from the figure's lower left corner."""
    wide, high = figure.get_size_inches()
    axes = figure.add_axes((place[0] / wide, place[1] / high, size[0] / wide, size[1] / high))
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set(color="#999999", linewidth=0.6)
    return axes


def draw_ramp(figure: Figure, axes: Axes, ramp: Ramp, label: str) -> None:
    """Draw the colours of measures below their axes."""
    wide, high = figure.get_size_inches()
    box = axes.get_position()
    length = box.width * 0.7
    place = figure.add_axes(
        (box.x0 + (box.width - length) / 2, box.y0 - (_BELOW_MAP + 0.02) / high, length, 0.12 / high)
    )
    low, most, colours = ramp
    norm = Normalize(low, most if most > low else low + 1.0)
    bar = figure.colorbar(ScalarMappable(norm, colours), cax=place, orientation="horizontal")
    bar.ax.tick_params(labelsize=7)
    bar.ax.locator_params(nbins=5)
    bar.ax.set_xlabel(plain(label, int(length * wide * 12)), size=8, parse_math=False)


def draw_scale(figure: Figure, place: tuple[float, float], width: float, metres: float) -> None:
    """Draw a bar of a round length, at most a third of the map, below its left corner."""
    longest = metres / 3
    power = 10.0 ** math.floor(math.log10(longest))
    length = next(step for step in (5, 2, 1) if step * power <= longest) * power
    inches = length / metres * width
    draw_box(figure, (place[0], place[1] - 0.12), (inches, 0.04), facecolor="#333333")
    label = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"  # noqa: PLR2004  (metres in a km)
    write(figure, place[0] + inches + 0.06, place[1] - 0.1, label, size=8, va="center")
