"""Whether package indexes and the object store answer; the requests need no credentials."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from dissmodel.config import UserSettings
from dissmodel.environments.pip_settings import pip_settings
from dissmodel.errors import DissmodelError, StorageError
from dissmodel.executor.findings import Collector

SECONDS = 3.0

_OFFLINE = "What was installed before still works. Check the network, the proxy and pip's index settings."
_NO_SUCH_PLACE = "Look at pip's settings: python -m pip config list"
_SERVER_ERROR = 500
_DENIED = (401, 403)
_VARIABLES = ("MINIO_ENDPOINT", "MINIO_ACCESS_KEY", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


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
        _ask(found, re.sub(r"(?<=://)[^/@]*@", "", url))
        return
    folder = Path(url2pathname(parts.path) if parts.scheme == "file" else url)
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
            status = make_pool(where, patience).request("HEAD", f"{where}/").status
        if status >= _SERVER_ERROR:
            found.add("warning", f"{where} answers with HTTP {status}", "Check the server.")
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
    try:
        from dissmodel.storage.faults import reaching  # noqa: PLC0415  (urllib3 may be broken)
        from dissmodel.storage.pool import make_pool  # noqa: PLC0415  (as above)
        from dissmodel.storage.settings import Patience  # noqa: PLC0415  (as above)

        pip, patience = pip_settings(), Patience(SECONDS, SECONDS, retries=0)
        with reaching(url, patience):
            pool = make_pool(url, patience, proxy=pip.proxy, cert=pip.cert)
            status = pool.request("HEAD", url, redirect=False).status
    except (DissmodelError, OSError, ImportError) as error:
        found.add("warning", f"can't be reached: {str(error).removeprefix(f'{url}: ')}", _OFFLINE)
        return
    if status >= _SERVER_ERROR:
        found.add("warning", f"answers with HTTP {status}", _OFFLINE)
    else:
        found.add("ok", "answers, and asks who you are" if status in _DENIED else "answers")
