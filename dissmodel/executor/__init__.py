"""The contract of a model, and the one way to run it; what a run does not need loads on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dissmodel.executor.model_executor import ModelExecutor
from dissmodel.executor.runner import execute_lifecycle
from dissmodel.record import DataSource, ExperimentRecord
from dissmodel.registry.classes import ExecutorRegistry

if TYPE_CHECKING:
    from dissmodel.executor.schemas import JobRequest
    from dissmodel.executor.testing import ExecutorTestHarness

_MODULES = {
    "ExecutorTestHarness": "dissmodel.executor.testing",
    "JobRequest": "dissmodel.executor.schemas",
}

__all__ = [
    "DataSource",
    "ExecutorRegistry",
    "ExecutorTestHarness",
    "ExperimentRecord",
    "JobRequest",
    "ModelExecutor",
    "execute_lifecycle",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
