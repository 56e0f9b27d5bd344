"""Grids as NumPy arrays, and models on them; the models load on first use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from dissmodel.geo.raster.backend import DIRS_MOORE, DIRS_VON_NEUMANN, RasterBackend

# At once, for it has the name of its own module, which would take its place here later on.
from dissmodel.geo.raster.raster_grid import raster_grid

_MODULES = {
    "BandSpec": "dissmodel.geo.raster.band_spec",
    "RasterCellularAutomaton": "dissmodel.geo.raster.cellular_automaton",
    "RasterModel": "dissmodel.geo.raster.raster_model",
    "SyncRasterModel": "dissmodel.geo.raster.sync_model",
}

__all__ = [  # noqa: PLE0604  (the names are strings, as they must be)
    *_MODULES,
    "DIRS_MOORE",
    "DIRS_VON_NEUMANN",
    "RasterBackend",
    "raster_grid",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
