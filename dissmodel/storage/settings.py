"""The settings of object stores; variables of other tools go before them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import urlsplit

from dissmodel.config import UserSettings
from dissmodel.errors import StorageError, UsageError
from dissmodel.storage.names import shown

_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_REGION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
_PLAIN = "Write it as minio.example.org:9000 or https://minio.example.org:9000, without a path."


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for: seconds to connect, and seconds without a byte in either direction.

    A request is sent again `retries` times after the connection was refused or cut, or the server answered
    500, 502, 503 or 504; `backoff_s` before the second time, twice as long before each further one.
    """

    connect_s: float = 3.0
    silence_s: float = 60.0
    retries: int = 2
    backoff_s: float = 0.3


VARIABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "storage.endpoint": ("MINIO_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
        "storage.region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
        "storage.secure": ("MINIO_SECURE",),
    }
)
"""The variables of other tools that go before a setting, the strongest first."""


@dataclass(frozen=True)
class StorageSettings:
    """The settings of object stores, without secrets.

    `endpoint` is a host and port, or a URL without a path; without a region the server is asked. `bucket` and
    `inputs_bucket` are where results and inputs go by default. `secure` says whether the endpoint is reached
    by https where it has no scheme; None means yes. `profile` is one of ``~/.aws``, `mc_alias` one of
    ``~/.mc/config.json``.
    """

    endpoint: str | None = None
    region: str | None = None
    bucket: str | None = None
    inputs_bucket: str | None = None
    secure: bool | None = None
    profile: str | None = None
    mc_alias: str | None = None
    anonymous: bool = False
    patience: Patience = field(default_factory=Patience)

    @classmethod
    def of(cls, settings: UserSettings) -> StorageSettings:
        """Return what the user's and the project's settings say.

        >>> StorageSettings.of(UserSettings({})) == StorageSettings()
        True
        """
        names = ("endpoint", "region", "bucket", "inputs_bucket", "profile", "mc_alias")
        texts: dict[str, Any] = {name: settings.text(f"storage.{name}") for name in names}
        return cls(**texts, secure=cast("bool | None", settings.value("storage.secure")))


@dataclass(frozen=True)
class Endpoint:
    """Where an S3 server is: host, and port where it is not the scheme's own; region, None to ask."""

    host: str
    secure: bool
    region: str | None = None

    @property
    def shown(self) -> str:
        """Its URL.

        >>> Endpoint("localhost:9000", secure=False).shown
        'http://localhost:9000'
        """
        return f"{'https' if self.secure else 'http'}://{self.host}"


def parse_endpoint(text: str, *, secure: bool | None = None, region: str | None = None) -> Endpoint:
    """Return the endpoint that a text names; a scheme in it has the last word on https.

    Raises
    ------
    StorageError
        If it is more than a host and a port, or none (code ``"storage_endpoint"``). The message shows no
        password that it held.

    Examples
    --------
    >>> parse_endpoint("http://localhost:9000/")
    Endpoint(host='localhost:9000', secure=False, region=None)
    >>> parse_endpoint("minio.example.org").secure
    True
    """
    scheme, mark, rest = text.strip().rpartition("://")
    scheme = scheme.lower()
    where = shown(rest.rpartition("@")[2].partition("?")[0])
    if mark and scheme not in {"http", "https"}:
        raise _refused(f"{shown(scheme)}:// is not a scheme of an object store.")
    if "@" in rest or "?" in rest or "#" in rest:
        raise _refused(f"The endpoint {where} has a user, a query or a fragment.")
    host, slash, path = rest.partition("/")
    if slash and path.strip("/"):
        raise _refused(f"The endpoint {where} has a path, and an object store has none.")
    try:
        parts = urlsplit(f"//{host}")
        port = parts.port
    except ValueError:
        raise _refused(f"The endpoint {where} has no port between 1 and 65535.") from None
    name = host.removesuffix(f":{port}") if port is not None else host
    if port == 0 or not _HOST.fullmatch(name):
        raise _refused(f"The endpoint {where!r} names no host.")
    if region is not None and not _REGION.fullmatch(region):
        raise StorageError(
            f"The endpoint {where}: {shown(region)!r} is not a region.",
            "Write it as us-east-1.",
            code="storage_endpoint",
        )
    return Endpoint(host, scheme == "https" if mark else secure is not False, region)


def secure_flag(environ: Mapping[str, str]) -> bool | None:
    """Return what ``MINIO_SECURE`` says, None where it says nothing.

    >>> secure_flag({"MINIO_SECURE": "False"})
    False

    Raises UsageError if it is neither true nor false.
    """
    text = environ.get("MINIO_SECURE", "").strip()
    if not text:
        return None
    if text.lower() not in _TRUE | _FALSE:
        raise UsageError(
            f"MINIO_SECURE: {shown(text)!r} is neither true nor false.",
            "Write true or false.",
            code="setting_value",
        )
    return text.lower() in _TRUE


def _refused(why: str) -> StorageError:
    return StorageError(why, _PLAIN, code="storage_endpoint")
