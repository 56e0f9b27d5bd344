"""A dataset as it is drawn: what the pixels of a canvas show of it, and exact counts of all of it.

A raster is read window by window, once, whatever its size.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio import Affine

from dissmodel.cells.places import PixelPlaces
from dissmodel.comparison.raster import Raster
from dissmodel.errors import DissmodelWarning
from dissmodel.io.content_raster import BLOCK, windows
from dissmodel.io.geotiff import naming_damage, opened
from dissmodel.io.locate import kind_of, locate
from dissmodel.preview.canvas import Bounds, Canvas, Floats, Shape, differ, metres_per_unit
from dissmodel.preview.placing import Placing, cells_at, parts, placing
from dissmodel.preview.shapes import Shapes
from dissmodel.preview.tally import Change, Layer
from dissmodel.visualization.shrink import Places, whole_numbers

if TYPE_CHECKING:
    import geopandas as gpd

Cells: TypeAlias = tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]
"""Values, and where there are any."""

# So many cells are looked at together: that takes several arrays of their size.
_AT_ONCE = 2**18
_ALL = 2**62


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

    @property
    def grid(self) -> Shape | None:
        """Its rows and columns, unless it is turned."""
        return None if self.transform.b or self.transform.d else self.shape

    def values_on(self, name: str, raster: DrawableRaster, window: Any) -> Cells:
        """Return the values of a band in the middle of a raster's cells, and where there are any."""
        if self.is_on_grid_of(raster):
            return self.read(name, window)
        (top, end), (left, stop) = window.toranges()
        col, row = np.meshgrid(np.arange(left, stop) + 0.5, np.arange(top, end) + 0.5)
        x, y = raster.transform @ (col, row)
        return self.values_at(name, x, y, raster.crs)

    def is_on_grid_of(self, other: Drawable) -> bool:
        """Return whether the cells of a dataset are the same."""
        return (
            isinstance(other, DrawableRaster)
            and (self.shape, self.transform) == (other.shape, other.transform)
            and not differ(self.crs, other.crs)
        )

    def feed(self, name: str, state: Layer, canvas: Canvas, earlier: Earlier | None = None) -> None:
        """Add all cells of a band to a layer, and compare them with an earlier state where it is given."""
        on = placing(canvas, self.transform, self.shape, self.crs)
        areas = self._areas()
        for window in self.windows():
            now = self.read(name, window)
            was = None if earlier is None else earlier.on_cells_of(self, window)
            rows, cols = (slice(*bounds) for bounds in window.toranges())
            for part in parts(window.height, window.width, _AT_ONCE):
                some = slice(rows.start + part.start, rows.start + part.stop)
                area = areas if areas is None or isinstance(areas, float) else areas[some, np.newaxis]
                piece = _Piece(on, some, cols, on.places(some, cols), area)
                new = (now[0][part], now[1][part])
                piece.add(state, new)
                if earlier is not None and was is not None:
                    earlier.compare(piece, (was[0][part], was[1][part]), new)
            ends = on.open_places(rows.stop)
            if cols.stop == self.shape[1]:
                state.settle(*ends)
                if earlier is not None:
                    earlier.settle(*ends)

    def read(self, name: str, window: Any) -> Cells:
        """Return the values of a band in a window, and where there are any."""
        ((values, masked),) = self._raster.read([name], window)
        there = ~masked
        if values.dtype.kind == "f":
            there &= np.isfinite(values)
        absent = self._said_absent(name)
        if absent is not None:
            there &= values != absent
        return values, there

    def values_at(self, name: str, x: Floats, y: Floats, crs: CRS | None) -> Cells:
        """Return the values of a band at coordinates of a CRS, and where there are any."""
        rows, cols = cells_at(x, y, self.transform, self.shape, given=crs, own=self.crs)
        values = np.full(rows.shape, np.nan)
        inside = rows >= 0
        if inside.any():
            ends = [(int(one[inside].min()), int(one[inside].max())) for one in (rows, cols)]
            for window in self.windows(*ends):
                here = inside & (rows >= window.row_off) & (rows < window.row_off + window.height)
                here &= (cols >= window.col_off) & (cols < window.col_off + window.width)
                found = _with_gaps(*self.read(name, window))
                values[here] = found[rows[here] - window.row_off, cols[here] - window.col_off]
        return values, ~np.isnan(values)

    def _areas(self) -> float | Floats | None:
        """Return the area of a cell, m²; one for each row in degrees; None where it is not known."""
        unit = metres_per_unit(self.crs)
        if unit is not None:
            return float(abs(self.transform.determinant) * unit**2)
        places = PixelPlaces((self.shape[0], 1), None, self.transform, self.crs)
        return places.area if places.has_areas else None

    def windows(self, rows: Shape = (0, _ALL), cols: Shape = (0, _ALL)) -> Iterator[Any]:
        """Yield windows as the file is cut, those with the given first and last row and column."""
        end = min(self.shape[0], rows[1] + 1)
        for top in range(rows[0] // BLOCK * BLOCK, end, BLOCK):
            for window in windows(self._raster.dataset, 1, top, min(BLOCK, self.shape[0] - top)):
                (first, stop), (left, right) = window.toranges()
                if first <= rows[1] and stop > rows[0] and left <= cols[1] and right > cols[0]:
                    yield window

    def _said_absent(self, name: str) -> float | None:
        """Return the nodata value in the band's tag, if it holds a number."""
        with naming_damage(self._shown):
            tag = self._raster.dataset.tags(self._raster.numbers[name]).get("nodata")
        try:
            return None if tag is None else float(tag)
        except ValueError:
            return None


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
        self.shapes = Shapes(frame.geometry)

    @property
    def grid(self) -> Shape | None:
        """Rows and columns, where each feature is a cell of one grid or as large as such a cell."""
        return self.shapes.grid

    def column(self, name: str) -> Floats:
        """Return a column as float64, NaN where it is null."""
        return np.asarray(self._frame[name].to_numpy(dtype=np.float64, na_value=np.nan))

    def feed(self, name: str, state: Layer, canvas: Canvas, earlier: Earlier | None = None) -> None:
        """Add all features of a column to a layer, and compare them with an earlier state if it is given."""
        values = self.column(name)
        is_there = np.isfinite(values)
        on = self.shapes.on(canvas)
        areas = self.shapes.areas(canvas.crs if self.crs is not None else None)
        state.counts.add(values[is_there], None if areas is None else areas[is_there])
        for places, features, weights in on.parts(is_there):
            state.add(places, values[features], weights)
        if earlier is not None:
            was = earlier.on_features_of(self)
            both = is_there & np.isfinite(was)
            for places, features, weights in on.parts(both, both & (was != values)):
                earlier.change.add(places, was[features], values[features], weights)

    def share_shapes(self, other: DrawableLayer) -> None:
        """Take the shapes of other features, with what is known of them, if they are equal."""
        if not differ(self.crs, other.crs) and self.shapes.equal(other.shapes):
            self.shapes = other.shapes

    def values_at(self, name: str, x: Floats, y: Floats, crs: CRS | None) -> Cells:
        """Return the values of a column at coordinates of a CRS, and where there are any."""
        return self._taken(name, self.shapes.at(x, y, crs if differ(crs, self.crs) else self.crs))

    def values_on(self, name: str, raster: DrawableRaster, window: Any) -> Cells:
        """Return the values of a column in the middle of a raster's cells, and where there are any."""
        place = raster.transform @ Affine.translation(window.col_off, window.row_off)
        crs = raster.crs if differ(raster.crs, self.crs) else self.crs
        return self._taken(name, self.shapes.under((window.height, window.width), place, crs))

    def _taken(self, name: str, features: Places) -> Cells:
        values = np.append(self.column(name), np.nan)[features]
        return values, np.isfinite(values)


Drawable: TypeAlias = DrawableRaster | DrawableLayer


@dataclass(frozen=True)
class Earlier:
    """An earlier state, with which another is compared.

    `state` takes its cells where they are the same as those of the later state, which are read together.
    """

    source: Drawable
    name: str
    change: Change
    state: Layer | None

    def compare(self, piece: _Piece, old: Cells, new: Cells) -> None:
        """Add what changed in a piece of a later state, and the cells if they were read together."""
        if self.state is not None:
            piece.add(self.state, old)
        both = old[1] & new[1]
        if piece.places is not None:
            here = both & (piece.places >= 0)
            self.change.add(piece.places[here], old[0][here], new[0][here])
        if piece.on.has_points:
            gone, come = (_with_gaps(values, both) for values, _ in (old, new))
            became = np.where(gone != come, come, np.nan)
            for points, values in zip(self.change.points, (became, come - gone), strict=True):
                piece.on.fill(points, piece.rows, piece.cols, values)

    def on_cells_of(self, raster: DrawableRaster, window: Any) -> Cells:
        """Return the values in the middle of a raster's cells, and where there are any."""
        return self.source.values_on(self.name, raster, window)

    def on_features_of(self, layer: DrawableLayer) -> Floats:
        """Return the values where features are, NaN where there are none."""
        if isinstance(self.source, DrawableLayer) and self.source.shapes is layer.shapes:
            return self.source.column(self.name)
        x, y = layer.shapes.inner_points()
        return _with_gaps(*self.source.values_at(self.name, x, y, layer.crs))

    def settle(self, first: int, end: int) -> None:
        """See `Layer.settle`."""
        self.change.settle(first, end)
        if self.state is not None:
            self.state.settle(first, end)


class States(NamedTuple):
    """What a canvas shows of a state, of an earlier state, and of what changed between them."""

    after: Layer
    before: Layer | None
    change: Change | None


def gather(
    canvas: Canvas,
    after: tuple[Drawable, str],
    before: tuple[Drawable, str] | None = None,
    codes: Collection[int] | None = None,
) -> States:
    """Read a state, and an earlier state if it is given: each a dataset and the name of its band or column.

    `codes` are those of the classes; None: whether they are classes is found out.
    """
    new = Layer(canvas, codes)
    if before is None:
        after[0].feed(after[1], new, canvas)
        return States(new, None, None)
    old, change = Layer(canvas, codes), Change(canvas, codes)
    if isinstance(before[0], DrawableLayer) and isinstance(after[0], DrawableLayer):
        before[0].share_shapes(after[0])
    is_read_together = isinstance(before[0], DrawableRaster) and before[0].is_on_grid_of(after[0])
    earlier = Earlier(*before, change, old if is_read_together else None)
    after[0].feed(after[1], new, canvas, earlier)
    if not is_read_together:
        before[0].feed(before[1], old, canvas)
    return States(new, old, change)


@contextmanager
def open_map(
    uri: str | os.PathLike[str], fmt: str = "auto", layer: str | None = None, *, whole: bool = False
) -> Iterator[Drawable]:
    """Open a dataset for the time of the block; of a series the last state, with `whole` all of them.

    Raises DissmodelError as `dissmodel.io.locate.locate` and what reads the format.
    """
    if kind_of(uri, fmt, layer) == "raster":
        with locate(uri, fmt, layer) as found, opened(found.path, found.shown, whole=whole) as dataset:
            if getattr(dataset, "is_grid", True):
                yield DrawableRaster(Raster(dataset, found.shown), found.shown)
            else:  # the last state of a series of cells that are no pixels
                yield DrawableLayer(dataset.points())
    else:
        from dissmodel.io.vector import load_gdf  # noqa: PLC0415  (it loads pandas)

        yield DrawableLayer(load_gdf(uri, layer=layer)[0])


class _Piece(NamedTuple):
    """A rectangle of cells: where it is, the pixel of each cell, and the area of each, m²."""

    on: Placing
    rows: slice
    cols: slice
    places: Places | None
    area: Floats | float | None

    def add(self, state: Layer, cells: Cells) -> None:
        """Add the cells to a layer; to its counts alone where they have no pixels."""
        values, there = cells
        area = self.area
        areas = (
            area if area is None or isinstance(area, float) else np.broadcast_to(area, values.shape)[there]
        )
        known = values[there]
        whole = whole_numbers(known)
        state.counts.add(known, areas, whole)
        if self.on.has_points:
            self.on.fill(state.points, self.rows, self.cols, _with_gaps(*cells))
        if self.places is None:
            return
        places = self.places[there]
        on = places >= 0
        if on.all():
            state.add(places, known, None, whole)
        else:
            state.add(places[on], known[on])


def _with_gaps(values: npt.NDArray[Any], there: npt.NDArray[np.bool_]) -> Floats:
    """Return values as float64, NaN where there are none."""
    return np.where(there, values, np.nan).astype(np.float64, copy=False)


def _crs(wkt: str | None) -> CRS | None:
    if wkt is None:
        return None
    try:
        return CRS.from_wkt(wkt)
    except CRSError:
        warnings.warn("The CRS can't be read; areas are cells.", DissmodelWarning, stacklevel=2)
        return None
