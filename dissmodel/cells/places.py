"""Where cells are: their centres, areas and distances, and the zones that they belong to."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import ArrayLike, NDArray

from dissmodel.cells.links import addends, per_cell, read_only
from dissmodel.cells.sums import exact_sums, parts_of
from dissmodel.errors import WrongValue

if TYPE_CHECKING:
    from dissmodel.geo.vector.polygons import Geometries

Array = NDArray[Any]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

_CODES = 256  # of a byte
_BLOCK = 2**20  # cells whose areas are added at once
_MASKS, _KEPT_CELLS = 4, 2**25  # of whose distances so many are kept
_DEGREE = math.pi / 180


class Places:
    """Where cells are. All arrays are float64, read-only, one-dimensional over the cells in visiting order.

    Attributes
    ----------
    x, y : ndarray
        Centres, in units of the CRS; of polygons the centroids, in the plane of the coordinates.
    area : ndarray
        Areas in m²: on a geographic CRS those on its ellipsoid, with geodesics as edges; on a projected CRS
        those in its plane. Without a CRS they are in units of the coordinates, squared.
    same_area : float or None
        The area of each cell, where that is one for all and known without `area`.
    has_areas : bool
        Whether the areas are in m² because the CRS says so, and `area` raises no error.
    """

    x: Floats
    y: Floats
    area: Floats
    same_area: float | None = None

    def __init__(self, crs: Any) -> None:
        """Take a CRS that PROJ reads, or None."""
        self._geod: Any = None
        self._metres = 1.0  # that a unit has
        self._degrees = 1.0  # as above
        self.has_areas = False
        if crs is not None:
            from rasterio.crs import CRS  # noqa: PLC0415  (only where areas and distances are asked for)

            crs = CRS.from_user_input(crs)
            unit = crs.units_factor[1]
            self.has_areas = crs.is_projected or crs.is_geographic
            if crs.is_geographic:
                import pyproj  # noqa: PLC0415  (a plane needs no geodesics)

                self._geod = pyproj.CRS.from_user_input(crs).get_geod()
                # Of a degree the quotient is 1, but for its rounding; other units are few, such as the grad.
                self._degrees = 1.0 if math.isclose(unit, _DEGREE) else unit / _DEGREE
            else:
                self._metres = unit

    def distance_to(self, mask: Bools) -> Floats:
        """Return how far each cell's centre is from the nearest centre in `mask`, in m; kept for some masks.

        It is 0.0 for the cells of `mask`, and infinite if `mask` is empty. On a projected CRS it is the
        straight line in its plane, whatever lies between. On a geographic CRS it is the geodesic to the
        centre that is nearest on a straight line through the ellipsoid, which may exceed the shortest
        geodesic by less than its 10,000,000th part within 100 km. Without a CRS it is in units of the
        coordinates.
        """
        mask = per_cell(mask, len(self), "distance_to")
        if mask.dtype != np.bool_:
            raise WrongValue(
                f"distance_to was given a mask of the type {mask.dtype}.",
                "Give a comparison of a field, such as self.NAME == 1.",
            )
        return self._kept(np.packbits(mask).tobytes()).copy()

    @cached_property
    def _kept(self) -> Callable[[bytes], Floats]:
        return lru_cache(min(_MASKS, _KEPT_CELLS // len(self)))(self._distance)

    def way(self, start: Array, end: Array) -> tuple[Floats, Floats]:
        """Return how far each cell in `end` is to the east and to the north of that in `start`, in m.

        On a geographic CRS it is the length of the geodesic, in its direction at the start. Without a CRS it
        is in units of the coordinates.
        """
        if self._geod is None:
            return (self.x[end] - self.x[start]) * self._metres, (self.y[end] - self.y[start]) * self._metres
        x, y = self.x * self._degrees, self.y * self._degrees
        bearing, _, length = self._geod.inv(x[start], y[start], x[end], y[end])
        return length * np.sin(np.radians(bearing)), length * np.cos(np.radians(bearing))

    def __len__(self) -> int:
        return len(self.x)

    def _distance(self, bits: bytes) -> Floats:
        mask = np.unpackbits(np.frombuffer(bits, np.uint8), count=len(self)).view(np.bool_)
        if not mask.any():
            return np.full(len(self), np.inf)
        if self._geod is None:
            east, north = self._to_nearest(mask)
            # A square root is the same on every machine; a hypotenuse depends on the C library.
            return np.asarray(np.sqrt(east * east + north * north) * self._metres)
        x, y = self.x * self._degrees, self.y * self._degrees
        nearest = _nearest_point(self._on_ellipsoid(x, y), mask)
        return np.asarray(self._geod.inv(x, y, x[nearest], y[nearest])[2])

    def _to_nearest(self, mask: Bools) -> tuple[Floats, Floats]:
        """Return the way from each cell to the nearest cell of the mask in the plane, along both axes."""
        nearest = _nearest_point(np.column_stack([self.x, self.y]), mask)
        return self.x - self.x[nearest], self.y - self.y[nearest]

    def _on_ellipsoid(self, x: Floats, y: Floats) -> Floats:
        """Return geocentric coordinates, in which the straight line is nearly as good as the geodesic."""
        east, north = np.radians(x), np.radians(y)
        across = self._geod.a / np.sqrt(1 - self._geod.es * np.sin(north) ** 2)
        flat = across * np.cos(north)
        up = across * (1 - self._geod.es) * np.sin(north)
        return np.column_stack([flat * np.cos(east), flat * np.sin(east), up])

    def areas_of(self, codes: NDArray[np.uint8]) -> Floats:
        """Return the area of the cells of each code from 0 to 255: the exact sum, rounded once."""
        return np.array([math.fsum(of_code) for of_code in zip(*self.area_parts(codes), strict=True)])

    def area_parts(self, codes: NDArray[np.uint8], cells: Array | None = None) -> list[Floats]:
        """Return arrays of which the exact sum is the area of the cells of each code, shape (256,).

        `codes` are those of all cells, or of those with the numbers `cells`.
        """
        sums: list[Floats] = []
        for start in range(0, len(codes), _BLOCK):
            some = slice(start, start + _BLOCK)
            areas = self._areas(some if cells is None else cells[some])
            found = (np.bincount(codes[some], part, _CODES) for part in parts_of(areas))
            sums += [np.asarray(one, np.float64) for one in found]
        return sums

    def _areas(self, some: slice | Array) -> Floats:
        return self.area[some]


def _nearest_point(points: Floats, mask: Bools) -> NDArray[np.intp]:
    from scipy.spatial import KDTree  # noqa: PLC0415  (only distances need scipy)

    targets = np.flatnonzero(mask)
    found: NDArray[np.intp] = targets[KDTree(points[targets]).query(points)[1]]
    return found


class PixelPlaces(Places):
    """Where pixels are.

    Parameters
    ----------
    shape : tuple of (int, int)
        The rows and columns of the grid.
    flat : ndarray of integers, shape (cells,), or None
        The pixel of each cell in visiting order, counted row by row; None: all pixels, row by row.
    transform : affine.Affine or None
        From (column, row) of this grid to coordinates of `crs`; these numbers are the coordinates without it.
    crs : optional
        Anything that PROJ reads.
    """

    def __init__(
        self, shape: tuple[int, int], flat: Array | None, transform: Affine | None, crs: Any
    ) -> None:
        super().__init__(crs)
        self._shape, self._flat, self._crs = shape, flat, crs
        self._transform = t = Affine.identity() if transform is None else transform
        self._is_rotated = bool(t.b or t.d)
        if self._geod is None:
            self.same_area = abs(t.determinant) * self._metres**2
        elif self._is_rotated:
            self.has_areas = False

    def __len__(self) -> int:
        return self._shape[0] * self._shape[1] if self._flat is None else len(self._flat)

    def _at(self, some: slice | Array = slice(None)) -> tuple[Array, Array]:
        """Return the rows and columns of some cells."""
        flat = np.arange(len(self))[some] if self._flat is None else self._flat[some]
        rows, cols = np.divmod(flat, self._shape[1])
        return rows, cols

    @cached_property
    def x(self) -> Floats:  # type: ignore[override]  # mypy takes it for one that can't be set
        """Centres from west to east."""
        t, (rows, cols) = self._transform, self._at()
        x = t.c + (cols + 0.5) * t.a
        return read_only(x + (rows + 0.5) * t.b if t.b else x)

    @cached_property
    def y(self) -> Floats:  # type: ignore[override]  # as above
        """Centres from south to north."""
        t, (rows, cols) = self._transform, self._at()
        y = t.f + (rows + 0.5) * t.e
        return read_only(y + (cols + 0.5) * t.d if t.d else y)

    @cached_property
    def area(self) -> Floats:  # type: ignore[override]  # as above
        """Areas."""
        if self.same_area is not None:
            return read_only(np.full(len(self), self.same_area))
        return read_only(self._areas(slice(None)))

    def _areas(self, some: slice | Array) -> Floats:
        return self._area_of_row[self._at(some)[0]]

    @cached_property
    def _area_of_row(self) -> Floats:
        if self._is_rotated:
            raise WrongValue(
                "The grid is rotated in a geographic CRS: the areas of its cells are not known.",
                "Warp the raster so that its rows run from west to east: gdalwarp OLD.tif NEW.tif",
            )
        from dissmodel.geo.raster.backend import RasterBackend  # noqa: PLC0415  (a plane needs none)

        # Columns differ in their longitude only, and so one has the areas of all.
        degrees = Affine.scale(self._degrees) @ self._transform
        return RasterBackend((self._shape[0], 1), transform=degrees, crs=self._crs).cell_area()[:, 0]

    def _to_nearest(self, mask: Bools) -> tuple[Floats, Floats]:
        if self._is_rotated:
            return super()._to_nearest(mask)
        from scipy.ndimage import distance_transform_edt  # noqa: PLC0415  (only distances need scipy)

        rows, cols = self._at()
        away = np.ones(self._shape, np.bool_)
        away[rows[mask], cols[mask]] = False
        size = abs(self._transform.e), abs(self._transform.a)
        to_rows, to_cols = distance_transform_edt(away, size, return_distances=False, return_indices=True)
        return (cols - to_cols[rows, cols]) * size[1], (rows - to_rows[rows, cols]) * size[0]


class PolygonPlaces(Places):
    """Where polygons are.

    Parameters
    ----------
    polygons : GeoDataFrame, GeoSeries, sequence or ndarray of shapely geometries
        Polygons and multipolygons in visiting order.
    crs : optional
        Anything that PROJ reads.
    """

    def __init__(self, polygons: Geometries, crs: Any) -> None:
        import shapely  # noqa: PLC0415  (a raster needs none)

        from dissmodel.geo.vector.polygons import polygons_of  # noqa: PLC0415  (as above)

        super().__init__(crs)
        self._polygons = polygons_of(polygons)
        self.x, self.y = map(
            read_only, np.ascontiguousarray(shapely.get_coordinates(shapely.centroid(self._polygons)).T)
        )

    @cached_property
    def area(self) -> Floats:  # type: ignore[override]  # as above
        """Areas."""
        import shapely  # noqa: PLC0415  (as above)

        if self._geod is None:
            return read_only(np.asarray(shapely.area(self._polygons)) * self._metres**2)
        # A ring's direction would decide the sign, also that of a hole.
        polygons = shapely.normalize(self._polygons)
        if self._degrees != 1:
            polygons = shapely.transform(polygons, lambda xy: xy * self._degrees)
        return read_only(np.array([abs(self._geod.geometry_area_perimeter(one)[0]) for one in polygons]))


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

    def sum(self, values: Array) -> Array:
        """Return the sum in each zone: of integers and truths exact, in int64; of floats rounded once.

        So it is the same in any order and tiling of the cells.
        """
        values = per_cell(values, len(self._zone_of), "sum")
        values = addends(values.astype(np.int64) if values.dtype.kind == "b" else values, len(values))
        if values.dtype.kind == "f":
            return exact_sums(values, self._zone_of, len(self.codes))
        found = np.zeros(len(self.codes), values.dtype)
        np.add.at(found, self._zone_of, values)
        return found

    def mean(self, values: Array) -> Floats:
        """Return the mean in each zone: the sum by the number of cells, float64."""
        return np.asarray(self.sum(values) / self.counts, np.float64)

    def on_cells(self, values: Array) -> Array:
        """Return for each cell what `values` has for its zone."""
        return np.asarray(values)[self._zone_of]
