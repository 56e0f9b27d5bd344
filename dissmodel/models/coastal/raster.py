"""The executors that work on pixels: `coastal_raster`, `flood_raster` and `mangrove_raster`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.style import raster_qml, write_style
from dissmodel.executor import ExperimentRecord
from dissmodel.executor.findings import Problems
from dissmodel.io.raster import write_geotiff
from dissmodel.models.coastal.classes import LAND_USES, NO_SOIL, NO_USE
from dissmodel.models.coastal.contract import StateExecutor
from dissmodel.models.coastal.names import FIELDS
from dissmodel.models.coastal.parameters import FloodParameters, MangroveParameters, SeaParameters
from dissmodel.models.coastal.space import read_space
from dissmodel.models.coastal.state import CoastalState
from dissmodel.record.digest import sha256_file
from dissmodel.record.schema import ORDER_OF_THE_FILE, ORDER_OF_THE_INPUT, ORDER_OF_THE_MAP, Grid

NODATA = -9999.0
"""The value outside the space, in every band of the output."""

_NUMBER_BYTES = 8


class CoastalRaster(StateExecutor[CoastalState]):
    """Sea-level rise and mangrove migration on a coast of cells, as a raster (BR-MANGUE).

    Reads a GeoTIFF with the bands ``uso``, ``alt`` and ``solo``, or polygons with these columns; writes a
    GeoTIFF of the state after the last step and a QGIS style beside it.
    """

    name = "coastal_raster"
    substrate = "raster"
    output_suffix = ".tif"
    output_suffixes = (".tif", ".tiff")

    def read(
        self, data: Any, parameters: SeaParameters, record: ExperimentRecord, problems: Problems
    ) -> CoastalState | None:
        """Return a dataset as pixels."""
        return read_space(
            data, parameters, band_map=record.band_map, column_map=record.column_map, problems=problems
        )

    def state_of(self, data: CoastalState) -> CoastalState:
        """Return the pixels."""
        return data

    def layout_of(self, data: CoastalState) -> str:
        """Return the size of the grid, for people."""
        rows, cols = data.shape
        return f"{rows} rows × {cols} columns"

    def most_bytes(self, data: Any, read: CoastalState | None, parameters: SeaParameters) -> int:
        """Return the size of all GeoTIFFs without compression; where there are problems, of the least."""
        if read is None:
            # Of polygons only their grid tells how many pixels there will be.
            pixels = len(data) if hasattr(data, "geometry") else math.prod(data.shape)
            return _NUMBER_BYTES * len(FIELDS) * pixels
        bands = len(FIELDS) + (read.order is not None)
        return _NUMBER_BYTES * bands * read.uso.size * (1 + parameters.kept_after(read.step))

    def load(self, record: ExperimentRecord) -> CoastalState:
        """Read the input; note its digest and its grid."""
        state = super().load(record)
        record.grid = grid_of(state)
        return state

    def write(self, data: CoastalState, path: Path) -> tuple[str, str]:
        """Write a GeoTIFF and its style; return the digests of both files."""
        write_geotiff(
            path,
            _bands(data),
            shape=data.shape,
            dtype="float64",
            nodata=NODATA,
            transform=data.transform,
            crs=data.crs,
            tags={"passo": str(data.step)},
        )
        return sha256_file(path), write_style(path, raster_qml(LAND_USES, band=1))


def grid_of(state: CoastalState) -> Grid:
    """Return the grid of a state, as a record has it."""
    order = ORDER_OF_THE_MAP if state.geographic else ORDER_OF_THE_FILE
    if state.order is not None:
        order = ORDER_OF_THE_INPUT
    return Grid(
        shape=state.shape,
        transform=None if state.transform is None else tuple(state.transform)[:6],
        crs=None if state.crs is None else state.crs.to_wkt(),
        cells=state.cells,
        order=order,
    )


def _bands(state: CoastalState) -> Mapping[str, Callable[[slice], NDArray[Any]]]:
    """Return what gives some rows of each band, so that no band is whole in memory as float64."""

    def some(values: NDArray[Any], outside: float, rows: slice) -> NDArray[Any]:
        part = state.as_stored(values, rows)
        return np.where(np.isnan(part) if np.isnan(outside) else part == outside, NODATA, part)

    bands = {
        "uso": partial(some, state.uso, NO_USE),
        "alt": partial(some, state.alt, np.nan),
        "solo": partial(some, state.solo, NO_SOIL),
    }
    if state.order is not None:
        bands["order"] = partial(some, state.order, -1)
    return bands


class FloodRaster(CoastalRaster):
    """Sea-level rise on a coast of cells, as a raster: the flood of BR-MANGUE alone."""

    name = "flood_raster"
    Parameters = FloodParameters


class MangroveRaster(CoastalRaster):
    """Mangrove migration on a coast of cells, as a raster: the mangrove of BR-MANGUE alone."""

    name = "mangrove_raster"
    Parameters = MangroveParameters
