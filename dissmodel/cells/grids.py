"""Neighbours on a grid of pixels: sums, counts and extremes over a window round each cell."""

from __future__ import annotations

import math
from functools import cached_property
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.links import Links, addends, identity, read_only
from dissmodel.errors import UsageError

Array = NDArray[Any]
Shift = tuple[slice, slice]
GridKind = Literal["moore", "von_neumann", "circle"]


class Grid:
    """Cells that are pixels; see `dissmodel.cells.near.Topology`.

    Values lie row after row in one array, with as many empty places after each row as the window reaches to a
    side. So every neighbour is at a fixed distance in it, and what looks over an edge finds an empty place.
    """

    def __init__(
        self, inside: NDArray[np.bool_], places: NDArray[np.intp] | None, reach: dict[int, int]
    ) -> None:
        """Take the flat places of the cells in visiting order, None for row-major; `reach` is of `window`."""
        rows, cols = inside.shape
        self.cells = int(np.count_nonzero(inside))
        self.warned = False
        self.inside, self.reach = inside, reach
        self._cols, self._width = cols, cols + max(reach.values())
        self._size = rows * self._width
        # Where cells are, unless all places of the grid are cells in order: a mask, or the place of each
        # cell and the cell of each place (`cells` where it is empty).
        self._mask: NDArray[np.bool_] | None = None
        self._places: NDArray[np.intp] | None = None
        if places is not None:
            self._places = places // max(cols, 1) * self._width + places % max(cols, 1)
            self._cell_at = np.full(self._size, self.cells, np.intp)
            self._cell_at[self._places] = np.arange(self.cells)
        elif self.cells < inside.size:
            self._mask = np.pad(inside, ((0, 0), (0, self._width - cols))).ravel()
        offsets = [(down, right) for down, wide in reach.items() for right in range(-wide, wide + 1)]
        self._shifts = [self._shift(down, right) for down, right in offsets if (down, right) != (0, 0)]
        # How far a sum of one row's cells has to grow, and at which rows it is then used.
        self._passes = [
            (
                [self._shift(0, right) for right in sorted({-width, width} - {0})],
                [self._shift(down, 0) for down, wide in reach.items() if wide == width],
            )
            for width in range(max(reach.values()) + 1)
        ]
        self.most = len(self._shifts)
        self._links: Links | None = None

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """The number of neighbours; read-only."""
        return read_only(self.sum(np.ones(self.cells, np.bool_)).astype(np.int64))

    @cached_property
    def runs(self) -> tuple[Array, Array, Array, Array, Array]:
        """Cells side by side: row, first column, the one after the last, number of the first cell.

        The last array says for each row, and for the one after the last, how many runs come before it.
        """
        steps = np.diff(np.pad(self.inside, ((0, 0), (1, 1))).view(np.int8), axis=1)
        row, begin = np.nonzero(steps == 1)
        end = np.nonzero(steps == -1)[1]
        starts = np.searchsorted(row, np.arange(len(self.inside) + 1))
        return row, begin, end, np.cumsum(end - begin) - (end - begin), starts

    @property
    def row_by_row(self) -> bool:
        """Whether the cells are visited row by row of `inside`."""
        return self._places is None

    def links(self) -> NDArray[np.int64]:
        """Return each cell and neighbour, in visiting order."""
        return self.as_links().links()

    def sum(self, values: Array, weights: NDArray[np.float64] | None = None) -> Array:
        """Return the sum over the neighbours, each times its weight."""
        if weights is not None:
            return self.as_links().sum(values, weights)
        values = addends(values, self.most)
        if values.dtype.kind != "f":
            return self._on_cells(self._window_sum(self._laid_out(values, 0)))
        if self._places is not None:  # the order of the neighbours differs from cell to cell
            return self.as_links().sum(values)
        seen = self._laid_out(values, 0)
        found = np.zeros_like(seen)
        # An empty place adds 0.0, which changes no sum that began with 0.0.
        for shift in self._shifts:
            _apply(np.add, found, seen, shift)
        return self._on_cells(found)

    def extreme(self, values: Array, *, largest: bool) -> Array:
        """Return the largest or smallest value of the neighbours."""
        choose, start = np.maximum if largest else np.minimum, identity(values.dtype, largest)
        seen = self._laid_out(values, start)
        found = np.full_like(seen, start)
        for shift in self._shifts:
            _apply(choose, found, seen, shift)
        return self._on_cells(found)

    def _window_sum(self, seen: Array) -> Array:
        """Return the sum of integers over the window, in as few passes as its form allows.

        Sums of one row's cells, at most `width` away, grow with the width and are used by each row that is as
        wide. An overflow on the way does no harm: integers of a fixed size add modulo a power of 2.
        """
        across, found = seen.copy(), np.negative(seen)
        for growing, using in self._passes:
            for shift in growing:
                _apply(np.add, across, seen, shift)
            for shift in using:
                _apply(np.add, found, across, shift)
        return found

    def _shift(self, down: int, right: int) -> Shift:
        """Return the places that have a neighbour at an offset, and those neighbours."""
        shift = down * self._width + right
        length = max(0, self._size - abs(shift))
        here, there = max(0, -shift), max(0, shift)
        return slice(here, here + length), slice(there, there + length)

    def _laid_out(self, values: Array, empty: Any) -> Array:
        """Return the values of cells at their places, and `empty` at all others."""
        if self._mask is not None:
            laid_out = np.full(self._size, empty, values.dtype)
            laid_out[self._mask] = values
            return laid_out
        laid_out = np.empty(self._size, values.dtype)
        if self._places is not None:
            padded = np.append(values, np.asarray(empty, values.dtype))
            return padded.take(self._cell_at, out=laid_out, mode="clip")
        rows = laid_out.reshape(-1, self._width)
        rows[:, : self._cols] = values.reshape(-1, self._cols)
        rows[:, self._cols :] = empty
        return laid_out

    def _on_cells(self, found: Array) -> Array:
        """Return what was found at the cells, in visiting order."""
        if self._mask is not None:
            return found[self._mask]
        if self._places is not None:
            # With "clip", the fastest way, which writes to `out` at once.
            return found.take(self._places, out=np.empty(self.cells, found.dtype), mode="clip")
        return found.reshape(-1, self._width)[:, : self._cols].ravel()

    def as_links(self) -> Links:
        """Return the same neighbours by their numbers."""
        from dissmodel.geo.vector.sparse import Neighborhood, number_type  # noqa: PLC0415  (few need links)

        if self._links is None:
            ranks = self._laid_out(np.arange(self.cells, dtype=number_type(self.cells)), -1)
            numbers = np.empty((self.cells, len(self._shifts)), ranks.dtype)
            for side, shift in enumerate(self._shifts):
                seen = np.full_like(ranks, -1)
                _apply(np.maximum, seen, ranks, shift)
                numbers[:, side] = self._on_cells(seen)
            numbers.sort(axis=1)
            is_cell = numbers >= 0
            offsets = np.concatenate([[0], np.cumsum(np.count_nonzero(is_cell, axis=1), dtype=np.int64)])
            self._links = Links(Neighborhood(offsets, numbers[is_cell]))
        return self._links


def _apply(ufunc: np.ufunc, found: Array, seen: Array, shift: Shift) -> None:
    """Apply `ufunc` to what was found so far and to what each place sees."""
    so_far = found[shift[0]]
    ufunc(so_far, seen[shift[1]], out=so_far)


def grid_topology(
    inside: NDArray[np.bool_], order: Array | None = None, kind: GridKind = "moore", radius: float = 1
) -> Grid:
    """Return the topology of the cells of a raster.

    Parameters
    ----------
    inside : ndarray of bool, shape (rows, cols)
        Where the cells are.
    order : ndarray of integers, shape (rows, cols), optional
        The place of each cell in the visiting order, from 0; outside the space it is not read. Row-major
        without it.
    kind : {"moore", "von_neumann", "circle"}
        A square window, a diamond (at most `radius` steps along rows and columns), or all cells whose centre
        is at most `radius` away.
    radius : number
        In cells, at least 1; whole for a square and a diamond.

    Raises
    ------
    UsageError
        If the radius is none.
    """
    inside = np.asarray(inside, np.bool_)
    reach = window(kind, radius)
    if order is None:
        return Grid(inside, None, reach)
    # Windows are the same mirrored and transposed, so what is visited along rows or columns, from whatever
    # corner, is row-major when it is turned.
    for down, right, by_row in product((1, -1), (1, -1), (True, False)):
        turned, ranks = (
            array[::down, ::right] if by_row else array[::down, ::right].T for array in (inside, order)
        )
        if np.array_equal(ranks[turned], np.arange(np.count_nonzero(inside))):
            return Grid(np.ascontiguousarray(turned), None, reach)
    places = np.empty(np.count_nonzero(inside), np.intp)
    places[order[inside]] = np.flatnonzero(inside)
    return Grid(inside, places, reach)


def window(kind: GridKind, radius: float) -> dict[int, int]:
    """Return for each row of a window, counted from the cell's own, how far it reaches to both sides.

    >>> window("von_neumann", 2)
    {-2: 0, -1: 1, 0: 2, 1: 1, 2: 0}
    """
    is_number = isinstance(radius, (int, float, np.number)) and not isinstance(radius, bool)
    if not is_number or not 1 <= radius < math.inf or (kind != "circle" and radius != int(radius)):
        raise UsageError(
            f"A radius of {radius!r} cells is not possible for the neighbourhood {kind!r}.",
            "Give a number of cells from 1 on, such as radius=2"
            + ("." if kind == "circle" else '; only kind="circle" takes a fraction.'),
        )
    most = int(radius)
    return {down: _width(kind, radius, down) for down in range(-most, most + 1)}


def _width(kind: GridKind, radius: float, down: int) -> int:
    most = int(radius)
    if kind == "moore":
        return most
    if kind == "von_neumann":
        return most - abs(down)
    # A distance is rounded once, as between centres of polygons, and then compared.
    return max(width for width in range(most + 1) if math.sqrt(width * width + down * down) <= radius)
