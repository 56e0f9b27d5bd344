"""The executors that this process knows, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import builtins

    from dissmodel.executor.model_executor import ModelExecutor


class ExecutorRegistry:
    """Name → executor class. `ModelExecutor` subclasses register themselves when they are defined."""

    _executors: ClassVar[dict[str, type[ModelExecutor]]] = {}

    @classmethod
    def register(cls, executor_cls: type[ModelExecutor]) -> None:
        """Register an executor under its ``name``; a later one of the same name takes its place."""
        cls._executors[executor_cls.name] = executor_cls

    @classmethod
    def get(cls, name: str) -> type[ModelExecutor]:
        """Return the executor of that name.

        Raises
        ------
        KeyError
            If there is no such executor; the message lists the known names.
        """
        try:
            return cls._executors[name]
        except KeyError:
            available = ", ".join(cls._executors) or "none"
            raise KeyError(f"Executor {name!r} not registered. Available: {available}") from None

    @classmethod
    def list(cls) -> builtins.list[str]:
        """Return the names of all registered executors, in the order they came."""
        return [*cls._executors]
