"""What is refused before a request is understood: foreign callers, bodies that are too large or too slow."""

from __future__ import annotations

import asyncio
import logging
import time

from fastapi import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dissmodel.errors import DissmodelError, UsageError
from dissmodel.service.answers import answer
from dissmodel.service.auth import Keys, refuse_foreign
from dissmodel.service.metrics import Metrics
from dissmodel.service.ogc_problems import PATH, as_problem
from dissmodel.service.pages.page import as_page
from dissmodel.service.refusals import refused

JSON_BYTES, UPLOAD_BYTES = 1 << 20, 5 << 30
UPLOADS = frozenset({"/data/upload", "/ui/upload"})
PATIENCE_S = 30.0
"""How long a body may take, and a part of it that does not come."""
SLOWEST = 1 << 16
"""The bytes a second that prolong it."""

_FORM_BYTES = 1 << 16
_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"content-security-policy": b"default-src 'self'",
    b"cache-control": b"no-store",
}
_LOG = logging.getLogger("dissmodel.service.requests")


class Refusal(HTTPException):
    """An error in the middle of a body, in the form that the framework passes on."""

    def __init__(self, error: DissmodelError) -> None:
        super().__init__(answer(error).status_code, error.message)
        self.error = error


class Guard:
    """Looks at each request first, and notes how it ended."""

    def __init__(self, app: ASGIApp, *, keys: Keys, metrics: Metrics) -> None:
        self._app, self._keys, self._metrics = app, keys, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        request, began, status = Request(scope), time.monotonic(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name.lower() for name, _ in message["headers"]}
                more = [pair for pair in _HEADERS.items() if pair[0] not in given]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            try:
                body = self._body(request, receive)
            except DissmodelError as error:
                made = answer(error)
                is_ogc = request.url.path.startswith(f"{PATH}/")
                shown = as_problem(made) if is_ogc else as_page(request, made)
                await shown(scope, receive, noting)
            else:
                await self._app(scope, body, noting)
        finally:
            route = scope.get("route")
            # As it is declared: what was sent may hold anything.
            path = scope.get("root_path", "") + getattr(route, "path", "")
            seconds = time.monotonic() - began
            self._metrics.answered(path, status, seconds)
            caller = getattr(request.state, "caller", None)
            named = scope.get("path_params", {}) if status < 400 else {}  # noqa: PLR2004
            job = named.get("experiment_id") or named.get("jobID")
            noted = {"method": scope["method"], "path": path, "status": status, "seconds": round(seconds, 4)}
            noted |= {"user": caller.name if caller is not None else None, "experiment_id": job}
            _LOG.info("request", extra=noted)

    def _body(self, request: Request, receive: Receive) -> Receive:
        if not self._keys.are_needed:
            client = request.client.host if request.client is not None else None
            refuse_foreign(request.headers.get("host", ""), request.headers.get("origin"), client)
        # Only these bodies are not kept in memory.
        is_form = request.headers.get("content-type", "").lower().startswith("multipart/form-data")
        is_upload = is_form and request.url.path in UPLOADS
        limit = UPLOAD_BYTES + _FORM_BYTES if is_upload else JSON_BYTES
        length = request.headers.get("content-length", "0")
        if not length.isascii() or not length.isdecimal() or int(length[:20]) > limit:
            raise _too_large(limit)
        has_body = int(length[:20]) > 0 or "transfer-encoding" in request.headers
        return _limited(receive, limit) if has_body else receive


def _limited(receive: Receive, limit: int) -> Receive:
    began, size, is_whole = time.monotonic(), 0, False

    async def limited() -> Message:
        nonlocal size, is_whole
        if is_whole:  # what comes now is that the client has gone, whenever it does
            return await receive()
        left = began + PATIENCE_S + size / SLOWEST - time.monotonic()
        try:
            message = await asyncio.wait_for(receive(), max(0.0, min(left, PATIENCE_S)))
        except TimeoutError:
            raise Refusal(refused("body_slow", "The body of the request came too slowly.")) from None
        size += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        if size > limit:
            raise Refusal(_too_large(limit))
        return message

    return limited


def _too_large(limit: int) -> UsageError:
    return refused("body_too_large", f"The body of the request has more than {limit:,} bytes.")
