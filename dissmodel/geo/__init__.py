"""Cell spaces: grids of numbers and the models that work on them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "DIRS_MOORE": "dissmodel.geo.raster.backend",
    "DIRS_VON_NEUMANN": "dissmodel.geo.raster.backend",
    "RasterBackend": "dissmodel.geo.raster.backend",
    "RasterModel": "dissmodel.geo.raster.raster_model",
}

__all__ = [*_PUBLIC]  # noqa: PLE0604  (the names are strings, as they must be)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'dissmodel.geo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
