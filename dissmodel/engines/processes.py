"""Tasks in processes of this machine, each process with a task at a time."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import IO, Any

from dissmodel.engines import calls, child
from dissmodel.engines.engine import Engine, EngineLost, WorkerLost, cancel
from dissmodel.engines.threads import thread_variables

_STARTS = 3  # so many processes in a row may end before they begin a task
_END_S = 5.0
_MAIN = "import sys; sys.path[:] = sys.argv[1:]; from dissmodel.engines.child import serve; serve()"


class Processes(Engine):
    """So many processes, each started by its first task, and again by the next task after its end.

    A process that ended between two tasks costs no task a try. `threads` is how many threads the libraries in
    each process may use.
    """

    def __init__(self, number: int, threads: int = 1) -> None:
        self.name = f"{number} process" + ("es" if number > 1 else "")
        self._number = number
        self._environ = {**os.environ, **thread_variables(threads)}
        self._tasks: queue.SimpleQueue[tuple[Future[Any], bytes] | None] = queue.SimpleQueue()
        self._workers = [_Worker(self._tasks, self._environ) for _ in range(number)]

    @property
    def slots(self) -> int:
        """How many processes there are."""
        return self._number

    def _queue(self, future: Future[Any], call: bytes) -> None:
        self._tasks.put((future, call))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  (the base class's)
        """Take no more tasks; wait for those in flight, or end their processes."""
        self._is_closed = True
        if cancel_futures or not wait:
            with contextlib.suppress(queue.Empty):
                while True:
                    task = self._tasks.get_nowait()
                    if task is not None:
                        cancel(task[0])
        for _ in self._workers:
            self._tasks.put(None)
        for worker in self._workers:
            if not wait:
                worker.kill()
        for worker in self._workers:
            worker.join()


class _Worker(threading.Thread):
    """A thread that has a process, and hands a task at a time to it."""

    def __init__(
        self, tasks: queue.SimpleQueue[tuple[Future[Any], bytes] | None], environ: Mapping[str, str]
    ) -> None:
        super().__init__(daemon=True)
        self._tasks = tasks
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()
        self._is_over = False
        self.start()

    def run(self) -> None:
        if hasattr(signal, "pthread_sigmask"):  # what it starts has this too, before it can ignore the signal
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        while (task := self._tasks.get()) is not None:
            future, call = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(calls.result(self._answer(call)))
                except BaseException as error:  # noqa: BLE001  (whoever asks for the result gets it)
                    future.set_exception(error)
                del future, call, task  # the next task may be long in coming
        if self._process is not None:
            self._end(self._process)

    def kill(self) -> None:
        """End the process, and start none any more."""
        with self._starting:
            self._is_over = True
            if self._process is not None:
                self._process.kill()

    def _answer(self, call: bytes) -> bytes:
        code = 0
        for _ in range(_STARTS):
            process = self._ready()
            has_begun, said = _exchange(process, call)
            if said is not None:
                return said
            code = self._end(process)
            if has_begun:
                raise WorkerLost(f"The worker process {process.pid} {_ending(code)}.")
        raise EngineLost(f"Worker processes end before they begin a task: the last {_ending(code)}.")

    def _ready(self) -> subprocess.Popen[bytes]:
        with self._starting:
            if self._is_over:
                raise WorkerLost("The worker processes were ended.")
            if self._process is None:
                words = [sys.executable, "-P", "-c", _MAIN, *sys.path]
                pipe = subprocess.PIPE
                try:
                    self._process = subprocess.Popen(words, env=self._environ, stdin=pipe, stdout=pipe)  # noqa: S603  (our own words)
                except OSError as error:  # no memory, or too many processes: the next try may find more
                    raise WorkerLost(f"No worker process can be started: {error.strerror}.") from error
            return self._process

    def _end(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for the end of a process that has no task, and return its code."""
        self._process = None
        for pipe in _pipes(process):
            with contextlib.suppress(OSError):  # of what was not yet written
                pipe.close()
        try:
            return process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def _exchange(process: subprocess.Popen[bytes], call: bytes) -> tuple[bool, bytes | None]:
    """Return whether a process began a call, and its answer if there is one."""
    to, back = _pipes(process)
    with contextlib.suppress(OSError):
        child.send(to, call)
    has_begun = child.receive(back) is not None
    return has_begun, child.receive(back) if has_begun else None


def _ending(code: int) -> str:
    """Return how a process ended, by its code."""
    if code >= 0:
        return f"ended with code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    why = ", as the system does where memory runs out" if name == "SIGKILL" else ""
    return f"was ended by {name}{why}"
