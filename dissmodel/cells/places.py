"""Where cells are: their centres, areas and distances, and the zones that they belong to."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import shapely
from affine import Affine
from numpy.typing import ArrayLike, NDArray

from dissmodel.cells.links import addends
from dissmodel.errors import WrongValue
from dissmodel.geo.raster.backend import RasterBackend
from dissmodel.geo.vector.polygons import Geometries, polygons_of

Array = NDArray[Any]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


class Places(Protocol):
    """Where cells are. All arrays are float64, one-dimensional over the cells in visiting order."""

    @property
    def x(self) -> Floats:
        """Where centres are from west to east, in units of the CRS."""

    @property
    def y(self) -> Floats:
        """Where centres are from south to north, in units of the CRS."""

    @property
    def area(self) -> Floats:
        """Areas in m²: on a geographic CRS those on its ellipsoid, with geodesics as edges.

        Without a CRS they are in units of the coordinates, squared.
        """

    def distance_to(self, mask: Bools) -> Floats:
        """Return how far each cell's centre is from the nearest centre in `mask`, in m.

        It is 0.0 for the cells of `mask`, and infinite if `mask` is empty. On a projected CRS it is the
        straight line, whatever lies between. On a geographic CRS it is the geodesic to the centre that is
        nearest on a straight line through the ellipsoid, which may exceed the shortest geodesic by less than
        its 10,000,000th part within 100 km. Without a CRS it is in units of the coordinates.
        """


class _Centres:
    """What pixels and polygons have in common."""

    def __init__(self, x: Floats, y: Floats, crs: Any) -> None:
        self.x, self.y = x, y
        self._geod: Any = None
        self._metres = 1.0  # that a unit has
        if crs is not None:
            from pyproj import CRS  # noqa: PLC0415  (only where areas and distances are asked for)

            crs = CRS.from_user_input(crs)
            self._geod = crs.get_geod() if crs.is_geographic else None
            if self._geod is None and crs.axis_info:
                self._metres = float(crs.axis_info[0].unit_conversion_factor)

    def distance_to(self, mask: Bools) -> Floats:
        """Return the distance to the nearest centre in `mask`."""
        mask = np.asarray(mask)
        if mask.dtype != np.bool_ or mask.shape != self.x.shape:
            raise WrongValue(
                f"distance_to() was given a mask of the type {mask.dtype} and the shape {mask.shape}; "
                f"the space has {len(self.x)} cells.",
                "Give a comparison of a field, such as self.NAME == 1.",
            )
        if not mask.any():
            return np.full(len(mask), np.inf)
        if self._geod is None:
            nearest = self._nearest(mask)
            east, north = self.x - self.x[nearest], self.y - self.y[nearest]
            # A square root is the same on every machine; a hypotenuse depends on the C library.
            return np.sqrt(east * east + north * north) * self._metres
        nearest = _nearest_point(self._on_ellipsoid(), mask)
        return np.asarray(self._geod.inv(self.x, self.y, self.x[nearest], self.y[nearest])[2])

    def _nearest(self, mask: Bools) -> NDArray[np.intp]:
        """Return for each cell which cell of the mask is nearest in the plane."""
        return _nearest_point(np.column_stack([self.x, self.y]), mask)

    def _on_ellipsoid(self) -> Floats:
        """Return geocentric coordinates, in which the straight line is nearly as good as the geodesic."""
        east, north = np.radians(self.x), np.radians(self.y)
        across = self._geod.a / np.sqrt(1 - self._geod.es * np.sin(north) ** 2)
        flat = across * np.cos(north)
        up = across * (1 - self._geod.es) * np.sin(north)
        return np.column_stack([flat * np.cos(east), flat * np.sin(east), up])


def _nearest_point(points: Floats, mask: Bools) -> NDArray[np.intp]:
    from scipy.spatial import KDTree  # noqa: PLC0415  (only distances need scipy)

    targets = np.flatnonzero(mask)
    found: NDArray[np.intp] = targets[KDTree(points[targets]).query(points)[1]]
    return found


class PixelPlaces(_Centres):
    """Where pixels are; see `Places`.

    Parameters
    ----------
    inside : ndarray of bool, shape (rows, cols)
        Where the cells are.
    order : ndarray of integers, shape (rows, cols), or None
        The place of each cell in the visiting order; row-major without it.
    transform : affine.Affine or None
        From (column, row) of this grid to coordinates of `crs`; these numbers are the coordinates without it.
    crs : optional
        Anything that PROJ reads.
    """

    def __init__(self, inside: Bools, order: Array | None, transform: Affine | None, crs: Any) -> None:
        self._inside = inside
        rows, cols = np.nonzero(inside)
        if order is not None:
            visited = np.argsort(order[inside])
            rows, cols = rows[visited], cols[visited]
        self._rows, self._cols, self._crs = rows, cols, crs
        self._transform = t = Affine.identity() if transform is None else transform
        right, down = cols.astype(np.float64) + 0.5, rows.astype(np.float64) + 0.5
        self._is_rotated = bool(t.b or t.d)
        if self._is_rotated:
            super().__init__(t.c + right * t.a + down * t.b, t.f + right * t.d + down * t.e, crs)
        else:
            super().__init__(t.c + right * t.a, t.f + down * t.e, crs)

    @cached_property
    def area(self) -> Floats:
        """Areas in m²."""
        if self._geod is None:
            return np.full(len(self.x), abs(self._transform.determinant) * self._metres**2)
        if self._is_rotated:
            raise WrongValue(
                "The grid is rotated in a geographic CRS: the areas of its cells are not known.",
                "Warp the raster so that its rows run from west to east: gdalwarp OLD.tif NEW.tif",
            )
        backend = RasterBackend(self._inside.shape, transform=self._transform, crs=self._crs)
        return backend.cell_area()[self._rows, self._cols]

    def _nearest(self, mask: Bools) -> NDArray[np.intp]:
        if self._is_rotated:
            return super()._nearest(mask)
        from scipy.ndimage import distance_transform_edt  # noqa: PLC0415  (only distances need scipy)

        away = np.ones(self._inside.shape, np.bool_)
        away[self._rows[mask], self._cols[mask]] = False
        size = abs(self._transform.e), abs(self._transform.a)
        rows, cols = distance_transform_edt(away, size, return_distances=False, return_indices=True)
        numbers = np.empty(self._inside.shape, np.intp)
        numbers[self._rows, self._cols] = np.arange(len(mask))
        found: NDArray[np.intp] = numbers[rows[self._rows, self._cols], cols[self._rows, self._cols]]
        return found


class PolygonPlaces(_Centres):
    """Where polygons are; see `Places`. Their centres are centroids, in the plane of their coordinates.

    Parameters
    ----------
    polygons : GeoDataFrame, GeoSeries, sequence or ndarray of shapely geometries
        Polygons and multipolygons in visiting order.
    crs : optional
        Anything that PROJ reads.
    """

    def __init__(self, polygons: Geometries, crs: Any) -> None:
        self._polygons = polygons_of(polygons)
        x, y = shapely.get_coordinates(shapely.centroid(self._polygons)).T
        super().__init__(np.ascontiguousarray(x), np.ascontiguousarray(y), crs)

    @cached_property
    def area(self) -> Floats:
        """Areas in m²."""
        if self._geod is None:
            return np.asarray(shapely.area(self._polygons)) * self._metres**2
        # A ring's direction would decide the sign, also that of a hole.
        polygons = shapely.normalize(self._polygons)
        return np.array([abs(self._geod.geometry_area_perimeter(one)[0]) for one in polygons], np.float64)


class Zones:
    """Cells that have a code in common, such as a district.

    Parameters
    ----------
    codes : array-like of numbers, shape (cells,)
        The zone of each cell.

    Attributes
    ----------
    codes : ndarray, shape (zones,)
        The distinct codes, ascending: all results are in their order.
    counts : ndarray of int64, shape (zones,)
        How many cells each has.

    Examples
    --------
    >>> zones = Zones([7, 2, 7])
    >>> zones.codes.tolist(), zones.sum(np.array([1.0, 2.0, 3.0])).tolist()
    ([2, 7], [2.0, 4.0])
    >>> zones.on_cells(zones.mean(np.array([1.0, 2.0, 3.0]))).tolist()
    [2.0, 2.0, 2.0]
    """

    def __init__(self, codes: ArrayLike) -> None:
        given = np.asarray(codes)
        if given.ndim != 1 or given.dtype.kind not in "biuf" or np.isnan(given).any():
            raise WrongValue(
                f"The codes of zones ({given.dtype}, shape {given.shape}) are not one number for each cell.",
                "Give a field without NaN, such as cells.zones(self.NAME).",
            )
        found = np.unique(given, return_inverse=True, return_counts=True)
        self.codes, self._zone_of, self.counts = found[0], found[1], found[2].astype(np.int64)
        self._sorted = np.argsort(self._zone_of, kind="stable")
        self._starts = np.concatenate([[0], np.cumsum(self.counts)])[:-1]

    def sum(self, values: Array) -> Array:
        """Return the sum in each zone: of integers and truths exact, in int64; of floats rounded once.

        So it is the same in any order and tiling of the cells.
        """
        values = np.asarray(values)
        if values.shape != self._zone_of.shape:
            raise WrongValue(
                f"The values have the shape {values.shape}; there are {len(self._zone_of)} cells.",
                "Give one value for each cell.",
            )
        values = addends(values.astype(np.int64) if values.dtype.kind == "b" else values, len(values))
        values = values[self._sorted]
        if values.dtype.kind != "f":
            return np.asarray(np.add.reduceat(values, self._starts)) if len(values) else values
        return np.array([_exact_sum(zone) for zone in np.split(values, self._starts[1:])][: len(self.codes)])

    def mean(self, values: Array) -> Floats:
        """Return the mean in each zone: the sum by the number of cells, float64."""
        return np.asarray(self.sum(values) / self.counts, np.float64)

    def on_cells(self, values: Array) -> Array:
        """Return for each cell what `values` has for its zone."""
        return np.asarray(values)[self._zone_of]


def _exact_sum(values: Floats) -> float:
    with np.errstate(invalid="ignore", over="ignore"):
        rough = float(values.sum())
    # Infinite or NaN: some value is, or the sum is too large.
    return math.fsum(values.tolist()) if math.isfinite(rough) else rough
