"""Neighbours on a grid of pixels: sums, counts and extremes over a window round each cell."""

from __future__ import annotations

import math
from itertools import product
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.links import Links, addends, identity
from dissmodel.errors import UsageError, WrongValue, did_you_mean
from dissmodel.geo.vector.sparse import Neighborhood, number_type

Array = NDArray[Any]
Offset = tuple[int, int]
GridKind = Literal["moore", "von_neumann", "circle"]


class Grid:
    """Cells that are pixels; see `dissmodel.cells.near.Topology`."""

    def __init__(
        self, inside: NDArray[np.bool_], places: NDArray[np.intp] | None, reach: dict[int, int]
    ) -> None:
        """Take the flat places of the cells in visiting order, None for row-major; `reach` is of `window`."""
        self.shape: tuple[int, int] = inside.shape
        self.warned = False
        is_full = bool(inside.all())
        self._inside = None if is_full or places is not None else inside
        self._places = places
        self.cells = int(np.count_nonzero(inside))
        self._reach = reach
        offsets = [(down, right) for down, width in reach.items() for right in range(-width, width + 1)]
        self._offsets = [offset for offset in offsets if offset != (0, 0)]
        self._sorted: list[Offset] | None = self._offsets if places is None else self._in_visiting_order()
        self._links: Links | None = None
        self._counts: NDArray[np.int64] | None = None

    def counts(self) -> NDArray[np.int64]:
        """Return the number of neighbours."""
        if self._counts is None:
            self._counts = self.count(np.ones(self.cells, np.bool_)).astype(np.int64)
            self._counts.flags.writeable = False
        return self._counts

    def weight(self) -> NDArray[np.int64]:
        """Return the number of neighbours: on a grid all weigh 1."""
        return self.counts()

    def count(self, truths: NDArray[np.bool_]) -> Array:
        """Return how many neighbours are true."""
        return self.sum(truths)

    def sum(self, values: Array) -> Array:
        """Return the sum over the neighbours."""
        values = addends(values, len(self._offsets))
        if values.dtype.kind != "f":
            return self._on_cells(self._window_sum(self._picture(values, 0)))
        if self._sorted is None:
            return self._as_links().sum(values)
        seen = self._picture(values, 0)
        found = np.zeros_like(seen)
        for offset in self._sorted:
            here, there = _overlap(self.shape, offset)
            # Beyond the edge, nothing is added; a cell outside the space adds 0.0, which changes no sum.
            found[here] += seen[there]
        return self._on_cells(found)

    def extreme(self, values: Array, *, largest: bool) -> Array:
        """Return the largest or smallest value of the neighbours."""
        choose, start = np.maximum if largest else np.minimum, identity(values.dtype, largest)
        seen = self._picture(values, start)
        found = np.full_like(seen, start)
        for offset in self._offsets:
            here, there = _overlap(self.shape, offset)
            choose(found[here], seen[there], out=found[here])
        return self._on_cells(found)

    def _window_sum(self, seen: Array) -> Array:
        """Return the sum of integers over the window, in as few passes as its form allows.

        Sums of one row's cells, at most `width` away, grow with the width and are used by each row that is as
        wide. An overflow on the way does no harm: integers of a fixed size add modulo a power of 2.
        """
        across, found = seen.copy(), np.zeros_like(seen)
        np.negative(seen, out=found)
        for width in range(max(self._reach.values()) + 1):
            if width:
                for right in (-width, width):
                    here, there = _overlap(self.shape, (0, right))
                    across[here] += seen[there]
            for down in (down for down, wide in self._reach.items() if wide == width):
                here, there = _overlap(self.shape, (down, 0))
                found[here] += across[there]
        return found

    def _picture(self, values: Array, outside: Any) -> Array:
        """Return values of the cells as rows and columns."""
        if self._places is None and self._inside is None:
            return values.reshape(self.shape)
        picture = np.full(self.shape, outside, values.dtype)
        if self._places is None:
            picture[self._inside] = values
        else:
            picture.ravel()[self._places] = values
        return picture

    def _on_cells(self, picture: Array) -> Array:
        """Return what a picture has at the cells, in visiting order."""
        if self._places is not None:
            return picture.ravel().take(self._places)
        return picture.ravel() if self._inside is None else picture[self._inside]

    def _in_visiting_order(self) -> list[Offset] | None:
        """Return the offsets as every cell's neighbours are visited, None if cells differ in that.

        Cells don't differ where they are visited along rows or columns, from whatever corner.
        """
        assert self._places is not None
        rows, cols = np.divmod(self._places, self.shape[1])
        height, width = self.shape
        for down, right in product((1, -1), repeat=2):
            for by_row, step in ((True, width), (False, height)):
                key = down * rows * step + right * cols if by_row else right * cols * step + down * rows
                if np.all(key[1:] > key[:-1]):
                    rank = [
                        (down * i, right * j) if by_row else (right * j, down * i) for i, j in self._offsets
                    ]
                    return [offset for _, offset in sorted(zip(rank, self._offsets, strict=True))]
        return None

    def _as_links(self) -> Links:
        """Return the same neighbours by their numbers: where the order differs from cell to cell."""
        if self._links is None:
            assert self._places is not None
            ranks = self._picture(np.arange(self.cells, dtype=number_type(self.cells)), -1)
            numbers = np.full((self.cells, len(self._offsets)), -1, ranks.dtype)
            for side, offset in enumerate(self._offsets):
                here, there = _overlap(self.shape, offset)
                seen = np.full_like(ranks, -1)
                seen[here] = ranks[there]
                numbers[:, side] = self._on_cells(seen)
            numbers.sort(axis=1)
            is_cell = numbers >= 0
            offsets = np.concatenate([[0], np.cumsum(np.count_nonzero(is_cell, axis=1), dtype=np.int64)])
            self._links = Links(Neighborhood(offsets, numbers[is_cell]))
        return self._links


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
        If there is no such kind, or the radius is none.
    WrongValue
        If `order` does not number the cells.
    """
    inside = np.asarray(inside, np.bool_)
    reach = window(kind, radius)
    if order is None:
        return Grid(inside, None, reach)
    order = np.asarray(order)
    cells = int(np.count_nonzero(inside))
    places = np.full(cells, -1, np.intp)
    if order.shape == inside.shape and order.dtype.kind in "iu":
        ranks = order[inside].astype(np.intp)
        if np.all((ranks >= 0) & (ranks < cells)):
            places[ranks] = np.flatnonzero(inside)
    if np.any(places < 0):
        raise WrongValue(
            f"The order ({order.dtype}, shape {order.shape}) does not number the {cells} cells.",
            f"Give each cell of the {inside.shape} grid its own number from 0 to {cells - 1}.",
        )
    return Grid(inside, None if np.all(places[1:] > places[:-1]) else places, reach)


def window(kind: GridKind, radius: float) -> dict[int, int]:
    """Return for each row of a window, counted from the cell's own, how far it reaches to both sides.

    >>> window("von_neumann", 2)
    {-2: 0, -1: 1, 0: 2, 1: 1, 2: 0}
    """
    if kind not in get_args(GridKind):
        raise UsageError(
            f"There is no neighbourhood {kind!r} on a grid.", did_you_mean(kind, get_args(GridKind))
        )
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


def _overlap(shape: tuple[int, int], offset: Offset) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return which cells have a neighbour at the offset, and those neighbours."""
    here, there = [], []
    for size, shift in zip(shape, offset, strict=True):
        length = max(0, size - abs(shift))
        here.append(slice(max(0, -shift), max(0, -shift) + length))
        there.append(slice(max(0, shift), max(0, shift) + length))
    return (here[0], here[1]), (there[0], there[1])
