"""A file on its way out, hashed as it is read, so that what is sent is what its digest says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from dissmodel.errors import Differs, StorageError
from dissmodel.record import digest

_PIECE = 1 << 20


class Departure:
    """A file that is being stored as `what`; `sha256` is what it is known as, 64 hex digits.

    Raises StorageError if it can't be read.
    """

    def __init__(self, path: Path, sha256: str, what: str) -> None:
        self.path = path
        self.sha256 = sha256
        self._what = what
        try:
            self._stream: BinaryIO = path.open("rb")
        except OSError as error:
            raise self._unreadable(error) from error
        self.size = os.fstat(self._stream.fileno()).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def pieces(self, size: int = _PIECE) -> Iterator[bytes]:
        """Yield the content in pieces of `size` bytes, the last one shorter, and then check what it was.

        Raises
        ------
        Differs
            After the last piece, if it is not what the digest says (code ``"storage_differs"``).
        StorageError
            If it can't be read.
        """
        hashed = digest.new()
        try:
            while piece := self._stream.read(size):
                hashed.update(piece)
                yield piece
        except OSError as error:
            raise self._unreadable(error) from error
        if hashed.hexdigest() != self.sha256:
            raise Differs(
                f"{self.path} does not have its sha256: it changed, and was not stored as {self._what}.",
                "Make the file again, or verify its record.",
                code="storage_differs",
            )

    def _unreadable(self, error: OSError) -> StorageError:
        why = error.strerror or error
        return StorageError(f"{self.path} could not be read: {why}.", "Check the path and its rights.")
