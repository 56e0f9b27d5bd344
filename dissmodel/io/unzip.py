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

from dissmodel.errors import InvalidInput, StorageError
from dissmodel.io.foreign import damaged

MAX_ENTRIES = 10_000
MAX_BYTES = 8 * 2**30
# Deflate reaches 1032:1 on nothing but zeros; real rasters stay far below. Small files may do as they like.
MAX_RATIO = 500
RATIO_FREE_BYTES = 64 * 2**20

_CHUNK = 2**20
_ENCRYPTED = 0x1
# As APPNOTE.TXT of PKWARE numbers them (4.4.5); which of them are unpacked here, Python says.
_METHODS = {
    1: "Shrink",
    2: "Reduce",
    3: "Reduce",
    4: "Reduce",
    5: "Reduce",
    6: "Implode",
    9: "Deflate64",
    10: "PKWARE's Implode",
    12: "bzip2",
    14: "LZMA",
    16: "IBM CMPSC",
    18: "IBM TERSE",
    19: "IBM LZ77",
    20: "Zstandard (under its old number)",
    93: "Zstandard",
    94: "MP3",
    95: "XZ",
    96: "JPEG",
    97: "WavPack",
    98: "PPMd",
    99: "AES encryption",
}
_UNPACK = (
    "Unpack it with a program that can, such as 7-Zip, and give the dataset inside or a plain zip of it."
)
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

    Raises InvalidInput if it is damaged or split, or has a forbidden entry: an absolute name, one that leads
    out of the folder, a link, a name that comes twice, too many; StorageError if it can't be read.
    """
    try:
        archive = zipfile.ZipFile(path)
    except PermissionError as error:
        raise StorageError(f"{path} could not be read: {error.strerror}.", "Check its rights.") from error
    except DAMAGED as error:
        if "multiple disks" in str(error):
            raise InvalidInput(
                f"{path} is one part of a zip file that was split into several.",
                "Unpack all parts together, with 7-Zip for example, and give the dataset inside.",
                code="archive_unsupported",
            ) from error
        if isinstance(error, NotImplementedError):
            raise _unsupported(f"{path}: {error}") from error
        why = f" is a truncated or damaged zip file: {error}"
        raise damaged(str(path), why, "archive_damaged") from error
    with archive:
        _name_by_slashes(archive)
        _refuse_dishonest(path, archive.infolist())
        yield archive


def _name_by_slashes(archive: zipfile.ZipFile) -> None:
    """Read backslashes in names as separators: some programs write them against the format."""
    for entry in archive.infolist():
        entry.filename = _name(entry).partition("\0")[0]
    archive.NameToInfo = {entry.filename: entry for entry in archive.infolist()}


def _name(entry: zipfile.ZipInfo) -> str:
    # zipfile cuts names at a NUL and turns a system's own separator into "/": judge what the file says.
    return entry.orig_filename.replace("\\", "/")


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
    name = _name(entry)
    # The type of file stands in the upper half, where the archive comes from a Unix; elsewhere it is zero.
    mode = entry.external_attr >> 16
    if name.startswith("/"):
        return "is an absolute path"
    if re.match(r"[A-Za-z]:", name):
        return "begins with a drive letter"
    if ".." in name.split("/"):
        return "leads out of the archive's folder"
    if "\0" in name or not name:
        return "is not a file name"
    if S_IFMT(mode) and not (S_ISREG(mode) or S_ISDIR(mode)):
        return "is a link or a special file"
    return ""


def extract(path: Path, targets: Mapping[str, Path]) -> None:
    """Unpack members of an archive, each to its target, which must not exist.

    Raises InvalidInput if a member is damaged, encrypted or compressed in a way that is not known here, or
    unpacks to more than is allowed, alone or with the others; StorageError if a target can't be written.
    """
    with opened(path) as archive:
        budget = _Budget(path, archive, targets)
        for member, target in targets.items():
            try:
                with target.open("xb") as out:
                    for chunk in _chunks(path, archive, member):
                        budget.spend(member, len(chunk))
                        out.write(chunk)
            except OSError as error:
                raise StorageError(
                    f"{member} of {path} could not be written to {target.parent}: {error.strerror or error}.",
                    "Set TMPDIR to a folder with more space, or unzip the archive yourself.",
                ) from error


def _unsupported(what: str) -> InvalidInput:
    return InvalidInput(f"{what}.", _UNPACK, code="archive_unsupported")


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
        """Refuse a member with a declared size above the limit."""
        if size > self.left:
            raise InvalidInput(
                f"{self.path}: {member} unpacks to more than is allowed"
                f" (at most {MAX_RATIO}:1 and {MAX_BYTES // 2**30} GiB).",
                "If you trust it, unzip it yourself and give the file inside.",
                code="archive_bomb",
            )

    def spend(self, member: str, size: int) -> None:
        """Count bytes that came out."""
        self.check(member, size)
        self.left -= size


def _chunks(path: Path, archive: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    entry = archive.getinfo(member)
    if entry.flag_bits & _ENCRYPTED:
        raise _unsupported(f"{path}: {member} is encrypted with a password")
    try:
        with archive.open(entry) as source:
            # Reading to the end compares the checksum too.
            while chunk := source.read(_CHUNK):
                yield chunk
    except (NotImplementedError, RuntimeError) as error:  # which methods are known depends on Python
        how = _METHODS.get(entry.compress_type, f"method {entry.compress_type}")
        raise _unsupported(
            f"{path}: {member} is compressed with {how}, which can't be unpacked here"
        ) from error
    except DAMAGED as error:
        raise damaged(str(path), f": {member} is damaged: {error}", "archive_damaged") from error
