"""From an error of dissmodel to an HTTP answer: one table of statuses, one form of body."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from dissmodel.errors import Differs, DissmodelError, InvalidInput, StorageError, UsageError
from dissmodel.record.plain import plain
from dissmodel.record.redact import redact

RETRY_S = 30
"""After how many seconds a client that was refused because too much waits may ask again."""

STATUSES = {
    "no_key": HTTPStatus.UNAUTHORIZED,
    "wrong_key": HTTPStatus.FORBIDDEN,
    "wrong_role": HTTPStatus.FORBIDDEN,
    "foreign_request": HTTPStatus.FORBIDDEN,
    "link_invalid": HTTPStatus.FORBIDDEN,
    "not_completed": HTTPStatus.BAD_REQUEST,
    "job_ended": HTTPStatus.BAD_REQUEST,
    "unknown_job": HTTPStatus.NOT_FOUND,
    "unknown_model": HTTPStatus.NOT_FOUND,
    "object_missing": HTTPStatus.NOT_FOUND,
    "record_missing": HTTPStatus.NOT_FOUND,
    "no_record": HTTPStatus.NOT_FOUND,
    "no_picture": HTTPStatus.NOT_FOUND,
    "body_slow": HTTPStatus.REQUEST_TIMEOUT,
    "ambiguous_model": HTTPStatus.CONFLICT,
    "not_ended": HTTPStatus.CONFLICT,
    "object_exists": HTTPStatus.CONFLICT,
    "key_reused": HTTPStatus.CONFLICT,
    "body_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "queue_full": HTTPStatus.TOO_MANY_REQUESTS,
    "too_many_streams": HTTPStatus.TOO_MANY_REQUESTS,
    "sync_failed": HTTPStatus.BAD_GATEWAY,
    "storage_key": HTTPStatus.UNPROCESSABLE_ENTITY,
    "storage_bucket": HTTPStatus.UNPROCESSABLE_ENTITY,
    "not_ready": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status of each error that a client can cause, by its code."""

_CLASSES: tuple[tuple[type[DissmodelError], HTTPStatus], ...] = (
    (StorageError, HTTPStatus.SERVICE_UNAVAILABLE),
    (Differs, HTTPStatus.CONFLICT),
    (UsageError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (InvalidInput, HTTPStatus.UNPROCESSABLE_ENTITY),
)
_HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": str(RETRY_S)},
}


def status_of(error: DissmodelError) -> HTTPStatus:
    """Return the status of an error: by its code, else by its class.

    >>> status_of(StorageError("s3://bucket: nothing answers.")).value
    503
    """
    by_class = (status for kind, status in _CLASSES if isinstance(error, kind))
    return STATUSES.get(error.code) or next(by_class, HTTPStatus.INTERNAL_SERVER_ERROR)


def answer(error: DissmodelError) -> JSONResponse:
    """Return the answer to a request that ended with an error."""
    return problem(status_of(error), redact(error.message), error.code, redact(error.hint))


def problem(status: int, detail: Any, code: str, hint: str = "") -> JSONResponse:
    """Return an answer in the form that every error has."""
    headers = _HEADERS.get(HTTPStatus(status))
    content = {"detail": plain(detail), "code": code, "hint": plain(hint)}
    return JSONResponse(content, status_code=status, headers=headers)
