"""The contract of a model, and the one way to run it."""

from dissmodel.executor.model_executor import ModelExecutor
from dissmodel.executor.runner import execute_lifecycle
from dissmodel.executor.schemas import DataSource, JobRequest
from dissmodel.executor.testing import ExecutorTestHarness
from dissmodel.record import ExperimentRecord
from dissmodel.registry.classes import ExecutorRegistry

__all__ = [
    "DataSource",
    "ExecutorRegistry",
    "ExecutorTestHarness",
    "ExperimentRecord",
    "JobRequest",
    "ModelExecutor",
    "execute_lifecycle",
]
