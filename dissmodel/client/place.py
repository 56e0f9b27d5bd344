"""An experiment of a server as a place, so that it is brought here as from any other place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from dissmodel.client.server import Server
from dissmodel.errors import UsageError
from dissmodel.experiment.layout import RECORD, Place
from dissmodel.record import store
from dissmodel.storage.arrival import missing, write_new
from dissmodel.storage.base import Progress, Stat
from dissmodel.storage.http import HttpStorage
from dissmodel.storage.uri import parse


@dataclass(frozen=True)
class _Link:
    """Where a file can be read for some time."""

    url: str


class ExperimentStorage(HttpStorage):
    """The record and the files of an experiment of a server; they can only be read.

    The key goes with requests to the server, never to where a link leads. Making it fetches the record.
    """

    def __init__(self, server: Server, job: str) -> None:
        super().__init__(server.url, server.patience)
        self._server, self._path = server, f"/experiments/{job}"
        with server.response("GET", f"{self._path}/record") as response:
            self._record = server.content(response, store.MAX_BYTES)

    def stat(self, key: str) -> Stat | None:  # noqa: ARG002  (the protocol's)
        """Return None: a service keeps no signatures, and the record tells the rest."""
        return None

    def get(self, key: str, path: Path, *, limit: int, progress: Progress | None = None) -> Stat:
        """Download the record or a file; see `Storage.get`."""
        what = f"{self._server.url}{self._path}/{key}"
        if key == RECORD:
            return Stat(key, write_new([self._record], path, what, limit=limit))
        try:
            url = self._server.get(f"{self._path}/files/{quote(key)}", _Link).url
        except UsageError as error:
            raise (missing(what) if error.code == "object_missing" else error) from None
        link = f"{self._server.url}{url}" if url.startswith("/") else url
        try:
            there, uri = HttpStorage(link, self._server.patience), parse(link)
        except (ValueError, UsageError):
            raise self._server.wrong_answer() from None
        if uri.scheme not in {"http", "https"}:
            raise self._server.wrong_answer()
        return there.get(unquote(urlsplit(link).path[1:]), path, limit=limit, progress=progress)


def experiment_place(server: Server, job: str) -> Place:
    """Return the place of an experiment."""
    return Place(ExperimentStorage(server, job), "", f"{server.url}/experiments/{job}/")
