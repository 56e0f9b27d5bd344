"""Cell spaces, grids of numbers or features, and the models that work on them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "DIRS_MOORE": "dissmodel.geo.raster.backend",
    "DIRS_VON_NEUMANN": "dissmodel.geo.raster.backend",
    "BandSpec": "dissmodel.geo.raster.band_spec",
    "CellularAutomaton": "dissmodel.geo.vector.cellular_automaton",
    "FillStrategy": "dissmodel.geo.vector.fill",
    "RasterBackend": "dissmodel.geo.raster.backend",
    "RasterCellularAutomaton": "dissmodel.geo.raster.cellular_automaton",
    "RasterModel": "dissmodel.geo.raster.raster_model",
    "SpatialModel": "dissmodel.geo.vector.spatial_model",
    "SyncRasterModel": "dissmodel.geo.raster.sync_model",
    "SyncSpatialModel": "dissmodel.geo.vector.sync_model",
    "attach_neighbors": "dissmodel.geo.vector.labelled",
    "fill": "dissmodel.geo.vector.fill",
    "parse_idx": "dissmodel.geo.vector.vector_grid",
    "raster_grid": "dissmodel.geo.raster.raster_grid",
    "vector_grid": "dissmodel.geo.vector.vector_grid",
}

__all__ = [*_PUBLIC]  # noqa: PLE0604  (the names are strings, as they must be)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'dissmodel.geo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
