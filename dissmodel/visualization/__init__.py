"""Maps and charts, of a result and of a running model; matplotlib is loaded when one is drawn."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from dissmodel.inherited import drop_backend

drop_backend()

_PUBLIC = {
    "Chart": "dissmodel.visualization.chart",
    "Map": "dissmodel.visualization.map",
    "RasterMap": "dissmodel.visualization.raster_map",
    "display_inputs": "dissmodel.visualization.widgets",
    "track_plot": "dissmodel.visualization.track",
}

__all__ = [*_PUBLIC]  # noqa: PLE0604  (the names are strings, as they must be)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
