"""The only sha256 of bytes and files in the project."""

from __future__ import annotations

import hashlib
from pathlib import Path


def new() -> hashlib._Hash:
    """Return an empty sha256, to be fed piece by piece."""
    return hashlib.sha256()


def sha256_bytes(data: bytes) -> str:
    """Return the sha256 of `data` as 64 hex digits.

    >>> sha256_bytes(b"")[:16]
    'e3b0c44298fc1c14'
    """
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: str | Path) -> str:
    """Return the sha256 of a file as 64 hex digits; the file streams, it is never read whole."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
