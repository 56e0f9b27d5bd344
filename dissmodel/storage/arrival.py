"""Local files of a transfer: written whole or not at all, sent only with the bytes of their digest."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from dissmodel.errors import Differs, InvalidInput, StorageError
from dissmodel.record import digest
from dissmodel.storage.base import Progress

_PIECE = 1 << 20


def write_new(
    pieces: Iterable[bytes], path: Path, what: str, *, limit: int, progress: Progress | None = None
) -> int:
    """Write pieces into the new file `path` and return their bytes; no file is left if that fails.

    `what` is the object in an error. Raises InvalidInput for more than `limit` bytes (code
    ``"object_too_large"``), and StorageError if the file can't be written.
    """
    try:
        stream = path.open("xb")
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        with stream:
            return write_pieces(pieces, stream, what, limit=limit, progress=progress)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):  # closing may find the disk full
            raise unwritable(path, error) from error
        raise


def write_pieces(
    pieces: Iterable[bytes], stream: BinaryIO, what: str, *, limit: int, progress: Progress | None = None
) -> int:
    """Write pieces into an open file, as `write_new`; the caller removes the file after an error."""
    size = 0
    for piece in pieces:
        size += len(piece)
        check_limit(size, limit, what)
        try:
            stream.write(piece)
        except OSError as error:
            raise unwritable(Path(stream.name), error) from error
        if progress is not None:
            progress(len(piece))
    return size


class SentFile:
    """A file, or bytes, to store as the object `what`; to be closed. `sha256` is its digest, 64 hex digits.

    Raises StorageError if the file can't be read.
    """

    def __init__(self, content: Path | bytes, sha256: str, what: str) -> None:
        self._shown = what if isinstance(content, bytes) else content
        self.sha256 = sha256
        self._what = what
        if isinstance(content, bytes):
            self._stream: BinaryIO = io.BytesIO(content)
            self.size = len(content)
            return
        try:
            self._stream = content.open("rb")
        except OSError as error:
            raise _unreadable(content, error) from error
        self.size = os.fstat(self._stream.fileno()).st_size

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def pieces(self, size: int = _PIECE) -> Iterator[bytes]:
        """Yield the content in pieces of `size` bytes, the last one shorter, then compare it with the digest.

        Raises Differs after the last piece if the content has another digest (code ``"storage_differs"``),
        and StorageError if the file can't be read.
        """
        hashed = digest.new()
        try:
            while piece := self._stream.read(size):
                hashed.update(piece)
                yield piece
        except OSError as error:
            raise _unreadable(self._shown, error) from error
        if hashed.hexdigest() != self.sha256:
            raise Differs(
                f"{self._shown} does not have its sha256: it changed, and was not stored as {self._what}.",
                "Make the file again, or verify its record.",
                code="storage_differs",
            )


def read_all(pieces: Iterable[bytes], what: str, *, limit: int) -> bytes:
    """Return pieces of the object `what` as one; raises as `check_limit`."""
    found = bytearray()
    for piece in pieces:
        found += piece
        check_limit(len(found), limit, what)
    return bytes(found)


def check_limit(size: int, limit: int, what: str) -> None:
    """Raise InvalidInput (code ``"object_too_large"``) where `size` is above `limit`, both in bytes."""
    if size > limit:
        raise InvalidInput(
            f"{what} has more than {limit:,} bytes.",
            "Give a smaller file, or raise the limit.",
            code="object_too_large",
        )


def missing(what: str) -> InvalidInput:
    """Return the error for an object that does not exist."""
    return InvalidInput(f"{what} does not exist.", "Check its name.", code="object_missing")


def unwritable(path: Path, error: OSError) -> StorageError:
    """Return the error for a local file that can't be written."""
    return StorageError(
        f"{path} could not be written: {error.strerror or error}.",
        "Check the space on the disk and the rights of the folder.",
    )


def _unreadable(path: Path | str, error: OSError) -> StorageError:
    why = error.strerror or error
    return StorageError(f"{path} could not be read: {why}.", "Check the path and its rights.")
