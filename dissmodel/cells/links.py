"""Neighbours of any cells, given by their numbers: sums, counts and extremes over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dissmodel.errors import InvalidInput, WrongType, WrongValue

if TYPE_CHECKING:
    from dissmodel.geo.vector.sparse import Neighborhood

Array = NDArray[Any]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

_MOST_IN_A_BYTE = 255
_WIDEST = 8  # bytes


class Links:
    """Cells whose neighbours are given by their numbers; see `dissmodel.cells.near.Topology`.

    Attributes
    ----------
    counts : ndarray of int64, shape (cells,)
        The number of neighbours; read-only.
    """

    def __init__(self, neighborhood: Neighborhood, weight_order: Integers | None = None) -> None:
        """Take neighbours, and the place of each link's weight where weights are given in another order."""
        self.counts = counts = read_only(neighborhood.count)
        self.cells = len(neighborhood)
        self.warned = False
        self.neighborhood, self._weight_order = neighborhood, weight_order
        self.most = int(counts.max(initial=0))
        # Cells with many neighbours first: level k holds the neighbour number k of all cells that have it.
        self._order = np.argsort(-counts, kind="stable")
        ascending = -counts[self._order]
        self._first = neighborhood.offsets[:-1][self._order]
        self._levels: list[NDArray[np.intp]] = []
        for level in range(self.most):
            at = self._first[: np.searchsorted(ascending, -level)] + level
            self._levels.append(neighborhood.neighbors[at].astype(np.intp))

    def as_links(self) -> Links:
        """Return itself, as a grid returns its neighbours by their numbers."""
        return self

    def links(self) -> Integers:
        """Return each cell and neighbour, shape (links, 2), in visiting order."""
        cells = np.repeat(np.arange(self.cells), self.counts)
        return np.column_stack([cells, self.neighborhood.neighbors.astype(np.int64)])

    def sum(self, values: Array, weights: Floats | None = None) -> Array:
        """Return the sum over the neighbours, each times its weight."""
        values = addends(values, self.most)
        if weights is None:
            return self._reduce(values, np.add, 0)
        return self._reduce(values.astype(np.float64, copy=False), np.add, 0, self.in_order(weights))

    def in_order(self, weights: Floats) -> Floats:
        """Return the weights of the links in the order of the cells and their neighbours."""
        return weights if self._weight_order is None else weights[self._weight_order]

    def extreme(self, values: Array, *, largest: bool) -> Array:
        """Return the largest or smallest value of the neighbours, without weights."""
        return self._reduce(values, np.maximum if largest else np.minimum, identity(values.dtype, largest))

    def _reduce(self, values: Array, ufunc: np.ufunc, start: Any, weights: Floats | None = None) -> Array:
        """Apply `ufunc` to `start` and the neighbours' values, one at a time in visiting order."""
        found, seen = np.full(self.cells, start, values.dtype), np.empty(self.cells, values.dtype)
        for number, level in enumerate(self._levels):
            heard = seen[: len(level)]
            values.take(level, out=heard, mode="clip")  # which writes to `out` at once
            if weights is not None:
                heard *= weights[self._first[: len(level)] + number]
            so_far = found[: len(level)]
            ufunc(so_far, heard, out=so_far)
        seen[self._order] = found
        return seen


def table_topology(cells: int, table: Array) -> Links:
    """Return the topology of a table: each row is a cell and a neighbour of the cell.

    Parameters
    ----------
    cells : int
        The number of cells.
    table : ndarray of integers, shape (links, 2)
        Numbers of cells in visiting order, from 0; rows in any order. A link has one direction.

    Raises
    ------
    InvalidInput
        If a number is no cell, or a link stands twice.
    WrongValue
        If the table has no integers or not two columns.
    """
    if table.ndim != 2 or table.shape[1] != 2 or table.dtype.kind not in "iu":  # noqa: PLR2004  (two columns)
        raise WrongValue(
            f"The table of neighbours ({table.dtype}, shape {table.shape}) has no two columns of integers.",
            "Give a row for each link: the number of a cell and that of its neighbour, counted from 0.",
        )
    first, second = table.T
    for column in (first, second):
        unknown = (column < 0) | (column >= cells)
        if unknown.any():
            raise InvalidInput(
                f"{np.count_nonzero(unknown)} of {len(column)} rows of the table name a cell that is not "
                f"among the {cells} cells; the first is {column[unknown][0]}.",
                "Number the cells in visiting order, counted from 0.",
            )
    links = first.astype(np.int64) * cells + second.astype(np.int64)
    order = np.argsort(links, kind="stable")
    links = links[order]
    repeated = links[1:][links[1:] == links[:-1]]
    if len(repeated):
        raise InvalidInput(
            f"{len(repeated)} rows of the table repeat a link; the first is {repeated[0] // cells}, "
            f"{repeated[0] % cells}.",
            "Remove the duplicates, or add their weights up.",
        )
    offsets = np.searchsorted(links, np.arange(cells + 1, dtype=np.int64) * cells)
    from dissmodel.geo.vector.sparse import Neighborhood, number_type  # noqa: PLC0415  (grids have none)

    neighborhood = Neighborhood(offsets, (links % max(cells, 1)).astype(number_type(cells)))
    return Links(neighborhood, order)


def read_only(array: Array) -> Array:
    """Return a view that can't be written."""
    view = array.view()
    view.flags.writeable = False
    return view


def per_cell(values: ArrayLike, cells: int, what: str) -> Array:
    """Return values as an array; raise WrongValue if there is not one for each cell."""
    given = np.asarray(values)
    if given.shape != (cells,):
        raise WrongValue(
            f"{what} got the shape {given.shape}; it takes one value per cell, ({cells},).",
            "Give self.NAME, or a comparison such as self.NAME == 1.",
        )
    return given


def addends(values: Array, most: int) -> Array:
    """Return values in the type in which at most `most` of them are added.

    Floats are added as float64, integers exactly as int64, truths as bytes where their number fits.
    """
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind == "b":
        return values.view(np.uint8) if most <= _MOST_IN_A_BYTE else values.astype(np.int64)
    if kind in "iu":
        if size == _WIDEST and values.size:
            largest = max(abs(int(values.min())), abs(int(values.max())))
            if largest * max(most, 1) > np.iinfo(np.int64).max:
                raise WrongValue(
                    f"The values reach {largest}: the sum of {most} such integers does not fit 64 bits.",
                    "Add floats: values.astype(float).",
                )
        return values.astype(np.int64, copy=False)
    if kind == "f" and size <= _WIDEST:
        return values.astype(np.float64, copy=False)
    raise WrongType(f"Values of the type {values.dtype} can't be added.", "Give truths, integers or floats.")


def identity(dtype: np.dtype[Any], largest: bool) -> Any:  # noqa: FBT001  (of two functions only)
    """Return the value of a type that loses against all others in the search for the largest or smallest."""
    if dtype.kind == "f":
        return -np.inf if largest else np.inf
    limits = np.iinfo(dtype)
    return limits.min if largest else limits.max
