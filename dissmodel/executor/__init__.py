"""The contract of a model, and the one way to run it."""

from dissmodel.executor.model_executor import ModelExecutor
from dissmodel.executor.runner import execute_lifecycle
from dissmodel.record import ExperimentRecord
from dissmodel.registry.classes import ExecutorRegistry

__all__ = ["ExecutorRegistry", "ExperimentRecord", "ModelExecutor", "execute_lifecycle"]
