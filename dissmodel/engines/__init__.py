"""Where many tasks run: this process, processes here, a Dask cluster, Slurm.

An engine is a `concurrent.futures.Executor` and knows nothing of models. It moves a function and its
arguments, which can be pickled, to a worker and brings the small result back; what is large lies in files.
"""

from __future__ import annotations

from abc import abstractmethod
from concurrent.futures import Executor

from dissmodel.errors import DissmodelError, StorageError

__all__ = ["Engine", "EngineLost", "WorkerLost"]


class Engine(Executor):
    """An executor that says how many tasks it can have in flight.

    The exception of a future is what the task raised, `WorkerLost` if its worker ended in mid-task, or
    `EngineLost` if no task can run any more. An engine repeats nothing: whoever submits counts the tries.
    """

    name: str
    """What people call it, such as ``2 processes``."""

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many tasks may be in flight now; it changes where workers come and go."""


class WorkerLost(DissmodelError):
    """The worker of a task was killed, ran out of memory or left; the message says what is known."""


class EngineLost(StorageError):
    """The scheduler is gone; what was in flight may still have finished, and its files say so."""
