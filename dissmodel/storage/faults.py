"""What goes wrong between here and a server, in one sentence each."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    IncompleteRead,
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
_AGAIN = "Try again; if it stays, look at the network and at the server."


@contextmanager
def reaching(what: str, patience: Patience) -> Iterator[None]:
    """Turn what the connections raise in the block into a StorageError that names `what`."""
    try:
        yield
    except HTTPError as error:
        raise _explained(
            what, error, patience
        ) from None  # its text may hold a URL's query, with a token in it


def _explained(what: str, error: BaseException, patience: Patience) -> StorageError:
    while isinstance(error, MaxRetryError) and error.reason is not None:
        error = error.reason
    if isinstance(error, ProxyError):
        why = "the proxy can't be reached, or refuses"
        return _unreachable(what, why, "Look at HTTPS_PROXY, HTTP_PROXY and NO_PROXY.")
    if isinstance(error, ConnectTimeoutError):
        return _unconnected(what, error, patience)
    if isinstance(error, SSLError):
        return _untrusted(what, error)
    if isinstance(error, (UrllibTimeout, ProtocolError)):
        return _broken_off(what, error, patience)
    if isinstance(error, DecodeError):
        return StorageError(f"{what}: what came is not compressed as the server said.", _AGAIN)
    return StorageError(f"{what}: the server could not be understood.", _AGAIN)


def _unconnected(what: str, error: ConnectTimeoutError, patience: Patience) -> StorageError:
    if isinstance(error, NameResolutionError):
        why = "there is no host of that name"
    elif isinstance(error, NewConnectionError):
        why = "nothing listens there"
    else:
        why = f"no connection within {patience.connect_s:g} s"
    return _unreachable(what, why, "Check the endpoint, and that the server runs.")


def _broken_off(what: str, error: BaseException, patience: Patience) -> StorageError:
    short = next((one for one in (error, *error.args) if isinstance(one, IncompleteRead)), None)
    if short is not None and isinstance(short.partial, int):
        said = short.partial + (short.expected or 0)
        return StorageError(f"{what}: only {short.partial:,} of {said:,} bytes came.", _AGAIN)
    if isinstance(error, UrllibTimeout) or any(isinstance(one, TimeoutError) for one in error.args):
        return _unreachable(what, f"nothing came or went for {patience.silence_s:g} s", _AGAIN)
    return StorageError(f"{what}: the connection was cut.", _AGAIN)


def _untrusted(what: str, error: SSLError) -> StorageError:
    inner = next((one for one in error.args if isinstance(one, ssl.SSLError)), None)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return _unreachable(
            what,
            f"its certificate is not trusted ({inner.verify_message})",
            "If it is your own, name its certificate: SSL_CERT_FILE=ca.pem",
        )
    reason = (inner.reason if inner is not None else None) or "no TLS"
    return _unreachable(
        what,
        f"no secure connection ({reason})",
        "If the server speaks plain http, write http:// in the endpoint, or set MINIO_SECURE=false.",
    )


def _unreachable(what: str, why: str, hint: str) -> StorageError:
    return StorageError(f"{what}: {why}.", hint, code=UNREACHABLE)
