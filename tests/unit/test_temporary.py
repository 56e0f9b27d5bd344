"""Temporary files and folders: the next process removes what a killed process left, and nothing else."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dissmodel import materialize, temporary

HOLD_FILE = """
import sys, pathlib
from dissmodel import temporary
with temporary.new_file(pathlib.Path(sys.argv[1])) as stream:
    stream.write(b"half")
    stream.flush()
    print(stream.name, flush=True)
    sys.stdin.read()
"""
HOLD_FOLDER = """
import sys, pathlib
from dissmodel import temporary
with temporary.new_folder(pathlib.Path(sys.argv[1])) as folder:
    (folder / "large").write_bytes(b"half")
    print(folder, flush=True)
    sys.stdin.read()
"""

posix = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows can't tell at once that a process is gone"
)


@pytest.fixture
def holder(tmp_path):
    """Start a process that holds a temporary file or folder; return it, and the path."""
    started = []

    def start(code):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, tmp_path / Path(process.stdout.readline().strip()).name

    yield start
    for process in started:
        process.kill()
        process.communicate()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def use_both(folder):
    with temporary.new_file(folder), temporary.new_folder(folder):
        pass


def test_a_file_gets_its_name_only_when_it_is_whole(tmp_path):
    target = tmp_path / "r.zip"
    with temporary.new_file(tmp_path) as stream:
        stream.write(b"whole")
        before = target.exists()
        temporary.replace(stream, target)

    assert not before
    assert [target] == list(tmp_path.iterdir())
    assert b"whole" == target.read_bytes()


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), temporary.new_file(tmp_path), temporary.new_folder(tmp_path):
        raise ZeroDivisionError

    assert [] == list(tmp_path.iterdir())


@posix
@pytest.mark.parametrize("code", [HOLD_FILE, HOLD_FOLDER])
def test_the_next_process_removes_what_a_killed_process_left(tmp_path, holder, code):
    process, path = holder(code)
    use_both(tmp_path)
    while_it_lives = path.exists()
    kill(process)
    left = path.exists()
    use_both(tmp_path)

    assert (True, True, False) == (while_it_lives, left, path.exists())


@posix
def test_only_files_and_folders_of_ours_are_removed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"")
    folder = tmp_path / "folder"
    folder.mkdir()
    names = [".dissmodel-0123456789ab.tmp.txt", ".dissmodel-r.tmp", "dissmodel-0123456789ab.tmp", "a.tmp"]
    for name in names:
        (folder / name).write_bytes(b"")
    (folder / ".dissmodel_tmp-0123456789ab").symlink_to(outside)
    (folder / ".dissmodel-ba9876543210.tmp").symlink_to(outside / "kept")
    use_both(folder)

    assert len(names) + 2 == len(list(folder.iterdir()))
    assert (outside / "kept").exists()


@posix
def test_where_no_lock_can_be_had_a_file_of_today_stays(tmp_path, monkeypatch):
    def no_locks(_descriptor, _how):
        raise OSError(37, "No locks available")

    new, old = (tmp_path / f".dissmodel-{digit * 12}.tmp" for digit in "12")
    folder = tmp_path / ".dissmodel_tmp-111111111111"
    folder.mkdir()
    for path in (new, old):
        path.write_bytes(b"")
    for path in (old, folder):
        os.utime(path, (time.time() - 90_000,) * 2)
    monkeypatch.setattr(temporary.fcntl, "flock", no_locks)
    use_both(tmp_path)

    assert [folder, new] == sorted(tmp_path.iterdir(), key=lambda path: path.is_file())


@posix
def test_a_file_that_the_next_process_took_for_left_is_made_again(tmp_path, monkeypatch):
    flock, calls = temporary.fcntl.flock, []

    def taken_at_first(descriptor, how):
        calls.append(descriptor)
        if len(calls) == 1:
            for path in tmp_path.iterdir():
                path.unlink()
        flock(descriptor, how)

    monkeypatch.setattr(temporary.fcntl, "flock", taken_at_first)
    with temporary.new_file(tmp_path) as stream:
        temporary.replace(stream, tmp_path / "r")

    assert 2 == len(calls)
    assert (tmp_path / "r").exists()


@posix
def test_a_folder_that_the_next_process_took_for_left_is_made_again(tmp_path, monkeypatch):
    mkdir, made = Path.mkdir, []

    def gone_at_first(path, *words, **named):
        mkdir(path, *words, **named)
        made.append(path)
        if len(made) == 1:
            path.rmdir()

    monkeypatch.setattr(Path, "mkdir", gone_at_first)
    with temporary.new_folder(tmp_path) as folder:
        assert folder.is_dir()

    assert 2 == len(made)


@posix
@pytest.mark.parametrize("stem", ["tmp-202611291200", "202611291200.tmp"])
def test_what_is_kept_of_a_pair_with_such_a_name_stays(tmp_path, stem):
    record = tmp_path / f"{stem}.record.json"
    with materialize.claim(record) as scratch:
        (scratch / "old").mkdir()
        (scratch / "old" / "0").write_bytes(b"kept")
        use_both(tmp_path)

        assert b"kept" == (scratch / "old" / "0").read_bytes()
        assert scratch.name.startswith(materialize.PREFIX)
