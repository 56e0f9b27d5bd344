"""The edges of polygons as numbers."""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from dissmodel.geo.vector.polygons import Polygons
from dissmodel.geo.vector.sparse import Integers

_ODD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
_HALF = np.uint64(32)


class Edges(NamedTuple):
    """The edges of polygons, in the order of these and of their rings."""

    ends: NDArray[np.float64]  # x and y of the lower and of the higher end: shape (e, 4)
    owners: Integers  # the polygon of each: shape (e,)
    side: NDArray[np.int8]  # 1 where it is on the left of the way from the lower end to the higher, else -1


def edges_of(polygons: Polygons) -> Edges:
    """Return the edges of valid polygons and multipolygons.

    >>> edges = edges_of(shapely.box([0], [0], [2], [1]))
    >>> edges.ends.astype(int).tolist()
    [[2, 0, 2, 1], [0, 1, 2, 1], [0, 0, 0, 1], [0, 0, 2, 0]]
    >>> edges.side.tolist()
    [1, -1, -1, 1]
    """
    if not len(polygons):
        return Edges(np.empty((0, 4)), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int8))
    vertices, rings, parts, owner = _rings(polygons)
    begins = np.ones(len(vertices), dtype=bool)
    begins[rings[1:] - 1] = False
    start = np.flatnonzero(begins)
    (x0, y0), (x1, y1) = vertices[start].T, vertices[start + 1].T
    higher_first = (x0 > x1) | ((x0 == x1) & (y0 > y1))
    ends = np.stack([x0, y0, x1, y1], axis=1)
    ends[higher_first] = ends[higher_first][:, [2, 3, 0, 1]]
    side = np.repeat(_left_of_ring(vertices, rings, parts), np.diff(rings) - 1)
    return Edges(ends, owner[start], np.where(higher_first, -side, side))


def _rings(polygons: Polygons) -> tuple[NDArray[np.float64], Integers, Integers, Integers]:
    """Return the vertices, where each ring and each part begins (and the last one ends), whose vertices are.

    Rings are counted in vertices, parts in rings.
    """
    if (shapely.get_type_id(polygons) == shapely.GeometryType.POLYGON).all() and not (
        shapely.get_num_interior_rings(polygons).any()
    ):
        vertices, owners = shapely.get_coordinates(polygons, return_index=True)
        rings = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(polygons)))])
        return vertices, rings, np.arange(len(rings)), owners
    # A copy, for a frame's array may be read-only, which an older shapely does not take.
    _, vertices, found = shapely.to_ragged_array(np.array(polygons), include_z=False)
    offsets = [part.astype(np.int64) for part in found]
    # Of rings in vertices, of polygons in rings and, where there are any, of multipolygons in polygons.
    features = reduce(lambda inner, outer: inner[outer], offsets)
    owners = np.repeat(np.arange(len(polygons)), np.diff(features))
    return vertices, offsets[0], offsets[1], owners


def _left_of_ring(vertices: NDArray[np.float64], rings: Integers, parts: Integers) -> NDArray[np.int8]:
    """Return for each ring 1 where what it bounds is on its left, -1 on its right."""
    near = vertices - np.repeat(vertices[rings[:-1]], np.diff(rings), axis=0)
    twice = np.zeros(len(vertices))
    twice[:-1] = near[:-1, 0] * near[1:, 1] - near[:-1, 1] * near[1:, 0]
    # Between two rings there is no edge.
    twice[rings[1:] - 1] = 0
    left = np.where(np.add.reduceat(twice, rings[:-1]) > 0, np.int8(1), np.int8(-1))
    hole = np.ones(len(left), dtype=bool)
    hole[parts[:-1]] = False
    return np.where(hole, -left, left)


def hashes(points: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Return a number for each row that equal rows share."""
    found = np.zeros(len(points), dtype=np.uint64)
    for column in points.T:
        found ^= column.view(np.uint64)
        found *= _ODD[0]
        found ^= found >> _HALF
        found *= _ODD[1]
    return found
