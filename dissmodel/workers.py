"""Threads that share work, also where the system refuses some of them or all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from dissmodel.inherited import refuses_threads

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Workers(Executor):
    """A pool of threads; what the system refuses a thread for is done by the thread that asks.

    There are `number` threads at most.

    Examples
    --------
    >>> with Workers(2) as workers:
    ...     list(workers.map(abs, [-1, 2]))
    [1, 2]
    """

    def __init__(self, number: int) -> None:
        self._pool = ThreadPoolExecutor(number, thread_name_prefix="dissmodel")

    def submit(
        self, work: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        """Begin `work` and return its future."""
        done: Future[Result] = Future()
        begun = threading.Lock()

        def run() -> None:
            # Work that was refused a thread waits in the queue all the same, for a thread that there may be.
            if not begun.acquire(blocking=False) or not done.set_running_or_notify_cancel():
                return
            try:
                done.set_result(work(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  (whoever asks for the result gets it)
                done.set_exception(error)

        try:
            queued = self._pool.submit(run)
        except RuntimeError as error:
            if not refuses_threads(error):
                raise
            run()
            if done.done() and isinstance(done.exception(), KeyboardInterrupt):
                done.result()  # it interrupts whoever asks for the work, not for its result
        else:
            queued.add_done_callback(lambda work: work.cancelled() and done.cancel())
        return done

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  (the base class's)
        """Take no more work; see `concurrent.futures.Executor.shutdown`."""
        self._pool.shutdown(wait, cancel_futures=cancel_futures)
