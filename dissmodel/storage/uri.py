"""Where data is, parsed once. A URL never becomes a `pathlib.Path`."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import url2pathname

from dissmodel.errors import StorageError, UsageError
from dissmodel.record.redact import redact

Scheme = Literal["file", "s3", "http", "https"]

# A single letter before a colon is a Windows drive, so a scheme has at least two.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_REMOTE: dict[str, Scheme] = {"s3": "s3", "http": "http", "https": "https"}


@dataclass(frozen=True)
class Uri:
    """A place that a user named; `path` is None for everything that is not a local file.

    `text` is what the user typed. It may hold a password or a token: show `shown` instead.
    """

    scheme: Scheme
    path: Path | None
    text: str = field(repr=False)

    @property
    def shown(self) -> str:
        """The text without user, password, query and fragment, fit for an error or a log.

        >>> parse("https://me:secret@example.org/a.tif?token=1").shown
        'https://example.org/a.tif'
        """
        if self.path is not None:
            return str(self.path)
        if self.scheme == "s3":
            return self._bucket_and_key()
        parts = urlsplit(self.text)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def recorded(self) -> str:
        """The text as a record may hold it: without user and fragment, ``***`` for what signs or authorises.

        >>> parse("https://me:secret@example.org/data?id=42&token=1").recorded
        'https://example.org/data?id=42&token=***'
        """
        if self.path is not None or self.scheme == "s3":
            return self.shown
        parts = urlsplit(self.text)
        host = parts.netloc.rpartition("@")[2]
        return redact(urlunsplit((parts.scheme, host, parts.path, parts.query, "")))

    def _bucket_and_key(self) -> str:
        """Return an ``s3://`` URI; in a key ``?`` and ``#`` are letters like others."""
        bucket, slash, key = self.text.partition("://")[2].partition("/")
        return f"s3://{bucket.rpartition('@')[2]}{slash}{key}"

    def local(self) -> Path:
        """Return the local path.

        Raises StorageError if the data is not on this machine (code ``"remote_unsupported"``).
        """
        if self.path is None:
            raise StorageError(
                f"{self.shown}: remote data isn't supported yet.",
                "Download the file first, then give its path.",
                code="remote_unsupported",
            )
        return self.path


def is_remote(text: str | os.PathLike[str]) -> bool:
    """Tell whether a text is the URL of something that is not on this machine.

    >>> is_remote("s3://bucket/a.tif"), is_remote("a.tif"), is_remote("ftp://host/a.tif")
    (True, False, False)
    """
    scheme = _SCHEME.match(os.fspath(text))
    return scheme is not None and scheme[1].lower() in _REMOTE


def shown(text: str) -> str:
    """Return a path as it is, and a URL without what may be secret in it.

    >>> shown("results/a.tif"), shown("https://me:pw@example.org/a.tif")
    ('results/a.tif', 'https://example.org/a.tif')
    """
    return parse(text).shown if is_remote(text) else text


def beside(url: str, name: str) -> str:
    """Return the URL of an object in the folder of another: the same user, password and query.

    >>> beside("https://me:pw@example.org/runs/a.record.json?token=1", "a #1.tif")
    'https://me:pw@example.org/runs/a%20%231.tif?token=1'
    >>> beside("s3://bucket/runs/a.record.json", "a #1.tif")
    's3://bucket/runs/a #1.tif'
    """
    if parse(url).scheme == "s3":
        return f"{url.rpartition('/')[0]}/{name}"
    parts = urlsplit(url)
    path = f"{parts.path.rpartition('/')[0]}/{quote(name)}"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def parse(text: str | os.PathLike[str]) -> Uri:
    """Parse a local path (a Windows path with a drive letter too) or a URL.

    In a ``file://`` URL ``%20`` means a space, in a path it means itself.

    Raises UsageError if the text is empty, holds a NUL character, is not UTF-8, is not a URL though it begins
    as one, or has another scheme than ``file``, ``s3``, ``http`` and ``https``.

    Examples
    --------
    >>> parse("data/grid.tif").scheme
    'file'
    >>> parse("s3://bucket/grid.tif").path is None
    True
    """
    given = os.fspath(text)
    if not given.strip() or "\0" in given or (given[:5].lower() == "file:" and "%00" in given):
        raise UsageError(f"{given!r} is not a path.", "Give the path of a file.")
    try:
        given.encode()
    except UnicodeEncodeError:  # neither a record nor GDAL could hold it
        raise _not_utf8(given) from None
    scheme = _SCHEME.match(given)
    if scheme is None:
        return Uri("file", Path(given), given)
    name = scheme[1].lower()
    if name == "file":
        return Uri("file", _path_of_file_url(given), given)
    if name in _REMOTE:
        try:
            urlsplit(given)
        except ValueError:  # its message may hold a password
            raise UsageError(f"{name}://…: this is not a URL.", "Write it as https://HOST/PATH.") from None
        return Uri(_REMOTE[name], None, given)
    raise UsageError(
        f"{name}:// is not a scheme that data can be read from or written to.",
        "Give a local path, or a file://, s3://, http:// or https:// URL.",
    )


def _not_utf8(given: str) -> UsageError:
    encoding = sys.getfilesystemencoding()
    try:
        name = os.fsencode(given).decode()
    except UnicodeError:
        hint = "Rename the file or its folder, or give another name."
        return UsageError(f"{given!r}: this name is not UTF-8.", hint)
    return UsageError(
        f"{name!r}: the locale of this process reads file names as {encoding}, and this name is UTF-8.",
        "Choose a locale with UTF-8, then run again: export LC_ALL=C.UTF-8",
        code="locale",
    )


def _path_of_file_url(url: str) -> Path:
    # Not urlsplit: a file's name may hold '?' and '#', and people type them unquoted.
    host, slash, rest = url.partition("://")[2].partition("/")
    if not host and not rest:
        raise UsageError(f"{url!r} names no file.", "Give the path of a file.")
    if host in {"", "localhost"} and rest:
        return Path(url2pathname(slash + rest))
    if os.name == "nt":
        return Path(url2pathname("//" + host + slash + rest))
    # Packages cut the prefix off, which makes "file://folder/a.tif" a relative path; it stays one.
    return Path(url2pathname(host + slash + rest))
