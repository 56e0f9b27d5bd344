"""Temporary files and folders; what a killed process left of them, the next process removes.

Each is locked while it is used, and a lock ends with its process, however that ends. A file or folder of ours
that nobody locks was left by a process that was killed. On Windows, and where a file system has no locks,
only a file that nobody wrote for a day counts as left, and a folder never does.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

if sys.platform != "win32":
    import fcntl

_FILE = re.compile(r"\.dissmodel-[0-9a-f]{12}\.tmp")
# A name that no scratch folder of a pair has, whatever the pair's name: these begin with ".dissmodel-".
_FOLDER = re.compile(r"(?:dissmodel-tmp-|\.dissmodel_tmp-)[0-9a-f]{12}")
_DAY_S = 24 * 60 * 60
# What a file system says that can't sync a folder, or any file, at all.
_NO_SYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF}


class _Lock(Enum):
    """What came of asking for a lock; UNKNOWN where the file system has none."""

    OURS = "ours"
    TAKEN = "taken"
    UNKNOWN = "unknown"


def is_name(name: str) -> bool:
    """Tell whether a file or folder of this name is temporary.

    >>> is_name(".dissmodel-0123456789ab.tmp"), is_name(".dissmodel_tmp-0123456789ab"), is_name("r.tif")
    (True, True, False)
    """
    return any(pattern.fullmatch(name) for pattern in (_FILE, _FOLDER))


@contextlib.contextmanager
def new_file(folder: Path) -> Iterator[BinaryIO]:
    """Open a new file in `folder` to write; its path is the stream's ``name``.

    The block's end removes it, unless `replace` gave it its final name.

    Raises
    ------
    OSError
        If it can't be made.
    """
    remove_left_files(folder)
    while True:
        path = folder / f".dissmodel-{token_hex(6)}.tmp"
        stream = path.open("xb")
        if _lock(stream.fileno(), path) is not _Lock.TAKEN:
            break
        stream.close()  # another process took it for a file that is left, and removes it
    try:
        with stream:
            yield stream
    finally:
        with contextlib.suppress(OSError):  # it has its final name, or the next process removes it
            path.unlink()


def replace(stream: BinaryIO, target: Path) -> None:
    """Give the file that `new_file` opened its final name, once all of it is on the disk.

    Raises
    ------
    OSError
        If that can't be done; nothing has changed then.
    """
    stream.flush()
    sync(stream.fileno())
    if sys.platform == "win32":  # a file that is open can't be renamed there
        stream.close()
    Path(stream.name).replace(target)


def sync(descriptor: int) -> None:
    """Wait until an open file or folder is on the disk; where the file system can't tell, do not wait.

    Raises
    ------
    OSError
        If the disk fails.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


@contextlib.contextmanager
def new_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a new, empty folder that only this user may look into; the block's end removes it with all in it.

    By default it is where the system has temporary files.

    Raises
    ------
    OSError
        If it can't be made.
    """
    place = Path(tempfile.gettempdir()) if parent is None else parent
    _remove_left(place, _FOLDER)
    while True:
        folder = place / f"{'dissmodel-tmp-' if parent is None else '.dissmodel_tmp-'}{token_hex(6)}"
        folder.mkdir(mode=0o700)
        try:
            descriptor = _open(folder)
        except FileNotFoundError:  # another process took it for a folder that is left, as below
            continue
        if descriptor is None or _lock(descriptor, folder) is not _Lock.TAKEN:
            break
        os.close(descriptor)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def remove_left_files(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder."""
    _remove_left(folder, _FILE)


def _remove_left(place: Path, names: re.Pattern[str]) -> None:
    """Remove what killed processes of this user left in a folder; what can't be removed stays."""
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if names.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _remove_if_left(Path(entry.path))


def _remove_if_left(path: Path) -> None:
    status = path.lstat()
    is_folder = stat.S_ISDIR(status.st_mode)
    if is_folder != bool(_FOLDER.fullmatch(path.name)) or not (is_folder or stat.S_ISREG(status.st_mode)):
        return
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return
    descriptor = _open(path)
    try:
        found = _Lock.UNKNOWN if descriptor is None else _lock(descriptor, path)
        if found is _Lock.OURS and is_folder:
            shutil.rmtree(path, ignore_errors=True)
        elif not is_folder and (
            found is _Lock.OURS or (found is _Lock.UNKNOWN and time.time() - status.st_mtime > _DAY_S)
        ):
            path.unlink()
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _open(path: Path) -> int | None:
    """Open a file or folder so that it can be locked; None on Windows, where a folder can't be opened."""
    if sys.platform == "win32":
        return None
    mode = os.O_RDONLY if path.is_dir() else os.O_RDWR  # over NFS, an exclusive lock needs a writable file
    return os.open(path, mode | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _lock(descriptor: int, path: Path) -> _Lock:
    """Lock an open file or folder, if `path` still is its name."""
    if sys.platform == "win32":
        return _Lock.UNKNOWN
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return _Lock.TAKEN if error.errno in {errno.EWOULDBLOCK, errno.EACCES} else _Lock.UNKNOWN
    try:
        is_it = os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        is_it = False
    return _Lock.OURS if is_it else _Lock.TAKEN
