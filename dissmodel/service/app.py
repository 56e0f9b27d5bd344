"""The HTTP API: its routes, and what an error becomes."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from dissmodel import __version__
from dissmodel.errors import DissmodelError
from dissmodel.service import legacy, many, new, ogc, pages
from dissmodel.service.answers import answer, problem, status_of
from dissmodel.service.auth import Keys
from dissmodel.service.board import Board
from dissmodel.service.bodies import Problem
from dissmodel.service.downloads import Downloads
from dissmodel.service.events import Streams
from dissmodel.service.indexing import Indexing
from dissmodel.service.limits import Guard, Refusal
from dissmodel.service.metrics import Metrics
from dissmodel.service.ogc_problems import PATH
from dissmodel.service.pages.page import as_page
from dissmodel.service.pages.session import Sessions
from dissmodel.service.parts import Parts
from dissmodel.service.service import Service
from dissmodel.service.syncing import Syncing

_ERRORS = (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503)
_LOG = logging.getLogger(__name__)


def create_app(service: Service, *, syncing: Syncing | None = None) -> FastAPI:
    """Return the HTTP API of a service.

    Raises
    ------
    DissmodelError
        If its keys can't be read.
    """
    settings = service.settings
    metrics, streams = Metrics(), Streams(service)
    indexing = Indexing(service.truth)
    board = Board(service, settings.data_dir / "board.db", indexing.note)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        streams.close()
        board.close()

    app = FastAPI(
        title="dissmodel",
        version=__version__,
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        responses={status: {"model": Problem} for status in _ERRORS},
    )
    app.state.keys = Keys(settings.keys_file, settings.admin_keys)
    app.state.sessions = Sessions(app.state.keys, settings.data_dir)
    app.state.parts = Parts(
        service,
        board,
        Downloads({"outputs": service.truth.place, "inputs": service.inputs}, settings.data_dir),
        streams,
        metrics,
        indexing,
        syncing,
    )
    for router in (*legacy.ROUTERS, *many.ROUTERS, *new.ROUTERS, *pages.ROUTERS):
        app.include_router(router)
    handlers: dict[Any, Callable[[Request, Any], JSONResponse]] = {
        DissmodelError: _failed,
        HTTPException: _refused,
        RequestValidationError: _invalid,
        Exception: _bug,
    }
    for kind, handle in handlers.items():
        app.add_exception_handler(kind, _as_page(handle))
    app.mount(PATH, ogc.create_ogc(app.state, handlers))
    app.add_middleware(Guard, keys=app.state.keys, metrics=metrics)
    return app


def _as_page(handle: Callable[[Request, Any], JSONResponse]) -> Callable[[Request, Any], Response]:
    return lambda request, error: as_page(request, handle(request, error))


def _failed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DissmodelError)  # as it is registered
    if status_of(error) == HTTPStatus.SERVICE_UNAVAILABLE:
        request.app.state.parts.metrics.storage_failed(error.code)
        _LOG.error("%s", error.message, extra={"code": error.code})
    return answer(error)


def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # as it is registered
    if isinstance(error, Refusal):
        return answer(error.error)
    made = problem(error.status_code, error.detail, f"http_{error.status_code}")
    made.headers.update(error.headers or {})
    return made


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # as it is registered
    # What was sent is not sent back: it may be large, or a secret.
    found: list[Any] = [{name: one[name] for name in ("type", "loc", "msg")} for one in error.errors()]
    return problem(422, found, "invalid_request", "See /openapi.json")


def _bug(_request: Request, error: Exception) -> JSONResponse:
    what = f"This is a bug in dissmodel: {type(error).__name__}."
    return problem(500, what, "bug", "Please report it, with the server's log.")
