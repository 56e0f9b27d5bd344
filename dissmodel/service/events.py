"""What happens to jobs, as a stream for each listener; the queue is asked once a second for all of them."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from starlette.concurrency import run_in_threadpool

from dissmodel.errors import DissmodelError
from dissmodel.record.digest import sha256_bytes
from dissmodel.service.jobs import View, document_of
from dissmodel.service.refusals import refused
from dissmodel.service.service import Service
from dissmodel.service.state import Seen

MOST = 100
"""How many streams there may be at once."""

_EVERY_S, _SILENCE_S = 1.0, 15.0
_SHOWN = ("status", "progress", "phase", "step", "steps", "attempt", "error", "output_path")
_LOG = logging.getLogger(__name__)


class Streams:
    """The open streams of a process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._views: dict[str, View] = {}
        self._listeners: Counter[str] = Counter()
        self._looked = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._is_closing = False

    @property
    def open(self) -> int:
        """How many there are."""
        return self._listeners.total()

    def close(self) -> None:
        """Let all streams end within a second; safe to call from a signal's handler."""
        self._is_closing = True

    async def begin(self, job: str, last: str | None) -> AsyncIterator[bytes] | None:
        """Return the stream of a job's events after the one with the id `last`; None if that was the last.

        Raises
        ------
        DissmodelError
            If there is no such job, the place fails, or there are too many streams (``"too_many_streams"``).
        """
        if self.open >= MOST:
            raise refused("too_many_streams", f"There are {MOST} streams of events.")
        view = await run_in_threadpool(self._service.look, job)
        if view.has_ended and _id_of(view) == last:
            return None
        return self._stream(view, last)

    async def _stream(self, view: View, last: str | None) -> AsyncIterator[bytes]:
        job, told_at = view.request.experiment_id, time.monotonic()
        self._listeners[job] += 1
        self._views.setdefault(job, view)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            while True:
                view, looked = self._views[job], self._looked
                if _id_of(view) != last:
                    last, told_at = _id_of(view), time.monotonic()
                    yield f"id: {last}\nevent: state\ndata: {json.dumps(_content(view))}\n\n".encode()
                elif time.monotonic() - told_at > _SILENCE_S:
                    told_at = time.monotonic()
                    yield b": still here\n\n"
                if view.has_ended or self._is_closing:
                    return
                await looked.wait()
        finally:
            self._listeners[job] -= 1
            if not self._listeners[job]:
                del self._listeners[job], self._views[job]

    async def _look(self) -> None:
        while self._views:
            await asyncio.sleep(_EVERY_S)
            try:
                found = await run_in_threadpool(self._looked_again, dict(self._views))
                self._views |= {job: view for job, view in found.items() if job in self._views}
            except DissmodelError as error:  # what is not known now is asked for again
                _LOG.warning("%s", error.message, extra={"code": error.code})
            finally:
                self._looked.set()
                self._looked = asyncio.Event()

    def _looked_again(self, known: dict[str, View]) -> dict[str, View]:
        entries, found = self._service.entries(*known), {}
        for job, view in known.items():
            new = View(view.request, Seen(entry=entries.get(job)))
            with suppress(DissmodelError):
                new = new if new.is_queued else self._service.look_again(view.request, None)
                if entries or new.has_ended:  # with the queue away only the end of a job is known
                    found[job] = new
        return found


def _content(view: View) -> dict[str, Any]:
    document = document_of(view)
    return {"job_id": view.request.experiment_id, **{name: document[name] for name in _SHOWN}}


def _id_of(view: View) -> str:
    """Return what an event is known by: the same state and progress have the same id, on any server."""
    return sha256_bytes(json.dumps(_content(view)).encode())[:16]
