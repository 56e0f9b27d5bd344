"""What happens to jobs, as a stream for each listener; the queue is asked once a second for all of them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
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


@dataclass
class _Topic:
    view: View
    listeners: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Streams:
    """The open streams of a process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._topics: dict[str, _Topic] = {}
        self._open = 0
        self._looking: asyncio.Task[None] | None = None
        self._is_closing = False

    @property
    def open(self) -> int:
        """How many there are."""
        return self._open

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
        if self._open >= MOST:
            raise refused("too_many_streams", f"There are {MOST} streams of events.")
        view = await run_in_threadpool(self._service.look, job)
        if view.has_ended and _id_of(view) == last:
            return None
        return self._stream(view, last)

    async def _stream(self, view: View, last: str | None) -> AsyncIterator[bytes]:
        job = view.request.experiment_id
        topic = self._topics.setdefault(job, _Topic(view))
        topic.listeners += 1
        self._open += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            while True:
                view, changed = topic.view, topic.changed
                if _id_of(view) != last:
                    last = _id_of(view)
                    yield _event(view, last)
                if view.has_ended or self._is_closing:
                    return
                try:
                    await asyncio.wait_for(changed.wait(), _SILENCE_S)
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self._open -= 1
            topic.listeners -= 1
            if not topic.listeners:
                self._topics.pop(job, None)

    async def _look(self) -> None:
        while self._topics:
            await asyncio.sleep(_EVERY_S)
            topics = dict(self._topics)
            try:
                views = await run_in_threadpool(self._views, {job: one.view for job, one in topics.items()})
            except DissmodelError as error:  # what is not known now is asked for again
                _LOG.warning("%s", error.message, extra={"code": error.code})
                views = {}
            for job, topic in topics.items():
                topic.view = views.get(job, topic.view)
                topic.changed.set()
                topic.changed = asyncio.Event()

    def _views(self, known: dict[str, View]) -> dict[str, View]:
        entries, found = self._service.queue.view(known), {}
        for job, view in known.items():
            entry = entries.get(job)
            if entry is not None and (entry.is_leased or entry.is_waiting):
                found[job] = View(view.request, Seen(entry=entry))
            else:
                with suppress(DissmodelError):
                    found[job] = self._service.look_again(view.request, entry)
        return found


def _content(view: View) -> dict[str, Any]:
    document = document_of(view)
    return {"job_id": view.request.experiment_id, **{name: document[name] for name in _SHOWN}}


def _id_of(view: View) -> str:
    """Return what an event is known by: the same state and progress have the same id, on any server."""
    return sha256_bytes(json.dumps(_content(view)).encode())[:16]


def _event(view: View, name: str) -> bytes:
    return f"id: {name}\nevent: state\ndata: {json.dumps(_content(view))}\n\n".encode()
