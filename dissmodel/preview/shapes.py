"""The shapes of features, and which pixels of a canvas they are on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS
from rasterio import Affine
from rasterio.features import rasterize

from dissmodel.cells.places import PolygonPlaces
from dissmodel.preview.canvas import Canvas, Floats, Shape, differ, metres_per_unit
from dissmodel.visualization.shrink import Places

if TYPE_CHECKING:
    from geopandas import GeoSeries

_Geometries: TypeAlias = npt.NDArray[np.object_]

_POINT_PIXELS = 1.5
_POLYGONS = (3, 6)  # the type numbers of polygons and multipolygons
_SAME = 1e-3  # of a cell
_Pixels: TypeAlias = tuple[Places, Places, Floats | None]


@dataclass(frozen=True)
class OnCanvas:
    """Features on a canvas.

    - `under`: the feature under the middle of each pixel, -1 where there is none, row by row.
    - `is_small`: which features are smaller than a pixel or under the middle of none; a place of their own,
      `inner`, shows them, so that none vanishes; -1 for others.
    - `is_thin`: which others are under the middle of few of the pixels that they touch.
    """

    under: Places
    inner: Places
    is_small: npt.NDArray[np.bool_]
    is_thin: npt.NDArray[np.bool_]
    weights: Floats  # of each feature: its part of a pixel, at most 1
    shapes: _Geometries
    canvas: Canvas

    def parts(
        self, wanted: npt.NDArray[np.bool_], changed: npt.NDArray[np.bool_] | None = None
    ) -> Iterator[_Pixels]:
        """Yield pixels, the features on them, and how much of the pixel these are.

        Of those in `changed` all pixels that they touch, where they are thin.
        """
        small = np.flatnonzero(wanted & self.is_small & (self.inner >= 0))
        places = self.inner[small]
        if small.size:
            yield places, small, self.weights[small]
        pixels = np.flatnonzero(self.under >= 0)
        features = self.under[pixels]
        if small.size:
            left = 1.0 - np.bincount(places, self.weights[small], len(self.under))[pixels].astype(np.float64)
            is_ours = wanted[features] & ~self.is_small[features] & (left > 0)
            yield pixels[is_ours], features[is_ours], left[is_ours]
        else:
            is_ours = wanted[features] & ~self.is_small[features]
            yield pixels[is_ours], features[is_ours], None
        if changed is not None and (thin := np.flatnonzero(changed & self.is_thin)).size:
            found = _burnt(self.shapes, thin, self.canvas.shape, self.canvas.transform, all_touched=True)
            pixels = np.flatnonzero(found >= 0)
            yield pixels, found[pixels], None


class Shapes:
    """Geometries, and what was computed of them."""

    def __init__(self, geometry: GeoSeries) -> None:
        self._geometry = geometry
        self._crs: CRS | None = geometry.crs
        self._projected: dict[str, _Geometries] = {}
        self._under: tuple[Any, Places] | None = None

    def equal(self, other: Shapes) -> bool:
        """Return whether these are the same geometries, to the last bit."""
        a, b = (one.array(None) for one in (self, other))
        return len(a) == len(b) and bool(
            (shapely.equals_exact(a, b, 0.0) | (shapely.is_missing(a) & shapely.is_missing(b))).all()
        )

    def array(self, crs: CRS | None) -> _Geometries:
        """Return the geometries in a CRS; in their own, if that or theirs is not known."""
        name = crs.to_wkt() if crs is not None and differ(crs, self._crs) else ""
        if name not in self._projected:
            moved = self._geometry.to_crs(crs) if name else self._geometry
            self._projected[name] = moved.to_numpy()
        return self._projected[name]

    @cached_property
    def grid(self) -> Shape | None:
        """Rows and columns, if all geometries have the extent of a cell of a grid, each another."""
        ends = shapely.bounds(self.array(None))
        if not len(ends) or not np.isfinite(ends).all():
            return None
        first, size = ends[:, :2].min(axis=0), np.median(ends[:, 2:] - ends[:, :2], axis=0)
        if not (size > 0).all():
            return None
        at = (ends - np.tile(first, 2)) / np.tile(size, 2)
        whole = np.rint(at)
        if np.abs(at - whole).max() > _SAME or (whole[:, 2:] - whole[:, :2] != 1).any():
            return None
        cols, rows = whole[:, 2:].max(axis=0).astype(int).tolist()
        return rows, cols

    def areas(self, crs: CRS | None) -> Floats | None:
        """Return areas in m²: in the plane of a projection, of geodesic edges in degrees; None: unknown."""
        shapes, unit = self.array(crs), metres_per_unit(crs)
        is_area = shapely.get_dimensions(shapes) >= 2  # noqa: PLR2004  (the dimension of a polygon)
        if crs is None or not (is_area.any() or shapely.is_missing(shapes).all()):
            return None
        if unit is not None:
            return np.nan_to_num(shapely.area(shapes)) * unit**2
        return self._areas_in_degrees if crs.is_geographic else None

    @cached_property
    def _areas_in_degrees(self) -> Floats | None:
        shapes = self.array(None)
        is_area = np.isin(shapely.get_type_id(shapes), _POLYGONS) & ~shapely.is_empty(shapes)
        if (shapely.get_dimensions(shapes[~is_area]) >= 2).any():  # noqa: PLR2004  (as above)
            return None
        areas = np.zeros(len(shapes))
        areas[is_area] = PolygonPlaces(shapes[is_area], self._crs).area
        return areas if np.isfinite(areas).all() else None

    def inner_points(self) -> tuple[Floats, Floats]:
        """Return coordinates of a point in each geometry, NaN where that is empty."""
        points = shapely.point_on_surface(self.array(None))
        return shapely.get_x(points), shapely.get_y(points)

    def at(self, x: Floats, y: Floats, crs: CRS | None) -> Places:
        """Return the geometry at each point of a CRS, -1 where there is none."""
        points = np.asarray(shapely.points(x.ravel(), y.ravel()))
        at, which = shapely.STRtree(self.array(crs)).query(points, predicate="intersects")
        found = np.full(points.shape, -1, np.intp)
        np.maximum.at(found, at, which)
        return found.reshape(x.shape)

    def under(self, shape: Shape, transform: Affine, crs: CRS | None) -> Places:
        """Return the geometry under the middle of each cell of a grid, -1 where there is none."""
        key = (shape, tuple(transform), None if crs is None else crs.to_wkt())
        if self._under is None or self._under[0] != key:
            shapes = self.array(crs)
            self._under = key, _burnt(shapes, np.arange(len(shapes)), shape, transform)
        return self._under[1]

    def on(self, canvas: Canvas) -> OnCanvas:
        """Return where these are on a canvas; points and lines wide enough to be seen."""
        shapes = self.array(canvas.crs)
        high, wide = canvas.pixel
        is_flat = shapely.get_dimensions(shapes) < 2  # noqa: PLR2004  (the dimension of a polygon)
        if is_flat.any():
            shapes = np.where(is_flat, shapely.buffer(shapes, _POINT_PIXELS * max(high, wide)), shapes)
            under = _burnt(shapes, np.arange(len(shapes)), canvas.shape, canvas.transform)
        else:
            under = self.under(canvas.shape, canvas.transform, canvas.crs)
        sizes = np.nan_to_num(shapely.area(shapes)) / (high * wide)
        pixels = np.bincount(under[under >= 0], minlength=len(shapes))
        is_small = ((sizes < 1 - _SAME) | (pixels == 0)) & ~shapely.is_empty(shapes)
        inner = np.full(len(shapes), -1, np.intp)
        points = shapely.point_on_surface(shapes[is_small])
        west, _, _, north = canvas.bounds
        with np.errstate(invalid="ignore"):
            col = np.floor((shapely.get_x(points) - west) / wide)
            row = np.floor((north - shapely.get_y(points)) / high)
            inside = (row >= 0) & (row < canvas.shape[0]) & (col >= 0) & (col < canvas.shape[1])
            inner[is_small] = np.where(inside, row * canvas.shape[1] + col, -1)
        is_thin = ~is_small & (pixels < sizes / 2)
        weights = np.clip(sizes, 1e-9, 1.0)
        return OnCanvas(under.ravel(), inner, is_small, is_thin, weights, shapes, canvas)


def _burnt(
    shapes: _Geometries, which: Places, shape: Shape, transform: Affine, *, all_touched: bool = False
) -> Places:
    """Return which geometry is on each cell of a grid, of several the last; -1 where there is none."""
    drawn = which[~(shapely.is_missing(shapes[which]) | shapely.is_empty(shapes[which]))]
    if not drawn.size:
        return np.full(shape, -1, np.intp)
    burnt = rasterize(
        zip(shapes[drawn], drawn.tolist(), strict=True),
        shape,
        fill=-1,
        transform=transform,
        all_touched=all_touched,
        dtype="int32",
    )
    return np.asarray(burnt, np.intp)
