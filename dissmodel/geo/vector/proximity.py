"""Neighbours that are near: distances between centroids."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import NDArray

from dissmodel.errors import UsageError
from dissmodel.geo.vector.polygons import Geometries, Polygons, valid_polygons
from dissmodel.geo.vector.sparse import Integers, Neighborhood, from_links

Floats = NDArray[np.float64]

_MOST_LINKS = 2**27
_PAIRS_AT_ONCE = 2**22
_FIRST_BATCH = 16


def k_nearest(geometries: Geometries, k: int) -> Neighborhood:
    """Return the `k` cells whose centroids are nearest to each cell's own.

    At equal distances, cells with lower numbers are nearer, so the result is always the same.
    It is not symmetric in general.

    Parameters
    ----------
    geometries : GeoDataFrame, GeoSeries, sequence or ndarray of shapely geometries
        Valid polygons and multipolygons; distances are planar, in units of their coordinates.
    k : int
        At least 1, less than the number of cells.

    Raises
    ------
    InvalidInput
        If a geometry is missing, empty, invalid or no polygon.
    UsageError
        If there are not more than `k` cells, or `k` is not a positive integer.

    Examples
    --------
    >>> row = shapely.box([0, 1, 2, 3], 0, [1, 2, 3, 4], 1)
    >>> nearest = k_nearest(row, 2)
    >>> [nearest.of(cell).tolist() for cell in range(4)]
    [[1, 2], [0, 2], [1, 3], [1, 2]]
    """
    return nearest(valid_polygons(geometries), k)


def distance_band(geometries: Geometries, radius: float) -> Neighborhood:
    """Return the cells whose centroids are at most `radius` from each cell's own.

    Parameters
    ----------
    geometries : GeoDataFrame, GeoSeries, sequence or ndarray of shapely geometries
        Valid polygons and multipolygons; distances are planar.
    radius : float
        In units of the coordinates, positive and finite.

    Raises
    ------
    InvalidInput
        If a geometry is missing, empty, invalid or no polygon.
    UsageError
        If `radius` is not a positive number, or so large that the neighbours would fill the memory.

    Examples
    --------
    >>> distance_band(shapely.box([0, 1, 3], 0, [1, 2, 4], 1), 1.5).count.tolist()
    [1, 1, 0]
    """
    return within(valid_polygons(geometries), radius)


def checked_k(k: int) -> int:
    """Return a number of neighbours; UsageError if it is not a positive integer."""
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise UsageError(f"k is {k!r}, no positive integer.", "Give the number of neighbours, such as k=8.")
    return int(k)


def checked_radius(radius: float) -> float:
    """Return a radius; UsageError if it is not a positive finite number."""
    is_number = isinstance(radius, (int, float, np.integer, np.floating)) and not isinstance(radius, bool)
    if not is_number or not math.isfinite(radius) or radius <= 0:
        raise UsageError(f"The radius is {radius!r}, no positive number.", "Give it in units of the CRS.")
    return float(radius)


def nearest(polygons: Polygons, k: int) -> Neighborhood:
    """Return what `k_nearest` returns, for polygons that are checked."""
    cells = len(polygons)
    if checked_k(k) >= cells:
        raise UsageError(f"k is {k}, and there are {cells} cells.", f"Give a k below {cells}.")
    points = _centroids(polygons)
    links = []
    for cell, other, distance in _near(points, _enough(points, k)):
        order = np.lexsort((other, distance, cell))
        cell, other = cell[order], other[order]  # noqa: PLW2901  (the same pairs in order)
        place = np.arange(len(cell)) - np.searchsorted(cell, cell)
        links.append((cell * cells + other)[place < k])
    return from_links(cells, np.concatenate(links))


def within(polygons: Polygons, radius: float) -> Neighborhood:
    """Return what `distance_band` returns, for polygons that are checked."""
    radius = checked_radius(radius)
    cells = len(polygons)
    points = _centroids(polygons)
    links, total = [np.empty(0, dtype=np.int64)], 0
    for cell, other, _ in _near(points, np.full(cells, radius)):
        links.append(cell * cells + other)
        total += len(cell)
        if total > _MOST_LINKS:
            raise UsageError(
                f"A radius of {radius:g} gives the first {cell[-1] + 1} of {cells} cells {total} neighbours.",
                "Give a smaller radius, in units of the CRS.",
            )
    return from_links(cells, np.concatenate(links))


def _centroids(polygons: Polygons) -> Floats:
    return shapely.get_coordinates(shapely.centroid(polygons))


def _near(points: Floats, radii: Floats) -> Iterator[tuple[Integers, Integers, Floats]]:
    """Yield, batch after batch, cells with others no farther than their radius, and the distance."""
    tree = shapely.STRtree(np.asarray(shapely.points(points), dtype=np.object_))
    # The box must not lose to rounding what the distance keeps.
    reach = radii * (1 + 1e-9) + 4 * np.spacing(np.abs(points).max(axis=1) + radii)
    start, size = 0, _FIRST_BATCH
    while start < len(points):
        batch = slice(start, start + size)
        low, high = points[batch] - reach[batch, None], points[batch] + reach[batch, None]
        cell, other = tree.query(shapely.box(*low.T, *high.T))
        size = max(1, min(4 * size, size * _PAIRS_AT_ONCE // max(1, len(cell))))
        cell += start
        apart = points[cell] - points[other]
        # A square root is the same on every machine; a hypotenuse depends on the C library.
        distance = np.sqrt(apart[:, 0] ** 2 + apart[:, 1] ** 2)
        near = (distance <= radii[cell]) & (cell != other)
        yield cell[near], other[near], distance[near]
        start = batch.stop


def _enough(points: Floats, k: int) -> Floats:
    """Return for each point a radius that holds at least `k` others, and not many more.

    Points are sorted into tiles; the k-th nearest point of the own tile bounds the k-th nearest of all.
    """
    count = len(points)
    per_tile = min(count, 2 * (k + 1))
    width, height = np.ptp(points, axis=0).tolist()
    tiles = math.ceil(count / per_tile)
    # As many strips as make the tiles square, all but the last of whole tiles.
    strips = math.sqrt(min(tiles * (width / height), tiles**2)) if height else tiles
    per_strip = per_tile * math.ceil(tiles / max(1, strips))
    strip = np.empty(count, dtype=np.int64)
    strip[np.argsort(points[:, 0], kind="stable")] = np.arange(count) // per_strip
    order = np.lexsort((points[:, 1], strip))
    starts = np.minimum(np.arange(0, count, per_tile), count - per_tile)
    radii = np.empty(count)
    for some in np.array_split(starts, max(1, count * per_tile // _PAIRS_AT_ONCE)):
        tile = order[some[:, None] + np.arange(per_tile)]
        apart = points[tile][:, :, None] - points[tile][:, None, :]
        distance = np.sqrt(apart[..., 0] ** 2 + apart[..., 1] ** 2)
        # The nearest of all is the point itself.
        radii[tile] = np.partition(distance, k, axis=2)[..., k]
    return radii
