"""A half environment is never there: two builders, a kill, a signal."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.packages import make_project, make_wheel, says

PROGRAM = """
import sys
from pathlib import Path
from dissmodel.environments import Requirement, obtain, resolve
data_dir = Path(sys.argv[2])
resolved = resolve(Requirement.parse(sys.argv[1]), data_dir=data_dir)
made = obtain(resolved, data_dir, consent=lambda _: None)
print(made.is_new, made.path)
"""


def start(text, data_dir):
    words = [sys.executable, "-c", PROGRAM, str(text), str(data_dir)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path, process, seconds=30.0):
    end = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)


def wait_for_end(pid, seconds=10.0):
    """Wait until a process is no more; one that nobody asked how it ended counts as gone."""
    end = time.monotonic() + seconds
    while True:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except (ProcessLookupError, FileNotFoundError):
            return
        assert time.monotonic() < end
        time.sleep(0.05)


def keys(data_dir):
    return sorted(path.name for path in (data_dir / "environments").glob("[a-z]*"))


def test_two_at_once_build_it_once(index, data_dir):
    make_wheel(index, "coastal-flood", "0.1.0")
    both = [start("coastal-flood==0.1.0", data_dir) for _ in range(2)]

    said = [one.communicate(timeout=120) for one in both]

    assert [0, 0] == [one.returncode for one in both], said
    assert ["False", "True"] == sorted(out.split()[0] for out, _ in said)
    assert 1 == len(keys(data_dir))


@pytest.mark.fast_cases("9")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
def test_a_build_that_is_stopped_leaves_nothing_to_be_met(index, data_dir, install, tmp_path, signum):
    marks = tmp_path / "marks"
    marks.mkdir()
    hook = (
        f"open({str(marks)!r} + '/pid', 'w').write(str(os.getpid())) "
        f"if not os.path.exists({str(marks / 'go')!r}) else None\n"
        f"    time.sleep(0 if os.path.exists({str(marks / 'go')!r}) else 60)"
    )
    folder = make_project(tmp_path / "model", hook=hook)
    process = start(folder, data_dir)
    wait_for(marks / "pid", process)
    time.sleep(0.1)

    process.send_signal(signum)
    process.communicate(timeout=30)
    (marks / "go").touch()

    wait_for_end(int((marks / "pid").read_text()))
    assert 0 != process.returncode
    assert [] == keys(data_dir)
    made = install(folder)
    assert made.is_new
    assert "0.1.0" == says(made, "import coastal_flood; print(coastal_flood.version)")
    assert [] == list((data_dir / "environments").glob(".building-*"))
