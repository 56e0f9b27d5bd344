"""Tasks in this process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from dissmodel.engines.engine import Engine, Given, Result


class Here(Engine):
    """Each task runs while it is submitted, in the thread that submits it; an interruption ends both."""

    name = "this process"
    slots = 1

    def submit(
        self, task: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        """Do the task and return its future, which is done."""
        future: Future[Result] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(task(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  (whoever asks for the result gets it)
            future.set_exception(error)
        return future
