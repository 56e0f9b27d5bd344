"""The models that work on pixels: `coastal_raster`, `flood_raster` and `mangrove_raster`."""

from __future__ import annotations

from dissmodel.cells.writing import RASTERS
from dissmodel.models.coastal.model import CoastalModel
from dissmodel.models.coastal.parameters import FloodParameters, MangroveParameters


class CoastalRaster(CoastalModel):
    """Sea-level rise and mangrove migration on a coast of cells, as a raster (BR-MANGUE).

    Reads a GeoTIFF with the bands ``uso``, ``alt`` and ``solo``, or polygons with these columns; writes a
    GeoTIFF of the state after the last step and a QGIS style beside it.
    """

    name = "coastal_raster"
    substrate = "raster"
    output_suffix = RASTERS[0]
    output_suffixes = RASTERS


class FloodRaster(CoastalRaster):
    """Sea-level rise on a coast of cells, as a raster: the flood of BR-MANGUE alone."""

    name = "flood_raster"
    Parameters = FloodParameters


class MangroveRaster(CoastalRaster):
    """Mangrove migration on a coast of cells, as a raster: the mangrove of BR-MANGUE alone."""

    name = "mangrove_raster"
    Parameters = MangroveParameters
