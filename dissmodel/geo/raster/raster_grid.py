"""A new raster."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from dissmodel.geo.raster.backend import Array, RasterBackend

AttrValue = int | float | Array
"""What an array of the grid may be made of: a number for all cells, or the array itself."""


def raster_grid(
    rows: int,
    cols: int,
    attrs: Mapping[str, AttrValue] | None = None,
    dtype: npt.DTypeLike | None = None,
) -> RasterBackend:
    """Return a raster without a place on Earth, for tests, examples and theory.

    Parameters
    ----------
    rows, cols : int
        Its shape.
    attrs : mapping of str to number or ndarray of shape (rows, cols), optional
        Its arrays: a number fills one, an array is copied.
    dtype : numpy dtype, optional
        The type of arrays that a number fills; by default int32, or float64 for a number of this kind.

    Raises
    ------
    ValueError
        If an array has another shape.

    Examples
    --------
    >>> grid = raster_grid(2, 3, attrs={"state": 0, "alt": np.ones((2, 3))})
    >>> grid
    RasterBackend(shape=(2, 3), arrays=[state: int32[2, 3], alt: float64[2, 3]])
    """
    backend = RasterBackend(shape=(rows, cols))
    for name, value in (attrs or {}).items():
        if isinstance(value, np.ndarray):
            if value.shape != backend.shape:
                raise ValueError(f"{name} has the shape {value.shape}, the grid {backend.shape}.")
            backend.set(name, value)
        else:
            kind = np.float64 if np.asarray(value).dtype.kind == "f" else np.int32
            backend.set(name, np.full(backend.shape, value, dtype=kind if dtype is None else dtype))
    return backend
