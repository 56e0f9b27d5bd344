"""What the routes of an application work with."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from dissmodel.service.board import Board
from dissmodel.service.downloads import Downloads
from dissmodel.service.events import Streams
from dissmodel.service.indexing import Indexing
from dissmodel.service.metrics import Metrics
from dissmodel.service.service import Service
from dissmodel.service.syncing import Syncing


@dataclass(frozen=True)
class Parts:
    """The service, and what the HTTP API adds to it; `syncing` is None where no registry is fetched."""

    service: Service
    board: Board
    downloads: Downloads
    streams: Streams
    metrics: Metrics
    indexing: Indexing
    syncing: Syncing | None = None


def parts_of(request: Request) -> Parts:
    """Return the parts of the application that a request came to."""
    found: Parts = request.app.state.parts
    return found
