"""Grids as NumPy arrays."""

from dissmodel.geo.raster.backend import DIRS_MOORE, DIRS_VON_NEUMANN, RasterBackend
from dissmodel.geo.raster.band_spec import BandSpec
from dissmodel.geo.raster.cellular_automaton import RasterCellularAutomaton
from dissmodel.geo.raster.raster_grid import raster_grid
from dissmodel.geo.raster.raster_model import RasterModel
from dissmodel.geo.raster.sync_model import SyncRasterModel

__all__ = [
    "DIRS_MOORE",
    "DIRS_VON_NEUMANN",
    "BandSpec",
    "RasterBackend",
    "RasterCellularAutomaton",
    "RasterModel",
    "SyncRasterModel",
    "raster_grid",
]
