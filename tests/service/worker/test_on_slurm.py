"""Jobs of the service in a real Slurm of one node, which has jobs of ours only while there are some."""

import signal
import subprocess
from pathlib import Path

import pytest

from dissmodel.config import load_settings
from dissmodel.doctor.engine import look_at_engine
from dissmodel.doctor.report import TimedCheck, findings_of
from support.slurm import jobs, missing_programs, one_node

from .conftest import kill, until

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


@pytest.fixture(autouse=True)
def engine(house, node, monkeypatch):
    for name in ("PATH", "SLURM_CONF"):
        monkeypatch.setenv(name, node[name])
    monkeypatch.setenv("DISSMODEL_SERVICE_ENGINE", "slurm")
    monkeypatch.setenv("DISSMODEL_SERVICE_SCRATCH", str(house.folder / "shared"))
    monkeypatch.setenv("DISSMODEL_SLURM_FOLDER", str(house.folder / "slurm"))


def test_a_job_runs_there_and_nothing_stays(house, node):
    worker = house.start(jobs=2)
    until(lambda: any("begins" in line["message"] for line in house.log()))
    before = jobs(node)
    done = [house.submit(parameters={"do": do}) for do in ("copy", "environment")]
    ended = [house.ended(job) for job in done]
    while_open = jobs(node)

    assert ([], 2) == (before, len(while_open))
    assert ["completed"] * 2 == [one.status for one in ended], house.shown()
    assert not [line for line in ended[1].log if line.startswith(("variable SLURM", "variable DASK"))]
    assert 0 == kill(worker, signal.SIGTERM)
    until(lambda: not jobs(node))
    assert [] == list((house.folder / "slurm").iterdir())


def test_a_worker_that_is_killed_leaves_no_job(house, node):
    job = house.submit(parameters={"pause": 300}, timeout_s=1000)
    worker = house.start()
    house.running(job)
    kill(worker)

    until(lambda: not jobs(node))


def test_a_cancelled_job_of_slurm_is_a_lost_attempt(house, node):
    job = house.submit(parameters={"pause": 5, "note": str(house.folder / "notes")})
    house.start()
    house.running(job)
    subprocess.run(["scancel", *jobs(node)], env=node, check=True)

    outcome = house.ended(job, 120)
    assert ("completed", 2) == (outcome.status, outcome.attempts)
    assert 2 == len(Path(house.folder, "notes").read_text().splitlines())


def test_doctor_asks_slurm(node, monkeypatch):
    def look():
        check = TimedCheck("engine", lambda found: look_at_engine(found, load_settings()))
        [found] = findings_of([check])
        return found.severity, found.message

    assert ("ok", "Slurm answers") == look()
    monkeypatch.setenv("SLURM_CONF", "/no/such/slurm.conf")
    assert ("error", True) == (look()[0], "Slurm doesn't answer" in look()[1])
    monkeypatch.setenv("PATH", "/nowhere")
    assert ("error", True) == (look()[0], "no program sbatch" in look()[1])
