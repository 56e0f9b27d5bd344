"""Where a registry is: a folder, or a repository that git can fetch. Parsed once, its token kept apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from dissmodel.errors import UsageError

_HIDDEN = re.compile(r"[\x00-\x1f\x7f]")
_HELPER = re.compile(r"[A-Za-z0-9+.-]+::")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
# A colon before any slash; a single letter before it is a Windows drive.
_SCP = re.compile(r"(?:[\w.-]+@)?\w[\w.-]+:[^/\\].*|(?:[\w.-]+@)\w[\w.-]*:.+")
_FORMS = "Give a folder, or an https://, ssh:// or file:// URL, or host:path."


@dataclass(frozen=True)
class Remote:
    """A place that a registry comes from.

    The URL has no user name and password where they are secrets; for a folder it is the absolute path. A
    ``file://`` URL is a repository, so `folder` is None. `secret`, ``user:password`` or a token of the URL,
    is used for one sync and not stored.
    """

    url: str
    folder: Path | None = None
    secret: str | None = field(default=None, repr=False)


def parse_remote(text: str) -> Remote:
    """Parse what a user, or a file, named as the place of a registry.

    That is a folder (``~`` means the user's own), ``https://``, ``http://``, ``ssh://`` or ``file://`` and
    what follows, or ``[user@]host:path``.

    Raises
    ------
    UsageError
        If the text has none of these forms (code ``"registry_url"``): an option, another transport such as
        ``ext::``, a password where git could not use it. The message shows no secret.

    Examples
    --------
    >>> parse_remote("https://t0ken@example.org/coast.git")
    Remote(url='https://example.org/coast.git', folder=None)
    >>> parse_remote("git@example.org:coast.git").url
    'git@example.org:coast.git'
    """
    if not text or text.startswith("-") or _HIDDEN.search(text):
        raise _refused(f"{text!r} is not the place of a registry.")
    helper = _HELPER.match(text)
    if helper is not None:
        raise _refused(f"{helper[0]} would start a program; a registry is not fetched that way.")
    scheme = _SCHEME.match(text)
    if scheme is not None:
        return _from_url(text, scheme[1].lower())
    if _SCP.fullmatch(text):
        return Remote(text)
    try:
        folder = Path(text).expanduser().absolute()
    except RuntimeError:  # ~name
        raise _refused(f"{text!r} names a user whom this machine doesn't know.") from None
    if (folder / "HEAD").is_file() and (folder / "objects").is_dir():  # a repository without files beside it
        return Remote(folder.as_uri())
    return Remote(str(folder), folder)


def _from_url(text: str, scheme: str) -> Remote:
    if scheme not in {"file", "http", "https", "ssh"}:
        raise _refused(f"{scheme}:// is not a protocol by which a registry can be fetched.")
    if scheme == "file":
        host, slash, path = text.partition("://")[2].partition("/")
        if host not in {"", "localhost"} or not path:
            raise _refused("A file:// URL has three slashes and a path, as in file:///srv/registry.git.")
        return Remote(f"file://{slash}{path}")  # a name in it may hold what ends a path on the web
    if " " in text:
        raise _refused(f"This {scheme}:// URL has a blank in it.")
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises for what is not a number
    except ValueError as error:
        raise _refused(f"This {scheme}:// URL is malformed: {error}.") from None
    return _from_host(parts, scheme)


def _from_host(parts: SplitResult, scheme: str) -> Remote:
    user, at, host = parts.netloc.rpartition("@")
    shown = f"{scheme}://{host}{parts.path}"
    if not host or host.startswith("-") or user.startswith("-"):
        raise _refused(f"{shown} names no host.")
    if parts.query or parts.fragment:
        raise _refused(f"{shown} is followed by ? or #, which a repository's URL doesn't have.")
    if scheme == "ssh":
        if ":" in user:
            raise _refused(f"{shown}: ssh takes no password from a URL; use a key.")
        return Remote(f"ssh://{user}{at}{host}{parts.path}")
    return Remote(shown, secret=unquote(user) or None)


def _refused(why: str) -> UsageError:
    return UsageError(why, _FORMS, code="registry_url")
