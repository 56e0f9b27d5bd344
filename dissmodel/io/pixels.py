"""The pixels of a new grid: how many there are, and which geometry covers each."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio import Affine

from dissmodel.errors import InvalidInput, UsageError

MAX_PIXELS = 2**31
# A row number with a digit too many would make a raster that is empty but for one pixel.
_SPARSE_FACTOR, _SPARSE_FREE = 1000, 10**6


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
