"""The small grid of points that a map is drawn on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Geod, Proj, Transformer
from pyproj.exceptions import ProjError
from rasterio import Affine

Floats: TypeAlias = npt.NDArray[np.float64]
Bounds: TypeAlias = tuple[float, float, float, float]
Shape: TypeAlias = tuple[int, int]
"""Rows and columns."""

# Off the middle, so that no point is on the border of two cells where a pixel takes a whole number of them.
_OFF = (0.4871, 0.5113)
_PART = 1e-3  # of the width, which is measured at the middle and is short enough to be a straight line
_SAME = 1e-6  # of a side
_STRETCHED = 0.01


class Placed(Protocol):
    """A dataset with a place."""

    @property
    def bounds(self) -> Bounds:
        """West, south, east and north."""

    @property
    def crs(self) -> CRS | None:
        """The CRS that they are in, where it is known."""

    @property
    def grid(self) -> Shape | None:
        """The shape of its cells, where these are rows and columns along the axes of the CRS."""


@dataclass(frozen=True)
class Canvas:
    """A grid of points, the north above and the west on the left."""

    shape: Shape
    bounds: Bounds
    crs: CRS | None  # None: not known

    @property
    def aspect(self) -> float:
        """Height on the ground, by width; in degrees at the middle of the map."""
        wide, high = self._sides()
        return high / wide if wide > 0 and high > 0 else 1.0

    @property
    def metres(self) -> float | None:
        """Width on the ground, through the middle of the map; None where the CRS is none of a map.

        On the ellipsoid in degrees, and in a projection that stretches it by more than a hundredth there.
        """
        if self._degrees:
            return self._sides()[0] or None
        unit = metres_per_unit(self.crs)
        if unit is None:
            return None
        return (self.bounds[2] - self.bounds[0]) * unit / self.stretching[0]

    @cached_property
    def stretching(self) -> tuple[float, float]:
        """How many times lengths to the east, and areas, at the middle are as large as on the ground.

        Only what is more than a hundredth off counts, as of the Mercator projection.
        """
        west, south, east, north = self.bounds
        if self.crs is None or not self.crs.is_projected:
            return 1.0, 1.0
        try:
            flat = Proj(self.crs)
            found = flat.get_factors(
                *flat((west + east) / 2, (south + north) / 2, inverse=True, errcheck=True)
            )
        except ProjError:
            return 1.0, 1.0
        scales = float(found.parallel_scale), float(found.areal_scale)
        return (1.0, 1.0) if all(abs(one - 1) <= _STRETCHED for one in scales) else scales

    @property
    def pixel(self) -> tuple[float, float]:
        """Height and width of a pixel, in units of the CRS."""
        west, south, east, north = self.bounds
        return (north - south) / self.shape[0], (east - west) / self.shape[1]

    @property
    def transform(self) -> Affine:
        """From column and row to coordinates."""
        high, wide = self.pixel
        return Affine(wide, 0.0, self.bounds[0], 0.0, -high, self.bounds[3])

    def axes(self) -> tuple[Floats, Floats]:
        """Return the coordinates of the points: east of each column, north of each row."""
        west, _, _, north = self.bounds
        high, wide = self.pixel
        rows, cols = self.shape
        right, down = np.arange(cols, dtype=np.float64), np.arange(rows, dtype=np.float64)
        return west + (right + _OFF[0]) * wide, north - (down + _OFF[1]) * high

    def points(self) -> tuple[Floats, Floats]:
        """Return the coordinates of each point, east and north, both of the canvas's shape."""
        across, down = np.meshgrid(*self.axes())
        return across, down

    @property
    def _degrees(self) -> float:
        """How many degrees a unit has; 0 where it is a length."""
        if self.crs is None or not self.crs.is_geographic:
            return 0.0
        return math.degrees(self.crs.axis_info[0].unit_conversion_factor) if self.crs.axis_info else 1.0

    def _sides(self) -> tuple[float, float]:
        """Return width and height: of degrees in metres, else in units of the CRS."""
        west, south, east, north = self.bounds
        wide, high = east - west, north - south
        south, north = max(south * self._degrees, -90.0), min(north * self._degrees, 90.0)
        if not self._degrees or self.crs is None or not south < north:
            return wide, high
        middle, part = (south + north) / 2, wide * self._degrees * _PART
        # A geodesic leaves the parallel, so a short part of the width is measured.
        geod = self.crs.get_geod() or Geod(ellps="WGS84")
        across = geod.inv(-part / 2, middle, part / 2, middle)[2] / _PART
        return across, geod.inv(0.0, south, 0.0, north)[2]


def metres_per_unit(crs: CRS | None) -> float | None:
    """Return how many metres a unit of a projected CRS has; None of another.

    >>> metres_per_unit(CRS(31983)), metres_per_unit(CRS(4326))
    (1.0, None)
    """
    if crs is None or not crs.is_projected:
        return None
    return float(crs.axis_info[0].unit_conversion_factor) if crs.axis_info else None


def common_canvas(places: Sequence[Placed], most: Callable[[float], Shape]) -> Canvas:
    """Return the canvas over all these datasets, in a CRS with lengths if one of them has it.

    It has a pixel for each cell of a dataset that covers it, if these are not more than `most` gives for the
    map's aspect, else as many as that.
    """
    known = [one.crs for one in places if one.crs is not None]
    crs = next((one for one in known if one.is_projected), known[0] if known else None)
    bounds = [_transformed(one.bounds, one.crs, crs) for one in places]
    finite = [one for one in bounds if all(map(math.isfinite, one))]
    west, south, east, north = zip(*finite or [(0.0, 0.0, 1.0, 1.0)], strict=True)
    whole = _with_sides(min(west), min(south), max(east), max(north))
    rows, cols = most(Canvas((1, 1), whole, crs).aspect)
    slack = _SAME * max(whole[2] - whole[0], whole[3] - whole[1])
    for one, own in zip(places, bounds, strict=True):
        fits = one.grid is not None and one.grid[0] <= rows and one.grid[1] <= cols
        is_whole = all(abs(a - b) <= slack for a, b in zip(own, whole, strict=True))
        if one.grid is not None and fits and is_whole and not differ(one.crs, crs):
            return Canvas(one.grid, whole, crs)
    return Canvas((rows, cols), whole, crs)


def _with_sides(west: float, south: float, east: float, north: float) -> Bounds:
    """Return bounds that are wide and high also where all is on a line or a point."""
    side = max(east - west, north - south) or 1.0
    across, up = (side / 2 if a == b else 0.0 for a, b in ((west, east), (south, north)))
    return west - across, south - up, east + across, north + up


def differ(one: CRS | None, other: CRS | None) -> bool:
    """Return whether coordinates have to be transformed; an unknown CRS counts as equal."""
    return one is not None and other is not None and not one.equals(other, ignore_axis_order=True)


def _transformed(bounds: Bounds, own: CRS | None, wanted: CRS | None) -> Bounds:
    if not differ(own, wanted):
        return bounds
    return Transformer.from_crs(own, wanted, always_xy=True).transform_bounds(*bounds)
