"""The errors of a connection to a server, in one sentence each."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    IncompleteRead,
    LocationValueError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as UrllibTimeout

from dissmodel.errors import StorageError
from dissmodel.storage.settings import Patience

UNREACHABLE = "storage_unreachable"
DENIED = "storage_denied"
MISSING = "storage_missing"
_AGAIN = "Try again; if the error stays, check the network and the server."


@contextmanager
def reaching(what: str, patience: Patience) -> Iterator[None]:
    """Turn what the connections raise in the block into a StorageError that names `what`."""
    try:
        yield
    except HTTPError as error:
        # Its text may hold a URL's query, with a token in it.
        raise _explained(what, error, patience) from None


def _explained(what: str, error: BaseException, patience: Patience) -> StorageError:
    while isinstance(error, MaxRetryError) and error.reason is not None:
        error = error.reason
    code, hint = UNREACHABLE, _AGAIN
    match error:
        case ProxyError():
            why = "the proxy can't be reached, or refuses"
            hint = "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY."
        case ConnectTimeoutError():
            why, hint = _unconnected(error, patience), "Check the endpoint, and that the server runs."
        case SSLError():
            why, hint = _untrusted(error)
        case UrllibTimeout() | ProtocolError():
            code, why = _broken_off(error, patience)
        case LocationValueError():
            code, why, hint = StorageError.code, "this is not the URL of a server", "Check the URL."
        case DecodeError():
            code, why = StorageError.code, "the answer is not compressed as the server declared"
        case _:
            code, why = StorageError.code, "the answer of the server could not be understood"
    return StorageError(f"{what}: {why}.", hint, code=code)


def _unconnected(error: ConnectTimeoutError, patience: Patience) -> str:
    if isinstance(error, NameResolutionError):
        return "there is no host of that name"
    if isinstance(error, NewConnectionError):
        return "nothing listens there"
    return f"no connection within {patience.connect_s:g} s"


def _broken_off(error: BaseException, patience: Patience) -> tuple[str, str]:
    """Return the code and the reason."""
    short = next((one for one in (error, *error.args) if isinstance(one, IncompleteRead)), None)
    if short is not None and isinstance(short.partial, int):
        said = short.partial + (short.expected or 0)
        return StorageError.code, f"only {short.partial:,} of {said:,} bytes came"
    if isinstance(error, UrllibTimeout) or any(isinstance(one, TimeoutError) for one in error.args):
        return UNREACHABLE, f"nothing came or went for {patience.silence_s:g} s"
    return StorageError.code, "the connection was cut"


def _untrusted(error: SSLError) -> tuple[str, str]:
    """Return the reason and what to do."""
    inner = next((one for one in error.args if isinstance(one, ssl.SSLError)), None)
    if isinstance(inner, ssl.SSLCertVerificationError):
        hint = "If it is your own server, give its certificate: SSL_CERT_FILE=ca.pem"
        return f"its certificate is not trusted ({inner.verify_message})", hint
    reason = (inner.reason if inner is not None else None) or "no TLS"
    hint = "If the server speaks plain http, write http:// in the endpoint, or set MINIO_SECURE=false."
    return f"no secure connection ({reason})", hint
