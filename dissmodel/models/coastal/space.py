"""From what was loaded to a cell space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dissmodel.errors import InvalidInput
from dissmodel.executor.findings import RAISED, Problems
from dissmodel.geo.raster.backend import RasterBackend
from dissmodel.io.bands import ArrayBands, FileBands
from dissmodel.models.coastal.parameters import SeaParameters
from dissmodel.models.coastal.raster_space import read_raster
from dissmodel.models.coastal.state import CoastalState


def read_space(
    data: Any,
    parameters: SeaParameters,
    *,
    band_map: Mapping[str, Any] | None = None,
    column_map: Mapping[str, Any] | None = None,
    problems: Problems = RAISED,
) -> CoastalState | None:
    """Return the cell space of a dataset as pixels, ready for its next step.

    Parameters
    ----------
    data : FileBands, or tuple of (RasterBackend, dict), or geopandas.GeoDataFrame
        As `dissmodel.io.open_dataset` or `dissmodel.io.load_dataset` returns it.
    parameters : SeaParameters
        ``crs`` and ``resolution`` shape the space; ``end_time`` and ``snapshots`` are checked against it.
    band_map, column_map : Mapping of str to str, optional
        Canonical name → name in the file, for rasters and for polygons.
    problems : Problems
        What happens to a problem; where they are collected and there are any, the result is None.

    Raises
    ------
    InvalidInput, UsageError
        If the dataset is not a cell space, or ends before the first step.
    """
    if isinstance(data, RasterBackend):
        problems.tell(
            InvalidInput(
                "A NetCDF file or a Zarr folder is not a cell space.",
                "Give a GeoTIFF, or a dataset of polygons.",
            )
        )
        return None
    if isinstance(data, tuple):
        data = ArrayBands(*data)
    if isinstance(data, ArrayBands | FileBands):
        return read_raster(data, parameters, band_map or {}, problems)
    # What polygons need is not loaded for a raster.
    from dissmodel.models.coastal.polygon_space import read_polygons  # noqa: PLC0415  (as above)

    return read_polygons(data, parameters, column_map or {}, problems)
