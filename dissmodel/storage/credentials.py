"""The credentials for an object store, from the places where people already keep them."""

from __future__ import annotations

import configparser
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    """An access key and its secret, with a token if they are temporary; ``repr`` shows none of them.

    `origin` says where they were found, such as ``"MINIO_ACCESS_KEY"``.
    """

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    origin: str = ""


@dataclass(frozen=True)
class Access:
    """The endpoint of an object store, and the credentials; None for anonymous access.

    `public` is its address for others, where they reach it under another name.
    """

    endpoint: Endpoint
    credentials: Credentials | None
    public: Endpoint | None = None


@dataclass(frozen=True)
class _Found:
    credentials: Credentials
    endpoint: str | None = None
    region: str | None = None
    is_aws: bool = False  # Amazon's store is meant where no endpoint is named


def find(settings: StorageSettings, environ: Mapping[str, str]) -> Access:
    """Return the endpoint of the object store and the credentials for it.

    Credentials are looked for in ``MINIO_ACCESS_KEY`` and ``MINIO_SECRET_KEY``, in ``AWS_ACCESS_KEY_ID`` and
    what goes with it, in a profile of ``~/.aws``, in the ``mc`` alias that the settings name, in the keyring
    of the system; the first place that has credentials decides. The endpoint is ``MINIO_ENDPOINT``,
    ``AWS_ENDPOINT_URL_S3``, ``AWS_ENDPOINT_URL``, what the settings say, or what came with the credentials.

    Raises StorageError if half of a pair, a named profile or alias, or every kind of credentials is missing
    (code ``"credentials_missing"``), or there is no endpoint (``"storage_endpoint"``); UsageError if
    ``MINIO_SECURE`` is neither true nor false.
    """
    found = None if settings.anonymous else _look_everywhere(settings, environ)
    if found is not None:
        learn(found.credentials.access_key, found.credentials.secret_key, found.credentials.session_token)
    text = _first(environ, "storage.endpoint", settings.endpoint, found.endpoint if found else None)
    if found is None and not settings.anonymous:
        place = parse_endpoint(text).shown if text else "The object store"
        raise StorageError(f"{place}: there are no credentials for it.", _PLACES, code="credentials_missing")
    if text is None:
        if found is None or not found.is_aws:
            raise StorageError(
                "No object store is set.",
                "Set it: dissmodel config set storage.endpoint minio.example.org:9000, or MINIO_ENDPOINT.",
                code="storage_endpoint",
            )
        text = AWS
    secure = secure_flag(environ)
    region = _first(environ, "storage.region", settings.region, found.region if found else None)
    endpoint = parse_endpoint(text, secure=settings.secure if secure is None else secure, region=region)
    public = environ.get("MINIO_URL", "").strip()
    return Access(endpoint, found.credentials if found else None, parse_endpoint(public) if public else None)


def _first(environ: Mapping[str, str], setting: str, *others: str | None) -> str | None:
    """Return the first variable of a setting that is set, else the first of `others` that is not empty."""
    return next((one for one in (*map(environ.get, VARIABLES[setting]), *others) if one), None)


def _look_everywhere(settings: StorageSettings, environ: Mapping[str, str]) -> _Found | None:
    return (
        _from_variables(environ, "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY", "MINIO_SESSION_TOKEN")
        or _from_variables(environ, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        or _from_profile(settings.profile or environ.get("AWS_PROFILE"), environ)
        or _from_alias(settings.mc_alias, environ)
        or _from_keyring()
    )


def _from_variables(environ: Mapping[str, str], access: str, secret: str, token: str) -> _Found | None:
    given = {name: environ.get(name, "").strip() for name in (access, secret)}
    values = {**given, token: environ.get(token)}
    lacking = "{0} is missing: {1} is set without it."
    found = _pair(values, (access, secret, token), access, lacking)
    return found and replace(found, is_aws=access.startswith("AWS_"))


def _from_profile(named: str | None, environ: Mapping[str, str]) -> _Found | None:
    name = named or "default"
    folder = Path("~/.aws")
    secrets = Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or folder / "credentials").expanduser()
    config = Path(environ.get("AWS_CONFIG_FILE") or folder / "config").expanduser()
    section = name if name == "default" else f"profile {name}"
    values = {**_section(config, section), **_section(secrets, name)}
    place = f"the profile {shown(name)!r} of {secrets}"
    keys = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    found = _pair(values, keys, place)
    if found is None:
        if named is None:
            return None
        raise _missing(f"T{place[1:]} holds no aws_access_key_id, or is not there.")
    return replace(found, endpoint=values.get("endpoint_url"), region=values.get("region"), is_aws=True)


def _from_alias(name: str | None, environ: Mapping[str, str]) -> _Found | None:
    if name is None:
        return None
    path = Path(environ.get("MC_CONFIG_DIR") or "~/.mc").expanduser() / "config.json"
    text = _text_of(path)
    try:
        document = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        raise StorageError(f"{path} is not JSON.", "Make it again: mc alias set NAME URL") from None
    alias = _table(_table(document).get("aliases")).get(name)
    if alias is None:
        raise _missing(f"{path} has no alias {shown(name)!r}.")
    values = {key: value for key, value in _table(alias).items() if isinstance(value, str)}
    place = f"the alias {shown(name)!r} of {path}"
    found = _pair(values, ("accessKey", "secretKey", "sessionToken"), place)
    if found is None:
        raise _missing(f"accessKey is missing in {place}.")
    return replace(found, endpoint=values.get("url"))


def _from_keyring() -> _Found | None:
    names = ("access_key", "secret_key")
    return _pair(from_keyring(*names), (*names, ""), f"the keyring's service {KEYRING!r}")


def from_keyring(*names: str) -> Mapping[str, str | None]:
    """Return what the system's keyring has under the service ``dissmodel``; empty without a keyring."""
    try:
        keyring = importlib.import_module("keyring")
        errors = importlib.import_module("keyring.errors")
    except ImportError:
        return {}
    try:
        return {name: keyring.get_password(KEYRING, name) for name in names}
    except errors.KeyringError:  # none that works here, or it stays locked
        return {}


def _pair(
    values: Mapping[str, str | None],
    names: tuple[str, str, str],
    origin: str,
    lacking: str = "{0} is missing in {2}.",
) -> _Found | None:
    """Return the credentials among values, by the names of key, secret and token; None where there are none.

    `lacking` says what is wrong with half a pair: ``{0}`` is missing, ``{1}`` is there; ``{2}``: the origin.
    """
    access, secret, token = (values.get(name) or "" for name in names)
    if not access and not secret:
        return None
    if not access or not secret:
        there, missing = names[:2] if access else names[1::-1]
        raise _missing(lacking.format(missing, there, origin))
    return _Found(Credentials(access, secret, token or None, origin))


def _section(path: Path, name: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(default_section="", strict=False)
    try:
        parser.read_string(_text_of(path))
    except configparser.Error:
        # What the parser says quotes the line, and the line may be the secret.
        raise StorageError(
            f"{path} is not a file of AWS profiles.", "A profile has a line [NAME], then lines key = value."
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
    raise StorageError(f"{path} can't be read, is too large or no text.", "Check its rights.")


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _missing(what: str) -> StorageError:
    return StorageError(what, _PLACES, code="credentials_missing")
