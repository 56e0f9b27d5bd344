"""A new grid of square polygons."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy as np
    import numpy.typing as npt

Bounds = tuple[float, float, float, float]
Dimension = tuple[int, int]

# A width of 3.0000000000000004 cells is one of three.
_SLACK = 1e-9


class GridPos(NamedTuple):
    """The place of a cell: its row, from the south, and its column, from the west."""

    row: int
    col: int


def parse_idx(idx: str) -> GridPos:
    """Return the row and the column in a cell's label.

    Raises
    ------
    ValueError
        If it is not a label of `vector_grid`.

    Examples
    --------
    >>> parse_idx("3-4")
    GridPos(row=3, col=4)
    """
    row, col = idx.split("-")
    return GridPos(int(row), int(col))


def vector_grid(  # noqa: PLR0917  (a published order)
    gdf: gpd.GeoDataFrame | None = None,
    bounds: Bounds | None = None,
    resolution: float | None = None,
    dimension: Dimension | None = None,
    attrs: Mapping[str, Any] | None = None,
    crs: Any = None,
) -> gpd.GeoDataFrame:
    """Return a grid of rectangles that share their edges exactly.

    Parameters
    ----------
    gdf : geopandas.GeoDataFrame, optional
        The grid covers its bounds, in its CRS.
    bounds : tuple of (west, south, east, north), optional
        What it covers; it overrides `gdf`. Without both, it begins at (0, 0) and needs `dimension` and
        `resolution`.
    resolution : float, optional
        The side of a cell, in units of the CRS; the grid may reach beyond the bounds in the east and north.
    dimension : tuple of (int, int), optional
        Columns and rows, where there is no resolution or there are no bounds.
    attrs : mapping of str to value, optional
        A column each, with this value in every cell.
    crs : optional
        The CRS of `bounds`, anything pyproj reads.

    Returns
    -------
    geopandas.GeoDataFrame
        A row for each cell, from south to north within a column and the columns from west to east, labelled
        ``"row-col"`` (see `parse_idx`) by an index called ``id``.

    Raises
    ------
    ValueError
        If the arguments make no grid.

    Examples
    --------
    >>> grid = vector_grid(dimension=(2, 3), resolution=10.0, attrs={"state": 0})
    >>> grid.index.tolist()
    ['0-0', '1-0', '2-0', '0-1', '1-1', '2-1']
    >>> grid.total_bounds.tolist()
    [0.0, 0.0, 20.0, 30.0]
    """
    import geopandas as gpd  # noqa: PLC0415  (parse_idx needs none of it)
    import pandas as pd  # noqa: PLC0415  (the same)
    import shapely  # noqa: PLC0415  (the same)

    if bounds is None and gdf is not None:
        bounds, crs = tuple(gdf.total_bounds.tolist()), gdf.crs
    if bounds is None:
        if dimension is None or resolution is None:
            raise ValueError("A grid needs gdf, bounds, or both dimension and resolution.")
        bounds = (0.0, 0.0, dimension[0] * resolution, dimension[1] * resolution)
    west, south, east, north = bounds
    x = _edges(west, east, resolution, None if dimension is None else dimension[0])
    y = _edges(south, north, resolution, None if dimension is None else dimension[1])
    labels = [f"{row}-{col}" for col in range(len(x) - 1) for row in range(len(y) - 1)]
    cells = shapely.box(x[:-1, None], y[None, :-1], x[1:, None], y[None, 1:]).ravel()
    columns = {name: [value] * len(labels) for name, value in (attrs or {}).items()}
    index = pd.Index(labels, name="id")
    return gpd.GeoDataFrame({"geometry": cells, **columns}, index=index, crs=crs)


def regular_grid(*args: Any, **kwargs: Any) -> gpd.GeoDataFrame:
    """Return what `vector_grid` does; an old name, with a DeprecationWarning."""
    warnings.warn("regular_grid is deprecated: use vector_grid.", DeprecationWarning, stacklevel=2)
    return vector_grid(*args, **kwargs)


def _edges(start: float, end: float, resolution: float | None, count: int | None) -> npt.NDArray[np.float64]:
    """Return the coordinates of the edges of all cells along an axis."""
    import numpy as np  # noqa: PLC0415  (parse_idx needs none of it)

    if not math.isfinite(end - start) or end <= start:
        raise ValueError(f"{start} to {end} is not an extent of a grid.")
    if resolution is None:
        if count is None:
            raise ValueError("A grid needs resolution or dimension.")
        if count < 1:
            raise ValueError(f"dimension: {count} is not a count of cells.")
        return np.linspace(start, end, count + 1).astype(np.float64)
    if not (math.isfinite(resolution) and resolution > 0):
        raise ValueError(f"resolution={resolution} is not a cell size.")
    count = max(1, math.ceil((end - start) / resolution - _SLACK))
    return start + np.arange(count + 1, dtype=np.float64) * resolution
