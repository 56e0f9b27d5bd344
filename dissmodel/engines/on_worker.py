"""What a worker of a Dask cluster does for us; it is asked for each by its event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dissmodel.engines import calls

if TYPE_CHECKING:
    from distributed import Worker

TOPIC = "dissmodel"
"""Answers are events of this topic, of which a scheduler keeps a bounded number."""


async def begin(client: str, number: int, call: bytes, threads: int, dask_worker: Worker) -> None:
    """Begin a task in the thread of the worker's own tasks; its answer is an event, once there is one."""

    def do() -> None:
        said = calls.answer(call, threads)
        dask_worker.log_event(TOPIC, {"client": client, "number": number, "answer": said})

    asyncio.get_running_loop().run_in_executor(dask_worker.executors["default"], do)


async def hold(key: str) -> None:
    """Be a task of Dask until its client releases it or is gone: a worker that has none may be retired."""
    from distributed import get_worker  # noqa: PLC0415  (a worker has it)

    tasks = get_worker().state.tasks
    while key in tasks and tasks[key].state == "executing":  # noqa: ASYNC110  (Dask has no event for that)
        await asyncio.sleep(1)
