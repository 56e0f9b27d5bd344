"""A lock that ends with its process, however that ends."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


_PAUSE = 0.01


@contextlib.contextmanager
def held(path: Path, *, patience: float = 0.0) -> Iterator[bool]:
    """Hold the lock at `path` for the time of the block, and say whether it was to be had.

    The file is made for it and removed after it. A lock that another holds is not to be had, also not twice
    in one process. Where the file system knows no locks, each gets one.

    Parameters
    ----------
    path : Path
        The lock's file.
    patience : float
        How long to wait for one that another holds, in seconds.

    Raises
    ------
    OSError
        If the file can't be made.
    """
    until = time.monotonic() + patience
    descriptor = _acquire(path)
    while descriptor is None and time.monotonic() < until:
        time.sleep(_PAUSE)
        descriptor = _acquire(path)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            _release(path, descriptor)


def _acquire(path: Path) -> int | None:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        if not _try_lock(descriptor):
            os.close(descriptor)
            return None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        # Its holder removed the file between our opening and our locking it: this lock guards nothing.
        os.close(descriptor)


def _release(path: Path, descriptor: int) -> None:
    if sys.platform == "win32":  # an open file can't be removed there
        os.close(descriptor)
        with contextlib.suppress(OSError):
            path.unlink()
    else:
        with contextlib.suppress(OSError):  # its folder may be gone
            path.unlink()
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in {errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLOCK}
    return True
