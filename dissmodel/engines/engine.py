"""What an engine promises, and the two ways that it can fail whoever uses it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

from dissmodel.engines.calls import packed
from dissmodel.errors import DissmodelError, StorageError

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Engine(Executor):
    """An executor that says how many tasks it can have in flight.

    The exception of a future is what the task raised, `WorkerLost` if its worker ended in mid-task, or
    `EngineLost` if no task can run any more. An engine repeats nothing that began: whoever submits counts the
    tries. ``shutdown()`` waits for the tasks in flight. ``shutdown(wait=False)`` ends their processes, or
    leaves them to the workers of a cluster.
    """

    name: str
    """What people call it, such as ``2 processes``."""
    _is_closed = False

    @property
    def is_lost(self) -> bool:
        """Whether no task can run any more."""
        return False

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many tasks may be in flight now, at least 1; it changes where workers come and go."""

    def submit(
        self, task: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        """Queue the task and return its future.

        Raises what pickle raises for a task that can't be sent to a worker; RuntimeError after the end.
        """
        if self._is_closed:
            raise RuntimeError(f"{self.name} was closed.")
        future: Future[Result] = Future()
        self._queue(future, packed(task, args, kwargs))
        return future

    def _queue(self, future: Future[Any], call: bytes) -> None:
        raise NotImplementedError


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
