"""From values to colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from dissmodel.geo.legend import CellClass, Legend
from dissmodel.visualization.paletted import Paletted, palette_of
from dissmodel.visualization.sight import set_apart

Floats = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
Ramp: TypeAlias = tuple[float, float, str]
"""The measures of the first and the last colour, and the name of a matplotlib colour map."""

_STEPS = 255  # colours of a ramp

# Paul Tol's "muted" scheme, made to be told apart by colour-blind readers too, and two more.
_PALETTE = (
    "#332288",
    "#ddcc77",
    "#44aa99",
    "#cc6677",
    "#88ccee",
    "#117733",
    "#882255",
    "#999933",
    "#aa4499",
    "#dddddd",
    "#000000",
    "#446dfa",
)
MOST_CLASSES = len(_PALETTE)
"""How many classes without colours of their own can be told apart."""

_GREYNESS, _PALENESS = 0.45, 0.78
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def qualitative(codes: Iterable[int]) -> Legend:
    """Return a class for each code, named by the code, in colours that can be told apart.

    >>> [(one.name, one.colour) for one in qualitative([7, 3])]
    [('3', '#332288'), ('7', '#ddcc77')]
    """
    return tuple(
        CellClass(code, str(code), _PALETTE[number % MOST_CLASSES])
        for number, code in enumerate(sorted(set(codes)))
    )


def paint(values: Floats, legend: Legend) -> Image:
    """Return an image of classes, shape (rows, columns, 4); transparent where there is none.

    Parameters
    ----------
    values : ndarray of float64, shape (rows, columns)
        Codes, NaN where there is nothing.
    legend : Legend
        The classes; a code that is in none of them is transparent.
    """
    from matplotlib.colors import to_rgb  # noqa: PLC0415  (loaded when something is drawn)

    image = np.zeros((*values.shape, 4), np.uint8)
    for one in legend:
        image[values == one.code] = (*(round(255 * part) for part in to_rgb(one.colour)), 255)
    return image


def class_picture(codes: Floats, legend: Legend) -> Paletted:
    """Return a picture of classes.

    Parameters
    ----------
    codes : ndarray of float64, shape (rows, columns)
        Codes, NaN where there is nothing; a code that no class has is transparent.
    legend : Legend
        The classes.
    """
    return Paletted(_places(codes, legend), palette_of(_rgb(one.colour for one in legend)))


def change_picture(became: Floats, after: Floats, legend: Legend, colours: Sequence[str]) -> Paletted:
    """Return a picture of what changed cells became in full colours, of all other cells in pale ones.

    Parameters
    ----------
    became, after : ndarray of float64, shape (rows, columns)
        The codes that changed cells got, NaN where none changed; and those of all cells, NaN where none is.
    legend : Legend
        The classes.
    colours : sequence of str
        The full colour of each class, ``#rrggbb``.
    """
    full = _places(became, legend)
    pale = _places(after, legend) + np.uint16(len(legend))
    pale[pale == len(legend)] = 0
    palette = palette_of(_rgb(colours), _pale(_rgb(one.colour for one in legend)))
    return Paletted(np.where(full > 0, full, pale), palette)


def change_colours(legend: Legend) -> list[str]:
    """Return the colour of each class on a map of changes: darker where its own is too pale."""
    pale = _pale(_rgb(one.colour for one in legend))
    around = [f"#{one.tobytes().hex()}" for one in pale]
    return set_apart([one.colour for one in legend], around)


def ramp_picture(values: Floats, ramp: Ramp) -> Paletted:
    """Return a picture of measures, shape (rows, columns), NaN where there is nothing."""
    from matplotlib import colormaps  # noqa: PLC0415  (loaded when something is drawn)

    low, high, name = ramp
    with np.errstate(invalid="ignore"):
        steps = np.clip(np.rint((values - low) / ((high - low) or 1.0) * (_STEPS - 1)), 0, _STEPS - 1)
    indices = np.where(np.isnan(values), 0, np.nan_to_num(steps) + 1).astype(np.uint8)
    colours = np.rint(colormaps[name](np.linspace(0, 1, _STEPS))[:, :3] * 255).astype(np.uint8)
    return Paletted(indices, palette_of(colours))


def _places(codes: Floats, legend: Legend) -> npt.NDArray[np.uint16]:
    """Return the place of each code in the legend, counted from 1; 0 where no class has it."""
    places = np.zeros(codes.shape, np.uint16)
    for place, one in enumerate(legend, start=1):
        places[codes == one.code] = place
    return places


def _rgb(colours: Iterable[str]) -> npt.NDArray[np.uint8]:
    parts = [tuple(bytes.fromhex(colour.removeprefix("#"))) for colour in colours]
    return np.array(parts, np.uint8).reshape(-1, 3)


def changed(before: Floats, after: Floats) -> npt.NDArray[np.bool_]:
    """Return where both have a value and the two differ."""
    differs: npt.NDArray[np.bool_] = (before != after) & ~np.isnan(before) & ~np.isnan(after)
    return differs


def _pale(colours: Image) -> Image:
    """Return colours near white, and greyer, so that only their lightness tells them apart at a glance."""
    grey = (colours @ _LUMINANCE)[:, np.newaxis]
    muted = (1 - _GREYNESS) * colours + _GREYNESS * grey
    pale: Image = np.rint((1 - _PALENESS) * muted + _PALENESS * 255).astype(np.uint8)
    return pale
