"""Grids as NumPy arrays."""

from dissmodel.geo.raster.backend import DIRS_MOORE, DIRS_VON_NEUMANN, RasterBackend
from dissmodel.geo.raster.raster_model import RasterModel

__all__ = ["DIRS_MOORE", "DIRS_VON_NEUMANN", "RasterBackend", "RasterModel"]
