"""Tasks on an engine: a task for each free worker, tried again where its worker was lost."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from types import FrameType
from uuid import uuid4

from dissmodel.engines import Engine, WorkerLost
from dissmodel.errors import DissmodelError, RunFailed
from dissmodel.progress import current
from dissmodel.sweeping.runs import EndedRun
from dissmodel.sweeping.worker import Task, do, failed

_LOOK_S = 0.5

Act = Callable[[Task], EndedRun]
OnEnd = Callable[[Task, EndedRun], bool | None]
"""What to do where a run has ended; True: begin no more runs."""


def run_all(engine: Engine, tasks: Iterable[Task], *, on_end: OnEnd, tries: int = 3, act: Act = do) -> None:
    """Run the tasks, as many at a time as the engine has slots; call `on_end` for each, in this thread.

    `act` is what a worker does with a task.
    A task whose worker is lost is tried again; after so many `tries` it is a failed run, and its record says
    why. After a SIGINT no task begins any more: those in flight end first, and then the signal is raised
    again. A second one is raised at once.

    Raises
    ------
    EngineLost
        If no task can run any more.
    KeyboardInterrupt
        After a SIGINT.
    """
    waiting, again = iter(tasks), deque[Task]()
    flying: dict[Future[EndedRun], Task] = {}
    with _interruptions() as asked:
        is_over = False
        while True:
            while not (is_over or asked.came) and len(flying) < engine.slots:
                task = again.popleft() if again else next(waiting, None)
                if task is None:
                    break
                flying[engine.submit(act, task)] = task
            if not flying:
                return
            done, _ = wait(flying, _LOOK_S, FIRST_COMPLETED)
            asked.tell()
            for future in done:
                task = flying.pop(future)
                ended = _ended(future, task, tries)
                if ended is None:
                    again.append(
                        replace(
                            task,
                            tries=task.tries + 1,
                            request=replace(task.request, experiment_id=uuid4().hex),
                        )
                    )
                elif on_end(task, ended):
                    is_over = True


def _ended(future: Future[EndedRun], task: Task, tries: int) -> EndedRun | None:
    """Return how a task ended; None if it is to be tried again."""
    try:
        return future.result()
    except WorkerLost as lost:
        if task.tries < tries:
            return None
        why = f"{lost.message.rstrip('.')}. It was tried {task.tries} times."
        return failed(task, RunFailed(why, lost.hint, code=lost.code))
    except DissmodelError:  # the engine is lost, or the disk takes no record
        raise
    except Exception as error:  # noqa: BLE001  (what can't be sent to a worker, or back, is of any class)
        return failed(task, RunFailed(f"{type(error).__name__}: {error}", code="worker_error"))


@dataclass
class _Asked:
    came: int = 0
    _told: bool = False

    def tell(self) -> None:
        """Say once that the end is waited for."""
        if self.came and not self._told:
            self._told = True
            current().warn("The sweep ends after the runs in flight; Ctrl-C once more ends them too.")


@contextlib.contextmanager
def _interruptions() -> Iterator[_Asked]:
    """Hold the first SIGINT of the block back until its end; the next goes to who had it before."""
    asked = _Asked()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield asked
        return

    def note(signum: int, frame: FrameType | None) -> None:
        if asked.came:
            before(signum, frame)
        asked.came += 1

    signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
    if asked.came:
        signal.raise_signal(signal.SIGINT)
