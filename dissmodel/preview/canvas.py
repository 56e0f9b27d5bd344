"""The small grid of points that a map is drawn on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer

Floats: TypeAlias = npt.NDArray[np.float64]
Bounds: TypeAlias = tuple[float, float, float, float]
PlacedBounds: TypeAlias = tuple[Bounds, CRS | None]
"""West, south, east and north of a dataset, and the CRS that they are in, where it is known."""

_PIXELS = 1000
# Off the middle, so that no point is on the border of two cells where a pixel takes a whole number of them.
_OFF = (0.4871, 0.5113)


@dataclass(frozen=True)
class Canvas:
    """A grid of points, the north above and the west on the left."""

    shape: tuple[int, int]  # rows and columns
    bounds: Bounds
    crs: CRS | None  # None: not known

    @classmethod
    def over(cls, bounds: Bounds, crs: CRS | None, pixels: int = _PIXELS) -> Canvas:
        """Return a canvas over these bounds, its longer side as fine as a picture can show."""
        west, south, east, north = bounds
        aspect = _aspect(bounds, crs)
        rows, cols = (pixels, pixels / aspect) if aspect > 1 else (pixels * aspect, pixels)
        return cls((max(1, round(rows)), max(1, round(cols))), (west, south, east, north), crs)

    @property
    def aspect(self) -> float:
        """Height on the ground, by width."""
        return _aspect(self.bounds, self.crs)

    @property
    def metres(self) -> float | None:
        """Width on the ground; None where the CRS is none of a map."""
        unit = metres_per_unit(self.crs)
        return None if unit is None else (self.bounds[2] - self.bounds[0]) * unit

    @property
    def pixel(self) -> float:
        """Width of a pixel, in units of the CRS."""
        return (self.bounds[2] - self.bounds[0]) / self.shape[1]

    def points(self) -> tuple[Floats, Floats]:
        """Return the coordinates of each point, east and north, both of the canvas's shape."""
        west, south, east, north = self.bounds
        rows, cols = self.shape
        x = west + (np.arange(cols) + _OFF[0]) * (east - west) / cols
        y = north - (np.arange(rows) + _OFF[1]) * (north - south) / rows
        across, down = np.meshgrid(x, y)
        return across, down


def metres_per_unit(crs: CRS | None) -> float | None:
    """Return how many metres a unit of a projected CRS has; None of another.

    >>> metres_per_unit(CRS(31983)), metres_per_unit(CRS(4326))
    (1.0, None)
    """
    if crs is None or not crs.is_projected:
        return None
    return float(crs.axis_info[0].unit_conversion_factor) if crs.axis_info else None


def common_canvas(places: Sequence[PlacedBounds], pixels: int = _PIXELS) -> Canvas:
    """Return the canvas over all these places, in a CRS with lengths if one of them has it."""
    known = [crs for _, crs in places if crs is not None]
    crs = next((one for one in known if one.is_projected), known[0] if known else None)
    bounds = [_transformed(own, own_crs, crs) for own, own_crs in places]
    finite = [one for one in bounds if all(map(math.isfinite, one))]
    west, south, east, north = zip(*finite or [(0.0, 0.0, 1.0, 1.0)], strict=True)
    return Canvas.over((min(west), min(south), max(east), max(north)), crs, pixels)


def differ(one: CRS | None, other: CRS | None) -> bool:
    """Return whether coordinates have to be transformed; an unknown CRS counts as equal."""
    return one is not None and other is not None and not one.equals(other, ignore_axis_order=True)


def _transformed(bounds: Bounds, own: CRS | None, wanted: CRS | None) -> Bounds:
    if not differ(own, wanted):
        return bounds
    return Transformer.from_crs(own, wanted, always_xy=True).transform_bounds(*bounds)


def _aspect(bounds: Bounds, crs: CRS | None) -> float:
    west, south, east, north = bounds
    # A degree of longitude is shorter away from the equator.
    shrink = math.cos(math.radians((south + north) / 2)) if crs is not None and crs.is_geographic else 1.0
    wide, high = (east - west) * max(shrink, 0.1), north - south
    return high / wide if wide > 0 and high > 0 else 1.0
