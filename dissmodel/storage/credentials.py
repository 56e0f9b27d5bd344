"""Who is asking: credentials, from the places where people already have them."""

from __future__ import annotations

import configparser
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dissmodel.errors import StorageError
from dissmodel.record.known_secrets import learn
from dissmodel.storage.names import shown
from dissmodel.storage.settings import VARIABLES, Endpoint, StorageSettings, parse_endpoint, secure_flag

AWS = "s3.amazonaws.com"
KEYRING = "dissmodel"
_LARGEST_FILE = 1 << 20
_PLACES = (
    "Set MINIO_ACCESS_KEY and MINIO_SECRET_KEY, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a "
    "profile of ~/.aws or an mc alias: dissmodel config set storage.profile NAME (or storage.mc_alias NAME)"
)


@dataclass(frozen=True)
class Credentials:
    """A key and its secret. Its ``repr`` shows neither.

    Attributes
    ----------
    access_key, secret_key : str
        The pair.
    session_token : str or None
        What comes with a pair that is lent for a time.
    origin : str
        Where they are from, such as ``"MINIO_ACCESS_KEY"``.
    """

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    origin: str = ""


@dataclass(frozen=True)
class Access:
    """How an object store is reached, and as whom; None where nobody in particular asks."""

    endpoint: Endpoint
    credentials: Credentials | None


@dataclass(frozen=True)
class _Found:
    credentials: Credentials
    endpoint: str | None = None
    region: str | None = None


def find(settings: StorageSettings, environ: Mapping[str, str]) -> Access:
    """Return which store is meant and the credentials for it.

    Credentials are looked for in ``MINIO_ACCESS_KEY`` and ``MINIO_SECRET_KEY``, in ``AWS_ACCESS_KEY_ID`` and
    what goes with it, in a profile of ``~/.aws``, in the ``mc`` alias that the settings name, in the keyring
    of the system; the first place that has any is the one. The endpoint is ``MINIO_ENDPOINT``,
    ``AWS_ENDPOINT_URL_S3``, ``AWS_ENDPOINT_URL``, what the settings say, or what came with the credentials.

    Parameters
    ----------
    settings : StorageSettings
        What the caller set.
    environ : Mapping
        The environment.

    Raises
    ------
    StorageError
        If one of a pair, a profile or an alias that is named, or everything is missing (code
        ``"credentials_missing"``), or there is no endpoint (``"storage_endpoint"``).
    UsageError
        If ``MINIO_SECURE`` is neither true nor false.
    """
    found = None if settings.anonymous else _look_everywhere(settings, environ)
    if found is not None:
        secrets = found.credentials
        learn(secrets.access_key, secrets.secret_key, secrets.session_token)
    given = [environ.get(name) for name in VARIABLES["storage.endpoint"]] + [
        settings.endpoint,
        found.endpoint if found else None,
    ]
    text = next((one for one in given if one), None)
    if found is None and not settings.anonymous:
        place = parse_endpoint(text).shown if text else "The object store"
        raise StorageError(f"{place}: there are no credentials for it.", _PLACES, code="credentials_missing")
    if text is None:
        if found is None or not found.credentials.origin.startswith(("AWS_", "the profile")):
            raise StorageError(
                "No object store is set.",
                "Set it: dissmodel config set storage.endpoint minio.example.org:9000, or MINIO_ENDPOINT.",
                code="storage_endpoint",
            )
        text = AWS
    secure = secure_flag(environ)
    named = [environ.get(name) for name in VARIABLES["storage.region"]]
    region = next((one for one in named if one), settings.region)
    endpoint = parse_endpoint(
        text,
        secure=settings.secure if secure is None else secure,
        region=region or (found.region if found else None),
    )
    return Access(endpoint, found.credentials if found else None)


def _look_everywhere(settings: StorageSettings, environ: Mapping[str, str]) -> _Found | None:
    return (
        _from_variables(environ, "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY", "MINIO_SESSION_TOKEN")
        or _from_variables(environ, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        or _from_profile(settings.profile or environ.get("AWS_PROFILE"), environ)
        or _from_alias(settings.mc_alias, environ)
        or _from_keyring()
    )


def _from_variables(environ: Mapping[str, str], access: str, secret: str, token: str) -> _Found | None:
    pair = {name: environ.get(name, "").strip() for name in (access, secret)}
    if not any(pair.values()):
        return None
    for name, value in pair.items():
        if not value:
            other = secret if name == access else access
            raise _missing(f"{name} is missing: {other} is set without it.")
    return _Found(Credentials(pair[access], pair[secret], environ.get(token) or None, access))


def _from_profile(named: str | None, environ: Mapping[str, str]) -> _Found | None:
    name = named or "default"
    folder = Path("~/.aws")
    secrets = Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or folder / "credentials").expanduser()
    config = Path(environ.get("AWS_CONFIG_FILE") or folder / "config").expanduser()
    section = name if name == "default" else f"profile {name}"
    values = {**_section(config, section), **_section(secrets, name)}
    access, secret = values.get("aws_access_key_id"), values.get("aws_secret_access_key")
    if not access and not secret:
        if named is None:
            return None
        raise _missing(
            f"The profile {shown(name)!r} of {secrets} holds no aws_access_key_id, or is not there."
        )
    if not access or not secret:
        lacking = "aws_secret_access_key" if access else "aws_access_key_id"
        raise _missing(f"{lacking} is missing in the profile {shown(name)!r} of {secrets}.")
    origin = f"the profile {shown(name)!r} of {secrets}"
    credentials = Credentials(access, secret, values.get("aws_session_token"), origin)
    return _Found(credentials, values.get("endpoint_url"), values.get("region"))


def _from_alias(name: str | None, environ: Mapping[str, str]) -> _Found | None:
    if name is None:
        return None
    path = Path(environ.get("MC_CONFIG_DIR") or "~/.mc").expanduser() / "config.json"
    text = _text_of(path)
    try:
        document = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        raise StorageError(
            f"{path} is no JSON.", "Make it again: mc alias set NAME URL", code="storage"
        ) from None
    alias = _table(_table(document).get("aliases")).get(name)
    if alias is None:
        raise _missing(f"{path} has no alias {shown(name)!r}.")
    access, secret, url = (_table(alias).get(part) for part in ("accessKey", "secretKey", "url"))
    for part, value in (("accessKey", access), ("secretKey", secret)):
        if not isinstance(value, str) or not value:
            raise _missing(f"{part} is missing in the alias {shown(name)!r} of {path}.")
    token = _table(alias).get("sessionToken")
    credentials = Credentials(
        str(access),
        str(secret),
        token if isinstance(token, str) and token else None,
        f"the alias {shown(name)!r} of {path}",
    )
    return _Found(credentials, url if isinstance(url, str) else None)


def _from_keyring() -> _Found | None:
    try:
        keyring = importlib.import_module("keyring")
        errors = importlib.import_module("keyring.errors")
    except ImportError:
        return None
    try:
        pair = [keyring.get_password(KEYRING, name) for name in ("access_key", "secret_key")]
    except errors.KeyringError:  # none that works here, or it stays locked
        return None
    if not any(pair):
        return None
    if not all(pair):
        lacking = "access_key" if pair[1] else "secret_key"
        raise _missing(f"{lacking} is missing in the keyring's service {KEYRING!r}.")
    return _Found(Credentials(str(pair[0]), str(pair[1]), None, f"the keyring's service {KEYRING!r}"))


def _section(path: Path, name: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(default_section="", strict=False)
    try:
        parser.read_string(_text_of(path))
    except configparser.Error:
        # What the parser says quotes the line, and the line may be the secret.
        raise StorageError(
            f"{path} is no file of AWS profiles.",
            "Look at it: [NAME], then lines with key = value.",
            code="storage",
        ) from None
    return dict(parser[name]) if parser.has_section(name) else {}


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST_FILE + 1)
        if len(content) <= _LARGEST_FILE:
            return content.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError):
        pass
    raise StorageError(
        f"{path} can't be read, is too large or no text.", "Look at its rights.", code="storage"
    )


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _missing(what: str) -> StorageError:
    return StorageError(what, _PLACES, code="credentials_missing")
