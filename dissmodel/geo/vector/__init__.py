"""Polygons, and who is whose neighbour; the names load on first use, for some need shapely and some don't."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES = {
    "Neighborhood": "dissmodel.geo.vector.sparse",
    "neighborhood_of": "dissmodel.geo.vector.neighborhood",
}

__all__ = ["Neighborhood", "neighborhood_of"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
