"""A dataset as it is drawn: its values at the points of a small grid, and exact counts of all of them.

A raster is read window by window, once, whatever its size.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from rasterio import Affine

from dissmodel.comparison.raster import Raster
from dissmodel.errors import DissmodelWarning
from dissmodel.io.content_raster import BLOCK, windows
from dissmodel.io.geotiff import naming_damage, opened
from dissmodel.io.locate import kind_of, locate
from dissmodel.preview.amounts import CellCounts
from dissmodel.preview.canvas import Bounds, Canvas, Floats, differ, metres_per_unit

if TYPE_CHECKING:
    import geopandas as gpd

_POINT_PIXELS = 1.5


class Sampled(NamedTuple):
    """Values at the points of a canvas, NaN where there is no value, and the counts of all values."""

    values: Floats
    counts: CellCounts


class DrawableRaster:
    """A GeoTIFF that is open: `names` are its bands of real numbers, `numbers` their numbers in the file.

    Without a georeference (`placed` is False) its coordinates are column and row, the first row on top.
    """

    def __init__(self, raster: Raster, shown: str) -> None:
        self._raster, self._shown = raster, shown
        dataset = raster.dataset
        self.names = tuple(name for name in raster.numbers if np.dtype(raster.dtype(name)).kind in "iuf")
        self.numbers = raster.numbers
        self.crs = _crs(dataset.crs.to_wkt() if dataset.crs else None)
        self.shape: tuple[int, int] = dataset.shape
        self.placed = not dataset.transform.is_identity
        self.transform = dataset.transform if self.placed else Affine(1.0, 0.0, 0.0, 0.0, -1.0, 0.0)

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north of its corners, also where it is turned."""
        rows, cols = self.shape
        corners = [self.transform @ at for at in ((0, 0), (cols, 0), (0, rows), (cols, rows))]
        x, y = zip(*corners, strict=True)
        return min(x), min(y), max(x), max(y)

    def sample(self, name: str, canvas: Canvas) -> Sampled:
        """Return a band at the points of a canvas, and the counts of all its cells."""
        counts = CellCounts()
        unit = metres_per_unit(self.crs)
        area = None if unit is None else abs(self.transform.determinant) * unit**2
        absent = self._said_absent(name)
        picked = np.full(canvas.shape, np.nan)
        rows, cols = self._cells_under(canvas)
        for window in self._windows():
            ((band, masked),) = self._raster.read([name], window)
            there = ~masked
            if band.dtype.kind == "f":
                there &= np.isfinite(band)
            if absent is not None:
                there &= band != absent
            counts.add(band[there], area)
            here = (
                (rows >= window.row_off)
                & (rows < window.row_off + window.height)
                & (cols >= window.col_off)
                & (cols < window.col_off + window.width)
            )
            at = (rows[here] - window.row_off, cols[here] - window.col_off)
            picked[here] = np.where(there[at], band[at].astype(np.float64), np.nan)
        return Sampled(picked, counts)

    def _windows(self) -> Iterator[Any]:
        rows = self.shape[0]
        for top in range(0, rows, BLOCK):
            yield from windows(self._raster.dataset, 1, top, min(BLOCK, rows - top))

    def _said_absent(self, name: str) -> float | None:
        """Return the nodata value in the band's tag, if it holds a number."""
        with naming_damage(self._shown):
            tag = self._raster.dataset.tags(self._raster.numbers[name]).get("nodata")
        try:
            return None if tag is None else float(tag)
        except ValueError:
            return None

    def _cells_under(self, canvas: Canvas) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return row and column under each point, -1 where there is no cell."""
        x, y = canvas.points()
        if differ(canvas.crs, self.crs):
            x, y = Transformer.from_crs(canvas.crs, self.crs, always_xy=True).transform(x, y)
        a, b, c, d, e, f = tuple(~self.transform)[:6]
        col, row = np.floor(a * x + b * y + c), np.floor(d * x + e * y + f)
        inside = (row >= 0) & (row < self.shape[0]) & (col >= 0) & (col < self.shape[1])
        return (
            np.where(inside, row, -1).astype(np.int64),
            np.where(inside, col, -1).astype(np.int64),
        )


class DrawableLayer:
    """Features: `names` are their columns of real numbers; where two overlap, the later one is seen."""

    def __init__(self, frame: gpd.GeoDataFrame) -> None:
        self._frame = frame
        self.names = tuple(
            str(name)
            for name in frame.columns
            if name != frame.geometry.name and frame[name].dtype.kind in "iufb"
        )
        self.crs: CRS | None = frame.crs
        west, south, east, north = map(float, frame.total_bounds)
        self.bounds = (west, south, east, north)

    def column(self, name: str) -> Floats:
        """Return a column as float64, NaN where it is null."""
        return np.asarray(self._frame[name].to_numpy(dtype=np.float64, na_value=np.nan))

    def has_cells_of(self, other: DrawableLayer) -> bool:
        """Tell whether the features of both have the same geometries, in the same order."""
        one, two = self._frame.geometry, other._frame.geometry
        return len(one) == len(two) and one.crs == two.crs and bool((one.to_wkb() == two.to_wkb()).all())

    def sample(self, name: str, canvas: Canvas) -> Sampled:
        """Return a column at the points of a canvas, and the counts of all its features."""
        import shapely  # noqa: PLC0415  (a raster has no use for it)

        geometry = self._frame.geometry
        if differ(canvas.crs, self.crs):
            geometry = geometry.to_crs(canvas.crs)
        shapes = geometry.to_numpy()
        values = self.column(name)
        there = np.isfinite(values)
        unit = metres_per_unit(canvas.crs if self.crs is not None else None)
        area = None if unit is None else np.nan_to_num(shapely.area(shapes)) * unit**2
        # Points and lines have no area; they are counted, and drawn wide enough to be seen.
        thin = shapely.get_dimensions(shapes) < 2  # noqa: PLR2004  (the dimension of a polygon)
        if area is not None and thin.all():
            area = None
        counts = CellCounts()
        counts.add(values[there], None if area is None else area[there])
        if thin.any():
            shapes = np.where(thin, shapely.buffer(shapes, _POINT_PIXELS * canvas.pixel), shapes)
        x, y = canvas.points()
        points: npt.NDArray[np.object_] = np.asarray(shapely.points(x.ravel(), y.ravel()))
        at, which = shapely.STRtree(shapes).query(points, predicate="within")
        feature = np.full(points.shape, -1, np.int64)
        np.maximum.at(feature, at, which)
        seen = np.where(feature >= 0, values[feature], np.nan)
        return Sampled(seen.reshape(canvas.shape), counts)


Drawable: TypeAlias = DrawableRaster | DrawableLayer


@contextmanager
def open_map(uri: str | os.PathLike[str], fmt: str = "auto", layer: str | None = None) -> Iterator[Drawable]:
    """Open a dataset for the time of the block.

    Raises DissmodelError as `dissmodel.io.locate.locate` and what reads the format.
    """
    if kind_of(uri, fmt, layer) == "raster":
        with locate(uri, fmt, layer) as found, opened(found.path, found.shown) as dataset:
            if getattr(dataset, "is_grid", True):
                yield DrawableRaster(Raster(dataset, found.shown), found.shown)
            else:  # the last state of a series of cells that are no pixels
                yield DrawableLayer(dataset.points())
    else:
        from dissmodel.io.vector import load_gdf  # noqa: PLC0415  (it loads pandas)

        yield DrawableLayer(load_gdf(uri, layer=layer)[0])


def _crs(wkt: str | None) -> CRS | None:
    if wkt is None:
        return None
    try:
        return CRS.from_wkt(wkt)
    except CRSError:
        warnings.warn("The CRS can't be read; areas are cells.", DissmodelWarning, stacklevel=2)
        return None
