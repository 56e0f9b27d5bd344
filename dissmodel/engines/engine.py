"""What an engine promises, and the two ways that it can fail whoever uses it."""

from __future__ import annotations

from abc import abstractmethod
from concurrent.futures import Executor, Future
from typing import Any

from dissmodel.errors import DissmodelError, StorageError


class Engine(Executor):
    """An executor that says how many tasks it can have in flight.

    The exception of a future is what the task raised, `WorkerLost` if its worker ended in mid-task, or
    `EngineLost` if no task can run any more. An engine repeats nothing that began: whoever submits counts the
    tries. ``shutdown()`` waits for the tasks in flight; ``shutdown(wait=False)`` ends them.
    """

    name: str
    """What people call it, such as ``2 processes``."""

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many tasks may be in flight now, at least 1; it changes where workers come and go."""


class WorkerLost(DissmodelError):
    """The worker of a task was killed, ran out of memory or left; the message says what is known."""

    code = "worker_lost"


class EngineLost(StorageError):
    """No task can run any more; what was in flight may still have finished, and its files say so."""

    code = "engine_lost"


def cancel(future: Future[Any]) -> None:
    """Cancel a task that waits, and let whoever waits for it know."""
    future.cancel()
    future.set_running_or_notify_cancel()
