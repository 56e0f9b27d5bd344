"""Grids as NumPy arrays; what models of the public API need loads on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dissmodel.geo.raster.backend import DIRS_MOORE, DIRS_VON_NEUMANN, RasterBackend

# At once, for it has the name of its own module, which would take its place here later on.
from dissmodel.geo.raster.raster_grid import raster_grid

if TYPE_CHECKING:
    from dissmodel.geo.raster.band_spec import BandSpec
    from dissmodel.geo.raster.cellular_automaton import RasterCellularAutomaton
    from dissmodel.geo.raster.raster_model import RasterModel
    from dissmodel.geo.raster.sync_model import SyncRasterModel

_MODULES = {
    "BandSpec": "dissmodel.geo.raster.band_spec",
    "RasterCellularAutomaton": "dissmodel.geo.raster.cellular_automaton",
    "RasterModel": "dissmodel.geo.raster.raster_model",
    "SyncRasterModel": "dissmodel.geo.raster.sync_model",
}

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


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
