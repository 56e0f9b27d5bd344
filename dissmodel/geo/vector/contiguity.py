"""Neighbours that touch."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from dissmodel.geo.vector.edges import edges_of
from dissmodel.geo.vector.edges import hashes as _hashes
from dissmodel.geo.vector.overlaps import box_overlaps, warn_of_overlaps
from dissmodel.geo.vector.polygons import Geometries, Polygons, check_no_duplicates, valid_polygons
from dissmodel.geo.vector.sparse import Integers, Neighborhood, distinct, from_pairs

# Their boundaries have a line in common (dimension 1), in the DE-9IM.
_SHARE_AN_EDGE = "****1****"


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
    hashes = _hashes(points)
    order = np.argsort(hashes)
    inorder, points, owners = hashes[order], points[order], owners[order]
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
