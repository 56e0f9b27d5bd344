"""Which pixel of a canvas each cell of a raster is in, and which cell is under each of its points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from pyproj import CRS, Transformer
from rasterio import Affine

from dissmodel.preview.canvas import Canvas, Floats, Shape, differ
from dissmodel.visualization.shrink import Places


class Placing(Protocol):
    """Where the cells of a raster are on a canvas; `has_points`: pixels may have the centre of no cell."""

    has_points: bool

    def places(self, rows: slice, cols: slice) -> Places | None:
        """Return the pixel of each of these cells, -1 off the canvas; None if only points are drawn."""

    def fill(self, points: Floats, rows: slice, cols: slice, values: Floats) -> None:
        """Give the points that these cells are under their values."""

    def open_places(self, row: int) -> tuple[int, int]:
        """Return between which pixels more cells come when the rows before `row` were read."""


class Straight:
    """Of a raster whose rows and columns are those of the canvas, in any direction."""

    def __init__(self, canvas: Canvas, transform: Affine, shape: Shape) -> None:
        a, _, c, _, e, f = tuple(transform)[:6]
        rows, cols = canvas.shape
        west, south, east, north = canvas.bounds
        self._width = cols
        down = (north - (f + (np.arange(shape[0]) + 0.5) * e)) / (north - south) * rows
        right = (c + (np.arange(shape[1]) + 0.5) * a - west) / (east - west) * cols
        self._row, self._col = _inside(down, rows), _inside(right, cols)
        x, y = canvas.axes()
        self._row_under = _inside((y - f) / e, shape[0])
        self._col_under = _inside((x - c) / a, shape[1])
        high, wide = (north - south) / rows, (east - west) / cols
        # A pixel that is not smaller than a cell has the centre of some cell.
        self.has_points = abs(e) > high * (1 + 1e-9) or abs(a) > wide * (1 + 1e-9)

    def places(self, rows: slice, cols: slice) -> Places:
        """See `Placing.places`."""
        row, col = self._row[rows, np.newaxis], self._col[np.newaxis, cols]
        found = row * self._width + col
        if row.min(initial=0) < 0 or col.min(initial=0) < 0:
            found[(row < 0) | (col < 0)] = -1
        return found

    def fill(self, points: Floats, rows: slice, cols: slice, values: Floats) -> None:
        """See `Placing.fill`."""
        down = np.flatnonzero((self._row_under >= rows.start) & (self._row_under < rows.stop))
        right = np.flatnonzero((self._col_under >= cols.start) & (self._col_under < cols.stop))
        cells = np.ix_(self._row_under[down] - rows.start, self._col_under[right] - cols.start)
        points[np.ix_(down, right)] = values[cells]

    def open_places(self, row: int) -> tuple[int, int]:
        """See `Placing.open_places`."""
        left = self._row[row:]
        return (int(left.min()) * self._width, (int(left.max()) + 1) * self._width) if left.size else (0, 0)


class Turned:
    """Of a raster that is rotated, or in another CRS; of the latter only the cells under points are drawn."""

    has_points = True

    def __init__(self, canvas: Canvas, transform: Affine, shape: Shape, crs: CRS | None) -> None:
        self._canvas, self._transform = canvas, transform
        self._is_elsewhere = differ(canvas.crs, crs)
        self.under = cells_at(*canvas.points(), transform, shape, given=canvas.crs, own=crs)

    def places(self, rows: slice, cols: slice) -> Places | None:
        """See `Placing.places`."""
        if self._is_elsewhere:
            return None
        col, row = np.meshgrid(np.arange(cols.start, cols.stop), np.arange(rows.start, rows.stop))
        x, y = self._transform @ (col + 0.5, row + 0.5)
        west, south, east, north = self._canvas.bounds
        high, wide = self._canvas.shape
        down = _inside((north - y) / (north - south) * high, high)
        right = _inside((x - west) / (east - west) * wide, wide)
        return np.where((down < 0) | (right < 0), -1, down * wide + right)

    def fill(self, points: Floats, rows: slice, cols: slice, values: Floats) -> None:
        """See `Placing.fill`."""
        row, col = self.under
        here = (row >= rows.start) & (row < rows.stop) & (col >= cols.start) & (col < cols.stop)
        points[here] = values[row[here] - rows.start, col[here] - cols.start]

    def open_places(self, row: int) -> tuple[int, int]:  # noqa: ARG002  (any row may be anywhere)
        """See `Placing.open_places`."""
        return 0, self._canvas.shape[0] * self._canvas.shape[1]


def placing(canvas: Canvas, transform: Affine, shape: Shape, crs: CRS | None) -> Placing:
    """Return where the cells of a raster are on a canvas."""
    if transform.b or transform.d or differ(canvas.crs, crs):
        return Turned(canvas, transform, shape, crs)
    return Straight(canvas, transform, shape)


def cells_at(
    x: Floats, y: Floats, transform: Affine, shape: Shape, *, given: CRS | None, own: CRS | None
) -> tuple[Places, Places]:
    """Return row and column of the cells at coordinates of the CRS `given`, -1 where there is no cell."""
    if differ(given, own):
        x, y = Transformer.from_crs(given, own, always_xy=True).transform(x, y)
    col, row = ~transform @ (x, y)
    rows, cols = _inside(row, shape[0]), _inside(col, shape[1])
    outside = (rows < 0) | (cols < 0)
    return np.where(outside, -1, rows), np.where(outside, -1, cols)


def parts(height: int, width: int, most: int) -> Iterator[slice]:
    """Yield rows of an array in pieces of at most so many cells."""
    step = max(1, most // width)
    for first in range(0, height, step):
        yield slice(first, min(first + step, height))


def _inside(positions: Floats, size: int) -> Places:
    """Return positions as places of an axis, -1 beyond its ends."""
    with np.errstate(invalid="ignore"):
        whole = np.floor(positions)
        return np.where((whole >= 0) & (whole < size), whole, -1).astype(np.intp)
