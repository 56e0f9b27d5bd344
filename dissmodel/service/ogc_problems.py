"""Errors as OGC API - Processes wants them: application/problem+json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import JSONResponse

PATH = "/ogc"
"""Below which its paths are."""

MEDIA_TYPE = "application/problem+json"
_TYPES = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
_OF_STANDARD: Mapping[str, str] = {
    **dict.fromkeys(("unknown_model", "bad_model_name", "ambiguous_model"), "no-such-process"),
    "unknown_job": "no-such-job",
    "not_ended": "result-not-ready",
}


def as_problem(answer: JSONResponse) -> JSONResponse:
    """Return an error of the HTTP API in the form of the standard, with the status that this wants."""
    said, status = json.loads(bytes(answer.body)), answer.status_code
    kind, detail = said["code"], said["detail"]
    if kind in _OF_STANDARD:
        kind, status = _TYPES + _OF_STANDARD[kind], 404
    elif status == HTTPStatus.UNPROCESSABLE_ENTITY:
        kind, status = "InvalidParameterValue", 400
    if not isinstance(detail, str):  # what is wrong with a body, one by one
        detail = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in detail)
    content = {"type": kind, "title": HTTPStatus(status).phrase, "status": status, **said, "detail": detail}
    kept = {name: text for name, text in answer.headers.items() if not name.startswith("content-")}
    return JSONResponse(content, status_code=status, headers=kept, media_type=MEDIA_TYPE)
