"""Tasks in processes of this machine: results, errors, workers that are killed, and the end."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import wait
from pathlib import Path

import pytest

from dissmodel.config import load_settings
from dissmodel.engines import EngineLost, WorkerLost, open_engine, processes
from dissmodel.errors import InvalidInput
from support import tasks

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(scope="module")
def two():
    with open_engine(None, 2, 1, load_settings()) as engine:
        yield engine


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


def workers_of(engine):
    """Return the processes that an engine has now."""
    return [worker._process.pid for worker in engine._workers if worker._process]


def both(engine):
    """Return the processes of both workers, each of which is busy with a task for a moment."""
    found = set()
    while len(found) < 2:
        busy = [engine.submit(time.sleep, 0.1), engine.submit(tasks.pid), engine.submit(tasks.pid)]
        found = {future.result() for future in busy[1:]} | set(workers_of(engine))
    return found


def test_tasks_run_in_as_many_processes_as_it_has(two):
    assert ("2 processes", 2) == (two.name, two.slots)
    assert [abs(n) for n in range(-6, 6)] == [two.submit(abs, n).result() for n in range(-6, 6)]
    assert os.getpid() not in both(two)
    assert 2 == len(both(two))


def test_the_exception_of_a_task_comes_back_with_where_it_was_raised(two):
    error = two.submit(
        tasks.fail, InvalidInput("The tide is a text.", "Correct it.", code="tide")
    ).exception()

    assert isinstance(error, InvalidInput)
    assert ("The tide is a text.", "Correct it.", "tide") == (error.message, error.hint, error.code)
    assert any("in fail" in note for note in error.__notes__)


@pytest.mark.parametrize(
    ("task", "args", "kind", "text"),
    [
        (tasks.fail, (MemoryError("no room"),), MemoryError, "no room"),
        (tasks.fail_oddly, (), RuntimeError, "Odd: the tide"),
        (tasks.fail, (SystemExit(3),), RuntimeError, "SystemExit: 3"),
        (tasks.fail, (KeyboardInterrupt(),), RuntimeError, "KeyboardInterrupt: "),
        (sys.setrecursionlimit, (-1,), ValueError, "recursion limit must be greater or equal than 1"),
        (os.getpid, ("one argument too many",), TypeError, "posix.getpid() takes no arguments (1 given)"),
        (compile, ("1", "tide", "exec"), TypeError, "cannot pickle"),
    ],
)
def test_an_error_of_a_task_costs_no_worker(two, task, args, kind, text):
    before = both(two)
    error = two.submit(task, *args).exception()

    assert isinstance(error, kind)
    assert text in str(error)
    assert before == both(two)


def test_a_task_that_can_not_be_sent_is_told_at_once(two):
    with pytest.raises(Exception, match="pickle"):
        two.submit(lambda: 1)


def test_a_killed_worker_costs_its_own_task_only(two):
    before = both(two)
    other = two.submit(time.sleep, 0.5)
    lost = two.submit(tasks.end_itself).exception()

    assert isinstance(lost, WorkerLost)
    assert "was ended by SIGKILL, as the system does where memory runs out" in lost.message
    assert other.result() is None
    assert 1 == len(before & both(two))


@pytest.mark.parametrize(
    ("task", "said"),
    [((tasks.end_itself, "SIGSEGV"), "was ended by SIGSEGV."), ((os._exit, 3), "ended with code 3.")],
)
def test_a_worker_that_ends_says_how(two, task, said):
    assert said in str(two.submit(*task).exception())


def test_workers_that_died_idle_cost_no_task(two):
    for pid in both(two):
        os.kill(pid, signal.SIGKILL)
    futures = [two.submit(abs, n) for n in range(8)]

    assert list(range(8)) == [future.result() for future in futures]


@linux
def test_a_copy_by_fork_neither_answers_nor_hides_the_death_of_its_worker(two):
    pids = both(two)

    assert two.submit(tasks.return_twice).result() in pids
    assert 4 == two.submit(abs, -4).result()
    began = time.monotonic()
    assert isinstance(two.submit(tasks.end_itself_and_leave_a_copy).exception(20), WorkerLost)
    assert time.monotonic() - began < 20


def test_each_worker_has_its_number_of_threads():
    with open_engine(None, 1, 3, load_settings()) as engine:
        said = engine.submit(tasks.variables, "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "GDAL_NUM_THREADS")

        assert ("1 process", ["3", "3", "3"]) == (engine.name, said.result())


def test_the_end_waits_for_tasks_in_flight_and_ends_the_processes(two):
    with open_engine(None, 1, 1, load_settings()) as engine:
        futures = [engine.submit(time.sleep, 0.2), engine.submit(tasks.pid)]

    assert all(future.done() for future in futures)
    assert is_gone(futures[1].result(), 0.1)


def test_an_error_in_the_block_ends_the_tasks_in_flight():
    with contextlib.suppress(KeyError), open_engine(None, 1, 1, load_settings()) as engine:
        pid = engine.submit(tasks.pid).result()
        futures = [engine.submit(time.sleep, 60) for _ in range(3)]
        while not futures[0].running():
            time.sleep(0.01)
        raise KeyError

    wait(futures)
    assert isinstance(futures[0].exception(), WorkerLost)
    assert [True, True] == [future.cancelled() for future in futures[1:]]
    assert is_gone(pid, 0.1)


def test_no_task_is_taken_after_the_end():
    with open_engine(None, 1, 1, load_settings()) as engine:
        pass

    with pytest.raises(RuntimeError, match="1 process was closed"):
        engine.submit(tasks.pid)


def test_processes_that_can_not_start_end_the_engine(monkeypatch):
    monkeypatch.setattr(processes, "_MAIN", "raise SystemExit(7)")
    with open_engine(None, 1, 1, load_settings()) as engine:
        error = engine.submit(tasks.pid).exception()

    assert isinstance(error, EngineLost)
    assert "Worker processes end before they begin a task: the last ended with code 7." == error.message


def test_a_system_that_starts_no_process_costs_a_try(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with open_engine(None, 1, 1, load_settings()) as engine:
        error = engine.submit(tasks.pid).exception()

    assert isinstance(error, WorkerLost)
    assert "No worker process can be started: No such file or directory." == error.message


SCRIPT = """
import sys, time
sys.path.insert(0, {tests!r})
from dissmodel.config import load_settings
from dissmodel.engines import open_engine
from support import tasks
with open_engine(None, 2, 1, load_settings()) as engine:
    idle = engine.submit(tasks.pid).result()
    future = engine.submit(tasks.note, {folder!r}, "task", {seconds})
    {more}
    print(future.result())
"""


def script(tmp_path, seconds, more="pass", **options):
    """Start a script without a guard of its main part, as people write them."""
    text = SCRIPT.format(
        tests=str(Path(tasks.__file__).parents[1]), folder=str(tmp_path), seconds=seconds, more=more
    )
    path = tmp_path / "many.py"
    path.write_text(text)
    return subprocess.Popen(
        [sys.executable, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def begun(folder):
    """Return the process of the task, once it has begun."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for path in folder.glob("*.begun"):
            if path.read_text():
                return int(path.read_text())
        time.sleep(0.02)
    raise TimeoutError


@linux
def test_no_worker_outlives_a_parent_that_is_killed(tmp_path):
    parent = script(tmp_path, 60)
    busy = begun(tmp_path)
    processes = [
        int(path.parent.name) for path in Path("/proc").glob("[0-9]*/status") if _parent(path) == parent.pid
    ]
    parent.kill()
    parent.communicate()

    assert busy in processes
    assert all(is_gone(pid) for pid in processes)
    assert not list(tmp_path.glob("*.done"))


def _parent(status):
    try:
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    except OSError:
        return 0
    return int(lines["PPid"])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups")
def test_ctrl_c_does_not_reach_the_workers(tmp_path):
    parent = script(
        tmp_path, 1, "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)", start_new_session=True
    )
    begun(tmp_path)
    time.sleep(0.2)
    os.killpg(parent.pid, signal.SIGINT)
    out, err = parent.communicate(timeout=30)

    assert ("task\n", "") == (out, err)


def test_what_tasks_print_is_no_output_of_the_parent(tmp_path):
    parent = script(tmp_path, 0, "engine.submit(tasks.say, 'tide').result()")

    assert ("task\n", "tide\ntide") == parent.communicate(timeout=30)
