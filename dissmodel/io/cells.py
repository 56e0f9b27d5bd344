"""The cells of a vector dataset as pixels of a grid.

`cells_to_grid` gives every polygon exactly one pixel, or says why it can't. `resample_cells` lays a new grid
over the polygons and may lose some.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio import Affine

from dissmodel.errors import InvalidInput, UsageError
from dissmodel.geo.vector.polygons import Polygons, valid_polygons

if TYPE_CHECKING:
    import geopandas as gpd

_HALF_CELL = 0.5
# How far, in cells, an edge may be from the grid that geometry alone implies: far above the rounding of
# coordinates in text formats, far below what a person would call off the grid.
_OFF_GRID = 0.01
_SAME_SIZE = 1e-6
# Letters of a value that a message shows.
_SHOWN = 40
_RESAMPLE = (
    "Give --param resolution=… to resample the polygons to square pixels; some cells may then be lost."
)
MAX_PIXELS = 2**31
# A row number with a digit too many would make a raster that is empty but for one pixel.
_SPARSE_FACTOR, _SPARSE_FREE = 1000, 10**6


@dataclass(frozen=True)
class CellGrid:
    """Where each polygon is on a grid.

    `rows` and `cols`, int64 of shape (n,), are the pixel of each feature, in feature order; row 0 is the
    northernmost, column 0 the westernmost. `transform` leads from (column, row) to the coordinates of the
    CRS.
    """

    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    shape: tuple[int, int]
    transform: Affine


def cells_to_grid(
    gdf: gpd.GeoDataFrame, *, row: str = "row", col: str = "col", resolution: float | None = None
) -> CellGrid:
    """Give every polygon its own pixel.

    Where both fields `row` (from the top) and `col` (from the left) are there, they decide, and the geometry
    may not contradict them by more than half a cell. Otherwise the polygons' own size and bounds imply the
    grid. The numbers may begin anywhere and leave gaps.

    Parameters
    ----------
    gdf : geopandas.GeoDataFrame
        Polygons, one a cell. Errors count features from 0.
    row, col : str
        The fields' names.
    resolution : float, optional
        The cells' width and height in units of the CRS; by default that of the polygons (then maybe two
        numbers, for cells that are not square).

    Raises
    ------
    InvalidInput
        If a geometry is missing, empty, invalid or no polygon; if two cells share a pixel; if the fields are
        no integers or contradict the geometry; if the cells are on no regular grid; if the grid would be
        huge.

    Examples
    --------
    >>> import geopandas, shapely
    >>> cells = geopandas.GeoDataFrame(geometry=shapely.box([0, 30], [0, 30], [30, 60], [30, 60]))
    >>> grid = cells_to_grid(cells)
    >>> grid.rows.tolist(), grid.cols.tolist(), grid.shape, grid.transform.to_gdal()
    ([1, 0], [0, 1], (2, 2), (0.0, 30.0, 0.0, 60.0, 0.0, -30.0))
    """
    polygons = _polygons(gdf)
    bounds = shapely.bounds(polygons)
    size = (
        (_typical(bounds[:, 2] - bounds[:, 0]), _typical(bounds[:, 3] - bounds[:, 1]))
        if resolution is None
        else pixel_size(resolution)
    )
    if row in gdf.columns and col in gdf.columns:
        rows, cols = _integers(gdf, row), _integers(gdf, col)
        check_shape(*_span(rows, cols), len(gdf))
        _check_distinct(rows, cols, f"{row} and {col}")
        rows, cols = rows - rows.min(), cols - cols.min()
        size, corner = _fit(bounds, rows, cols, size)
        off = _offset(bounds, rows, cols, size, corner) > _HALF_CELL
        if off.any():
            raise InvalidInput(
                f"{_some(off)} of {len(gdf)} are more than half a cell from where {row} and {col} put them.",
                f"{row} counts from the top, {col} from the left. {_RESAMPLE}",
                code="cells_off_grid",
            )
    else:
        rows, cols, size, corner = _implied(polygons, bounds, size)
    shape = _span(rows, cols)
    return CellGrid(rows, cols, shape, Affine(size[0], 0.0, corner[0], 0.0, -size[1], corner[1]))


def resample_cells(gdf: gpd.GeoDataFrame, resolution: float) -> tuple[NDArray[np.int64], Affine]:
    """Return for each pixel of a new grid which polygon covers its centre; of several, the first.

    The grid begins at the bounds' upper left corner; `resolution` is in units of the CRS.

    Returns
    -------
    index : numpy.ndarray of int64, shape (rows, cols)
        The feature's position, from 0; -1 where there is none.
    transform : affine.Affine
        Of the new grid.

    Raises
    ------
    InvalidInput
        If a geometry is missing, empty, invalid or no polygon, or the grid would be huge.
    UsageError
        If `resolution` is not a positive number.
    """
    width, height = pixel_size(resolution)
    polygons = _polygons(gdf)
    west, south, east, north = shapely.total_bounds(polygons)
    # A bound that is a rounding error beyond the last pixel needs no further one.
    shape = (
        count_pixels((north - south) / height - _SAME_SIZE),
        count_pixels((east - west) / width - _SAME_SIZE),
    )
    check_shape(*shape)
    transform = Affine(width, 0.0, west, 0.0, -height, north)
    # GDAL lets the last one win.
    index = burn(polygons[::-1], shape, transform)
    return np.where(index >= 0, len(polygons) - 1 - index, -1), transform


def _polygons(gdf: gpd.GeoDataFrame) -> Polygons:
    if not len(gdf):
        raise InvalidInput("There are no cells.", "Give a layer that has features.")
    return valid_polygons(gdf)


def _some(which: NDArray[np.bool_]) -> str:
    """Return how many features are meant, and the first."""
    return f"{np.count_nonzero(which)} cells (the first: feature {np.argmax(which)}, counted from 0)"


def _typical(sizes: NDArray[np.float64]) -> float:
    """Return the size that most cells have, freed of the rounding of single coordinates."""
    median = np.median(sizes)
    near = sizes[np.abs(sizes - median) <= _OFF_GRID * median]
    return float(median if (near == median).all() else near.mean())


def _integers(gdf: gpd.GeoDataFrame, name: str) -> NDArray[np.int64]:
    import pandas as pd  # noqa: PLC0415  (a frame has loaded it)

    column = gdf[name]
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    # Beyond 2**53 neighbouring integers are one float, and far below a raster ends.
    wrong = ~(np.abs(numbers) < 2**53) | (numbers != np.rint(numbers))
    if wrong.any():
        value = column.iloc[int(np.argmax(wrong))]
        text = isinstance(value, str)
        shown = repr(value[:_SHOWN]) if text else "nan" if pd.isna(value) else str(value)[:_SHOWN]
        raise InvalidInput(
            f"{name} is not {'a number' if text else 'an integer'} in {_some(wrong)}: {shown}.",
            f"{name} must hold the cell's number, in every feature.",
            code="bad_row_col",
        )
    integers: NDArray[np.int64] = numbers.astype(np.int64)
    return integers


def _check_distinct(rows: NDArray[np.int64], cols: NDArray[np.int64], what: str) -> None:
    lost = _sharing(rows, cols)
    if lost.any():
        at = int(np.argmax(lost))
        other = int(np.argmax((rows == rows[at]) & (cols == cols[at])))
        raise InvalidInput(
            f"{np.count_nonzero(lost)} of {len(rows)} cells would be lost: their {what} repeat an earlier "
            f"cell's (feature {at}: row {rows[at]}, col {cols[at]}, like feature {other}; counted from 0).",
            f"Remove the duplicates. {_RESAMPLE}",
            code="cells_lost",
        )


def _sharing(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which cells are in a pixel that an earlier one has."""
    key = (rows - rows.min()) * (int(cols.max() - cols.min()) + 1) + (cols - cols.min())
    _, first = np.unique(key, return_index=True)
    sharing = np.ones(len(key), dtype=bool)
    sharing[first] = False
    return sharing


def _span(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> tuple[int, int]:
    return int(rows.max() - rows.min()) + 1, int(cols.max() - cols.min()) + 1


def _fit(
    bounds: NDArray[np.float64],
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    size: tuple[float, float],
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the cell size and the upper left corner that fit most cells."""
    width, west = _fit_axis(bounds[:, 0], cols, size[0])
    height, north = _fit_axis(-bounds[:, 3], rows, size[1])
    return (width, height), (west, -north)


def _fit_axis(edges: NDArray[np.float64], numbers: NDArray[np.int64], size: float) -> tuple[float, float]:
    """Return step and origin of ``edges = origin + numbers * step``, medians of each half against strays."""
    rest = edges - numbers * size
    middle = np.median(numbers)
    low, high = numbers <= middle, numbers > middle
    if high.any():
        rise = np.median(rest[high]) - np.median(rest[low])
        change = float(rise / (np.median(numbers[high]) - np.median(numbers[low])))
        # More than rounding means that numbers and geometry disagree, which is not for a fit to hide.
        size += change if abs(change) <= _OFF_GRID * size else 0.0
    return size, float(np.median(edges - numbers * size))


def _offset(
    bounds: NDArray[np.float64],
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    size: tuple[float, float],
    corner: tuple[float, float],
) -> NDArray[np.float64]:
    """Return how far, in cells, the farthest edge of each polygon is from its place on the grid."""
    west, south, east, north = bounds.T
    across = np.maximum(
        np.abs(west - corner[0] - cols * size[0]), np.abs(east - corner[0] - (cols + 1) * size[0])
    )
    down = np.maximum(
        np.abs(corner[1] - north - rows * size[1]), np.abs(corner[1] - south - (rows + 1) * size[1])
    )
    farthest: NDArray[np.float64] = np.maximum(across / size[0], down / size[1])
    return farthest


def _implied(
    polygons: Polygons, bounds: NDArray[np.float64], size: tuple[float, float]
) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[float, float], tuple[float, float]]:
    """Find rows and columns from geometry alone."""
    west, _, _, north = bounds.T
    check_shape(count_pixels(np.ptp(north) / size[1]), count_pixels(np.ptp(west) / size[0]), len(polygons))
    cols = np.rint((west - west.min()) / size[0]).astype(np.int64)
    rows = np.rint((north.max() - north) / size[1]).astype(np.int64)
    size, corner = _fit(bounds, rows, cols, size)
    box = size[0] * size[1]
    off = _offset(bounds, rows, cols, size, corner) > _OFF_GRID
    off |= np.abs(shapely.area(polygons) - box) > 2 * _OFF_GRID * box
    lost = _sharing(rows, cols)
    if off.any() or lost.any():
        what = f"{_some(off)}" if off.any() else f"{_some(lost)}"
        why = "do not fill one cell of the grid" if off.any() else "are in a pixel that another cell has"
        raise InvalidInput(
            f"The polygons are not the cells of a grid of {size[0]:g} × {size[1]:g}: {what} {why}; "
            f"as pixels, {np.count_nonzero(lost)} of {len(polygons)} cells would be lost.",
            _RESAMPLE,
            code="cells_lost",
        )
    return rows, cols, size, corner


def pixel_size(resolution: float) -> tuple[float, float]:
    """Return width and height of square pixels; raise UsageError if `resolution` is not a positive number."""
    if not np.isfinite(resolution) or resolution <= 0:
        raise UsageError(f"resolution={resolution} is not a pixel size.", "Give a number above 0.")
    return float(resolution), float(resolution)


def count_pixels(size: float) -> int:
    """Return how many pixels cover `size` pixels, at least one."""
    return max(1, int(np.ceil(size))) if np.isfinite(size) else MAX_PIXELS + 1


def check_shape(rows: int, cols: int, cells: int | None = None) -> None:
    """Raise InvalidInput if a grid has too many pixels, or far too many for its `cells`."""
    bound = MAX_PIXELS if cells is None else min(MAX_PIXELS, _SPARSE_FACTOR * cells + _SPARSE_FREE)
    if rows * cols > bound:
        of = "" if cells is None else f" for {cells} cells"
        raise InvalidInput(
            f"The grid would have {rows} × {cols} pixels{of}, which is too many.",
            "Look for a cell with a wrong number or far away, or choose a coarser resolution.",
            code="grid_too_large",
        )


def burn(
    geometries: NDArray[np.object_], shape: tuple[int, int], transform: Affine, *, all_touched: bool = False
) -> NDArray[np.int64]:
    """Return the position of the last geometry that covers each pixel, -1 where none does."""
    from rasterio.features import rasterize  # noqa: PLC0415  (a raster run has no use for it)

    drawable = ~(shapely.is_missing(geometries) | shapely.is_empty(geometries))
    if not drawable.any():
        return np.full(shape, -1, dtype=np.int64)
    index: NDArray[np.int32] = rasterize(
        zip(geometries[drawable], np.flatnonzero(drawable).tolist(), strict=True),
        out_shape=shape,
        transform=transform,
        fill=-1,
        all_touched=all_touched,
        dtype="int32",
    )
    return index.astype(np.int64)
