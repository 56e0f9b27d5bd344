"""Whether a write failed because the disk is full, which the messages of libraries rarely say."""

from __future__ import annotations

import errno
import shutil
import tempfile
from pathlib import Path

from dissmodel.errors import StorageError

LEAST = 2**16
"""The least that a program is taken to write at once, in bytes."""

_FULL = ("No space left", "disk is full", "not enough space on the disk")
# SQLite does so on a full disk, and then the room is there again.
_TAKEN_BACK = ("cannot rollback", "disk I/O error")
_QUOTA = getattr(errno, "EDQUOT", errno.ENOSPC)

HINT = "Make room, or give an output on another disk: --output FOLDER/NAME"
"""What to do about it."""


def no_room(folder: Path, written: int = 0, said: str = "", little: int = 2**20) -> str:
    """Return why a file in `folder` could not grow, as the end of a sentence; empty for other reasons.

    `written` is the size of the part that is still there, `said` what the library that wrote it said. Less
    space than `little` bytes counts as full: a library writes large pieces; if it is unknown whether
    writing failed, the smallest piece decides.
    """
    limit = _largest_file()
    if limit is not None and written + little > limit:
        return f"a file may have at most {limit:,} bytes here, by a limit of this session (ulimit -f)"
    if "File too large" in said:
        return "the disk, or a limit, does not allow a file of this size"
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return ""
    full = f"the disk is full ({free:,} bytes are free without this file)"
    if free < little or any(words in said for words in _FULL):
        return full
    if any(words in said for words in _TAKEN_BACK):
        return (
            f"the disk is full, or failed; the unfinished file was removed, and {free:,} bytes are free again"
        )
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            probe.write(bytes(LEAST))
    except OSError as error:
        if error.errno == _QUOTA != errno.ENOSPC:
            return f"the disk quota of this user is used up in {folder}"
        if error.errno == errno.ENOSPC:
            return full
    return ""


def unwritten(path: Path, said: str, folder: Path, written: int) -> StorageError:
    """Return the error for `path`, which was being written into `folder`, with the reason of `no_room`."""
    why = no_room(folder, written, said)
    return StorageError(
        f"{path} could not be written: {why or said.rstrip('.')}.",
        HINT if why else "Check the space on the disk and the rights of the folder.",
    )


def _largest_file() -> int | None:
    try:
        import resource  # noqa: PLC0415  (Windows has no such limits)
    except ImportError:
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return None if limit == resource.RLIM_INFINITY else limit


def largest_in(folder: Path) -> int:
    """Return the size of the largest file in a folder and below it, 0 if there is none."""
    try:
        return max((path.stat().st_size for path in folder.rglob("*") if path.is_file()), default=0)
    except (OSError, RecursionError):  # folders may be nested too deep to be walked
        return 0
