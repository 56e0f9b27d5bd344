"""From values to colours."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from dissmodel.geo.legend import CellClass, Legend

Floats = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

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
    "#0055dd",
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


def paint_change(before: Floats, after: Floats, legend: Legend) -> Image:
    """Return `after` as an image: changed cells in their class's colour, all others pale."""
    image = paint(after, legend)
    same = ~changed(before, after)
    image[same, :3] = _pale(image[same, :3])
    return image


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
