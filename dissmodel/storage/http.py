"""The objects of a web server, which can only be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, unquote, urljoin, urlsplit

from urllib3.util import make_headers

from dissmodel.errors import StorageError
from dissmodel.storage import faults
from dissmodel.storage.arrival import check_limit, missing, read_all, write_new
from dissmodel.storage.base import Progress, Stat
from dissmodel.storage.names import check_key, shown
from dissmodel.storage.pool import make_pool
from dissmodel.storage.settings import Patience

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

UNKNOWN_SIZE = -1
"""The size of an object if the server does not tell it."""

_PIECE = 1 << 18
_MOST_REDIRECTS = 5
_OK, _DENIED, _GONE, _MOVED = 200, {401, 403, 407}, {404, 410}, {301, 302, 303, 307, 308}
_HEAD_REFUSED = {405, 501}
_DEFAULT_PORTS = {"http": 80, "https": 443}


class HttpStorage:
    """The objects of one web server; a key is a path on it, without ``%`` escapes. It can only be read.

    A user and a password in `url`, and its query, go with every request and are shown in no error; its path
    is ignored.

    >>> HttpStorage("https://ana:pw@example.org/a/b.tif?token=1", Patience())
    HttpStorage('https://example.org')
    """

    def __init__(self, url: str, patience: Patience) -> None:
        parts = urlsplit(url)
        user, _, host = parts.netloc.rpartition("@")
        self._origin = f"{parts.scheme.lower()}://{host}"
        self._query = f"?{parts.query}" if parts.query else ""
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "dissmodel"}
        if user:
            self._headers.update(make_headers(basic_auth=unquote(user)))
        self._patience = patience
        self._pool = make_pool(self._origin, patience)

    def __repr__(self) -> str:
        return f"HttpStorage({self._origin!r})"

    @property
    def shown(self) -> str:
        """What an error calls the place: the server's URL."""
        return self._origin

    def stat(self, key: str) -> Stat | None:
        """Return size and ETag of an object; the size is -1 if the server does not tell it."""
        with self._response("HEAD", key) as response:
            if response is None or response.status not in _HEAD_REFUSED:
                return self._stat(key, response)
        with self._response("GET", key) as response:
            return self._stat(key, response)

    def get(self, key: str, path: Path, *, limit: int, progress: Progress | None = None) -> Stat:
        """Download an object; see `Storage.get`. A compressed answer is written unpacked."""
        with self._content(key, limit) as (found, pieces):
            size = write_new(pieces, path, self._shown(key), limit=limit, progress=progress)
        return Stat(key, size, etag=found.etag)

    def read(self, key: str, *, limit: int) -> bytes:
        """Return the content of a small object; see `Storage.read`."""
        with self._content(key, limit) as (_, pieces):
            return read_all(pieces, self._shown(key), limit=limit)

    def put(self, content: Path | bytes, key: str, **_options: Any) -> NoReturn:  # noqa: ARG002  (the protocol's)
        """Raise StorageError: dissmodel only reads from a web server."""
        self._only_read(key, "written to")

    def list(self, prefix: str, **_options: Any) -> NoReturn:
        """Raise StorageError: a web server has no list of its objects."""
        self._only_read(prefix, "listed")

    def delete(self, key: str) -> NoReturn:
        """Raise StorageError: dissmodel only reads from a web server."""
        self._only_read(key, "removed")

    def presign(self, key: str, seconds: int) -> None:
        """Return None: a web server signs for nobody."""

    def _stat(self, key: str, response: BaseHTTPResponse | None) -> Stat | None:
        if response is None:
            return None
        if response.status != _OK:
            self._refused(key, response.status)
        length = response.headers.get("Content-Length", "")
        is_packed = response.headers.get("Content-Encoding", "identity").lower() != "identity"
        is_known = length.isascii() and length.isdecimal() and not is_packed
        etag = response.headers.get("ETag") or response.headers.get("Last-Modified")
        return Stat(key, int(length[:20]) if is_known else UNKNOWN_SIZE, etag=etag)

    @contextmanager
    def _content(self, key: str, limit: int) -> Iterator[tuple[Stat, Iterator[bytes]]]:
        with self._response("GET", key) as response:
            found = self._stat(key, response)
            if response is None or found is None:
                raise missing(self._shown(key))
            check_limit(found.size, limit, self._shown(key))
            yield found, response.stream(_PIECE, decode_content=True)

    @contextmanager
    def _response(self, method: str, key: str) -> Iterator[BaseHTTPResponse | None]:
        """Give the answer to a request, after redirects on the same server; None where there is no object."""
        what = self._shown(check_key(key, self._origin))
        url = f"{self._origin}/{quote(key)}{self._query}"
        with faults.reaching(what, self._patience):
            for _ in range(_MOST_REDIRECTS):
                response = self._pool.urlopen(
                    method, url, headers=self._headers, preload_content=method == "HEAD"
                )
                try:
                    if response.status not in _MOVED:
                        yield None if response.status in _GONE else response
                        return
                    url = self._redirected(what, url, response.headers.get("Location", ""))
                finally:
                    response.close()  # the rest of the answer may be endless
        raise StorageError(f"{what}: redirected more than {_MOST_REDIRECTS} times.", "Give the final URL.")

    def _redirected(self, what: str, url: str, location: str) -> str:
        try:
            target = urljoin(url, location)
            here, there = urlsplit(url), urlsplit(target)
            is_same = here.hostname == there.hostname and (
                _port(url) == _port(target) or (_port(url), _port(target)) == (80, 443)
            )
        except ValueError:
            raise StorageError(
                f"{what}: redirected to a text that is not a URL.", "Give another URL."
            ) from None
        is_downgrade = here.scheme == "https" and there.scheme == "http"
        if not location or there.scheme not in _DEFAULT_PORTS or not is_same or is_downgrade:
            place = f"{there.scheme}://{there.netloc.rpartition('@')[2]}{there.path}"
            raise StorageError(
                f"{what}: redirected to {shown(place)}, which is not followed.",
                "If you trust that server, give its URL.",
                code="storage_redirected",
            )
        return target

    def _refused(self, key: str, status: int) -> NoReturn:
        what = self._shown(key)
        if status in _DENIED:
            raise StorageError(
                f"{what}: the server refuses it ({status}).",
                "It requires a user, a token or other rights.",
                code=faults.DENIED,
            )
        raise StorageError(f"{what}: the server answers {status}.", "Try again later, or check the URL.")

    def _only_read(self, key: str, what: str) -> NoReturn:
        raise StorageError(
            f"{self._shown(key)}: objects of a web server can only be read here, not {what}.",
            "Use s3:// or a folder.",
        )

    def _shown(self, key: str) -> str:
        return f"{self._origin}/{shown(key)}"


def _port(url: str) -> int | None:
    parts = urlsplit(url)
    return parts.port or _DEFAULT_PORTS.get(parts.scheme)
