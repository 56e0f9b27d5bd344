"""Run a spatial model with one command and leave the proof beside the result.

The public names load on first use (PEP 562), so that ``import dissmodel`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.6.90"

_PUBLIC = {
    "DissmodelError": "dissmodel.errors",
    "DissmodelWarning": "dissmodel.errors",
    "Environment": "dissmodel.core",
    "ExecutorRegistry": "dissmodel.executor",
    "ExperimentRecord": "dissmodel.executor",
    "Model": "dissmodel.core",
    "ModelExecutor": "dissmodel.executor",
    "RasterBackend": "dissmodel.geo",
    "RasterModel": "dissmodel.geo",
    "load_dataset": "dissmodel.io",
    "save_dataset": "dissmodel.io",
}

__all__ = ["__version__", *_PUBLIC]  # noqa: PLE0604  (the names are strings, as they must be)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'dissmodel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
