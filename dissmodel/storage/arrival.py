"""A file that arrives in pieces: whole at its path, or not there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from dissmodel.errors import InvalidInput, StorageError
from dissmodel.storage.base import Progress


def write_new(
    pieces: Iterable[bytes], path: Path, what: str, *, limit: int, progress: Progress | None = None
) -> int:
    """Write pieces into the new file `path` and return their bytes; no file is left if that fails.

    Raises
    ------
    InvalidInput
        If there are more than `limit` bytes (code ``"object_too_large"``), of `what`.
    StorageError
        If the file can't be written.
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
    """Write pieces into an open file and return their bytes; as `write_new`, and the file is the caller's."""
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


def check_limit(size: int, limit: int, what: str) -> None:
    """Raise InvalidInput (code ``"object_too_large"``) where `size` is above `limit`, both in bytes."""
    if size > limit:
        raise InvalidInput(
            f"{what} has more than {limit:,} bytes.",
            "Give a smaller file, or raise the limit.",
            code="object_too_large",
        )


def missing(what: str) -> InvalidInput:
    """Return the error for an object that is not there."""
    return InvalidInput(f"{what} does not exist.", "Check its name.", code="object_missing")


def unwritable(path: Path, error: OSError) -> StorageError:
    """Return the error for a local file that can't be written."""
    return StorageError(
        f"{path} could not be written: {error.strerror or error}.",
        "Check the space on the disk and the rights of the folder.",
    )
