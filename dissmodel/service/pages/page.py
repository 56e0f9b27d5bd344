"""From values to a page of the service: everything in them is text, wherever it stands."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Any

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, JSONResponse, Response

from dissmodel import __version__
from dissmodel.errors import UsageError
from dissmodel.experiment.files import name_of
from dissmodel.markup import number, shown, value_text
from dissmodel.printable import count
from dissmodel.record.redact import redact
from dissmodel.service.refusals import refused

PATH = "/ui"
"""Below which the pages are."""

_CSP = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": _CSP, "Referrer-Policy": "same-origin"}
# What to do next on a page, where the hint of an error names a path of the HTTP API.
_HINTS = {
    "bad_page": "Begin with the first page of the list.",
    "body_too_large": "Leave out what the model does not need; upload data.",
    "input_refused": "Upload it, and choose it in the form. An administrator may list its place in "
    "service.buckets, service.hosts or service.inputs_folder.",
    "no_picture": "Its files are on the page of the experiment.",
    "no_product": "Its files are on the page of the experiment.",
    "no_record": "The page of the experiment says why.",
    "unknown_job": "Look for it in the list of experiments.",
    "unknown_model": "Look for it in the list of models.",
    "unknown_sweep": "Look for it in the list of sweeps.",
}
# Not `mimetypes`, which takes what the system says: a browser runs no script that is text/plain.
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MINUTE = 60
_SPANS = ((60, "second"), (60, "minute"), (24, "hour"), (30, "day"), (365 / 30, "month"), (math.inf, "year"))


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page.

    Beside `values` a template has `caller` (None: nobody), `needs_key`, `token` for the field of that name in
    its forms, `here` (the path that was asked for) and `version`; the filters `ago`, `utc`, `number`,
    `value`, `bytes` and `exact` (for what must not be changed, such as a field's value); ``static(name)``.
    """
    state = request.app.state
    given = {
        "caller": getattr(request.state, "caller", None),
        "needs_key": state.keys.are_needed,
        "token": state.sessions.token(request),
        "here": request.url.path,
        "version": __version__,
        "server": str(request.base_url).rstrip("/"),
    }
    text = _environment().get_template(template).render(given | values)
    return HTMLResponse(text, status, _HEADERS)


def as_page(request: Request, answer: JSONResponse) -> Response:
    """Return an error of the HTTP API: as a page where pages are, to sign in if a key is missing."""
    if request.url.path != PATH and not request.url.path.startswith(f"{PATH}/"):
        return answer
    said, status = json.loads(bytes(answer.body)), answer.status_code
    what = said["detail"]
    if not isinstance(what, str):  # what is wrong with a form, one by one
        what = "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in what)
    error = UsageError(what, said["hint"], code=said["code"])
    path = f"{request.url.path}?{request.url.query}".rstrip("?")
    following = path if request.method == "GET" else PATH
    template = "sign_in.html" if status == HTTPStatus.UNAUTHORIZED else "problem.html"
    made = page(request, template, status=status, error=error, following=following, code=status)
    made.headers.update(
        {name: text for name, text in answer.headers.items() if not name.startswith("content-")}
    )
    return made


def static_file(path: str) -> Response:
    """Return a file that pages load.

    Raises
    ------
    UsageError
        If there is no such file.
    """
    found = _static().get(path)
    if found is None:
        raise refused("object_missing", f"{path[:80]}: there is no such file.")
    kind = _TYPES.get(PurePosixPath(path).suffix, "text/plain")
    return Response(found[0], media_type=kind, headers={"Cache-Control": _FOREVER})


@functools.cache
def _static() -> Mapping[str, tuple[bytes, str]]:
    """Return content and digest of each file, by its path."""

    def below(folder: Traversable, at: str) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for one in folder.iterdir():
            path = f"{at}{one.name}"
            found |= below(one, f"{path}/") if one.is_dir() else {path: one.read_bytes()}
        return found

    files = below(resources.files(__package__ or "") / "static", "")
    return {path: (content, hashlib.sha256(content).hexdigest()[:12]) for path, content in files.items()}


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__ or ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "static": lambda name: f"{PATH}/static/{name}?{_static()[name][1]}",
        "hints": _HINTS,
    }
    environment.filters |= {
        "ago": ago,
        "utc": lambda time: f"{_time(time):%Y-%m-%d %H:%M:%S} UTC",
        "iso": lambda time: f"{_time(time):%Y-%m-%dT%H:%M:%SZ}",
        "number": number,
        "value": value_text,
        "bytes": _bytes,
        "duration": _duration,
        "name": name_of,
        "exact": _exact,
        "redact": redact,
    }
    return environment


def ago(time: datetime | str, now: datetime | None = None) -> str:
    """Return how long ago a time was, in words.

    >>> ago(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, 23, tzinfo=UTC))
    '2 days ago'
    """
    amount = ((now or datetime.now(UTC)) - _time(time)).total_seconds()
    if amount < 1:
        return "just now"
    for size, unit in _SPANS:
        if amount < size:
            return f"{count(int(amount), unit)} ago"
        amount /= size
    raise AssertionError  # the last span is endless


def _exact(value: object) -> Markup:
    """Return a value whole and as it is; only what HTML can't hold is replaced."""
    return escape(_CONTROLS.sub("\N{REPLACEMENT CHARACTER}", str(value)))


def _time(given: datetime | str) -> datetime:
    time = given if isinstance(given, datetime) else datetime.fromisoformat(given)
    return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).astimezone(UTC)


def _duration(seconds: float) -> str:
    """Return how long something took.

    >>> _duration(0.25), _duration(75), _duration(7300)
    ('0.25 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < _MINUTE:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return (
        f"{minutes} min {rest} s" if minutes < _MINUTE else f"{minutes // _MINUTE} h {minutes % _MINUTE} min"
    )


def _bytes(size: int) -> str:
    amount = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:  # noqa: PLR2004  (of each unit in the next)
            return f"{amount:.3g} {unit}" if unit != "bytes" else f"{size} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"
