"""The states of a run as one picture that moves: a GIF with the step, the legend and the scale."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from PIL import Image

from dissmodel.errors import InvalidInput
from dissmodel.geo.legend import Legend
from dissmodel.visualization.colours import Ramp
from dissmodel.visualization.paletted import Paletted
from dissmodel.visualization.preview import (
    BELOW_MAP,
    LINE,
    MARGIN,
    add_panel,
    draw_ramp,
    draw_scale,
    drawing,
    framed,
)
from dissmodel.visualization.table import EDGE, draw_box, write
from dissmodel.visualization.text import fitted, width_of

_DPI = 100
_COLOURS = 256  # of a GIF
_GREYS = 48  # of its texts
_STEPS = 200  # of a ramp
_TITLE, _LABEL, _RAMP, _SWATCH = 0.4, 0.3, 0.5, 0.28
_SECONDS, _SHORTEST, _LONGEST, _LAST = 10.0, 0.1, 0.8, 2.0


@dataclass(frozen=True, kw_only=True)
class Animation:
    """What is to be drawn."""

    title: str
    legend: Legend  # of classes; empty for measures
    ramp: Ramp | None  # of measures
    what: str  # the name of the measure
    is_beyond: tuple[bool, bool]  # whether measures are below and above the ramp
    aspect: float  # height of the map on the ground, by its width
    metres: float | None  # its width on the ground; None: not known


def most_pixels(_count: int, aspect: float) -> tuple[int, int]:
    """Return the rows and columns that a map has in an animation."""
    wide, high = framed(aspect, 1).size
    return max(1, int(high * _DPI)), max(1, int(wide * _DPI))


def gif(animation: Animation, frames: Iterable[tuple[str, Paletted]]) -> bytes:
    """Return states, each with its label and in the same colours, as a GIF that begins again at its end.

    Raises
    ------
    InvalidInput
        If there are more classes than a GIF has colours.
    """
    with drawing():
        ground, (top, left, high, wide), label_row = _ground(animation)
        pictures, palette = [], None
        for label, picture in frames:
            if palette is None:
                palette = _palette(picture.palette, is_ramp=animation.ramp is not None)
                ground_indices = _nearest(ground, palette)
            frame = ground_indices.copy()
            indices = picture.indices
            if animation.ramp is not None:
                indices = np.where(indices == 0, 0, 1 + (indices.astype(int) - 1) * (_STEPS - 1) // 254)
            rows, cols = (
                np.arange(new) * old // new for new, old in zip((high, wide), indices.shape, strict=True)
            )
            frame[top : top + high, left : left + wide] = indices[rows][:, cols]
            strip = _nearest(_label(label, ground.shape[1]), palette)
            frame[label_row : label_row + len(strip)] = strip
            image = Image.fromarray(frame.astype(np.uint8))
            image.putpalette(palette.tobytes())
            pictures.append(image)
    each = round(1000 * min(max(_SECONDS / len(pictures), _SHORTEST), _LONGEST))
    times = [each] * (len(pictures) - 1) + [round(1000 * _LAST)]
    stream = io.BytesIO()
    pictures[0].save(
        stream, "GIF", save_all=True, append_images=pictures[1:], duration=times, loop=0, optimize=False
    )
    return stream.getvalue()


def _ground(animation: Animation) -> tuple[npt.NDArray[np.uint8], tuple[int, int, int, int], int]:
    """Return what all frames have; the row, column, height and width of the map in it; the label's row."""
    frame = framed(animation.aspect, 1)
    rows, cols = most_pixels(1, animation.aspect)
    width = max(frame.slot, 4.0) + 2 * MARGIN
    key = list(_columns(animation.legend, width - 2 * MARGIN))
    below = BELOW_MAP + (_RAMP if animation.ramp is not None else (key[-1][1] + 1) * LINE if key else 0.0)
    height = 2 * MARGIN + _TITLE + _LABEL + frame.size[1] + below
    width, height = round(width * _DPI) / _DPI, round(height * _DPI) / _DPI
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    top = height - MARGIN
    write(
        figure,
        MARGIN,
        top,
        fitted(animation.title, width - 2 * MARGIN, 12, "bold"),
        size=12,
        weight="bold",
        va="top",
    )
    bottom = top - _TITLE - _LABEL - frame.size[1]
    place = ((width - frame.size[0]) / 2, bottom)
    add_panel(figure, place, frame.size)
    if animation.metres is not None and frame.is_to_scale:
        draw_scale(
            figure, place if frame.size[0] == frame.slot else (MARGIN, bottom), frame, animation.metres
        )
    if animation.ramp is not None:
        draw_ramp(
            figure, (width / 2, bottom), frame, animation.ramp, animation.what, is_beyond=animation.is_beyond
        )
    for x, line, label, colour in key:
        y = bottom - BELOW_MAP - (line + 0.5) * LINE
        draw_box(figure, (MARGIN + x, y - 0.07), (0.2, 0.14), facecolor=colour, **EDGE)
        write(figure, MARGIN + x + _SWATCH, y, label, va="center")
    ground = _pixels(figure)
    row = math.ceil(ground.shape[0] - (bottom + frame.size[1]) * _DPI)
    return ground, (row, round(place[0] * _DPI), rows, cols), round((MARGIN + _TITLE) * _DPI) - 4


def _columns(legend: Legend, width: float) -> Iterable[tuple[float, int, str, str]]:
    """Yield the place (inches from the left, line), the name and the colour of each class."""
    if not legend:
        return
    wide = min(width, max(width_of(one.name) for one in legend) + _SWATCH + 0.2)
    across = max(1, int(width / wide))
    for number, one in enumerate(legend):
        line, column = divmod(number, across)
        yield column * wide, line, fitted(one.name, wide - _SWATCH - 0.05), one.colour


def _label(text: str, width: int) -> npt.NDArray[np.uint8]:
    figure = Figure(figsize=(width / _DPI, _LABEL - 0.02), dpi=_DPI, facecolor="white")
    write(figure, width / _DPI / 2, 0.08, fitted(text, width / _DPI, 11), size=11, ha="center")
    return _pixels(figure)


def _pixels(figure: Figure) -> npt.NDArray[np.uint8]:
    """Return a figure as red, green and blue, shape (rows, columns, 3)."""
    stream = io.BytesIO()
    figure.savefig(stream, format="rgba", dpi=_DPI)
    wide, high = (round(inches * _DPI) for inches in figure.get_size_inches())
    return np.frombuffer(stream.getvalue(), np.uint8).reshape(high, wide, 4)[..., :3]


def _palette(colours: npt.NDArray[np.uint8], *, is_ramp: bool) -> npt.NDArray[np.uint8]:
    """Return the palette of all frames: that of the maps, then greys for texts."""
    if is_ramp:
        colours = np.vstack([colours[:1], colours[1:][np.arange(_STEPS) * 254 // (_STEPS - 1)]])
    if len(colours) > _COLOURS - _GREYS:
        raise InvalidInput(
            f"{len(colours) - 1} classes are too many for a GIF, which has {_COLOURS} colours.",
            "Draw the states one by one: dissmodel record show RECORD --preview",
            code="no_map",
        )
    greys = np.repeat(np.linspace(0, 255, _GREYS).round().astype(np.uint8)[:, np.newaxis], 3, axis=1)
    return np.vstack([colours, greys])


def _nearest(image: npt.NDArray[np.uint8], palette: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
    """Return an image in the colours of a palette, each pixel in the nearest of them."""
    packed = image.astype(np.int64) @ np.array([65536, 256, 1])
    found, inverse = np.unique(packed, return_inverse=True)
    parts = np.stack([found >> 16, (found >> 8) & 255, found & 255], axis=1)
    apart = ((parts[:, np.newaxis] - palette[np.newaxis].astype(np.int64)) ** 2).sum(axis=2)
    return np.asarray(apart.argmin(axis=1)[inverse].reshape(image.shape[:2]))
