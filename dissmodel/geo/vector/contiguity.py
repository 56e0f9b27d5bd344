"""Neighbours that touch."""

from __future__ import annotations

import warnings
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from dissmodel.errors import DissmodelWarning
from dissmodel.geo.vector.polygons import Geometries, Polygons, check_no_duplicates, valid_polygons
from dissmodel.geo.vector.sparse import Integers, Neighborhood, distinct, from_pairs

# Their boundaries have a line in common (dimension 1), in the DE-9IM.
_SHARE_AN_EDGE = "****1****"
# Their interiors have something in common, in the DE-9IM.
_OVERLAP = "T********"
# The share of the smaller cell from which they overlap: a vertex that should be on another's edge is off by
# rounding.
_ROUNDING = 1e-9
# Up to so many pairs, asking for each costs less than looking at all cells together.
_FEW_PAIRS = 1_000
_ODD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
_HALF = np.uint64(32)


def queen(geometries: Geometries) -> Neighborhood:
    """Return which polygons touch: those that have at least one point in common, exactly, with no tolerance.

    On a planar layer this is ``libpysal.graph.Graph.build_contiguity(rook=False, strict=True)``; polygons
    that overlap are neighbours here too.

    Parameters
    ----------
    geometries : GeoDataFrame, GeoSeries, sequence or ndarray of shapely geometries
        Valid polygons and multipolygons; a third coordinate is ignored.

    Raises
    ------
    InvalidInput
        If a geometry is missing, empty, invalid or no polygon, or two cover the same area.

    Warns
    -----
    DissmodelWarning
        If some overlap: how many pairs, and the first of them.

    Examples
    --------
    >>> squares = shapely.box([0, 1, 5], [0, 1, 0], [1, 2, 6], [1, 2, 1])
    >>> touching = queen(squares)
    >>> touching.of(0).tolist(), touching.islands.tolist()
    ([1], [2])
    """
    return touching(valid_polygons(geometries))


def rook(geometries: Geometries) -> Neighborhood:
    """Return which polygons share an edge: those whose boundaries have a line in common.

    On a planar layer this is ``libpysal.graph.Graph.build_contiguity(rook=True, strict=True)``; polygons
    that share an edge and overlap too are neighbours here. Parameters and errors are those of `queen`.

    >>> sharing = rook(shapely.box([0, 1, 1], [0, 0, 1], [1, 2, 2], [1, 1, 2]))
    >>> [sharing.of(cell).tolist() for cell in range(3)]
    [[1], [0, 2], [1]]
    """
    return sharing_edges(valid_polygons(geometries))


def touching(polygons: Polygons) -> Neighborhood:
    """Return what `queen` returns, for polygons that are checked, with its warning."""
    vertices, owners = shapely.get_coordinates(polygons, return_index=True)
    # The last vertex of a polygon closes a ring, so it is there already.
    last = np.append(owners[1:] != owners[:-1], True)[: len(owners)]
    certain = _meeting(vertices[~last], owners[~last], len(polygons))
    first, second = _uncertain(polygons, certain)
    true = shapely.intersects(polygons[first], polygons[second])
    first, second = _settled(polygons, certain, first[true], second[true])
    warn_of_overlaps(polygons, first, second)
    return from_pairs(len(polygons), first, second)


def sharing_edges(polygons: Polygons) -> Neighborhood:
    """Return what `rook` returns, for polygons that are checked."""
    edges = edges_of(polygons)
    certain = _meeting(edges.ends, edges.owners, len(polygons))
    first, second = _uncertain(polygons, certain)
    # Boxes that have but one point in common need no closer look.
    long = box_overlaps(polygons, first, second).any(axis=1)
    first, second = first[long], second[long]
    true = shapely.relate_pattern(polygons[first], polygons[second], _SHARE_AN_EDGE)
    return from_pairs(len(polygons), *_settled(polygons, certain, first[true], second[true]))


def _settled(
    polygons: Polygons, certain: Integers, first: Integers, second: Integers
) -> tuple[Integers, Integers]:
    """Return all pairs, which are no duplicates."""
    cells = len(polygons)
    if cells:
        first = np.concatenate([first, certain // cells])
        second = np.concatenate([second, certain % cells])
    check_no_duplicates(polygons, first, second)
    return first, second


def _meeting(points: NDArray[np.float64], owners: Integers, cells: int) -> Integers:
    """Return the pairs of cells that own an equal point, each ``lower * cells + higher``, ascending.

    Most neighbours have a vertex in common, number for number, which sorting finds far faster than geometry.
    Sorted are hashes; that two points of one hash are equal is looked up, so that a collision does no harm. A
    pair that is missed (zero and minus zero have two hashes) is left to geometry.
    """
    keys = hashes(points)
    order = np.argsort(keys)
    inorder, points, owners = keys[order], points[order], owners[order]
    found: list[Integers] = []
    # Each point is compared with the next one of its hash, then with the next but one, until none has any.
    start = np.flatnonzero(inorder[1:] == inorder[:-1])
    distance = 1
    while len(start):
        pair = owners[start], owners[start + distance]
        equal = pair[0] != pair[1]
        for column in points.T:
            equal &= column[start] == column[start + distance]
        found.append((np.minimum(*pair) * cells + np.maximum(*pair))[equal])
        distance += 1
        start = start[start + distance < len(inorder)]
        start = start[inorder[start] == inorder[start + distance]]
    return distinct(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)


def _uncertain(polygons: Polygons, certain: Integers) -> tuple[Any, Any]:
    """Return the pairs of polygons whose boxes meet and that are not among the certain ones."""
    cells = len(polygons)
    first, second = shapely.STRtree(polygons).query(polygons)
    once = first < second
    first, second = first[once], second[once]
    if len(certain):
        links = first * cells + second
        at = np.searchsorted(certain, links)
        at[at == len(certain)] = 0
        new = certain[at] != links
        first, second = first[new], second[new]
    return first, second


def warn_of_overlaps(polygons: Polygons, first: Integers, second: Integers) -> None:
    """Warn if pairs of neighbours cover some of the same area: how many they are, and the first of them.

    The polygons are valid; each pair has a point in common, and the lower number first.
    """
    near = box_overlaps(polygons, first, second).all(axis=1)
    first, second = first[near], second[near]
    if len(first) > _FEW_PAIRS and nowhere_twice(polygons):
        return
    true = shapely.relate_pattern(polygons[first], polygons[second], _OVERLAP)
    first, second = first[true], second[true]
    shared = shapely.area(shapely.intersection(polygons[first], polygons[second]))
    area = shapely.area(polygons)
    large = shared > _ROUNDING * np.minimum(area[first], area[second])
    pairs = np.count_nonzero(large)
    if pairs:
        first, second = first[large], second[large]
        at = int(np.lexsort((second, first))[0])
        what = "pair of cells overlaps" if pairs == 1 else "pairs of cells overlap"
        warnings.warn(
            f"{pairs} {what}, and such cells count as neighbours; the first are features {first[at]} and "
            f"{second[at]}, counted from 0.",
            DissmodelWarning,
            stacklevel=2,
        )


def box_overlaps(polygons: Polygons, first: Integers, second: Integers) -> NDArray[np.bool_]:
    """Return whether bounding boxes of pairs overlap along x and along y: shape (m, 2)."""
    bounds = shapely.bounds(polygons)
    west_south = np.maximum(bounds[first, :2], bounds[second, :2])
    east_north = np.minimum(bounds[first, 2:], bounds[second, 2:])
    common: NDArray[np.bool_] = west_south < east_north
    return common


def nowhere_twice(polygons: Polygons) -> bool:
    """Return whether no point is covered by two polygons; False also where that can't be found quickly.

    How many polygons cover a point changes only where one crosses an edge, and not where two of them are on
    either side of one and the same edge. So what is left of all edges once such ones are taken away bounds
    the areas that are covered equally often, and one point of each area tells how often.

    >>> nowhere_twice(shapely.box([0, 1], [0, 0], [1, 2], [1, 1]))
    True
    >>> nowhere_twice(shapely.box([0, 1], [0, 0], [1.5, 2], [1, 1]))
    False
    """
    edges = edges_of(polygons)
    key = hashes(edges.ends)
    order = np.argsort(key)
    key = key[order]
    begins = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    jumps = np.add.reduceat(edges.side[order], begins, dtype=np.int64)
    left = edges.ends[order[begins[jumps != 0]]]
    lines = shapely.linestrings(left.reshape(-1, 2, 2))
    if not shapely.is_simple(shapely.multilinestrings(lines)):
        return False
    areas = shapely.get_parts(shapely.polygonize(lines))
    points = shapely.point_on_surface(areas)
    inside, _ = shapely.STRtree(polygons).query(points, predicate="within")
    return bool((np.bincount(inside, minlength=1) <= 1).all())


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
