"""Statistics of the pixels below a polygon."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import geometry_mask

from dissmodel.errors import did_you_mean

Floats = NDArray[np.float64]


def zonal(
    zones: Iterable[Any], values: NDArray[Any], affine: Affine, stats: Sequence[str], nodata: float = -999
) -> dict[str, NDArray[Any]]:
    """Return statistics of the pixels whose centres are in each zone.

    Parameters
    ----------
    zones : iterable of shapely geometries, n of them
        In the raster's CRS; they may overlap. A missing or empty one has no pixels.
    values : ndarray of numbers, shape (rows, columns)
        The raster.
    affine : affine.Affine
        From (column, row) to coordinates.
    stats : sequence of str
        Of ``count``, ``min``, ``max``, ``mean``, ``sum``, ``std`` (of the population), ``median``, ``range``,
        ``unique`` (how many values), ``majority``, ``minority`` (the smallest of those that tie) and
        ``percentile_95`` or another from 0 to 100.
    nodata : number, default -999
        The value of pixels that don't count; nor do those that are NaN.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        For each statistic its values: ``count`` is int64, all others are float64, NaN without pixels.

    Raises
    ------
    ValueError
        If there is no such statistic, or the raster is not 2-D.

    Examples
    --------
    >>> raster = np.array([[1.0, 2.0], [3.0, -999.0]])
    >>> north_up = Affine(1, 0, 0, 0, -1, 2)
    >>> found = zonal([shapely.box(0, 0, 2, 2)], raster, north_up, ["count", "mean"])
    >>> found["count"].tolist(), found["mean"].tolist()
    ([3], [2.0])
    """
    if values.ndim != 2:  # noqa: PLR2004  (rows and columns)
        raise ValueError(f"The raster has the shape {values.shape}, not (rows, columns).")
    measures = {name: _measure(name) for name in stats}
    pixels = [_pixels(zone, values, affine, nodata) for zone in zones]
    return {
        name: np.array([len(inside) for inside in pixels], dtype=np.int64)
        if name == "count"
        else np.array([measure(inside) if len(inside) else math.nan for inside in pixels], dtype=np.float64)
        for name, measure in measures.items()
    }


def _pixels(zone: Any, values: NDArray[Any], affine: Affine, nodata: float) -> Floats:
    if zone is None or zone.is_empty:
        return np.empty(0)
    # No raster of the whole size for each zone: only where the zone's bounds are.
    corners = np.array([~affine @ corner for corner in shapely.get_coordinates(zone.envelope)])
    low = np.clip(np.floor(corners.min(axis=0)), 0, values.shape[::-1]).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), 0, values.shape[::-1]).astype(int)
    if (high <= low).any():
        return np.empty(0)
    window = values[low[1] : high[1], low[0] : high[0]].astype(np.float64)
    inside = geometry_mask(
        [zone], window.shape, affine @ Affine.translation(int(low[0]), int(low[1])), invert=True
    )
    counting: Floats = window[inside & (window != nodata) & ~np.isnan(window)]
    return counting


def _measure(name: str) -> Callable[[Floats], float]:
    if name in _MEASURES:
        return _MEASURES[name]
    start, _, rank = name.partition("percentile_")
    try:
        percentile = float(rank) if not start else math.nan
    except ValueError:
        percentile = math.nan
    if not 0 <= percentile <= 100:  # noqa: PLR2004  (percent)
        raise ValueError(
            f"There is no statistic {name!r}. {did_you_mean(name, [*_MEASURES, 'percentile_95'])}"
        )
    return lambda values: float(np.percentile(values, percentile))


def _by_count(values: Floats, choose: Callable[[NDArray[np.intp]], np.intp]) -> float:
    found, times = np.unique(values, return_counts=True)
    return float(found[choose(times)])


_MEASURES: dict[str, Callable[[Floats], float]] = {
    "count": len,
    "min": np.min,
    "max": np.max,
    "mean": np.mean,
    "sum": np.sum,
    "std": np.std,
    "median": np.median,
    "range": np.ptp,
    "unique": lambda values: len(np.unique(values)),
    "majority": lambda values: _by_count(values, np.argmax),
    "minority": lambda values: _by_count(values, np.argmin),
}
