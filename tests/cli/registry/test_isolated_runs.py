"""A model in a process of its own that crashes, is killed or told to stop: a record, and nothing left."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.cases import mostly_slow

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture
def flood(dissmodel, offered):
    """The model's environment, made once; return a function that starts a run in a process of its own."""
    assert 0 == dissmodel("show", "flood", "--yes").code

    def start(*words, **more):
        words = ("run", "flood", "-i", "data.bin", "-o", "r.bin", *words)
        return subprocess.Popen(
            [sys.executable, "-m", "dissmodel", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])} | more,
        )

    return start


def ended(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def unfinished():
    """Return the record of the one run that did not complete, and take it away."""
    (path,) = Path().glob("r.????????.record.json")
    record = json.loads(path.read_text())
    path.unlink()
    return record


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(true, seconds=20):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.slow
def test_a_crash_leaves_a_record_with_the_last_words_and_what_was_there_before(flood):
    assert 0 == ended(flood())[0]
    before = [Path(name).read_bytes() for name in ("r.bin", "r.record.json")]
    said = {
        "segfault": "was killed by SIGSEGV",
        "exit": "ended with exit code 7",
        "memory": "MemoryError",
    }

    for what, how in said.items():
        code, out, err = ended(flood("--param", f"do={what}", "--overwrite"))
        record = unfinished()

        assert (1, "") == (code, out), what
        assert how in err, what
        assert "Traceback" not in err
        assert ("failed", "run") == (record["status"], record["error"]["phase"]), what
        assert how in record["error"]["message"], what
        assert any("and complains" in line for line in record["logs"]), what
        assert what == record["parameters"]["do"]
        assert "coastal-flood" in record["runtime"]["lock"]
        assert before == [Path(name).read_bytes() for name in ("r.bin", "r.record.json")]
        assert ["data.bin", "r.bin", "r.record.json"] == sorted(path.name for path in Path().iterdir())
    assert (
        "the last lines that it printed" not in record["error"]["message"]
    )  # of a MemoryError Python itself could tell


@pytest.mark.slow
@pytest.mark.parametrize("number", mostly_slow([signal.SIGINT, signal.SIGTERM], signal.SIGTERM))
def test_a_signal_reaches_the_model_and_what_it_started(flood, number):
    process = flood("--param", "do=hang")
    wait_until(Path("pids").exists)
    pids = [int(one) for one in Path("pids").read_text().split()]
    process.send_signal(number)
    code, out, err = ended(process)
    record = unfinished()

    assert ({signal.SIGINT: 130, signal.SIGTERM: 143}[number], "") == (code, out)
    assert f"error: interrupted by {number.name}" in err
    assert "Traceback" not in err
    assert ("interrupted", "run") == (record["status"], record["error"]["phase"])
    assert [False, False] == [is_alive(pid) for pid in pids]


def test_a_model_that_is_killed_is_a_failed_run(flood):
    process = flood("--param", "do=hang")
    wait_until(Path("pids").exists)
    pids = [int(one) for one in Path("pids").read_text().split()]
    os.kill(pids[0], signal.SIGKILL)
    code, _, err = ended(process)
    record = unfinished()

    assert (1, True) == (code, "was killed by SIGKILL" in err)
    assert ("failed", "run") == (record["status"], record["error"]["phase"])
    assert not is_alive(pids[1])


@pytest.mark.slow
def test_nothing_outlives_a_dissmodel_that_is_killed(flood, dissmodel):
    process = flood("--param", "do=hang")
    wait_until(Path("pids").exists)
    pids = [int(one) for one in Path("pids").read_text().split()]
    process.kill()
    ended(process)

    wait_until(lambda: not any(is_alive(pid) for pid in pids))
    assert 0 == ended(flood())[0]
    assert "completed" == json.loads(Path("r.record.json").read_text())["status"]
    assert 0 == dissmodel("record", "verify", "r.record.json").code


@pytest.mark.slow
def test_under_a_memory_limit_the_record_is_still_written(flood):
    limited = (
        "import resource, runpy, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_module('dissmodel', run_name='__main__')"
    )
    words = ["dissmodel", "run", "flood", "-i", "data.bin", "-o", "r.bin", "--param", "do=memory"]
    done = subprocess.run(
        [sys.executable, "-c", limited, *words], capture_output=True, text=True, timeout=60, check=False
    )

    assert (1, "") == (done.returncode, done.stdout)
    assert "MemoryError" in done.stderr
    assert "failed" == unfinished()["status"]
