"""The machine that runs this, and whether a process that was noted earlier is known to have ended."""

from __future__ import annotations

import functools
import ipaddress
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

# The first process namespace of a Linux kernel: processes outside of every container.
_OUTERMOST = "pid:[4026531836]"
# In /proc/PID/stat, counted from the state, which is the first field after the name.
_STATE, _THREADS, _STARTED = 0, 17, 19


@dataclass(frozen=True)
class Process:
    """A process, as another process can recognise it later.

    `machine` identifies the installed system, `boot` the time since the system started, `space` the process
    namespace in which `pid` is unique, and `started` tells processes with the same number apart. Each is
    empty if unknown.
    """

    host: str
    machine: str
    boot: str
    space: str
    pid: int
    started: str


def this_process() -> Process:
    """Return the process that runs this."""
    pid = os.getpid()
    return Process(host(), machine_id(), *_boot_and_space(), pid, _started(pid) or "")


def host() -> str:
    """Return the name of this machine."""
    return platform.node() or "localhost"


@functools.cache
def machine_id() -> str:
    """Return the id of the installed system; empty if it has none."""
    return _line(Path("/etc/machine-id")) if sys.platform == "linux" else ""


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its name or address.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "[::1]", "0.0.0.0", "evil.example")]
    [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_over(process: Process) -> bool:
    """Return whether a process is known to have ended.

    Only Linux gives enough information: on other systems, and for a process on another machine or in
    another container, the answer is False.
    """
    here = this_process()
    if not process.boot or not here.boot:
        return False
    if process.boot != here.boot:
        # The machine was started again since; or it is another machine that goes by the same name.
        return (
            bool(here.machine)
            and (process.machine, process.host) == (here.machine, here.host)
            and process.space == here.space == _OUTERMOST
        )
    if process.space != here.space:
        return False
    started = _started(process.pid)
    return started is None or (bool(started) and bool(process.started) and started != process.started)


def _started(pid: int) -> str | None:
    """Return when a process of this namespace started: None if there is no process, empty if unknown."""
    if sys.platform != "linux":  # os.kill would end the process on Windows
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:  # another user's
        pass
    except (OSError, OverflowError):
        return ""
    line = _line(Path(f"/proc/{pid}/stat"))
    fields = line.rpartition(")")[2].split()
    if len(fields) <= _STARTED:
        return ""
    # Killed, and its parent has not yet asked how it ended.
    is_zombie = fields[_STATE] in {"Z", "X"} and fields[_THREADS] in {"0", "1"}
    return None if is_zombie else fields[_STARTED]


@functools.cache
def _boot_and_space() -> tuple[str, str]:
    if sys.platform != "linux":
        return "", ""
    try:
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115  (not a path)
    except OSError:
        return "", ""
    return _line(Path("/proc/sys/kernel/random/boot_id")), space


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
