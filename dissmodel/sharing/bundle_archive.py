"""The archive of a bundle: the same content gives the same bytes."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from dissmodel import temporary
from dissmodel.errors import Differs, InvalidInput, disk_errors
from dissmodel.experiment.files import clash
from dissmodel.experiment.layout import RECORD
from dissmodel.experiment.source import INPUT
from dissmodel.experiment.statements import beside
from dissmodel.io import unzip
from dissmodel.record import digest, sign, store
from dissmodel.record.export.described import Role

README = "README.md"
SPEC = "model.toml"
LOCK = "environment.lock"
EXTERNAL = "external"
"""The folder of files that the model wrote elsewhere."""

_OURS = frozenset({README, RECORD, f"{RECORD}{sign.SUFFIX}", SPEC, LOCK, INPUT, EXTERNAL})
_CHUNK = 1 << 20
# The earliest time that a zip can hold: when a bundle was made is not a part of what it says.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_MODE = stat.S_IFREG | 0o644


@dataclass(frozen=True)
class Member:
    """A file of the bundle: bytes, or a file, which has to have `sha256` if it is given.

    `from_result` says that its name was the model's or the user's choice; `role` and `media_type` are as
    `dissmodel.record.export.described.File` has them, `label` says what the file is.
    """

    name: str
    content: bytes | Path
    sha256: str = ""
    from_result: bool = False
    role: Role = "other"
    media_type: str = ""
    label: str = ""

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


def ordered(members: Iterable[Member]) -> list[Member]:
    """Return the members in a fixed order, each once, if they can be unpacked again.

    Raises InvalidInput if two have one name, or there is more than will be unpacked.
    """
    first = [README, RECORD]
    placed = sorted(dict.fromkeys(members), key=lambda one: (one.name not in first, one.name))
    for one in placed:
        store.artifact_path(Path(RECORD), one.name)
    ours = (one.name for one in placed if one.from_result and _is_ours(one.name))
    taken = next(ours, None) or clash(one.name for one in placed)
    if taken is not None:
        raise InvalidInput(
            f"The result has a file {taken!r}, a name that a bundle needs for another file.",
            "Run the model again with another --output, then bundle that.",
            code="name_taken",
        )
    size = sum(one.size for one in placed)
    if size > unzip.MAX_BYTES or len(placed) > unzip.MAX_ENTRIES:
        raise InvalidInput(
            f"A bundle of {len(placed)} files with {size} bytes could not be opened again: at most"
            f" {unzip.MAX_ENTRIES} files and {unzip.MAX_BYTES // 2**30} GiB are.",
            "Leave the input out: --no-input",
            code="bundle_too_large",
        )
    return placed


def _is_ours(name: str) -> bool:
    top = PurePosixPath(name).parts[0].casefold()
    another_record = name.casefold().endswith(store.SUFFIX) and "/" not in name
    return (
        top in {one.casefold() for one in _OURS} or beside(top, RECORD, RECORD) is not None or another_record
    )


def write(path: Path, members: Iterable[Member]) -> None:
    """Write the zip whole or not at all.

    Raises Differs if a file is not as recorded; StorageError if it can't be written.
    """
    hint = "Choose a folder that you may write to, on a disk with room."
    with disk_errors(f"{path}: can't be written", hint), temporary.new_file(path.parent) as stream:
        # Not compressed: what comes out of zlib differs from one build of it to the next. Rasters and most
        # inputs are compressed anyway.
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for member in members:
                _add(archive, member)
        temporary.replace(stream, path)
    store.sync_folder(path.parent)


def _add(archive: zipfile.ZipFile, member: Member) -> None:
    info = zipfile.ZipInfo(member.name, _EPOCH)
    info.create_system = _UNIX
    info.external_attr = _MODE << 16
    info.file_size = size = member.size
    with archive.open(info, "w") as out:
        copied(member, out, size)


def copied(member: Member, out: IO[bytes], size: int) -> None:
    """Write the bytes of a member, at most `size`.

    Raises Differs if a file is not as recorded.
    """
    if isinstance(member.content, bytes):
        out.write(member.content)
        return
    found = digest.new()
    with member.content.open("rb") as source:
        _copy(source, out, found, size)
    if member.sha256 and found.hexdigest() != member.sha256:
        raise Differs(f"{member.content} changed while it was bundled.", "Try again.", code="record_changed")


def _copy(source: IO[bytes], out: IO[bytes], found: Any, size: int) -> None:
    """Copy and hash at most `size` bytes: more would not fit the entry, and are another file."""
    while size > 0 and (chunk := source.read(min(_CHUNK, size))):
        found.update(chunk)
        out.write(chunk)
        size -= len(chunk)
