"""A lock is had by one at a time, also where the file system knows no locks."""

import errno
import json
import os
import subprocess
import sys
import time

import pytest

from dissmodel import locks, machine

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells that a process is over")
# A process that takes the lock, says so, and keeps it until its input ends. It knows no locks of the system.
HOLDER = """
import errno, os, sys
if sys.platform != "win32":
    import fcntl
    def flock(_descriptor, _operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
    fcntl.flock = flock
from pathlib import Path
from dissmodel import locks
sys.stdin.readline()
with locks.held(Path(sys.argv[1])) as held:
    print(int(held), flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(params=["locks", "no locks"])
def path(tmp_path, request):
    """A lock's file, on a file system with locks or without."""
    if request.param == "no locks":
        request.getfixturevalue("no_locks")
    return tmp_path / "x.lock"


@pytest.fixture
def no_locks(monkeypatch):
    monkeypatch.setattr(locks, "_try_lock", lambda _descriptor: None)


@pytest.fixture
def start():
    """Start processes that take a lock once `go` lets them."""
    started = []

    def start(path):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def has_it(process):
    return process.stdout.readline() == "1\n"


def owner(path, **changed):
    """Write the file of a lock that a process held which is over."""
    here = machine.this_process().__dict__
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    content = here | {"pid": ended.pid, "started": "1", "since": "yesterday", "token": "0123abcd"} | changed
    locks.owner_path(path).write_text(json.dumps(content))


def names(path):
    return sorted(one.name for one in path.parent.iterdir())


def test_one_at_a_time_and_nothing_is_left(path):
    with locks.held(path) as first:
        with locks.held(path) as second:
            assert (True, False) == (first, second)
        assert names(path)
    with locks.held(path) as third:
        assert third

    assert [] == names(path)


def test_what_the_system_says_who_knows_no_locks(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    for number in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):

        def flock(_descriptor, _operation, number=number):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(fcntl, "flock", flock)
        with locks.held(tmp_path / "x.lock") as held, locks.held(tmp_path / "x.lock") as again:
            assert (True, False, ["x.lock.owner"]) == (held, again, names(tmp_path / "x.lock"))


def test_the_holder_is_told_by_its_file(no_locks, tmp_path):
    path = tmp_path / "x.lock"
    with locks.held(path):
        told = locks.busy("x: busy.", path)

    assert str(tmp_path / "x.lock.owner") in told
    assert f"process {os.getpid()} on {machine.host()}" in told
    assert told.startswith("x: busy. ")
    assert "x: busy." == locks.busy("x: busy.", path)


def test_a_lock_that_was_found_in_a_folder_is_held_as_long_as_its_process_holds_it(no_locks, tmp_path):
    with locks.held(tmp_path / "x.lock"):
        (found,) = tmp_path.iterdir()
        with locks.held(found) as held:
            assert not held
        assert [found] == list(tmp_path.iterdir())
    if sys.platform == "linux":
        owner(tmp_path / "x.lock")
        with locks.held(found) as held:
            assert held
        assert [] == list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has locks of its own")
def test_eight_processes_at_once_have_one_winner(tmp_path, start):
    path = tmp_path / "x.lock"
    processes = [start(path) for _ in range(8)]
    for process in processes:
        go(process)

    assert [False] * 7 + [True] == sorted(has_it(process) for process in processes)
    for process in processes:
        process.communicate()
    assert [] == names(path)


@pytest.mark.fast_cases("gone")
@LINUX
@pytest.mark.parametrize("reaped", [True, False], ids=["gone", "zombie"])
def test_a_lock_of_a_killed_process_is_taken_over_by_one_of_eight(tmp_path, start, reaped):
    path = tmp_path / "x.lock"
    for _ in range(3):
        killed = start(path)
        go(killed)
        assert has_it(killed)
        killed.kill()
        until = time.monotonic() + 60
        while not reaped and " Z " not in (path.parent / f"/proc/{killed.pid}/stat").read_text():
            assert time.monotonic() < until
        if reaped:
            killed.wait()
        processes = [start(path) for _ in range(8)]
        for process in processes:
            go(process)

        # All may lose for the moment in which one takes it over; never do two win.
        assert sum(has_it(process) for process in processes) <= 1
        for process in processes:
            process.communicate()
        with_patience = start(path)
        go(with_patience)
        assert has_it(with_patience)
        with_patience.communicate()
        assert [] == names(path)


@LINUX
def test_a_taker_that_was_killed_is_in_nobodys_way(no_locks, tmp_path):
    path = tmp_path / "x.lock"
    owner(path)
    left = locks.owner_path(path)
    left.with_name(f"{left.name}.0123abcd").write_text(left.read_text().replace("0123abcd", "4567abcd"))
    left.with_name(f"{left.name}.89abcdef.tmp").write_text(left.read_text())

    with locks.held(path) as held:
        assert held

    assert [] == names(path)


@LINUX
def test_a_number_that_another_process_has_now(no_locks, tmp_path):
    owner(tmp_path / "x.lock", pid=os.getpid(), started="1")

    with locks.held(tmp_path / "x.lock") as held:
        assert held


LIVING = {
    "this process": lambda: machine.this_process().__dict__,
    "another user's": lambda: {"pid": 1, "started": machine._started(1)},
    "another host": lambda: {"host": "node07", "machine": "x", "boot": "y"},
    "the same name, another system": lambda: {"machine": "x", "boot": "y"},
    "another container": lambda: {"space": "pid:[4026539999]"},
    "a start that was not known": lambda: {"pid": os.getpid(), "started": ""},
    "no boot": lambda: {"boot": ""},
}


@pytest.mark.parametrize("changed", LIVING.values(), ids=LIVING)
def test_what_is_not_known_to_be_over_keeps_its_lock(no_locks, tmp_path, changed):
    path = tmp_path / "x.lock"
    owner(path, **changed())
    before = locks.owner_path(path).read_bytes()

    with locks.held(path, patience=0.05) as held:
        assert not held

    assert before == locks.owner_path(path).read_bytes()
    assert ["x.lock.owner"] == names(path)


@LINUX
@pytest.mark.parametrize("space", [machine._OUTERMOST, "pid:[4026539999]"])
def test_after_a_new_start_of_this_machine_its_processes_are_over(no_locks, tmp_path, monkeypatch, space):
    monkeypatch.setattr(machine, "_boot_and_space", lambda: ("now", space))
    monkeypatch.setattr(machine, "machine_id", lambda: "a machine")
    owner(tmp_path / "x.lock", boot="before")

    with locks.held(tmp_path / "x.lock") as held:
        # In a container the same name and system may be on another machine.
        assert held is (space == machine._OUTERMOST)


FORGED = [b"", b"{}", b"[]", b"[" * 4000, b'{"pid": 1}', b"\xff\xfe", b"0" * 10_000]


@pytest.mark.parametrize("content", FORGED)
def test_a_file_that_names_nobody_is_kept(no_locks, tmp_path, content):
    locks.owner_path(tmp_path / "x.lock").write_bytes(content)

    with locks.held(tmp_path / "x.lock") as held:
        assert not held

    assert content == locks.owner_path(tmp_path / "x.lock").read_bytes()
    assert str(locks.owner_path(tmp_path / "x.lock")) in locks.busy("", tmp_path / "x.lock")


@LINUX
@pytest.mark.parametrize(
    "changed",
    [{"token": "../../x"}, {"pid": -1}, {"pid": True}, {"pid": 10**30}, {"since": 3}, {"host": None}],
)
def test_a_file_with_values_that_no_lock_has_is_kept(no_locks, tmp_path, changed):
    owner(tmp_path / "x.lock", **changed)

    with locks.held(tmp_path / "x.lock") as held:
        assert not held


@LINUX
def test_a_link_in_the_place_of_the_lock_is_not_followed(no_locks, tmp_path):
    path = tmp_path / "x.lock"
    owner(path)
    locks.owner_path(path).rename(tmp_path / "elsewhere")
    locks.owner_path(path).symlink_to(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").read_bytes()

    with locks.held(path) as held:
        assert not held

    assert before == (tmp_path / "elsewhere").read_bytes()


def test_without_hard_links(no_locks, tmp_path, monkeypatch):
    def link(_source, _target):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)

    with locks.held(tmp_path / "x.lock") as held, locks.held(tmp_path / "x.lock") as again:
        assert (True, False) == (held, again)

    assert [] == names(tmp_path / "x.lock")
