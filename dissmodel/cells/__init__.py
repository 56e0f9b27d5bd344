"""A model of cells is its fields, its parameters and its rule; the kit does the rest.

The public names load on first use, so that a model that needs a part of the kit loads that part only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dissmodel.cells.fields import Classes, Numbers, Parameter
    from dissmodel.cells.kernels import Neighbors, Value, kernel
    from dissmodel.cells.model import CellModel
    from dissmodel.cells.space import CellSpace
    from dissmodel.cells.table import Table

__all__ = [
    "CellModel",
    "CellSpace",
    "Classes",
    "Neighbors",
    "Numbers",
    "Parameter",
    "Table",
    "Value",
    "kernel",
]

_MODULES = {
    "CellModel": "model",
    "CellSpace": "space",
    "Classes": "fields",
    "Neighbors": "kernel_near",
    "Numbers": "fields",
    "Parameter": "fields",
    "Table": "table",
    "Value": "kernel_near",
    "kernel": "kernels",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
