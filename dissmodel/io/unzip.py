"""Zip files, opened and unpacked safely.

Nothing that an archive says about itself is trusted: names, sizes and checksums are checked, and the bytes
are counted as they come out.
"""

from __future__ import annotations

import lzma
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from stat import S_IFMT, S_ISDIR, S_ISREG
from typing import IO

from dissmodel.errors import InvalidInput, StorageError

MAX_ENTRIES = 10_000
MAX_BYTES = 8 * 2**30
# Deflate reaches 1032:1 on nothing but zeros; real rasters stay far below. Small files may do as they like.
MAX_RATIO = 500
RATIO_FREE_BYTES = 64 * 2**20

_CHUNK = 2**20
_ENCRYPTED = 0x1
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    struct.error,
    UnicodeDecodeError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    OSError,
)
"""What zipfile raises on a damaged archive."""


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip file, for the time of the block.

    Raises
    ------
    InvalidInput
        If it is damaged, or holds an entry that no honest one has: an absolute name, one that leads out of
        the folder, a link, an encrypted one, a name that comes twice, too many.
    StorageError
        If it can't be read.
    """
    try:
        archive = zipfile.ZipFile(path)
    except PermissionError as error:
        raise StorageError(f"{path} could not be read: {error.strerror}.", "Check its rights.") from error
    except DAMAGED as error:
        raise InvalidInput(
            f"{path} is a truncated or damaged zip file: {error}.",
            "Make or download the archive again.",
            code="archive_damaged",
        ) from error
    with archive:
        _refuse_dishonest(path, archive.infolist())
        yield archive


def _refuse_dishonest(path: Path, entries: Sequence[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise _refused(path, f"{len(entries)} entries; at most {MAX_ENTRIES} are read")
    for entry in entries:
        reason = _dishonest(entry)
        if reason:
            raise _refused(path, f"the entry {entry.orig_filename!r}, which {reason}")
    twice = [name for name, count in Counter(e.filename for e in entries).items() if count > 1]
    if twice:
        raise _refused(path, f"the name {twice[0]!r} {Counter(e.filename for e in entries)[twice[0]]} times")


def _refused(path: Path, what: str) -> InvalidInput:
    return InvalidInput(
        f"{path} is refused: it has {what}.",
        "Make a plain zip of the dataset's files.",
        code="archive_refused",
    )


def _dishonest(entry: zipfile.ZipInfo) -> str:
    # zipfile cuts names at a NUL and turns a system's own separator into "/": judge what the file says.
    name = entry.orig_filename
    # The type of file stands in the upper half, where the archive comes from a Unix; elsewhere it is zero.
    mode = entry.external_attr >> 16
    if name.startswith("/"):
        return "is an absolute path"
    if "\\" in name:
        return "holds a backslash"
    if re.match(r"[A-Za-z]:", name):
        return "begins with a drive letter"
    if ".." in name.split("/"):
        return "climbs out of the archive's folder"
    if "\0" in name or not name:
        return "is no file name"
    if S_IFMT(mode) and not (S_ISREG(mode) or S_ISDIR(mode)):
        return "is a link or a special file"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    return ""


def extract(path: Path, targets: Mapping[str, Path]) -> None:
    """Unpack members of an archive, each to its target, which must not exist.

    Raises
    ------
    InvalidInput
        If a member is damaged or inflates beyond every measure, together with the others.
    StorageError
        If a target can't be written.
    """
    with opened(path) as archive:
        budget = _Budget(path, archive, targets)
        for member, target in targets.items():
            try:
                with target.open("xb") as out:
                    _copy(path, archive, member, out, budget)
            except OSError as error:
                raise StorageError(
                    f"{member} of {path} could not be written to {target.parent}: {error.strerror or error}.",
                    "Set TMPDIR to a folder with more space, or unzip the archive yourself.",
                ) from error


class _Budget:
    """How many bytes may still come out of an archive."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, members: Iterable[str]) -> None:
        packed = sum(archive.getinfo(member).compress_size for member in members)
        packed = min(packed, path.stat().st_size)
        self.path = path
        self.left = min(MAX_BYTES, max(RATIO_FREE_BYTES, MAX_RATIO * packed))
        for member in members:
            self.check(member, archive.getinfo(member).file_size)

    def check(self, member: str, size: int) -> None:
        """Refuse a member that says it is larger than what may come out."""
        if size > self.left:
            raise self.exceeded(member)

    def spend(self, member: str, size: int) -> None:
        """Count bytes that came out."""
        self.check(member, size)
        self.left -= size

    def exceeded(self, member: str) -> InvalidInput:
        return InvalidInput(
            f"{self.path}: {member} inflates beyond what an honest archive does"
            f" (at most {MAX_RATIO}:1 and {MAX_BYTES // 2**30} GiB).",
            "If you trust it, unzip it yourself and give the file inside.",
            code="archive_bomb",
        )


def _copy(path: Path, archive: zipfile.ZipFile, member: str, out: IO[bytes], budget: _Budget) -> None:
    try:
        source = archive.open(member)
    except DAMAGED as error:
        raise _damaged(path, member, error) from error
    with source:
        while True:
            try:
                # Reading to the end compares the checksum too.
                chunk = source.read(_CHUNK)
            except DAMAGED as error:
                raise _damaged(path, member, error) from error
            if not chunk:
                return
            budget.spend(member, len(chunk))
            out.write(chunk)


def _damaged(path: Path, member: str, error: Exception) -> InvalidInput:
    return InvalidInput(
        f"{path}: {member} is damaged: {error}.",
        "Make or download the archive again.",
        code="archive_damaged",
    )
