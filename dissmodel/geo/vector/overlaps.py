"""Cells that cover some of the same area."""

from __future__ import annotations

import warnings

import numpy as np
import shapely
from numpy.typing import NDArray

from dissmodel.errors import DissmodelWarning
from dissmodel.geo.vector.edges import edges_of, hashes
from dissmodel.geo.vector.polygons import Polygons
from dissmodel.geo.vector.sparse import Integers

# Their interiors have something in common, in the DE-9IM.
_OVERLAP = "T********"
# The share of the smaller cell from which they overlap: a vertex that should be on another's edge is off by
# rounding.
_ROUNDING = 1e-9
# Up to so many pairs, asking for each costs less than looking at all cells together.
_FEW_PAIRS = 1_000


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
