"""From the columns of a vector dataset to the bands of a raster."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rasterio import Affine

from dissmodel.errors import InvalidInput, WrongValue, did_you_mean
from dissmodel.geo.raster.backend import RasterBackend
from dissmodel.io.cells import (
    CellGrid,
    burn,
    cells_to_grid,
    check_shape,
    count_pixels,
    pixel_size,
    resample_cells,
)

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = [
    "CellGrid",
    "cells_to_grid",
    "resample_cells",
    "shapefile_to_raster_backend",
    "vector_to_raster_backend",
]


def vector_to_raster_backend(  # noqa: PLR0917  (the public package's signature)
    source: str | os.PathLike[str] | gpd.GeoDataFrame,
    resolution: float,
    attrs: Sequence[str] | Mapping[str, float],
    crs: Any = None,
    all_touched: bool = False,  # noqa: FBT001, FBT002  (the public package's signature)
    nodata: float = 0,
    nodata_value: float | None = None,
    add_mask: bool = True,  # noqa: FBT001, FBT002  (the public package's signature)
) -> RasterBackend:
    """Burn columns of a vector dataset into the bands of a raster.

    Parameters
    ----------
    source : path or geopandas.GeoDataFrame
        Polygons, lines or points; where they overlap, the last in feature order counts.
    resolution : float
        The width and height of a pixel, in units of the CRS; a little less where the bounds are no multiple
        of it.
    attrs : sequence of str, or mapping of str to number
        The columns; a mapping says for each the value of pixels that nothing covers.
    crs : optional
        The CRS to transform to (or that of a source that has none), anything pyproj reads.
    all_touched : bool
        Burn every pixel that a geometry touches, not only those whose centre it covers.
    nodata : number
        The value of uncovered pixels, for columns of a sequence.
    nodata_value : number, optional
        The value of uncovered pixels of all columns, also kept as the backend's.
    add_mask : bool
        Add the band ``mask``, float32, 1 where a geometry covers the pixel and 0 elsewhere.

    Returns
    -------
    RasterBackend
        Integer columns as int32 (int64 where values need it), others as float32, as executors of the public
        package expect it.

    Raises
    ------
    InvalidInput
        If a column is missing or not numeric, or there is neither a CRS in the source nor in `crs`.
    WrongValue
        If `attrs` is empty. As UsageError: `resolution` no positive number.
    """
    width, height = pixel_size(resolution)
    gdf = _with_crs(_opened(source), crs)
    fills = dict(attrs) if isinstance(attrs, Mapping) else dict.fromkeys(attrs, nodata)
    if not fills:
        raise WrongValue("attrs must not be empty: it names the columns to burn.", "Pass attrs=['uso', …].")
    for name in fills:
        if name not in gdf.columns:
            known = [str(column) for column in gdf.columns if column != gdf.geometry.name]
            raise InvalidInput(
                f"Column {name!r} was not found.", did_you_mean(name, known) or "The data has no columns."
            )
    west, south, east, north = gdf.total_bounds
    shape = (count_pixels((north - south) / height), count_pixels((east - west) / width))
    check_shape(*shape)
    # A lone point has no extent of its own.
    step = ((east - west) / shape[1] or width, (north - south) / shape[0] or height)
    transform = Affine(step[0], 0.0, west, 0.0, -step[1], north)
    index = burn(gdf.geometry.to_numpy(), shape, transform, all_touched=all_touched)
    backend = RasterBackend(shape, nodata_value=nodata_value, transform=transform, crs=gdf.crs)
    if add_mask:
        backend.set("mask", (index >= 0).astype(np.float32))
    for name, default in fills.items():
        backend.set(name, _band(gdf, name, index, default if nodata_value is None else nodata_value))
    return backend


def shapefile_to_raster_backend(*args: Any, **kwargs: Any) -> RasterBackend:
    """Return what `vector_to_raster_backend` does; an old name, with a FutureWarning."""
    warnings.warn(
        "shapefile_to_raster_backend is deprecated: use vector_to_raster_backend.",
        FutureWarning,
        stacklevel=2,
    )
    return vector_to_raster_backend(*args, **kwargs)


def _opened(source: str | os.PathLike[str] | gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    if isinstance(source, (str, os.PathLike)):
        from dissmodel.io.vector import load_gdf  # noqa: PLC0415  (a frame in memory needs none of it)

        return load_gdf(os.fspath(source).removeprefix("zip://"))[0]
    return source


def _with_crs(gdf: gpd.GeoDataFrame, crs: Any) -> gpd.GeoDataFrame:
    if crs is None and gdf.crs is None:
        raise InvalidInput("The data has no CRS.", "Pass crs=, such as crs='EPSG:31984'.", code="no_crs")
    if crs is None:
        return gdf
    return gdf.set_crs(crs) if gdf.crs is None else gdf.to_crs(crs)


def _band(gdf: gpd.GeoDataFrame, name: str, index: NDArray[np.int64], fill: float) -> NDArray[Any]:
    column = gdf[name]
    kind = getattr(column.dtype, "kind", "O")
    if kind not in "biuf":
        raise InvalidInput(f"Column {name!r} holds {column.dtype}, no numbers.", "Choose a numeric column.")
    # A missing value, or a fill with a fraction, has no place among integers; float32 has no place for them.
    dtype: Any = np.float64 if kind in "iu" and not column.hasnans else np.float32
    if kind in "iu" and not column.hasnans and np.isfinite(fill) and float(fill).is_integer():
        bounds = [int(column.min()), int(column.max()), int(fill)]
        fits = all(np.iinfo(np.int32).min <= value <= np.iinfo(np.int32).max for value in bounds)
        dtype = np.int32 if fits else np.int64
    values = column.to_numpy(dtype=dtype, na_value=np.nan) if column.hasnans else column.to_numpy(dtype=dtype)
    return np.where(index >= 0, values[index], np.asarray(fill, dtype=dtype))
