"""Bytes and text from a URI and back, and what a name says about a format: names that packages import."""

from __future__ import annotations

import os
from io import IOBase
from pathlib import PurePosixPath
from typing import IO, Any

from dissmodel.errors import InvalidInput, MissingFile, StorageError, WrongType
from dissmodel.io._storage import local_copy, written
from dissmodel.io.formats import KINDS
from dissmodel.io.locate import kind_of
from dissmodel.record.digest import sha256_bytes, sha256_file
from dissmodel.storage.arrival import unwritable
from dissmodel.storage.uri import parse

__all__ = [
    "RASTER_EXTENSIONS",
    "VECTOR_EXTENSIONS",
    "XARRAY_EXTENSIONS",
    "XARRAY_SUFFIXES",
    "detect_format",
    "read_bytes",
    "read_text",
    "resolve_uri",
    "sha256_bytes",
    "sha256_file",
    "suffix_of",
    "write_bytes",
    "write_text",
]

XARRAY_SUFFIXES = (".nc", ".nc4", ".zarr")

# Published names.
VECTOR_EXTENSIONS = {suffix for suffix, kind in KINDS.items() if kind == "vector"} | {".zip"}
RASTER_EXTENSIONS = {suffix for suffix, kind in KINDS.items() if kind == "raster"}
XARRAY_EXTENSIONS = set(XARRAY_SUFFIXES)


def suffix_of(uri: str | os.PathLike[str]) -> str:
    """Return the suffix of a path or URL in lower case.

    >>> suffix_of("https://example.org/Grid.TIF?token=1")
    '.tif'
    """
    place = parse(uri)
    return (place.path or PurePosixPath(place.shown)).suffix.lower()


def detect_format(uri: str | os.PathLike[str]) -> str:
    """Return which format a name says: ``"vector"``, ``"raster"`` or ``"xarray"``.

    A local zip is opened; any other zip is taken for vector data.

    Raises
    ------
    InvalidInput
        If the suffix is unknown (it is a ValueError too), or the zip holds no dataset.

    Examples
    --------
    >>> detect_format("result.tif")
    'raster'
    """
    place, suffix = parse(uri), suffix_of(uri)
    if suffix in KINDS:
        return KINDS[suffix]
    if suffix in XARRAY_SUFFIXES:
        return "xarray"
    if suffix == ".zip":
        return kind_of(place.path) if place.path is not None and place.path.is_file() else "vector"
    raise InvalidInput(
        f"Cannot detect format of {place.shown}: "
        + (f"no format has the suffix {suffix!r}." if suffix else "the name has no suffix."),
        "Use one of these: " + ", ".join([*KINDS, ".zip", *XARRAY_SUFFIXES]) + ".",
        code="format_unknown",
    )


def resolve_uri(uri: str | os.PathLike[str], minio_client: Any = None) -> tuple[bytes, str]:
    """Return the bytes at `uri` and their sha256.

    Raises
    ------
    InvalidInput
        If there is no such file.
    StorageError
        If it can't be read or fetched.
    """
    with local_copy(uri, minio_client) as path:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise MissingFile(f"{path} does not exist.", "Check the path.") from None
        except OSError as error:
            raise StorageError(
                f"{path} could not be read: {error.strerror or error}.", "Check the rights."
            ) from error
    return content, sha256_bytes(content)


def read_bytes(uri: str | os.PathLike[str]) -> bytes:
    """Return the bytes at `uri`; raises as `resolve_uri`."""
    return resolve_uri(uri)[0]


def read_text(uri: str | os.PathLike[str], encoding: str = "utf-8") -> str:
    """Return the text at `uri`; raises as `resolve_uri`, and InvalidInput if it is not in this encoding."""
    try:
        return read_bytes(uri).decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{parse(uri).shown} is not {encoding} text: {error}.",
            f"Save it as {encoding}, or pass encoding=.",
        ) from error


def write_bytes(
    data: bytes | IO[bytes], uri: str | os.PathLike[str], content_type: str = "application/octet-stream"
) -> str:
    """Write bytes, or all that a binary stream holds, and return their sha256; the folder is made.

    Raises
    ------
    WrongType
        If `data` is neither.
    StorageError
        If it can't be written.
    """
    if isinstance(data, IOBase):
        data.seek(0)
        data = data.read()
    if not isinstance(data, bytes):
        raise WrongType(
            f"write_bytes takes bytes or a binary stream, not {type(data).__name__}.", "For text: write_text."
        )
    with written(uri, content_type) as path:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise unwritable(path, error) from error
    return sha256_bytes(data)


def write_text(
    data: str, uri: str | os.PathLike[str], encoding: str = "utf-8", content_type: str = "text/plain"
) -> str:
    """Write text and return the sha256 of its bytes; raises as `write_bytes`."""
    return write_bytes(data.encode(encoding), uri, content_type)
