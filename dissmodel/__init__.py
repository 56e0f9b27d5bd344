"""Run a spatial model with one command and leave the proof beside the result.

The public names load on first use (PEP 562), so that ``import dissmodel`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.6.90"

__all__ = [
    "Consent",
    "DissmodelError",
    "DissmodelWarning",
    "Environment",
    "ExecutorRegistry",
    "ExperimentRecord",
    "Model",
    "ModelExecutor",
    "RasterBackend",
    "RasterModel",
    "__version__",
    "bundle",
    "calibrate",
    "cite",
    "compare",
    "connect",
    "diff",
    "export",
    "load_dataset",
    "open_record",
    "pull",
    "push",
    "records",
    "report",
    "reproduce",
    "run",
    "save_dataset",
    "show",
    "sign",
    "sweep",
    "validate",
    "verify",
]

if TYPE_CHECKING:
    from dissmodel.api import (
        bundle,
        calibrate,
        cite,
        compare,
        connect,
        diff,
        export,
        open_record,
        pull,
        push,
        records,
        report,
        reproduce,
        run,
        show,
        sign,
        sweep,
        validate,
        verify,
    )
    from dissmodel.consent import Consent
    from dissmodel.core import Environment, Model
    from dissmodel.errors import DissmodelError, DissmodelWarning
    from dissmodel.executor import ExecutorRegistry, ExperimentRecord, ModelExecutor
    from dissmodel.geo.raster.backend import RasterBackend
    from dissmodel.geo.raster.raster_model import RasterModel
    from dissmodel.io import load_dataset, save_dataset
else:  # hidden from type checkers, to which a misspelt name is an error
    from importlib import import_module

    _PLACES = {
        "consent": ("Consent",),
        "core": ("Environment", "Model"),
        "errors": ("DissmodelError", "DissmodelWarning"),
        "executor": ("ExecutorRegistry", "ExperimentRecord", "ModelExecutor"),
        "geo": ("RasterBackend", "RasterModel"),
        "io": ("load_dataset", "save_dataset"),
    }
    _MODULES = {name: module for module, names in _PLACES.items() for name in names}

    def __getattr__(name: str) -> object:
        if name in __all__:
            return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'api')}"), name)
        raise AttributeError(f"module 'dissmodel' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted(__all__)
