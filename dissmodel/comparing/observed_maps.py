"""Maps that are judged together: rasters on one grid, block by block, or layers of the same features."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dissmodel import progress
from dissmodel.cells.places import PixelPlaces, PolygonPlaces
from dissmodel.comparison.raster import Raster, other_grid
from dissmodel.errors import InvalidInput
from dissmodel.io.category_names import category_names
from dissmodel.io.content_vector import columns_of
from dissmodel.io.geotiff import opened
from dissmodel.io.locate import Located
from dissmodel.metrics import ClassTally
from dissmodel.metrics.maps import UNIT, Block, blocks

SIMULATED, OBSERVED, INITIAL = "simulated", "observed", "initial"
_TILE_COLUMNS, _MOST_CELLS, _FEWEST_ROWS = 8 * UNIT, 2**21, 8
_DTYPES = {"boolean": "uint8", "integer": "int64", "real": "float64"}


class MapPart(NamedTuple):
    """Some cells of each map: values and where there are none, in `block` of a raster."""

    maps: list[tuple[NDArray[Any], NDArray[np.bool_]]]
    areas: NDArray[np.float64] | None
    block: Block | None = None


class RasterMaps:
    """Open rasters on one grid.

    `bands` is map → band → number; `same_area` the area of each cell in m², None where they differ or are
    not known; `pixel` its width and height in m, None where these are not known or the grid is rotated.
    """

    unit: Literal["cells", "features"] = "cells"

    def __init__(self, maps: Mapping[str, Located], stack: ExitStack) -> None:
        self._maps = {
            role: Raster(stack.enter_context(opened(one.path, one.shown, whole=True)), one.shown)
            for role, one in maps.items()
        }
        self._first = next(iter(self._maps.values()))
        for one in self._maps.values():
            apart = other_grid(self._first, one)
            if apart:
                raise InvalidInput(
                    f"{one.shown} is not on the grid of {self._first.shown}, A. {' '.join(apart)}",
                    "Maps are compared cell by cell. Bring this map onto that grid first, for example with: "
                    "gdalwarp -r near -te … -tr …",
                    code="other_grid",
                )
        self.shape = self._first.dataset.shape
        self.bands = {role: dict(one.numbers) for role, one in self._maps.items()}
        is_cut = all(one.dataset.block_shapes[0][1] < self.shape[1] for one in self._maps.values())
        self._size = (UNIT, _TILE_COLUMNS)
        if not is_cut:
            height = UNIT
            while height > _FEWEST_ROWS and height * self.shape[1] > _MOST_CELLS:
                height //= 2
            self._size = (height, self.shape[1])
        where = self._first.dataset.transform
        places = PixelPlaces((self.shape[0], 1), None, where, self._first.dataset.crs)
        self.same_area = places.same_area if places.has_areas else None
        self.pixel: tuple[float, float] | None = None  # metres across and down
        if self.same_area is not None and not (where.b or where.d):
            metres = math.sqrt(self.same_area / abs(where.determinant))
            self.pixel = abs(where.a) * metres, abs(where.e) * metres
        self._row_areas = places.area if places.has_areas and self.same_area is None else None

    def tally(self) -> ClassTally:
        """Return what counts their classes."""
        return ClassTally(self.shape, self._size[0])

    def parts(self, bands: Mapping[str, str]) -> Iterator[MapPart]:
        """Yield blocks of one band of each map."""
        from rasterio.windows import Window  # noqa: PLC0415  (polygons need none)

        for block in blocks(self.shape, self._size):
            top, left = block.cells
            progress.current().step(block.corner[0], self.shape[0])
            window = Window(left.start, top.start, left.stop - left.start, top.stop - top.start)
            maps = [one.read([bands[role]], window)[0] for role, one in self._maps.items()]
            yield MapPart(maps, None if self._row_areas is None else self._row_areas[top, np.newaxis], block)

    def names(self, role: str, band: str) -> dict[int, str]:
        """Return the names of classes in a map's attribute table."""
        raster = self._maps[role]
        return category_names(raster.dataset.files).get(raster.numbers[band], {})


class PolygonMaps:
    """Layers of the same features in the same order; `bands` is map → column with numbers → its place."""

    unit: Literal["cells", "features"] = "features"
    same_area = None

    def __init__(self, maps: Mapping[str, Located], stack: ExitStack) -> None:  # noqa: ARG002  (as of rasters)
        found = {role: columns_of(one) for role, one in maps.items()}
        crs, first = found[SIMULATED]
        self._maps = {role: columns for role, (_, columns) in found.items()}
        counts = {role: len(columns["geometry"].null) for role, columns in self._maps.items()}
        for role, (other_crs, _) in found.items():
            if (counts[role], other_crs) != (counts[SIMULATED], crs):
                raise InvalidInput(
                    f"{maps[role].shown} has {counts[role]} features in {other_crs or 'no CRS'}; "
                    f"{maps[SIMULATED].shown} has {counts[SIMULATED]} in {crs or 'no CRS'}.",
                    "Features are compared in the order of the files: give maps of the same features.",
                    code="other_grid",
                )
        self.bands = {
            role: {name: at for at, (name, one) in enumerate(columns.items(), 1) if one.kind in _DTYPES}
            for role, columns in self._maps.items()
        }
        self._areas = _feature_areas(first["geometry"], crs)

    def tally(self) -> ClassTally:
        """Return what counts their classes."""
        return ClassTally()

    def parts(self, bands: Mapping[str, str]) -> Iterator[MapPart]:
        """Yield one column of each map, whole."""
        columns = [one[bands[role]] for role, one in self._maps.items()]
        maps = [(np.where(one.null, 0, one.values).astype(_DTYPES[one.kind]), one.null) for one in columns]
        yield MapPart(maps, self._areas)

    def names(self, role: str, band: str) -> dict[int, str]:  # noqa: ARG002  (as of rasters)
        """Return no names: layers have no attribute table."""
        return {}


def _feature_areas(geometry: Any, crs: str) -> NDArray[np.float64] | None:
    import shapely  # noqa: PLC0415  (rasters need none)

    if not crs or geometry.null.any():
        return None
    shapes = shapely.from_wkb(geometry.values)
    if not np.isin(shapely.get_type_id(shapes), (3, 6)).all():  # polygons and multipolygons
        return None
    places = PolygonPlaces(shapes, crs)
    return places.area if places.has_areas else None
