"""Tasks in jobs of a real Slurm of one node: options, lost jobs, and the end however this process ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dissmodel.config import load_settings
from dissmodel.engines import EngineLost, WorkerLost, open_engine, slurm
from dissmodel.errors import UsageError
from support import tasks
from support.slurm import jobs, missing_programs, one_node

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(missing_programs()), reason=f"this machine lacks {', '.join(missing_programs())}"
    ),
]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with one_node(tmp_path_factory.mktemp("slurm")) as environ:
        yield environ


@pytest.fixture
def shared(node, monkeypatch, tmp_path):
    """The folder that the node and this process share; Slurm's programs find the node."""
    monkeypatch.setattr(slurm, "_COUNT_S", 1.0)
    for name in ("PATH", "SLURM_CONF"):
        monkeypatch.setenv(name, node[name])
    monkeypatch.setenv("PYTHONPATH", str(Path(tasks.__file__).parents[1]))
    folder = tmp_path / "shared"
    monkeypatch.setenv("DISSMODEL_SLURM_FOLDER", str(folder))
    yield folder
    until(lambda: not jobs(node))


def opened(workers=2, threads=1, **given):
    settings = load_settings(given={f"slurm.{name}": value for name, value in given.items()})
    return open_engine("slurm", workers, threads, settings)


def until(is_so, seconds=300):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_workers_are_jobs_that_end_with_the_engine(node, shared):
    with opened() as engine:
        until(lambda: engine.slots == 2)
        [folder] = shared.iterdir()
        ids = {engine.submit(tasks.variables, "SLURM_JOB_ID").result()[0] for _ in range(8)}

        assert 0o700 == folder.stat().st_mode & 0o777
        assert "2 jobs of Slurm" == engine.name
        assert 2 == len(jobs(node))
        assert ids
        assert None not in ids
        assert ["1"] == engine.submit(tasks.variables, "NUMBA_NUM_THREADS").result()

    until(lambda: not jobs(node))
    assert [] == list(shared.iterdir())


def test_the_settings_are_those_of_the_jobs(node, shared):
    options = {"partition": "tests", "time": "00:07:00", "memory": "321M"}
    lines = ("#SBATCH --comment=tide", "export TIDE='high water'")
    with opened(1, 2, **options, lines=lines) as engine:
        words = ["squeue", "--noheader", "--format=%P|%l|%m|%C|%k"]
        said = subprocess.run(words, env=node, capture_output=True, text=True, check=True).stdout

        assert "tests|7:00|321M|2|tide" == said.strip()
        assert ["high water", "2"] == engine.submit(tasks.variables, "TIDE", "OMP_NUM_THREADS").result()


def test_a_cancelled_job_costs_its_task_and_is_replaced(node, shared):
    with opened() as engine:
        for _ in range(3):
            until(lambda: engine.slots == 2)
            future = engine.submit(time.sleep, 60)
            until(future.running)
            subprocess.run(["scancel", *jobs(node)], env=node, check=True)

            assert isinstance(future.exception(300), WorkerLost)
            until(lambda: not engine._running)
            assert 3 == engine.submit(abs, -3).result(300)


def test_options_that_slurm_refuses_are_told(shared):
    with (
        pytest.raises(UsageError, match=r"sbatch starts no jobs: .*invalid partition") as caught,
        opened(partition="none"),
    ):
        pass

    assert "dissmodel config show" in caught.value.hint


def test_jobs_that_never_become_workers_end_the_engine(node, shared):
    with (
        pytest.raises(EngineLost, match="end before they become workers") as caught,
        opened(lines=("echo no tide; exit 3",)),
    ):
        pass

    assert "no tide" in caught.value.message
    assert [] == list(shared.iterdir())


SCRIPT = """
import time
from dissmodel.config import load_settings
from dissmodel.engines import open_engine
from support import tasks
with open_engine("slurm", 9, 1, load_settings()) as engine:
    engine.submit(tasks.note, {folder!r}, "task", 120).result()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_no_job_outlives_who_started_it(node, shared, tmp_path, name):
    path = tmp_path / "many.py"
    path.write_text(SCRIPT.format(folder=str(tmp_path)))
    with subprocess.Popen([sys.executable, path], stderr=subprocess.DEVNULL) as parent:
        try:
            until(lambda: list(tmp_path.glob("*.begun")))
            queued = len(jobs(node))
            os.kill(parent.pid, getattr(signal, name))
            parent.wait(300)
        finally:
            parent.kill()

    assert 9 == queued  # eight processors: the ninth job waits
    until(lambda: not jobs(node))
    assert not list(tmp_path.glob("*.done"))
