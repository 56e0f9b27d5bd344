"""Tasks on the workers of a Dask cluster, each worker with a task at a time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import threading
import time
import uuid
import warnings
from collections import deque
from collections.abc import AsyncIterator, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from dissmodel.engines import calls, on_worker
from dissmodel.engines.engine import Engine, EngineLost, WorkerLost, cancel
from dissmodel.errors import DissmodelError, UsageError
from dissmodel.printable import printable

if TYPE_CHECKING:
    from distributed import Security

_CONNECT_S = 10.0
_ANSWER_S = 30.0  # a scheduler that has many workers may be busy
_LOOK_S = 1.0
_PACKAGES = ("dissmodel", "rasterio")
LONGEST = 500


class Cluster(Engine):
    """The workers of a Dask cluster, those that come later too.

    Each task is a call of one worker, not a task of Dask: Dask would do it again elsewhere when the worker is
    lost, also if it had been done, and it takes three times the CPU. Each worker has one task of Dask, which
    holds it. The event loop of a thread has all the state.

    Parameters
    ----------
    address : str
        Of the scheduler.
    security : distributed.Security
        The certificates.
    workers : int, optional
        How many workers may have a task at a time.
    threads : int
        How many threads the libraries in each worker may use.
    """

    patience = 30.0
    """After so many seconds without a worker that takes tasks the engine is lost."""

    def __init__(self, address: str, security: Security, workers: int | None, threads: int) -> None:
        self.name = f"the cluster at {address}"
        self._address = address
        self._security = security
        self._most = workers or sys.maxsize
        self._threads = threads
        self._workers: set[str] = set()
        self._accepted = 0  # so many workers so far
        self._running: set[str] = set()  # of these, those that take tasks
        self._refused: dict[str, str] = {}
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._holds: dict[str, Any] = {}
        self._numbers = itertools.count()
        self._answers: dict[int, asyncio.Future[bytes]] = {}
        self._waiting: deque[tuple[Future[Any], bytes]] = deque()
        self._lost: DissmodelError | None = None
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None
        self._served = time.monotonic()  # when a worker took tasks
        self._submitting = threading.Lock()
        self._stir = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        try:
            self._opened.result()
        except BaseException:
            self.shutdown(wait=False)
            raise

    @property
    def is_lost(self) -> bool:
        """Whether no task can run any more."""
        return self._lost is not None

    @property
    def slots(self) -> int:
        """How many workers there are, and at least 1; a task waits for a worker."""
        return max(1, min(self._most, len(self._running | self._busy.keys())))

    def _queue(self, future: Future[Any], call: bytes) -> None:
        with self._submitting:
            if self._lost is None:
                self._loop.call_soon_threadsafe(self._accept, future, call)
            else:
                future.set_exception(self._lost)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  (the base class's)
        """Take no more tasks; wait for those in flight, or leave them to their workers."""
        self._is_closed = True
        with self._submitting:
            if self._lost is None:
                self._loop.call_soon_threadsafe(self._close, wait, cancel_futures)
        self._thread.join()

    def _run(self) -> None:
        with (
            contextlib.suppress(asyncio.CancelledError),
            asyncio.Runner(loop_factory=lambda: self._loop) as runner,
        ):
            runner.run(self._main())

    # The rest runs in the event loop of the thread.

    async def _main(self) -> None:
        self._task = asyncio.current_task()
        try:
            if self._is_over():
                raise asyncio.CancelledError
            async with self._scheduler() as address, self._connected(address):
                try:
                    await self._first_workers()
                    self._opened.set_result(None)
                    while not self._is_over():
                        with contextlib.suppress(TimeoutError):
                            await asyncio.wait_for(self._stir.wait(), _LOOK_S)
                        await self._look()
                except BaseException as error:
                    await self._lose(error)
                    raise
        except BaseException as error:  # noqa: BLE001  (whoever opens, or asks for a result, gets it)
            await self._lose(error)
        else:
            await self._lose(asyncio.CancelledError())

    def _is_over(self) -> bool:
        return self._is_closing and not self._busy and not self._waiting

    @contextlib.asynccontextmanager
    async def _scheduler(self) -> AsyncIterator[str]:
        """Give the address of the scheduler."""
        yield self._address

    async def _look_after(self) -> None:
        """Do what the cluster needs now and then."""

    @contextlib.asynccontextmanager
    async def _connected(self, address: str) -> AsyncIterator[None]:
        from distributed import Client  # noqa: PLC0415  (an extra)

        client = Client(
            address, security=self._security, asynchronous=True, timeout=_CONNECT_S, set_as_default=False
        )
        try:
            try:
                with warnings.catch_warnings():  # it warns of versions that we compare ourselves
                    warnings.simplefilter("ignore")
                    await asyncio.wait_for(client, 2 * _CONNECT_S)
            except (OSError, ValueError) as error:
                raise EngineLost(
                    f"No Dask scheduler can be reached at {address}: {text_of(error)}.",
                    "Look at the address, at whether the scheduler runs, and at the certificates.",
                    code="no_scheduler",
                ) from error
            self._client = client
            client.subscribe_topic("all", self._hear)
            client.subscribe_topic(on_worker.TOPIC, self._take)
            yield
        finally:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(client.close(), _CONNECT_S)

    async def _first_workers(self) -> None:
        while not self._running or self._refused:
            await self._look()
            if self._refused:
                raise UsageError(
                    "Workers have other versions than this process: " + "; ".join(self._refused.values()),
                    "Start the workers in an environment with the same versions as here.",
                    code="worker_versions",
                )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stir.wait(), _LOOK_S)

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """Take note of a worker that comes or leaves."""
        match event[1]:
            case {"action": "remove-worker", "worker": address}:
                self._leave(address)
                self._stir.set()
            case {"action": "add-worker"}:
                self._stir.set()

    def _take(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """Take an answer; those of other clients come too."""
        match event[1]:
            case {"client": self._client.id, "number": number, "answer": said} if number in self._answers:
                if not self._answers[number].done():
                    self._answers[number].set_result(said)

    def _leave(self, address: str) -> None:
        if address in self._workers:
            self._workers.remove(address)
            self._holds.pop(address).release()
        self._running.discard(address)
        self._refused.pop(address, None)
        if address in self._busy:
            self._busy[address].cancel()

    async def _look(self) -> None:
        """Compare what we know of the cluster with what its scheduler says.

        Raises EngineLost if it doesn't answer, or there has been no worker for long.
        """
        self._stir.clear()
        await self._look_after()
        present = set(await self._asked("ncores"))
        for address in (self._workers | self._refused.keys()) - present:
            self._leave(address)
        await self._compare_versions(present - self._workers - self._refused.keys())
        self._running = self._workers & set(await self._asked("ncores_running"))
        now = time.monotonic()
        if self._running or self._busy:
            self._served = now
        elif now - self._served > self.patience:
            why = "; ".join(self._refused.values()) or "none came, or they have too little memory"
            raise EngineLost(
                f"{self.name} has had no worker that takes tasks for {self.patience:.0f} seconds: {why}.",
                f"Start workers: dask worker {self._address} --nthreads 1",
                code="no_workers",
            )
        self._deal()

    async def _asked(self, what: str, **options: Any) -> Mapping[str, Any]:
        """Ask the scheduler."""
        if self._client.status != "running":  # it would wait until the scheduler is there again
            raise EngineLost(f"The connection to {self.name} broke.")
        try:
            answer: Mapping[str, Any] = await asyncio.wait_for(
                getattr(self._client.scheduler, what)(**options), _ANSWER_S
            )
        except OSError as error:  # a time-out too
            raise EngineLost(f"{self.name} doesn't answer any more: {text_of(error)}.") from error
        return answer

    async def _compare_versions(self, addresses: AbstractSet[str]) -> None:
        """Accept workers that have our versions; keep those that have others apart."""
        if not addresses:
            return
        from distributed.versions import get_versions  # noqa: PLC0415  (an extra)

        message = {"op": "versions", "packages": _PACKAGES}
        found = await self._asked("broadcast", msg=message, workers=sorted(addresses), on_error="ignore")
        ours = _versions(get_versions(packages=_PACKAGES))
        for address, said in found.items():
            theirs = _versions(said)
            if theirs == ours:
                self._workers.add(address)
                self._accepted += 1
                key = f"dissmodel-{uuid.uuid4()}"
                self._holds[address] = self._client.submit(
                    on_worker.hold, key, key=key, workers=[address], pure=False
                )
            else:
                differ = [
                    f"{name} {theirs[name] or 'is missing'} instead of {ours[name]}"
                    for name in ours
                    if theirs[name] != ours[name]
                ]
                self._refused[address] = f"{address} has {', '.join(differ)}"

    def _accept(self, future: Future[Any], call: bytes) -> None:
        if self._lost is None:
            self._waiting.append((future, call))
            self._deal()
        else:
            future.set_exception(self._lost)

    def _deal(self) -> None:
        """Give tasks that wait to workers that are idle."""
        idle = self._running - self._busy.keys()
        while self._waiting and idle and len(self._busy) < self._most:
            future, call = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                address = idle.pop()
                self._busy[address] = asyncio.create_task(self._do(address, future, call))

    async def _do(self, address: str, future: Future[Any], call: bytes) -> None:
        number = next(self._numbers)
        answer = self._answers[number] = self._loop.create_future()
        error: Exception | None = None
        try:
            await self._begin(address, number, call)
            await answer
        except asyncio.CancelledError:
            error = self._lost or WorkerLost(f"The worker {address} left or was killed.")
        except Exception as caught:  # noqa: BLE001  (whoever asks for the result gets it)
            error = caught
        del self._answers[number], self._busy[address]
        try:
            if answer.done() and not answer.cancelled():  # also where the worker left right after it
                future.set_result(calls.result(answer.result()))
            else:
                future.set_exception(error)
        except Exception as caught:  # noqa: BLE001  (the task's)
            future.set_exception(caught)
        self._deal()
        if error is not None or self._is_closing:
            self._stir.set()

    async def _begin(self, address: str, number: int, call: bytes) -> None:
        """Let a worker begin a task."""
        from distributed.core import clean_exception  # noqa: PLC0415  (an extra)
        from distributed.protocol.pickle import dumps  # noqa: PLC0415  (an extra)

        message = {
            "op": "run",
            "function": dumps(on_worker.begin),
            "args": dumps((self._client.id, number, call, self._threads)),
        }
        try:
            said = await self._asked("broadcast", msg=message, workers=[address], on_error="ignore")
        except EngineLost as error:
            await self._asked("ncores")  # raises where it is the scheduler that doesn't answer
            raise WorkerLost(f"The worker {address} doesn't answer.") from error
        if address not in said:
            raise WorkerLost(f"The worker {address} left or was killed.")
        if said[address]["status"] != "OK":
            why = clean_exception(**said[address])[1]
            raise WorkerLost(f"The worker {address} can't begin a task: {text_of(why)}.")

    def _close(self, wait: bool, cancel_futures: bool) -> None:  # noqa: FBT001  (of shutdown)
        self._is_closing = True
        if cancel_futures or not wait:
            for future, _ in self._waiting:
                cancel(future)
            self._waiting.clear()
        self._stir.set()
        if not wait and self._task is not None:
            self._task.cancel()

    async def _lose(self, error: BaseException) -> None:
        """End all tasks with an error, and take no more."""
        with self._submitting:
            if self._lost is not None:
                return
            if isinstance(error, DissmodelError):
                self._lost = error
            else:
                self._lost = EngineLost(f"{self.name} was closed: {text_of(error)}.")
                self._lost.__cause__ = error
        if not self._opened.done():
            self._opened.set_exception(self._lost)
        while self._waiting:
            future, _ = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                future.set_exception(self._lost)
        for task in self._busy.values():
            task.cancel()
        await asyncio.gather(*self._busy.values(), return_exceptions=True)


def _versions(said: Mapping[str, Any]) -> dict[str, str | None]:
    python = ".".join(said["host"]["python"].split(".")[:3])
    return {"Python": python, **{name: said["packages"].get(name) for name in _PACKAGES}}


def text_of(error: BaseException) -> str:
    """Return what an error says in one line, or the name of its class."""
    return printable(str(error)[:LONGEST]) or type(error).__name__
