"""Whether package indexes and the object store answer; the requests need no credentials."""

from __future__ import annotations

import dataclasses
import http.client
import os
import re
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dissmodel.config import UserSettings
from dissmodel.environments.pip_settings import pip_settings
from dissmodel.errors import StorageError
from dissmodel.executor.findings import Collector

SECONDS = 3.0

_OFFLINE = "What was installed before still works. Check the network, the proxy and pip's index settings."
_NO_SUCH_PLACE = "Look at pip's settings: python -m pip config list"
_SERVER_ERROR = 500
_DENIED = (401, 403)
_VARIABLES = ("MINIO_ENDPOINT", "MINIO_ACCESS_KEY", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer, and is not followed."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


def look_at_index(found: Collector, place: str) -> None:
    """Find out whether a place of packages answers.

    The place is a URL without credentials, or a folder, as `dissmodel.environments.uv.indexes` returns it.
    """
    url = re.sub(r"^[\w.-]+=(?=\w+:)", "", place)  # uv's NAME=URL
    try:
        parts = urlsplit(url)
    except ValueError as error:
        found.add("warning", f"can't be reached: {error}", _NO_SUCH_PLACE)
        return
    if parts.scheme in {"http", "https"}:
        _ask(found, url)
        return
    folder = Path(urllib.request.url2pathname(parts.path) if parts.scheme == "file" else url)
    if folder.exists():
        found.add("ok", "is there")
    else:
        found.add("warning", "is not there", _NO_SUCH_PLACE)


def look_at_storage(found: Collector, settings: UserSettings) -> None:
    """Find out whether the object store is set up, which credentials it gets, and whether it answers."""
    from dissmodel.experiment.layout import OUTPUTS_BUCKET  # noqa: PLC0415  (loads what only storage needs)
    from dissmodel.storage import credentials  # noqa: PLC0415  (as above)
    from dissmodel.storage.base import TOO_MANY  # noqa: PLC0415  (as above)
    from dissmodel.storage.faults import reaching  # noqa: PLC0415  (as above)
    from dissmodel.storage.place import open_storage  # noqa: PLC0415  (as above)
    from dissmodel.storage.pool import make_pool  # noqa: PLC0415  (as above)
    from dissmodel.storage.settings import Patience, StorageSettings  # noqa: PLC0415  (as above)

    is_set = any(name.startswith("storage.") and setting.value for name, setting in settings.settings.items())
    if not is_set and not any(os.environ.get(name) for name in _VARIABLES):
        found.add("ok", "not set up; push and pull need it")
        return
    patience = Patience(connect_s=SECONDS, silence_s=SECONDS, retries=0)
    stored = dataclasses.replace(StorageSettings.of(settings), patience=patience)
    try:
        access = credentials.find(stored, os.environ)
        if access.credentials is not None:
            found.add("ok", f"credentials from {access.credentials.origin}")
        where = access.endpoint.shown
        with reaching(where, patience):
            response = make_pool(where, patience).request("HEAD", f"{where}/")
        if response.status >= _SERVER_ERROR:
            found.add("warning", f"{where} answers with HTTP {response.status}", "Check the server.")
            return
        found.add("ok", f"{where} answers")
        place, _ = open_storage(f"s3://{stored.bucket or OUTPUTS_BUCKET}", stored)
        try:
            next(place.list("experiments/", most=1), None)  # whether it answers, not which objects it has
        except StorageError as error:
            if error.code != TOO_MANY:
                raise
        found.add("ok", f"{place.shown} can be read")
    except StorageError as error:  # only push and pull need it
        found.add("warning", error.message, error.hint)


def _ask(found: Collector, url: str) -> None:
    asked = re.sub(r"(?<=://)[^/@]*@", "", url)
    try:
        request = urllib.request.Request(asked, method="HEAD")  # noqa: S310  (http or https: see above)
        with _opener().open(request, timeout=SECONDS) as response:
            status = response.status
    except urllib.error.HTTPError as error:
        status = error.code
        error.close()
    except (OSError, http.client.HTTPException, ValueError) as error:  # a URLError is an OSError
        found.add("warning", f"can't be reached: {_why(getattr(error, 'reason', error))}", _OFFLINE)
        return
    if status >= _SERVER_ERROR:
        found.add("warning", f"answers with HTTP {status}", _OFFLINE)
    elif status in _DENIED:
        found.add("ok", "answers, and asks who you are")
    else:
        found.add("ok", "answers")


def _opener() -> urllib.request.OpenerDirector:
    settings = pip_settings()
    context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or settings.cert)
    proxies = urllib.request.getproxies()
    if settings.proxy:
        proxies = {"http": settings.proxy, "https": settings.proxy, **proxies}
    handlers = (urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(_NoRedirect, *handlers)


def _why(reason: object) -> str:
    if isinstance(reason, TimeoutError):
        return f"no answer within {SECONDS:g} s"
    return str(getattr(reason, "strerror", None) or reason or type(reason).__name__)
