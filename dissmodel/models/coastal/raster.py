"""The executors that work on pixels: `coastal_raster`, `flood_raster` and `mangrove_raster`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.executor import ExperimentRecord
from dissmodel.executor.findings import Finding
from dissmodel.io import open_dataset
from dissmodel.io.raster import write_geotiff
from dissmodel.models.coastal.classes import NO_SOIL, NO_USE
from dissmodel.models.coastal.contract import CoastalExecutor
from dissmodel.models.coastal.inspect import examine_raster, inspect_run
from dissmodel.models.coastal.model import simulate
from dissmodel.models.coastal.parameters import FloodParameters, MangroveParameters
from dissmodel.models.coastal.space import read_space
from dissmodel.models.coastal.state import CoastalState
from dissmodel.models.coastal.style import qml, write_style
from dissmodel.record.digest import sha256_file
from dissmodel.record.schema import ORDER_OF_THE_FILE, ORDER_OF_THE_INPUT, ORDER_OF_THE_MAP, Grid

NODATA = -9999.0
"""The value outside the space, in every band of the output."""


class CoastalRaster(CoastalExecutor):
    """Sea-level rise and mangrove migration on a coast of cells, as a raster (BR-MANGUE).

    Reads a GeoTIFF with the bands ``uso``, ``alt`` and ``solo``, or polygons with these columns; writes a
    GeoTIFF of the state after the last step and a QGIS style beside it.
    """

    name = "coastal_raster"
    substrate = "raster"
    output_suffix = ".tif"
    output_suffixes = (".tif", ".tiff")

    def inspect(self, record: ExperimentRecord) -> Iterable[Finding]:
        """Read the input and say everything that is wrong with it, and whether the result has room."""
        return inspect_run(record, self.Parameters, examine_raster)

    def load(self, record: ExperimentRecord) -> CoastalState:
        """Read the input; note its digest and its grid."""
        parameters = self.parameters(record)
        source = record.source
        with open_dataset(source.uri, fmt=record.input_format, layer=source.layer) as (data, checksum):
            state = read_space(data, parameters, band_map=record.band_map, column_map=record.column_map)
        source.checksum = checksum
        record.grid = grid_of(state)
        return state

    def run(self, data: CoastalState, record: ExperimentRecord) -> CoastalState:
        """Simulate up to ``end_time``, in place; write the states to be kept."""
        keep = self.snapshots(data, record, lambda path: _write(data, path)[0])
        simulate(data, self.parameters(record), record, keep)
        return data

    def save(self, result: CoastalState, record: ExperimentRecord) -> ExperimentRecord:
        """Write the GeoTIFF and its style; note their digests."""
        output, style = _write(result, self.output(record))
        record.add_artifact("output", output)
        record.add_artifact("style", style)
        record.status = "completed"
        return record


def grid_of(state: CoastalState) -> Grid:
    """Return the grid of a state, as a record has it."""
    return Grid(
        shape=state.shape,
        transform=None if state.transform is None else tuple(state.transform)[:6],
        crs=None if state.crs is None else state.crs.to_wkt(),
        cells=state.cells,
        order=_visiting_order(state),
    )


def _visiting_order(state: CoastalState) -> str:
    if state.order is not None:
        return ORDER_OF_THE_INPUT
    return ORDER_OF_THE_MAP if state.geographic else ORDER_OF_THE_FILE


def _write(state: CoastalState, path: Path) -> tuple[str, str]:
    """Write a state and its style; return the digests of both files."""
    write_geotiff(
        path,
        _bands(state),
        shape=state.shape,
        dtype="float64",
        nodata=NODATA,
        transform=state.transform,
        crs=state.crs,
        tags={"passo": str(state.step)},
    )
    return sha256_file(path), write_style(path, qml())


def _bands(state: CoastalState) -> Mapping[str, Callable[[slice], NDArray[Any]]]:
    """Return what writes some rows of each band, so that no band is whole in memory as float64."""

    def band(
        values: NDArray[Any], outside: Callable[[NDArray[Any]], NDArray[np.bool_]]
    ) -> Callable[[slice], NDArray[Any]]:
        def some(rows: slice) -> NDArray[Any]:
            part = state.as_stored(values, rows)
            return np.where(outside(part), NODATA, part)

        return some

    bands = {
        "uso": band(state.uso, lambda part: part == NO_USE),
        "alt": band(state.alt, np.isnan),
        "solo": band(state.solo, lambda part: part == NO_SOIL),
    }
    if state.order is not None:
        bands["order"] = band(state.order, lambda part: part < 0)
    return bands


class FloodRaster(CoastalRaster):
    """Sea-level rise on a coast of cells, as a raster: the flood of BR-MANGUE alone."""

    name = "flood_raster"
    Parameters = FloodParameters


class MangroveRaster(CoastalRaster):
    """Mangrove migration on a coast of cells, as a raster: the mangrove of BR-MANGUE alone."""

    name = "mangrove_raster"
    Parameters = MangroveParameters
