"""What the routes of an application work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fastapi import Request

from dissmodel.service.board import Board
from dissmodel.service.downloads import Downloads
from dissmodel.service.events import Streams
from dissmodel.service.metrics import Metrics
from dissmodel.service.service import Service


class Sync(Protocol):
    """Fetches the registries."""

    @property
    def is_ready(self) -> bool:
        """Whether the first sync is over."""

    def once(self) -> Mapping[str, Any]:
        """Sync now; return what `/admin/sync` answers."""


@dataclass(frozen=True)
class Parts:
    """The service, and what the HTTP API adds to it; `sync` is None where no registry is fetched."""

    service: Service
    board: Board
    downloads: Downloads
    streams: Streams
    metrics: Metrics
    sync: Sync | None = None


def parts_of(request: Request) -> Parts:
    """Return the parts of the application that a request came to."""
    found: Parts = request.app.state.parts
    return found
