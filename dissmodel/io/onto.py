"""The values of a dataset on the cells of another: from a raster or polygons onto a raster or polygons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.errors import InvalidInput
from dissmodel.io.resampling import EXACT, Method

_ALIGNED = 1e-3  # of a cell, over the whole grid
_OF_CLASSES: dict[Method, Method] = {"bilinear": "nearest", "average": "mode"}

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Raster:
    """A band: its values, shape (rows, columns), float64 with NaN where there is none, or of integers.

    `transform` goes from (column, row) to coordinates of `crs`; each may be missing. `shown` is what an error
    calls it.
    """

    values: NDArray[Any]
    transform: Any
    crs: Any
    shown: str

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north."""
        rows, cols = self.values.shape
        corners = [self.transform @ corner for corner in ((0, 0), (cols, 0), (0, rows), (cols, rows))]
        xs, ys = zip(*corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)


@dataclass(frozen=True, eq=False)
class Features:
    """A column of polygons: their geometries, shape (n,), and numbers, NaN where there is none."""

    values: NDArray[Any]
    geometry: NDArray[np.object_]
    crs: Any
    shown: str

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north."""
        import shapely  # noqa: PLC0415  (a run on rasters needs none of it)

        west, south, east, north = shapely.total_bounds(self.geometry)
        return west, south, east, north


Layer = Raster | Features


def onto(space: Layer, other: Layer, method: Method | None, *, is_class: bool) -> tuple[NDArray[Any], str]:
    """Return the values of `other` on the cells of `space`, and how they were found.

    On cells that are the same the values are exact. Else `method` says how; it has to be given where a raster
    has another grid, polygons are others, or the CRS is another. From a raster onto polygons values are by
    default the average of the pixels whose centres are in a polygon, codes of classes the most frequent one;
    from polygons onto pixels the value is that of the polygon at the centre. ``bilinear`` and ``average`` of
    classes are ``nearest`` and ``mode``; ``mode`` and ``average`` from polygons go by shares of the area.

    Parameters
    ----------
    space, other : Raster or Features
        The values of `space` have no meaning.
    method : {"nearest", "bilinear", "mode", "average"}, optional
        As above.
    is_class : bool
        Whether the values are codes.

    Returns
    -------
    values : ndarray
        Shape as that of the space's values; float64, NaN where there is none, or of the other's own dtype.
    how : str
        ``exact``, or the method.

    Raises
    ------
    InvalidInput
        If they do not overlap, or a method has to be given.
    """
    same_crs = _is_same_crs(space, other)
    if is_class and method in _OF_CLASSES:
        method = _OF_CLASSES[method]
    if same_crs:
        exact = _exact(space, other)
        if exact is not None:
            return exact, EXACT
    if not same_crs and method is None:
        what = f"in another CRS ({_name(other.crs)}) than {space.shown} ({_name(space.crs)})"
        raise _unlike(other, what, is_class=is_class)
    _refuse_apart(space, other, same_crs=same_crs)
    if isinstance(other, Raster):
        if isinstance(space, Raster):
            if method is None:
                raise _unlike(other, f"on another grid than {space.shown}", is_class=is_class)
            return _warped(space, other, method), method
        method = method or ("mode" if is_class else "average")
        return _zonal(space, other, method, same_crs=same_crs), method
    if method is None:
        if isinstance(space, Features):
            raise _unlike(other, f"of other polygons than {space.shown}", is_class=is_class)
        method = "nearest"
    return _of_polygons(space, other, method, same_crs=same_crs), method


def _exact(space: Layer, other: Layer) -> NDArray[Any] | None:
    """Return the values where the cells are the same; None where they are not."""
    if isinstance(space, Raster) and isinstance(other, Raster):
        return _copied(space, other)
    if isinstance(space, Features) and isinstance(other, Features):
        import shapely  # noqa: PLC0415  (as above)

        same = len(space.geometry) == len(other.geometry) and bool(
            shapely.equals_exact(space.geometry, other.geometry).all()
        )
        return other.values if same else None
    return None


def _copied(space: Raster, other: Raster) -> NDArray[Any] | None:
    """Return the values of the same pixels, NaN beyond the other raster; None if the grids are unlike."""
    rows, cols = space.values.shape
    if space.transform is None or other.transform is None:
        alike = space.transform is other.transform and space.values.shape == other.values.shape
        return other.values if alike else None
    to_other = ~other.transform @ space.transform
    size = max(rows, cols)
    turns = (abs(to_other.a) - 1, abs(to_other.e) - 1, to_other.b, to_other.d)
    start = to_other @ (0.0, 0.0)
    if max(map(abs, turns)) * size > _ALIGNED or any(abs(one - round(one)) > _ALIGNED for one in start):
        return None
    row = np.floor(to_other.e * (np.arange(rows) + 0.5) + to_other.f).astype(np.int64)
    col = np.floor(to_other.a * (np.arange(cols) + 0.5) + to_other.c).astype(np.int64)
    there = [(one >= 0) & (one < length) for one, length in zip((row, col), other.values.shape, strict=True)]
    if all(one.all() for one in there):
        return other.values[np.ix_(row, col)]
    if not all(one.any() for one in there):
        return None
    found = np.full(space.values.shape, np.nan)
    found[np.ix_(*there)] = other.values[np.ix_(row[there[0]], col[there[1]])]
    return found


def _warped(space: Raster, other: Raster, method: Method) -> Floats:
    from rasterio.warp import Resampling, reproject  # noqa: PLC0415  (few runs resample)

    _refuse_placeless(space, other)
    found = np.full(space.values.shape, np.nan)
    local = "EPSG:3857"  # both are in one CRS that is not known: coordinates stay as they are
    reproject(
        other.values.astype(np.float64),
        found,
        src_transform=other.transform,
        src_crs=other.crs or space.crs or local,
        dst_transform=space.transform,
        dst_crs=space.crs or other.crs or local,
        src_nodata=np.nan,
        dst_nodata=np.nan,
        resampling=Resampling[method],
    )
    return found


def _zonal(space: Features, other: Raster, method: Method, *, same_crs: bool) -> Floats:
    """Return a value for each polygon; without the centre of a pixel it has the pixel at its own centre."""
    import shapely  # noqa: PLC0415  (as above)

    from dissmodel.io.cells import burn  # noqa: PLC0415  (as above)

    _refuse_placeless(other)
    if method == "bilinear":
        raise InvalidInput(
            f"{other.shown}: from a raster onto polygons there is no bilinear.",
            "--resample average, mode or nearest",
            code="resample",
        )
    geometry = space.geometry if same_crs else _in_crs(space, other.crs)
    there = ~(shapely.is_missing(geometry) | shapely.is_empty(geometry))
    centres = np.full((len(geometry), 2), np.nan)
    centres[there] = shapely.get_coordinates(shapely.centroid(geometry[there]))
    at_centres = _at(other, centres)
    if method == "nearest":
        return at_centres
    values = other.values.astype(np.float64)
    zones = burn(geometry, values.shape, other.transform)
    counts = (zones >= 0) & ~np.isnan(values)
    zone, value = zones[counts], values[counts]
    found = _combined(zone, value, np.ones(len(zone)), len(geometry), method)
    return np.where(np.bincount(zone, minlength=len(geometry)) > 0, found, at_centres)


def _at(other: Raster, points: Floats) -> Floats:
    """Return the values of the pixels at points, NaN beyond the raster; shape (n,)."""
    rows, cols = other.values.shape
    inverse = ~other.transform
    col = np.floor(inverse.a * points[:, 0] + inverse.b * points[:, 1] + inverse.c)
    row = np.floor(inverse.d * points[:, 0] + inverse.e * points[:, 1] + inverse.f)
    with np.errstate(invalid="ignore"):
        inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
    found = np.full(len(points), np.nan)
    found[inside] = other.values[row[inside].astype(int), col[inside].astype(int)]
    return found


def _of_polygons(space: Layer, other: Features, method: Method, *, same_crs: bool) -> Floats:
    import shapely  # noqa: PLC0415  (as above)

    from dissmodel.io.cells import burn  # noqa: PLC0415  (as above)

    if method == "bilinear":
        raise InvalidInput(
            f"{other.shown}: from polygons there is no bilinear.",
            "--resample nearest, mode or average",
            code="resample",
        )
    geometry = other.geometry if same_crs else _in_crs(other, space.crs)
    values = other.values.astype(np.float64)
    if isinstance(space, Raster):
        _refuse_placeless(space)
        if method == "nearest":
            at = burn(geometry, space.values.shape, space.transform)
            return np.where(at >= 0, values[at], np.nan)
        cells = _boxes(space)
        return _by_share(cells, geometry, values, method).reshape(space.values.shape)
    if method == "nearest":
        centres = shapely.centroid(space.geometry)
        point, polygon = shapely.STRtree(geometry).query(centres, predicate="intersects")
        found = np.full(len(space.geometry), np.nan)
        found[point[::-1]] = values[polygon[::-1]]  # of several the first
        return found
    return _by_share(space.geometry, geometry, values, method)


def _boxes(space: Raster) -> NDArray[np.object_]:
    """Return the pixels as polygons, row by row; shape (n,)."""
    import shapely  # noqa: PLC0415  (as above)

    row, col = np.divmod(np.arange(space.values.size), space.values.shape[1])
    to = space.transform
    corners = [(col + right, row + down) for right, down in ((0, 0), (1, 0), (1, 1), (0, 1))]
    rings = [np.stack([to.a * x + to.b * y + to.c, to.d * x + to.e * y + to.f], 1) for x, y in corners]
    return np.asarray(shapely.polygons(np.stack(rings, 1)), np.object_)


def _by_share(
    cells: NDArray[np.object_], polygons: NDArray[np.object_], values: Floats, method: Method
) -> Floats:
    import shapely  # noqa: PLC0415  (as above)

    cell, polygon = shapely.STRtree(polygons).query(cells, predicate="intersects")
    order = np.lexsort((polygon, cell))
    cell, polygon = cell[order], polygon[order]
    share = shapely.area(shapely.intersection(cells[cell], polygons[polygon]))
    counts = (share > 0) & ~np.isnan(values[polygon])
    return _combined(cell[counts], values[polygon[counts]], share[counts], len(cells), method)


def _combined(cell: NDArray[np.int64], value: Floats, weight: Floats, count: int, method: Method) -> Floats:
    """Return for each of `count` cells the weighted mean of its values, or the value of most weight.

    Of values with the same weight the smallest counts; NaN where a cell has no value.
    """
    total = np.bincount(cell, weight, count)
    if method == "average":
        with np.errstate(invalid="ignore"):
            return np.asarray(np.bincount(cell, weight * value, count) / total)
    found = np.full(count, np.nan)
    if not len(cell):
        return found
    pairs, which = np.unique(np.stack([cell.astype(np.float64), value], 1), axis=0, return_inverse=True)
    sums = np.bincount(which.ravel(), weight)
    best = np.lexsort((-pairs[:, 1], sums, pairs[:, 0]))  # the last of each cell has the most
    found[pairs[best, 0].astype(int)] = pairs[best, 1]
    return found


def _is_same_crs(space: Layer, other: Layer) -> bool:
    """Tell whether both have one CRS; one that is not known is taken for the other's."""
    if space.crs is None or other.crs is None or space.crs == other.crs:
        return True
    from pyproj import CRS  # noqa: PLC0415  (equal ones need none of it)

    first, second = (CRS.from_user_input(one.crs.to_wkt()) for one in (space, other))
    return bool(first.equals(second, ignore_axis_order=True))


def _in_crs(features: Features, crs: Any) -> NDArray[np.object_]:
    import geopandas as gpd  # noqa: PLC0415  (as above)

    there = gpd.GeoSeries(features.geometry, crs=features.crs).to_crs(crs.to_wkt())
    return np.asarray(there.to_numpy(), np.object_)


def _refuse_placeless(*rasters: Raster) -> None:
    for one in rasters:
        if one.transform is None:
            raise InvalidInput(
                f"{one.shown} has no georeference, so it is not known where its pixels are.",
                "Give it one: gdal_edit.py -a_srs EPSG:N -a_ullr WEST NORTH EAST SOUTH FILE.tif",
                code="no_crs",
            )


def _refuse_apart(space: Layer, other: Layer, *, same_crs: bool) -> None:
    if any(isinstance(one, Raster) and one.transform is None for one in (space, other)):
        return
    bounds = other.bounds
    if not same_crs:
        from rasterio.warp import transform_bounds  # noqa: PLC0415  (few runs need it)

        bounds = transform_bounds(other.crs.to_wkt(), space.crs.to_wkt(), *bounds)
    west, south, east, north = space.bounds
    if bounds[0] >= east or bounds[2] <= west or bounds[1] >= north or bounds[3] <= south:
        raise InvalidInput(
            f"{other.shown} ({_extent(bounds)}) and {space.shown} ({_extent(space.bounds)}) do not overlap.",
            "Check the CRS of both: gdalinfo FILE, or give a dataset of the same place.",
            code="no_overlap",
        )


def _unlike(other: Layer, what: str, *, is_class: bool) -> InvalidInput:
    methods = "nearest or mode"
    if not is_class:
        is_raster = isinstance(other, Raster)
        methods = "nearest, bilinear or average" if is_raster else "nearest or average (by area)"
    return InvalidInput(
        f"{other.shown} is {what}.",
        f"Say how its values are read onto the cells, with --resample {methods}",
        code="resample",
    )


def _extent(bounds: tuple[float, ...]) -> str:
    return "x {:.9g} to {:.9g}, y {:.9g} to {:.9g}".format(*(bounds[at] for at in (0, 2, 1, 3)))


def _name(crs: Any) -> str:
    if crs is None:
        return "unknown"
    epsg = crs.to_epsg()
    return f"EPSG:{epsg}" if epsg else str(getattr(crs, "name", None) or crs.to_string())[:80]
