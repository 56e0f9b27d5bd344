"""Neighbours on a grid, by arithmetic on rows and columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from dissmodel.errors import UsageError, did_you_mean
from dissmodel.geo.raster.backend import DIRS_MOORE, DIRS_VON_NEUMANN
from dissmodel.geo.vector.polygons import Polygons, raise_duplicates
from dissmodel.geo.vector.sparse import Integers, Neighborhood, distinct, number_type

Rule = Literal["queen", "rook"]

_SIDES = {"queen": tuple(DIRS_MOORE), "rook": tuple(DIRS_VON_NEUMANN)}
_CORNERS = 5
# A table of the bounding rectangle costs 4 bytes a place, so 64 bytes a cell at most, or 4 MiB.
_PLACES_PER_CELL = 16
_SMALL_TABLE = 2**20


def grid(rows: NDArray[Any], cols: NDArray[Any], *, rule: Rule = "queen") -> Neighborhood:
    """Return the neighbours of cells that have a row and a column: Moore (queen) or von Neumann (rook).

    Parameters
    ----------
    rows, cols : ndarray of integers, shape (n,)
        The place of each cell. They may begin anywhere, leave gaps and stand in any order.
    rule : {"queen", "rook"}
        Up to 8 neighbours that share an edge or a corner, or up to 4 that share an edge.

    Raises
    ------
    InvalidInput
        If two cells have the same place.
    UsageError
        If the arrays are not integers of one length, or there is no such rule.

    Examples
    --------
    >>> corner = grid(np.array([0, 0, 1]), np.array([0, 1, 0]))
    >>> [corner.of(cell).tolist() for cell in range(3)]
    [[1, 2], [0, 2], [0, 1]]
    """
    rows, cols = np.asarray(rows), np.asarray(cols)
    if rule not in _SIDES:
        raise UsageError(f"There is no rule {rule!r} for a grid.", did_you_mean(str(rule), _SIDES))
    if (
        rows.dtype.kind not in "iu"
        or cols.dtype.kind not in "iu"
        or rows.ndim != 1
        or rows.shape != cols.shape
    ):
        raise UsageError(
            f"rows ({rows.dtype}, shape {rows.shape}) and cols ({cols.dtype}, shape {cols.shape}) "
            "are not integers, one a cell.",
            "Give two arrays of integers of the same length.",
        )
    rows, cols, cells = rows.astype(np.int64), cols.astype(np.int64), len(rows)
    if not cells:
        return Neighborhood(np.zeros(1, np.int64), np.empty(0, np.int32))
    most = max(_PLACES_PER_CELL * cells, _SMALL_TABLE)
    if _span(rows) * _span(cols) > most:
        rows, cols = _without_gaps(rows), _without_gaps(cols)
    # An empty place on each side lets every cell look over its edge; the right one is the next row's left.
    width = _span(cols) + 1
    places = (rows - rows.min() + 1) * width + (cols - cols.min() + 1)
    look = _in_table if _span(rows) * _span(cols) <= most else _by_search
    numbers = np.empty((cells, len(_SIDES[rule])), dtype=number_type(cells))
    for side, seen in enumerate(look(places, [down * width + right for down, right in _SIDES[rule]])):
        numbers[:, side] = seen
    # Sides are in row-major order, and so are most layers.
    if np.any(places[1:] <= places[:-1]):
        numbers.sort(axis=1)
    there = numbers >= 0
    offsets = np.zeros(cells + 1, dtype=np.int64)
    np.cumsum(np.count_nonzero(there, axis=1), out=offsets[1:])
    return Neighborhood(offsets, numbers[there])


def rectangles(polygons: Polygons) -> tuple[Integers, Integers] | None:
    """Return the rows and columns of polygons that are the cells of a rectilinear grid, None if they aren't.

    Proven by comparing coordinates exactly: every polygon is a rectangle along the axes, and no edge of any
    other one is between its own. Then two of them touch if and only if their rows and their columns
    differ by at most one, so `grid` finds what their geometry has. Rows count from the top, without those
    that no cell has. Rows and columns need not be of one size.

    >>> rows, cols = rectangles(shapely.box([0, 10, 0], [0, 0, 5], [10, 25, 10], [5, 5, 9]))
    >>> rows.tolist(), cols.tolist()
    ([1, 1, 0], [0, 1, 0])
    """
    if not len(polygons) or (shapely.get_num_coordinates(polygons) != _CORNERS).any():
        return None
    if (shapely.get_type_id(polygons) != shapely.GeometryType.POLYGON).any():
        return None
    x, y = np.moveaxis(shapely.get_coordinates(polygons).reshape(-1, _CORNERS, 2), (2, 1), (0, 1))
    up_first = (x[0] == x[1]) & (y[1] == y[2]) & (x[2] == x[3]) & (y[3] == y[0])
    across_first = (y[0] == y[1]) & (x[1] == x[2]) & (y[2] == y[3]) & (x[3] == x[0])
    if not (up_first | across_first).all():
        return None
    cols, rows = _between_edges(x[0], x[2]), _between_edges(-y[0], -y[2])
    return None if rows is None or cols is None else (rows, cols)


def _between_edges(one: NDArray[np.float64], other: NDArray[np.float64]) -> Integers | None:
    """Return the number of the interval that each cell fills, None if one fills more or less than one."""
    low, high = np.minimum(one, other), np.maximum(one, other)
    edges = distinct(np.concatenate([low, high]))
    if not np.isfinite(edges[[0, -1]]).all() or not (low < high).all():
        return None
    start = np.searchsorted(edges, low)
    return start.astype(np.int64, copy=False) if np.array_equal(edges[start + 1], high) else None


def _span(values: NDArray[Any]) -> int:
    return int(values.max()) - int(values.min()) + 1


def _without_gaps(values: NDArray[Any]) -> Integers:
    """Return numbers that are next to each other where `values` are, without long gaps."""
    order = np.argsort(values)
    # A difference that overflows comes out right as an unsigned number.
    steps = np.diff(values[order]).view(np.uint64)
    closed = np.zeros(len(values), dtype=np.int64)
    closed[order[1:]] = np.cumsum(np.minimum(steps, 2), dtype=np.int64)
    return closed


def _in_table(places: Integers, sides: list[int]) -> Iterator[NDArray[Any]]:
    """Yield for each side the cell that is there, -1 for none, from a table of all places."""
    cells = len(places)
    table = np.full(int(places.max()) + max(sides) + 1, -1, dtype=number_type(cells))
    own = np.arange(cells, dtype=table.dtype)
    table[places] = own
    # Of those that share a place the last one has it.
    if np.any(table[places] != own):
        _raise_shared(places)
    for side in sides:
        yield table[places + side]


def _by_search(places: Integers, sides: list[int]) -> Iterator[NDArray[Any]]:
    """Yield the same where a table would be absurdly large, from the places in order."""
    order = np.argsort(places)
    inorder = places[order]
    if np.any(inorder[1:] == inorder[:-1]):
        _raise_shared(places)
    for side in sides:
        at = np.searchsorted(inorder, places + side)
        at[at == len(inorder)] = 0
        yield np.where(inorder[at] == places + side, order[at], -1)


def _raise_shared(places: Integers) -> None:
    order = np.argsort(places, kind="stable")
    inorder = places[order]
    repeats = np.concatenate([[False], inorder[1:] == inorder[:-1]])
    first = np.maximum.accumulate(np.where(repeats, 0, np.arange(len(order))))
    raise_duplicates(order[first[repeats]], order[repeats], "place on the grid")
