"""Polygons, models on them, and their neighbours; most names load on first use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# At once, for each has the name of its own module, which would take its place here later on.
from dissmodel.geo.vector.fill import FillStrategy, fill, register_strategy
from dissmodel.geo.vector.vector_grid import parse_idx, regular_grid, vector_grid

_MODULES = {
    "CellularAutomaton": "dissmodel.geo.vector.cellular_automaton",
    "Neighborhood": "dissmodel.geo.vector.sparse",
    "SpatialModel": "dissmodel.geo.vector.spatial_model",
    "SyncSpatialModel": "dissmodel.geo.vector.sync_model",
    "attach_neighbors": "dissmodel.geo.vector.labelled",
    "export_neighbors": "dissmodel.geo.vector.labelled",
    "get_neighbor_values": "dissmodel.geo.vector.labelled",
    "get_neighbors": "dissmodel.geo.vector.labelled",
    "neighborhood_of": "dissmodel.geo.vector.strategies",
}

__all__ = [  # noqa: PLE0604  (the names are strings, as they must be)
    *_MODULES,
    "FillStrategy",
    "fill",
    "parse_idx",
    "register_strategy",
    "regular_grid",
    "vector_grid",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
