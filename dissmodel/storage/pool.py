"""Connections to a server: timeouts, retries, proxies and certificates."""

from __future__ import annotations

import logging
import os
import socket
import ssl
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as UrllibTimeout
from urllib3.util import Retry, Timeout, make_headers

from dissmodel.errors import UsageError
from dissmodel.storage.settings import Patience

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_AGAIN: Final = (500, 502, 503, 504)
_BLOCK: Final = 1 << 18
_MOST_KEPT: Final = 32


def make_pool(
    url: str, patience: Patience, *, proxy: str | None = None, cert: str | None = None
) -> PoolManager:
    """Return connections for the server of `url`, through the proxy that the environment names, or `proxy`.

    Redirects are handed back, never followed. TLS trusts what the system does and what ``certifi`` (or the
    file `cert`) does, or, where they are set, what ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name instead.
    Raises UsageError if ``SSL_CERT_FILE`` names no file of certificates.
    """
    for name in ("urllib3.connectionpool", "urllib3.util.retry"):
        logging.getLogger(name).addFilter(_without_query)
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme) or proxy
    options: dict[str, Any] = {
        "timeout": Timeout(connect=patience.connect_s, read=patience.silence_s),
        "retries": _Retry(
            total=patience.retries,
            backoff_factor=patience.backoff_s,
            status_forcelist=_AGAIN,
            allowed_methods=None,
            raise_on_status=False,
            respect_retry_after_header=False,
        ),
        "maxsize": _MOST_KEPT,
        "blocksize": _BLOCK,
    }
    if parts.scheme == "https":
        options["ssl_context"] = _trust(cert)
    pool: PoolManager
    if proxy and parts.hostname and not proxy_bypass(parts.hostname):
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        user = urlsplit(proxy).netloc.rpartition("@")[0]
        headers = make_headers(proxy_basic_auth=unquote(user)) if user else None
        pool = _ProxyPool(proxy, proxy_headers=headers, **options)
    else:
        pool = _Pool(**options)
    pool.pool_classes_by_scheme = _connections(patience.silence_s)
    return pool


class _Retry(Retry):
    """Retry where that may help within seconds; a silent server is not asked again."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        is_refused = isinstance(error, NewConnectionError) and not isinstance(error, NameResolutionError)
        is_hopeless = isinstance(error, (UrllibTimeout, ConnectTimeoutError, NameResolutionError, SSLError))
        is_silent = isinstance(error, ProtocolError) and any(
            isinstance(one, TimeoutError) for one in error.args
        )
        if error is not None and ((is_hopeless and not is_refused) or is_silent):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


class _Pool(PoolManager):
    """Connections that hand redirects back."""

    def urlopen(self, method: str, url: str, redirect: bool = True, **options: Any) -> BaseHTTPResponse:  # type: ignore[override]  # noqa: ARG002, FBT001, FBT002  (urllib3's own)
        body = options.get("body")
        if isinstance(body, bytes) and len(body) > _BLOCK:
            # sendall counts its time over all it was given: a slow line would never get through with 8 MiB.
            options["body"] = BytesIO(body)
        response = super().urlopen(method, url, redirect=False, **options)
        kind, semicolon, rest = response.headers.get("Content-Type", "").partition(";")
        if kind.strip().lower() == "text/xml":  # some servers say so, and minio reads only the other
            response.headers["Content-Type"] = f"application/xml{semicolon}{rest}"
        return response


class _ProxyPool(_Pool, ProxyManager):
    """The same through a proxy."""


def _without_query(record: logging.LogRecord) -> bool:
    """Take queries, which may hold a token, out of what urllib3 logs."""
    if isinstance(record.args, tuple):
        record.args = tuple(one.partition("?")[0] if isinstance(one, str) else one for one in record.args)
    return True


def _connections(silence_s: float) -> dict[str, type[HTTPConnectionPool]]:
    """Return classes of pools whose connections have one timeout for sending and receiving.

    urllib3 sends under the time-out to connect, until a connection is used for the second time.
    """

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            _wait(self.sock, silence_s)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            _wait(self.sock, silence_s)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _wait(sock: socket.socket | None, silence_s: float) -> None:
    if sock is not None:
        sock.settimeout(silence_s)


def _trust(cert: str | None) -> ssl.SSLContext:
    named = os.environ.get("SSL_CERT_FILE")
    if named and not Path(named).is_file():
        # OpenSSL would ignore it and trust no certificate.
        raise UsageError(
            f"SSL_CERT_FILE names {named}, which is not a file.", "Name a file of certificates in PEM."
        )
    context = ssl.create_default_context()
    if not named and not os.environ.get("SSL_CERT_DIR"):
        context.load_verify_locations(cert or certifi.where())
    return context
