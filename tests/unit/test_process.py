"""A program that is waited for: what it says, and how it is ended with all that it started."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from dissmodel import process
from dissmodel.process import finished

STAYS = """
import os, subprocess, sys, time
started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open("pid.new", "w").write(str(started.pid))
os.rename("pid.new", "pid")
"""


def python(code, folder, patience=20.0, **more):
    return finished([sys.executable, "-c", code], env=os.environ, patience=patience, folder=folder, **more)


def is_gone(pid, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def test_it_gives_the_code_the_output_and_the_errors(tmp_path):
    code = "import sys; print(sys.stdin.read().upper()); print('so', file=sys.stderr); sys.exit(3)"
    found = python(code, tmp_path, said=b"tide")

    assert (3, b"TIDE\n", "so\n") == (found.code, found.out, found.err)


def test_without_input_it_waits_for_none(tmp_path):
    assert b"''\n" == python("import sys; print(repr(sys.stdin.read()))", tmp_path).out


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_it_is_ended_with_all_that_it_started_when_its_time_is_over(tmp_path):
    with pytest.raises(subprocess.TimeoutExpired):
        python(STAYS + "time.sleep(60)", tmp_path, patience=1.5)

    assert is_gone(int((tmp_path / "pid").read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_what_it_leaves_running_is_not_waited_for(tmp_path):
    found = python(STAYS + "print('done')", tmp_path)

    assert (0, b"done\n") == (found.code, found.out)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)  # an error if it had ended


def test_it_is_ended_when_it_says_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "LARGEST", 1000)
    found = python("import time\nwhile True: print('x' * 100, flush=True); time.sleep(0.001)", tmp_path)

    assert (True, 1001) == (found.code != 0, len(found.out))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_it_does_not_outlive_whoever_waits_for_it(tmp_path):
    script = textwrap.dedent(f"""
        import os, sys
        from pathlib import Path
        from dissmodel.process import finished
        stays = {STAYS + "time.sleep(60)"!r}
        finished([sys.executable, "-c", stays], env=os.environ, patience=60, folder=Path({str(tmp_path)!r}))
    """)
    waiting = subprocess.Popen([sys.executable, "-c", script])
    until = time.monotonic() + 20
    while not (tmp_path / "pid").exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    waiting.kill()
    waiting.wait()

    assert is_gone(int((tmp_path / "pid").read_text()))


class TestWithoutThreads:
    """The system refuses threads: whoever waits for the program has to look after it."""

    @pytest.fixture(autouse=True)
    def refused(self, monkeypatch):
        def refuse(_thread):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr("dissmodel.process.threading.Thread.start", refuse)

    def test_it_gives_what_it_gives_with_them(self, tmp_path):
        found = python("import sys; print('so'); sys.exit(3)", tmp_path)

        assert (3, b"so\n") == (found.code, found.out)

    def test_it_is_ended_when_its_time_is_over(self, tmp_path):
        with pytest.raises(subprocess.TimeoutExpired):
            python("import time; time.sleep(600)", tmp_path, patience=0.5)

    def test_it_is_ended_when_it_says_too_much(self, tmp_path, monkeypatch):
        monkeypatch.setattr(process, "LARGEST", 1000)

        found = python("while True: print('x' * 1000)", tmp_path, patience=60)

        assert len(found.out) == 1001


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="Windows has no groups of processes")
def test_the_guard_works_without_threads_too(tmp_path, monkeypatch):
    refuse = "import threading\ndef refuse(_): raise RuntimeError()\nthreading.Thread.start = refuse\n"
    monkeypatch.setattr(process, "_GUARD", refuse + process._GUARD)

    found = python("import sys; print('so'); sys.exit(3)", tmp_path)

    assert (3, b"so\n", "") == (found.code, found.out, found.err)
