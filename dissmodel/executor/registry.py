"""`ExecutorRegistry`, under the name that executor packages import."""

from dissmodel.registry.classes import ExecutorRegistry

__all__ = ["ExecutorRegistry"]
