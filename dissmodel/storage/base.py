"""The operations of a place that holds objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from dissmodel.errors import StorageError

Item = TypeVar("Item")

TOO_MANY = "too_many_objects"
"""The code of the error for a list of more objects than the caller allows."""

Progress = Callable[[int], None]
"""Called with each further number of transferred bytes, by the thread that transfers them."""


@dataclass(frozen=True)
class Stat:
    """What a place knows of an object.

    `sha256` is the value noted when the object was stored, a claim until the bytes are hashed. `etag` changes
    with the object; None if the place has none.
    """

    key: str
    size: int
    sha256: str | None = None
    etag: str | None = None


class Storage(Protocol):
    """A place with objects. All methods are safe to call from several threads.

    Every method raises `dissmodel.errors.StorageError`, which names the place and the key and never a secret:
    code ``"storage_denied"`` if the credentials do not suffice, ``"storage_unreachable"`` if no server
    answers, ``"storage_missing"`` if the bucket or folder does not exist, ``"storage"`` otherwise.
    """

    @property
    def shown(self) -> str:
        """What an error calls the place, such as ``s3://bucket at http://host:9000``."""

    def stat(self, key: str) -> Stat | None:
        """Return the size and the digests of an object; None if there is no object."""

    def get(self, key: str, path: Path, *, limit: int, progress: Progress | None = None) -> Stat:
        """Write an object into the new file `path`, streamed; no file is left if it fails.

        Raises
        ------
        InvalidInput
            If there is no such object (code ``"object_missing"``), or it has more than `limit` bytes
            (``"object_too_large"``), whatever the server said before.
        StorageError
            If fewer bytes arrive than the server announced.
        """

    def read(self, key: str, *, limit: int) -> bytes:
        """Return the content of a small object; errors as for `get`."""

    def put(
        self,
        content: Path | bytes,
        key: str,
        *,
        sha256: str,
        media_type: str = "application/octet-stream",
        only_new: bool = False,
        progress: Progress | None = None,
    ) -> Stat:
        """Store an object whole or not at all, note its sha256, and check what the server says it has.

        Parameters
        ----------
        content : Path or bytes
            A file, which streams, or the bytes of a small object.
        key : str
            Its name there.
        sha256 : str
            Of the content, 64 hex digits.
        media_type : str
            What it is.
        only_new : bool
            Replace nothing, as far as the place can promise that (code ``"object_exists"``).
        progress : callable, optional
            Called with each number of bytes sent.
        """

    def list(self, prefix: str, *, most: int | None = None) -> Iterator[Stat]:
        """Yield the objects whose key begins with `prefix`, in the order of their keys.

        Raises
        ------
        StorageError
            If there are more than `most` (code `TOO_MANY`); the rest of them is not read.
        """

    def delete(self, key: str) -> None:
        """Remove an object; do nothing where there is none."""

    def presign(self, key: str, seconds: int) -> str | None:
        """Return a URL by which anyone can read an object for so long; None where a place has none."""


def at_most(found: Iterable[Item], most: int | None, what: str) -> Iterator[Item]:
    """Yield the items of the place `what`, and refuse to read on after `most`.

    >>> list(at_most("abc", 3, "a folder"))
    ['a', 'b', 'c']

    Raises
    ------
    StorageError
        If there are more than `most`, which None allows (code `TOO_MANY`).
    """
    for number, one in enumerate(found):
        if number == most:
            raise StorageError(
                f"{what}: there are more than {most:,} objects.", "Name a subfolder.", code=TOO_MANY
            )
        yield one
