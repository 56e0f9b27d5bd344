"""Where the cells of a dataset are, pixels of a grid or polygons, and the order in which they are visited."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.record.schema import ORDER_OF_THE_FILE, ORDER_OF_THE_INPUT, ORDER_OF_THE_MAP, Grid

if TYPE_CHECKING:
    from affine import Affine
    from geopandas import GeoDataFrame
    from rasterio.crs import CRS

    from dissmodel.cells.near import Topology
    from dissmodel.cells.places import Places
    from dissmodel.geo.vector.sparse import Neighborhood

_INT32_CELLS = 2**31
_CORNERS = 5
_SAME = 1e-6  # of a cell


@dataclass(frozen=True, kw_only=True, eq=False)
class Pixels:
    """Cells that are pixels.

    Attributes
    ----------
    inside : ndarray of bool, shape (rows, cols)
        Where the cells are; the northernmost row first, the westernmost column first, but for a rotated grid
        and one without a transform, which are as their file stores them.
    order : ndarray of integers, shape (rows, cols), or None
        The place of each cell in visiting order, -1 where no cell is; None: row by row.
    transform, crs
        As the file has them, and so not turned; None: it has none.
    flipped : tuple of (bool, bool)
        Whether the file stores its rows from south to north, and its columns from east to west.
    """

    inside: NDArray[np.bool_]
    order: NDArray[np.signedinteger[Any]] | None = None
    transform: Affine | None = None
    crs: CRS | None = None
    flipped: tuple[bool, bool] = (False, False)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, cols = self.inside.shape
        return rows, cols

    @cached_property
    def cells(self) -> int:
        """The number of cells."""
        return int(np.count_nonzero(self.inside))

    @cached_property
    def flat(self) -> NDArray[np.intp] | None:
        """The pixel of each cell in visiting order, counted row by row; None: all pixels, row by row."""
        if self.order is None:
            return None if self.inside.all() else np.flatnonzero(self.inside)
        flat = np.empty(self.cells, np.intp)
        flat[self.order[self.inside]] = np.flatnonzero(self.inside)
        return flat

    def on_cells(self, picture: NDArray[Any]) -> NDArray[Any]:
        """Return the values of a picture, which has the shape of `inside`, over the cells."""
        flat = self.flat
        return picture.ravel() if flat is None else picture.ravel()[flat]

    def picture(self, values: NDArray[Any], outside: float) -> NDArray[Any]:
        """Return values over the cells as a picture; a picture as it is."""
        if values.ndim == 2:  # noqa: PLR2004  (rows and columns)
            return values
        flat = self.flat
        if flat is None:
            return values.reshape(self.inside.shape)
        picture = np.full(self.inside.size, outside, values.dtype)
        picture[flat] = values
        return picture.reshape(self.inside.shape)

    def as_stored(self, picture: NDArray[Any], rows: slice | tuple[slice, slice]) -> NDArray[Any]:
        """Return rows of the file, or rows and columns, of a picture: a view."""
        return turned(picture, self.flipped)[rows]

    def topology(self, kind: str, radius: float | None, k: int | None) -> Topology:
        """Return who is whose neighbour."""
        from dissmodel.cells.near import pixel_topology  # noqa: PLC0415  (kernels of a model's own need none)

        return pixel_topology(self, kind, radius=radius, k=k)

    @cached_property
    def places(self) -> Places:
        """Where the cells are."""
        from dissmodel.cells.places import PixelPlaces  # noqa: PLC0415  (as above)

        return PixelPlaces(self.shape, self.flat, self.transform_of_picture, self.crs)

    @property
    def at(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The row and the column of each cell, in visiting order."""
        return np.divmod(np.arange(self.cells) if self.flat is None else self.flat, self.inside.shape[1])

    @property
    def as_pixels(self) -> Pixels:
        """Itself, as polygons return the pixels that they are."""
        return self

    @property
    def transform_of_picture(self) -> Affine:
        """The transform of `inside`, whatever way round the file stores it; without one, pixels are units."""
        from affine import Affine  # noqa: PLC0415  (see `placed`)

        if self.transform is None:
            return Affine.identity()
        rows, cols = self.inside.shape
        a, b, c, d, e, f = self.transform[:6]
        if self.flipped[0]:
            e, f = -e, f + rows * e
        if self.flipped[1]:
            a, c = -a, c + cols * a
        return Affine(a, b, c, d, e, f)

    def place(self, cell: int) -> str:
        """Return where a cell is in its file, for people."""
        flat = self.flat
        rows, cols = self.shape
        row, col = divmod(cell if flat is None else int(flat[cell]), cols)
        row = rows - 1 - row if self.flipped[0] else row
        col = cols - 1 - col if self.flipped[1] else col
        return f"row {row}, column {col}, counted from 0"

    @property
    def said(self) -> str:
        """The size, for people."""
        rows, cols = self.shape
        return f"{rows} rows × {cols} columns"

    @property
    def grid(self) -> Grid:
        """The grid, as a record has it."""
        order = ORDER_OF_THE_INPUT
        if self.order is None:
            turned = self.transform is not None and not is_rotated(self.transform)
            order = ORDER_OF_THE_MAP if turned else ORDER_OF_THE_FILE
        return Grid(
            shape=self.shape,
            transform=None if self.transform is None else tuple(self.transform)[:6],
            crs=None if self.crs is None else self.crs.to_wkt(),
            cells=self.cells,
            order=order,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Polygons:
    """Cells that are polygons, one for each feature, visited in the order of the features.

    `found` is canonical name → name of the column.
    """

    frame: GeoDataFrame
    found: Mapping[str, str]

    @property
    def cells(self) -> int:
        """The number of cells."""
        return len(self.frame)

    @cached_property
    def touching(self) -> Topology:
        """Who is whose neighbour, where no columns say the row and the column."""
        from dissmodel.cells.near import polygon_topology  # noqa: PLC0415  (see `Pixels.topology`)

        return polygon_topology(self.frame)

    @cached_property
    def neighborhood(self) -> Neighborhood:
        """Who is whose neighbour, as numbers of cells, for kernels of a model's own."""
        from dissmodel.geo.vector.neighborhood import grid, neighborhood_of  # noqa: PLC0415  (as above)

        return neighborhood_of(self.frame) if self.pixels is None else grid(*self.pixels.at)

    def on_cells(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the values, which are one for each cell."""
        return values

    def picture(self, values: NDArray[Any], outside: float) -> NDArray[Any]:
        """Return values over the cells as a picture; raise UsageError where they are on no grid."""
        return self.as_pixels.picture(values, outside)

    def topology(self, kind: str, radius: float | None, k: int | None) -> Topology:
        """Return who is whose neighbour."""
        from dissmodel.cells.near import GRID_KINDS, polygon_topology  # noqa: PLC0415  (see `Pixels.topology`)

        if self.pixels is not None and kind in GRID_KINDS and k is None:
            return self.pixels.topology(kind, radius, k)
        if (kind, radius, k) == ("moore", None, None):
            return self.touching
        return polygon_topology(self.frame, kind, radius=radius, k=k)

    @cached_property
    def places(self) -> Places:
        """Where the cells are: those of pixels where polygons fill the pixels of a grid, with equal bits."""
        from dissmodel.cells.places import PolygonPlaces  # noqa: PLC0415  (see `Pixels.topology`)

        rectangles = (self.frame.geometry.count_coordinates() == _CORNERS).all()
        with contextlib.suppress(InvalidInput):
            if rectangles and _fill(self.frame, self.as_pixels):
                return self.as_pixels.places
        return PolygonPlaces(self.frame, self.frame.crs)

    @property
    def pixels(self) -> Pixels | None:
        """The cells as pixels, where columns say the row and the column of each.

        Where they don't, the geometry decides who is whose neighbour.
        """
        return self.as_pixels if {"row", "col"} <= self.found.keys() else None

    @cached_property
    def as_pixels(self) -> Pixels:
        """The same cells as pixels of their grid; raises InvalidInput if they are the cells of none."""
        return placed(self)[0]

    def place(self, cell: int) -> str:
        """Return which feature a cell is, for people."""
        return f"feature {cell}, counted from 0"

    @property
    def said(self) -> str:
        """What they are, for people."""
        return "polygons"


Layout: TypeAlias = Pixels | Polygons


def placed(polygons: Polygons, resolution: float | None = None) -> tuple[Pixels, NDArray[np.int64]]:
    """Return polygons as pixels, and which feature each pixel is, -1 outside, shape (rows, cols).

    Each feature is one pixel of their grid. A resolution that is not the grid's resamples them, and then the
    pixels of a feature follow each other in visiting order, row by row.

    Raises
    ------
    InvalidInput
        If no resolution is given and they are the cells of no grid, or no pixel is in a feature.
    """
    from affine import Affine  # noqa: PLC0415  (a raster has loaded it, and polygons may do without)
    from rasterio.crs import CRS  # noqa: PLC0415  (as above)

    frame = polygons.frame
    index, transform = _features(frame, polygons.found, resolution)
    inside = index >= 0
    features = index[inside]
    order = None
    if np.any(features[1:] < features[:-1]):
        order = ranked(np.argsort(features, kind="stable"), inside)
    pixels = Pixels(
        inside=inside,
        order=order,
        # A corner of -0.0 is one of 0.0 once it was written and read.
        transform=Affine(*(part + 0.0 for part in transform[:6])),
        crs=None if frame.crs is None else CRS.from_user_input(frame.crs),
    )
    return pixels, index


def _features(
    frame: GeoDataFrame, found: Mapping[str, str], resolution: float | None
) -> tuple[NDArray[np.int64], Affine]:
    """Return which feature each pixel is, -1 outside, and the transform."""
    from dissmodel.io.convert import cells_to_grid, resample_cells  # noqa: PLC0415  (see `placed`)

    try:
        grid = cells_to_grid(frame, row=found.get("row", "row"), col=found.get("col", "col"))
    except InvalidInput:
        if resolution is None:
            raise
    else:
        sides = (grid.transform.a, -grid.transform.e)
        if resolution is None or all(math.isclose(side, resolution, rel_tol=1e-6) for side in sides):
            index = np.full(grid.shape, -1, dtype=np.int64)
            index[grid.rows, grid.cols] = np.arange(len(frame))
            return index, grid.transform
    index, transform = resample_cells(frame, resolution)
    present = np.unique(index[index >= 0]).size
    if not present:
        raise InvalidInput(
            f"No cell is in the space: none covers the centre of a pixel of {resolution:g} m.",
            "Give a smaller one: --param resolution=…",
            code="empty_space",
        )
    if present < len(frame):
        warnings.warn(
            f"At a resolution of {resolution:g}, {len(frame) - present} of {len(frame)} cells have no pixel.",
            DissmodelWarning,
            stacklevel=2,
        )
    return index, transform


def ranked(visit: NDArray[np.intp], inside: NDArray[np.bool_]) -> NDArray[np.signedinteger[Any]]:
    """Return the place of each cell in visiting order, given the cells, counted row by row, in this order."""
    places = np.empty(visit.size, rank_type(visit.size))
    places[visit] = np.arange(visit.size, dtype=places.dtype)
    return on_grid(places, inside)


def on_grid(
    places: NDArray[np.signedinteger[Any]], inside: NDArray[np.bool_]
) -> NDArray[np.signedinteger[Any]]:
    """Return places of the cells, row by row, as a picture with -1 outside."""
    order = np.full(inside.shape, -1, dtype=places.dtype)
    order[inside] = places
    return order


def rank_type(cells: int) -> type[np.signedinteger[Any]]:
    """Return the type of numbers of so many cells."""
    return np.int32 if cells <= _INT32_CELLS else np.int64


def _fill(frame: GeoDataFrame, pixels: Pixels) -> bool:
    """Return whether each quadrangle is its pixel, but for the rounding of its coordinates."""
    import shapely  # noqa: PLC0415  (a frame has loaded it)

    polygons = np.asarray(frame.geometry)
    places = pixels.places
    assert pixels.transform is not None  # polygons on a grid have one
    width, height = pixels.transform.a, -pixels.transform.e
    west, south, east, north = shapely.bounds(polygons).T
    return bool(
        (np.abs(shapely.area(polygons) / (width * height) - 1) < _SAME).all()
        and all(
            (np.abs(found - expected) < _SAME * size).all()
            for found, expected, size in (
                (west, places.x - width / 2, width),
                (east, places.x + width / 2, width),
                (south, places.y - height / 2, height),
                (north, places.y + height / 2, height),
            )
        )
    )


def is_rotated(transform: Affine) -> bool:
    """Return whether rows and columns of a grid don't run along the axes of its coordinates."""
    return bool(transform.b or transform.d)


def turned(picture: NDArray[Any], flipped: tuple[bool, bool]) -> NDArray[Any]:
    """Return a picture with its rows and columns the other way round where a file is `flipped`: a view."""
    return picture[:: -1 if flipped[0] else 1, :: -1 if flipped[1] else 1]
