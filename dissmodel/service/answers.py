"""From an error of dissmodel to an HTTP answer: one form of body."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

from dissmodel.errors import Differs, DissmodelError, InvalidInput, StorageError, UsageError
from dissmodel.record.plain import plain
from dissmodel.record.redact import redact
from dissmodel.service.refusals import REFUSALS

_CLASSES = (
    (StorageError, 503),
    (Differs, 409),
    (UsageError, 422),
    (InvalidInput, 422),
    (DissmodelError, 500),
)
HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "30"}}


def status_of(error: DissmodelError) -> int:
    """Return the status of an error: by its code, else by its class.

    >>> status_of(StorageError("s3://bucket: nothing answers."))
    503
    """
    by_class = next(status for kind, status in _CLASSES if isinstance(error, kind))
    return REFUSALS[error.code][0] if error.code in REFUSALS else by_class


def answer(error: DissmodelError) -> JSONResponse:
    """Return the answer to a request that ended with an error."""
    return problem(status_of(error), redact(error.message), error.code, redact(error.hint))


def problem(status: int, detail: Any, code: str, hint: str = "") -> JSONResponse:
    """Return an answer in the form that every error has."""
    content = {"detail": plain(detail), "code": code, "hint": plain(hint)}
    return JSONResponse(content, status_code=status, headers=HEADERS.get(status))
