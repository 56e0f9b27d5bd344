"""The difference of two rasters as a map."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from dissmodel.comparison.datasets import Layers
from dissmodel.comparison.raster import Raster, open_rasters
from dissmodel.errors import UsageError
from dissmodel.io.geotiff_writer import write_geotiff
from dissmodel.io.locate import locate


def write_difference(a: Path, b: Path, path: Path, *, layers: Layers = (None, None)) -> None:
    """Write B - A as a GeoTIFF: each band that both have, on the grid of A.

    float64; nodata, which is NaN, where A or B has no data or no number. A file at this path is replaced.

    Parameters
    ----------
    a, b : pathlib.Path
        Two rasters on one grid, as `dissmodel.comparison.compare` has found them to be.
    path : pathlib.Path
        The map.
    layers : tuple of (str or None, str or None)
        Which archive member to read, in A and in B.

    Raises
    ------
    UsageError
        If a band has complex numbers.
    InvalidInput
        If a file is damaged.
    StorageError
        If the map can't be written.
    """
    with (
        locate(a, "raster", layers[0]) as one_found,
        locate(b, "raster", layers[1]) as other_found,
        open_rasters(one_found, other_found) as (one, other),
    ):
        names = [name for name in one.numbers if name in other.numbers]
        for name in names:
            if "complex" in one.dtype(name) + other.dtype(name):
                raise UsageError(
                    f"{name!r} has complex numbers, whose difference is not a map.", "Leave --diff-map out."
                )
        bands: dict[str, Callable[[slice], NDArray[Any]]] = {
            name: partial(_difference, one, other, name) for name in names
        }
        write_geotiff(
            path,
            bands,
            shape=one.dataset.shape,
            dtype="float64",
            nodata=np.nan,
            transform=one.dataset.transform if one.has_place else None,
            crs=one.dataset.crs,
            tags={"difference": "B - A"},
        )


def _difference(a: Raster, b: Raster, name: str, rows: slice) -> NDArray[np.float64]:
    window = Window(0, rows.start, a.dataset.width, rows.stop - rows.start)
    ((one, one_masked),) = a.read([name], window)
    ((other, other_masked),) = b.read([name], window)
    with np.errstate(all="ignore"):
        difference: NDArray[np.float64] = other.astype(np.float64) - one
    difference[one_masked | other_masked] = np.nan
    return difference
