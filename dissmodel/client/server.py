"""Requests to a service, and what its answers mean; nothing of an answer is trusted."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from urllib3.exceptions import HTTPError, SSLError
from urllib3.util import Timeout

from dissmodel import __version__
from dissmodel.doctor.server import check_url
from dissmodel.errors import DissmodelError, StorageError, UsageError
from dissmodel.storage import faults
from dissmodel.storage.arrival import read_all
from dissmodel.storage.names import shown
from dissmodel.storage.pool import make_pool
from dissmodel.storage.settings import Patience

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

T = TypeVar("T")

MOST_BYTES = 32 << 20
"""How large an answer may be: a page of the list of jobs has a thousand specs."""

_KEY = "Put your key into DISSMODEL_API_KEY, or name its file: dissmodel config set client.key_file FILE"
_CODE = re.compile(r"[a-z][a-z0-9_]{0,59}")
_MOVED, _WRONG, _FAILED, _TOO_MUCH = 300, 400, 500, 429
_PIECE = 1 << 16
_LONGEST = 2000


class ServerAway(StorageError):
    """The server does not answer, or can't do its work now: later it may."""

    code = "server_unreachable"


class Server:
    """A service at a URL, and the key that goes with each request to it, and to no other server.

    >>> Server("http://127.0.0.1:8000/", "secret-key")
    Server('http://127.0.0.1:8000')

    Raises UsageError if the URL is none of a service.
    """

    def __init__(self, url: str, key: str | None = None, patience: Patience | None = None) -> None:
        self.url = check_url(url)
        self.patience = patience or Patience()
        self._headers = {"Accept-Encoding": "identity", "User-Agent": f"dissmodel/{__version__}"}
        if key is not None:
            self._headers["X-API-Key"] = key
        self._pool = make_pool(self.url, self.patience)

    def __repr__(self) -> str:
        return f"Server({self.url!r})"

    def get(self, path: str, kind: type[T], **options: Any) -> T:
        """Return the answer to a GET; see `ask`."""
        return self.ask("GET", path, kind, **options)

    def ask(self, method: str, path: str, kind: type[T], **options: Any) -> T:
        """Return the answer to a request, JSON of that kind; `options` are as for `response`.

        Raises
        ------
        ServerAway
            If the server does not answer, or says that it has failed.
        StorageError
            If its certificate is not trusted (code ``"server_untrusted"``), it redirects
            (``"server_redirected"``), or answers what no service answers (``"server_answer"``,
            ``"server_answer_too_large"``).
        UsageError
            If it refuses; the code is the server's.
        """
        with self.response(method, path, **options) as response:
            body = self.content(response)
        try:
            return TypeAdapter(kind).validate_python(json.loads(body))
        except (ValidationError, ValueError, RecursionError):
            raise self.wrong_answer() from None

    @contextlib.contextmanager
    def response(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        silence_s: float | None = None,
        **options: Any,
    ) -> Iterator[BaseHTTPResponse]:
        """Give the answer to a request, for the block; errors as for `ask`.

        After `silence_s` seconds without a byte the server counts as away; `options` are those of urllib3.
        """
        silence_s = self.patience.silence_s if silence_s is None else silence_s
        with self._reached():
            response = self._pool.urlopen(
                method,
                f"{self.url}{path}",
                headers={**self._headers, **(headers or {})},
                preload_content=False,
                timeout=Timeout(connect=self.patience.connect_s, read=silence_s),
                **options,
            )
            try:
                if response.status >= _WRONG:
                    raise self._refused(response)
                if response.status >= _MOVED:
                    raise self._redirected(response.headers.get("Location", ""))
                yield response
            finally:
                response.close()  # the rest may be endless

    def content(self, response: BaseHTTPResponse, limit: int = MOST_BYTES) -> bytes:
        """Return the body of an answer.

        Raises
        ------
        StorageError
            If it has more bytes than that (code ``"server_answer_too_large"``).
        """
        try:
            return read_all(response.stream(_PIECE, decode_content=False), self.url, limit=limit)
        except DissmodelError as error:
            what = f"{self.url}: its answer has more than {limit:,} bytes."
            raise StorageError(what, self._look(), code="server_answer_too_large") from error

    def wrong_answer(self) -> StorageError:
        """Return the error for an answer that no service gives."""
        what = f"{self.url}: what answers is not a service of dissmodel, or a newer one."
        return StorageError(what, self._look(), code="server_answer")

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            with faults.reaching(self.url, self.patience):
                yield
        except StorageError as error:
            cause = error.__context__
            if not isinstance(cause, HTTPError):
                raise
            if isinstance(getattr(cause, "reason", cause), SSLError):
                hint = "If it is your own server, give its certificate: SSL_CERT_FILE=ca.pem"
                raise StorageError(error.message, hint, code="server_untrusted") from None
            raise ServerAway(error.message, self._look()) from None

    def _refused(self, response: BaseHTTPResponse) -> DissmodelError:
        """Return the error that an answer is; a proxy on the way answers in other forms."""
        status = response.status
        with contextlib.suppress(ValueError, RecursionError):
            match json.loads(self.content(response, _PIECE)):
                case {"detail": detail, "code": str(code), "hint": str(hint)} if _CODE.fullmatch(code):
                    what = f"{self.url}: {_text(detail)}"
                    hint = _KEY if code in {"no_key", "wrong_key"} else hint[:_LONGEST]
                    is_away = status >= _FAILED or status == _TOO_MUCH
                    return (ServerAway if is_away else UsageError)(what, hint, code=code)
        if status >= _FAILED:
            return ServerAway(f"{self.url}: it answers {status}.", self._look(), code="server_failed")
        return self.wrong_answer()

    def _redirected(self, location: str) -> StorageError:
        # What it redirects to may be anybody's, and the key is for this server.
        scheme, _, rest = location.partition("://")
        place = f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}" if rest else "another path"
        return StorageError(
            f"{self.url}: it redirects to {shown(place)}, which is not followed.",
            "If you trust that server, give its URL: --server URL",
            code="server_redirected",
        )

    def _look(self) -> str:
        return f"See what works: dissmodel doctor --server {self.url}"


def _text(detail: object) -> str:
    """Return what is wrong; of a body that is not valid, the first problem."""
    first = detail[0] if isinstance(detail, list) and detail else detail
    if isinstance(first, dict):
        place = first.get("loc")
        where = ".".join(map(str, place[1:])) if isinstance(place, list) else ""
        first = f"{where}: {first.get('msg', '')}".strip(": ")
    return str(first)[:_LONGEST]
