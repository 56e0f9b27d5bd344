"""A lock that ends with its process, however that ends."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from dissmodel import machine
from dissmodel.errors import StorageError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


_PAUSE = 0.01
_OWNER = ".owner"
_MAX_BYTES = 4096
_BUSY = {errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLOCK}
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


@contextlib.contextmanager
def held(path: Path, *, patience: float = 0.0) -> Iterator[bool]:
    """Hold the lock at `path` for the time of the block; yield whether it is held.

    The file is made for the block and removed after it. A lock is held once, also within one process.

    Where the file system knows no locks (some NFS), a file beside `path` is the lock, see `owner_path`. It
    names its process, and stays when that is killed. The next process takes it over if that process is known
    to have ended on this machine; only Linux can tell. If not, the lock is not held.

    Another holder is waited for, for `patience` seconds.

    Raises
    ------
    OSError
        If the file can't be made.
    """
    until = time.monotonic() + patience
    release = _acquire(path)
    while release is None and time.monotonic() < until:
        time.sleep(_PAUSE)
        release = _acquire(path)
    try:
        yield release is not None
    finally:
        if release is not None:
            release()


@contextlib.contextmanager
def required(
    path: Path, message: str, hint: str = "Try again.", *, code: str | None = None, patience: float = 0.0
) -> Iterator[None]:
    """Hold the lock at `path` for the time of the block, as `held` does.

    Raises
    ------
    StorageError
        With this message, if another holds it.
    OSError
        If the file can't be made.
    """
    with held(path, patience=patience) as is_ours:
        if not is_ours:
            raise StorageError(busy(message, path), hint, code=code)
        yield


def owner_path(path: Path) -> Path:
    """Return the file that stands for the lock at `path` where the file system knows no locks.

    A search for locks in a folder may find that file; it is then its own lock.
    """
    return path if is_owner_file(path.name) else path.with_name(path.name + _OWNER)


def busy(message: str, path: Path) -> str:
    """Return a message about a lock that another process holds, with that process if only a file names it.

    Where the system itself keeps the lock the message is enough: that lock ends with its process.
    """
    owner = owner_path(path)
    if not os.path.lexists(owner):
        return message
    held_by = _parse(_read(owner))
    if held_by is None:
        return f"{message} The lock is {owner}; if no process works there, remove this file."
    process = held_by.process
    return (
        f"{message} The lock {owner} is held by process {process.pid} on {process.host}, "
        f"since {held_by.since}; if that process has ended, remove this file."
    )


def is_owner_file(name: str) -> bool:
    """Return whether a file of this name stands for a lock, or for the taking over of one."""
    return re.search(rf"{re.escape(_OWNER)}(\.[0-9a-f]{{8}})*(\.tmp)?$", name) is not None


def create(path: Path, data: bytes) -> bool:
    """Make a file with all of `data`, unless there is one of that name; return whether it was made.

    Raises
    ------
    OSError
        If it can't be made.
    """
    if os.path.lexists(path):
        return False
    temporary = path.with_name(f"{path.name}.{uuid4().hex[:8]}.tmp")
    try:
        _write(temporary, data)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return _read(path) == data  # an answer of a server that got lost may be asked for twice
        except OSError:  # a file system without hard links: another process may see a part of the file
            try:
                _write(path, data)
            except FileExistsError:
                return False
        return True
    finally:
        temporary.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Holder:
    process: machine.Process
    since: str
    token: str


def _acquire(path: Path) -> Callable[[], None] | None:
    """Return what releases the lock, None if another process holds it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o600)
        locked = _try_lock(descriptor)
        if locked is None:
            _release(path, descriptor)  # it locks nothing
            return _own(owner_path(path))
        if not locked:
            os.close(descriptor)
            return None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return lambda: _release(path, descriptor)
        # Its holder removed the file between our opening and our locking it: this lock guards nothing.
        os.close(descriptor)


def _release(path: Path, descriptor: int) -> None:
    is_ours = os.fstat(descriptor).st_size == 0  # a file with content came with the folder
    if sys.platform == "win32":  # an open file can't be removed there
        os.close(descriptor)
    if is_ours:
        with contextlib.suppress(OSError):  # its folder may be gone
            path.unlink()
    if sys.platform != "win32":
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool | None:
    """Lock an open file; return None if the file system knows no locks."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _BUSY else None
    return True


def _own(path: Path) -> Callable[[], None] | None:
    """Make the file that stands for a lock, or take it over from a process that is over; None if neither.

    Of several that take it over one wins: the first to make the file that is named after the old lock's
    token. As long as that file is there, no other process changes the old lock, so that it can be replaced
    in one step. That file is such a lock itself, for its maker may be killed too.
    """
    since = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
    mine = {**asdict(machine.this_process()), "since": since, "token": uuid4().hex[:8]}
    data = f"{json.dumps(mine)}\n".encode()
    if create(path, data):
        return lambda: _disown(path, data)
    found = _read(path)
    holder = _parse(found)
    if holder is None or not machine.is_over(holder.process):
        return None
    let_go = _own(path.with_name(f"{path.name}.{holder.token}"))
    if let_go is None:
        return None
    try:
        if _read(path) != found:
            return None
        temporary = path.with_name(f"{path.name}.{mine['token']}.tmp")
        _write(temporary, data)
        temporary.replace(path)
    finally:
        let_go()
    return lambda: _disown(path, data)


def _disown(path: Path, data: bytes) -> None:
    if _read(path) != data:  # a person removed it, and another process may have made it again
        return
    with contextlib.suppress(OSError):  # its folder may be gone
        for left in path.parent.iterdir():  # of processes that were killed while they took it over
            if left.name.startswith(f"{path.name}.") and is_owner_file(left.name):
                of_whom = _parse(_read(left))
                if of_whom is not None and machine.is_over(of_whom.process):
                    left.unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _read(path: Path) -> bytes | None:
    """Return what a small regular file holds, None if there is no such file or it can't be read."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        with os.fdopen(os.open(path, os.O_RDONLY | _NO_FOLLOW), "rb") as stream:
            return stream.read(_MAX_BYTES)
    except OSError:
        return None


def _parse(data: bytes | None) -> _Holder | None:
    """Return whom a lock's file names; the file is not trusted."""
    try:
        given = json.loads(data or b"")
        process = machine.Process(**{name: given[name] for name in machine.Process.__dataclass_fields__})
        holder = _Holder(process, given["since"], given["token"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    texts = (process.host, process.machine, process.boot, process.space, process.started, holder.since)
    fits = (
        all(isinstance(text, str) for text in texts)
        and type(process.pid) is int
        and process.pid > 0
        and isinstance(holder.token, str)
        and re.fullmatch(r"[0-9a-f]{8}", holder.token) is not None
    )
    return holder if fits else None
