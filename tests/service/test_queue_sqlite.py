"""A file that fails is only a cache; clocks that jump cost no job its turn, and no worker its lease."""

import contextlib
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from dissmodel.service import cache_file
from dissmodel.service.queue import Entry, Progress, QueueAway
from dissmodel.service.queue import sqlite as module
from dissmodel.service.queue.sqlite import SqliteQueue

EMPTY = {"high": 0, "normal": 0, "low": 0}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "queue.db"


@pytest.fixture
def opened(path):
    with contextlib.ExitStack() as stack:

        def make(lease_s=30):
            queue = SqliteQueue(path, lease_s=lease_s)
            stack.callback(queue.close)
            return queue

        yield make


@pytest.fixture
def queue(opened):
    return opened()


@pytest.fixture
def clock(monkeypatch):
    """The two clocks of the queue, as a test sets them."""
    now = SimpleNamespace(wall=1_700_000_000.0, monotonic=500.0)
    fake = SimpleNamespace(time=lambda: now.wall, monotonic=lambda: now.monotonic, sleep=time.sleep)
    monkeypatch.setattr(module, "time", fake)
    return now


def taken(queue):
    return list(iter(lambda: queue.take("w", wait_s=0), None))


def garbage(path):
    path.write_bytes(os.urandom(20_000))


def cut_off(path):
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def damaged(path):
    with path.open("r+b") as stream:
        stream.seek(4096)
        stream.write(b"\xff" * 12_288)


def older(path):
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.executescript("DROP TABLE job; CREATE TABLE job (id TEXT); PRAGMA user_version = 0")


def foreign(path):
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE birds (name TEXT)")


def no_table(path):
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TABLE job")


@pytest.mark.parametrize("spoil", [garbage, cut_off, damaged, older, foreign, no_table])
def test_a_file_that_is_no_queue_is_put_aside_and_made_anew(opened, path, new_id, caplog, spoil):
    first = opened()
    for _ in range(100):
        first.put(new_id(), "normal")
    first.close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spoil(path)
    before, queue, job = path.read_bytes(), opened(), new_id()
    with caplog.at_level(logging.WARNING):
        queue.put(job, "normal")

    assert [job] == taken(queue)
    assert before == path.with_name("queue.db.broken").read_bytes()
    assert f"it is {path}.broken now" in caplog.text
    assert 1 == len(caplog.records)


def test_each_process_finds_the_file_that_another_made_anew(opened, path, new_id, caplog):
    first, second, job = opened(), opened(), new_id()
    assert EMPTY == first.counts() == second.counts()
    for name in ("queue.db", "queue.db-wal", "queue.db-shm"):
        path.with_name(name).write_bytes(b"\xff" * 40_000)
    first.put(job, "normal")

    assert job == second.take("w", wait_s=0)
    assert 1 == len(caplog.records)


def test_a_file_that_another_process_made_anew_is_not_put_aside(opened, path, new_id):
    first, second, job = opened(), opened(), new_id()
    assert EMPTY == first.counts() == second.counts()
    for name in ("queue.db", "queue.db-wal", "queue.db-shm"):
        path.with_name(name).write_bytes(b"\xff" * 40_000)
    first.put(job, "normal")
    second._put_aside(sqlite3.DatabaseError("as it read the garbage at the same time"))

    assert [job] == taken(second)


@pytest.mark.skipif(sys.platform == "win32", reason="an open file can't be removed there")
def test_a_file_that_was_removed_is_made_anew(queue, opened, path, new_id):
    other, job = opened(), new_id()
    other.put(new_id(), "normal")
    queue.put(new_id(), "normal")
    for name in ("queue.db", "queue.db-wal", "queue.db-shm"):
        path.with_name(name).unlink(missing_ok=True)
    queue.put(job, "normal")

    assert [job] == taken(other)


def test_a_queue_of_a_newer_version_is_left_alone(queue, opened, path, new_id):
    queue.put(new_id(), "normal")
    queue.close()
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(QueueAway, match="a newer version of dissmodel made it") as told:
        opened().counts()

    assert "may be removed" in told.value.hint
    assert not path.with_name("queue.db.broken").exists()


def test_a_file_that_is_locked_is_away_and_comes_back(queue, path, new_id, monkeypatch):
    monkeypatch.setattr(cache_file, "_PATIENCE_S", 0.1)
    job = new_id()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        SqliteQueue(path, lease_s=30).counts()
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(QueueAway, match="database is locked"):
            queue.put(job, "normal")
        assert EMPTY == queue.counts()
        other.execute("COMMIT")
    queue.put(job, "normal")

    assert [job] == taken(queue)


def test_a_folder_that_may_not_be_written_is_told(read_only_folder):
    with pytest.raises(QueueAway) as told:
        SqliteQueue(read_only_folder / "queue.db", lease_s=30).counts()

    assert str(read_only_folder / "queue.db") in told.value.message
    assert "queue_away" == told.value.code


def test_a_folder_in_its_place_is_told(path):
    path.mkdir()
    with pytest.raises(QueueAway, match="unable to open"):
        SqliteQueue(path, lease_s=30).counts()


def test_a_full_disk_is_away_and_costs_nothing(small_disk, new_id):
    queue = SqliteQueue(small_disk / "queue.db", lease_s=30)
    jobs = [new_id() for _ in range(3)]
    for job in jobs:
        queue.put(job, "normal")
    assert "ok" == queue.beat("held", "a", Progress("run"))
    with contextlib.suppress(OSError), (small_disk / "rest").open("wb", buffering=0) as stream:
        while True:
            stream.write(b"\0" * 4096)
    with pytest.raises(QueueAway, match="full|disk I/O"):  # noqa: RUF043
        beats(queue, 1000)
    (small_disk / "rest").unlink()

    assert "ok" == queue.beat("held", "a", Progress("save"))
    assert "save" == queue.view(["held"])["held"].progress.phase
    assert jobs == taken(queue)
    queue.close()


def beats(queue, number):
    for _ in range(number):
        queue.beat("held", "a", Progress("run", lines=("x" * 2000,) * 100))


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 1 MiB."""
    mount = shutil.which("mount")
    if mount is None or not sys.platform.startswith("linux"):
        pytest.skip("there is no way to make a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    words = [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]
    if subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("this process may not mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("jump_s", [-10 * 365 * 86400, -3600, 3600, 10 * 365 * 86400])
def test_a_jump_of_the_wall_clock_ends_no_lease_and_no_delay(queue, clock, new_id, jump_s):
    held, late = new_id(), new_id()
    queue.beat(held, "a", Progress())
    queue.put(late, "normal", delay_s=60)
    clock.wall += jump_s
    queue.put(new := new_id(), "normal")

    assert "lost" == queue.beat(held, "b", Progress())
    assert [new] == taken(queue)
    clock.monotonic += 61
    assert not queue.view([held])[held].is_leased
    assert late == queue.take("w", wait_s=0)


@pytest.mark.parametrize("jumps", [(-86400, 0), (86400, -86400), (0, -86400), (86400, 0)])
def test_a_jump_of_the_wall_clock_costs_no_job_its_turn(queue, clock, new_id, jumps):
    jobs = [new_id() for _ in range(3)]
    for job, jump in zip(jobs, (*jumps, 0), strict=True):
        queue.put(job, "normal")
        clock.wall += jump

    assert jobs == taken(queue)


def test_no_lease_and_no_delay_outlasts_a_boot(queue, clock, new_id):
    held, late = new_id(), new_id()
    clock.monotonic = 1_000_000.0
    queue.beat(held, "a", Progress())
    queue.put(late, "normal", delay_s=3600)
    clock.monotonic = 12.0  # the machine has started again

    assert not queue.view([held])[held].is_leased
    assert "ok" == queue.beat(held, "b", Progress())
    assert late == queue.take("w", wait_s=0)


def test_a_lease_of_another_length_is_as_long_as_its_worker_said(opened, clock, new_id):
    job, long, short = new_id(), opened(lease_s=1000), opened(lease_s=2)
    long.beat(job, "a", Progress())
    clock.monotonic += 900
    assert "lost" == short.beat(job, "b", Progress())
    clock.monotonic += 101

    assert "ok" == short.beat(job, "b", Progress())


def test_what_nobody_asks_for_is_forgotten_after_a_month(queue, clock, new_id):
    old, waiting = new_id(), new_id()
    queue.count(old)
    queue.put(waiting, "low")
    clock.wall += 31 * 86400
    queue.put(new_id(), "low")

    expected = {old: Entry(), waiting: Entry(is_waiting=True)}
    assert expected == queue.view([old, waiting])


def test_nobody_else_may_read_what_a_model_prints(queue, path):
    queue.beat("job", "a", Progress(lines=("private",)))
    if sys.platform != "win32":
        assert {0o600} == {one.stat().st_mode & 0o777 for one in path.parent.glob("queue.db*")}


def test_many_open_a_new_file_at_once(path, new_id):
    jobs, begin, errors = [new_id() for _ in range(12)], threading.Barrier(12), []

    def put(job):
        queue = SqliteQueue(path, lease_s=30)
        begin.wait()
        try:
            queue.put(job, "normal")
        except QueueAway as error:
            errors.append(error)
        queue.close()

    threads = [threading.Thread(target=put, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue = SqliteQueue(path, lease_s=30)

    assert [] == errors
    assert sorted(jobs) == sorted(taken(queue))
    queue.close()
