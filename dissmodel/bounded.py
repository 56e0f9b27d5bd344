"""Files of a bounded size, read whole: what another person wrote may be a pipe, or have no end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


class Unfit(OSError):
    """A file that is not read; ``strerror`` says why."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EINVAL, why)

    def __str__(self) -> str:
        return self.strerror or ""


def contents(path: str | Path, limit: int) -> bytes:
    """Return what a regular file holds.

    Raises OSError if the file can't be read, `Unfit` if it is not a regular file or has more than `limit`
    bytes, and ValueError for a path with a NUL in it.
    """
    status = os.stat(path)  # noqa: PTH116  (a path may be a text: thousands are read at once)
    if not stat.S_ISREG(status.st_mode):
        raise Unfit("it is a folder" if stat.S_ISDIR(status.st_mode) else "it is not a regular file")
    # A pipe that has come in the place of the file would be waited for, for ever; Windows has none.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        # Not more than there is: room for 16 MiB takes longer to get than a record to read. The open file has
        # the size: the path may be of another file by now, and over NFS what it says may be old.
        wanted = min(os.fstat(handle).st_size, limit) + 1
        data = more = os.read(handle, wanted)
        while more and len(data) < wanted:
            more = os.read(handle, wanted - len(data))
            data += more
    finally:
        os.close(handle)
    if len(data) > limit:
        raise Unfit(f"it has more than {limit} bytes")
    return data
