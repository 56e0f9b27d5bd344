"""Jobs in a Dask cluster of processes: the same results, and what becomes of them when a part is lost."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dissmodel.config import load_settings
from dissmodel.doctor.engine import look_at_engine
from dissmodel.doctor.report import TimedCheck, findings_of

from .conftest import alive, kill, until
from .test_same_as_run import assert_same, run, s3

__all__ = ["s3"]  # a fixture

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it finds processes in /proc"),
]
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.fixture
def kind():
    return "cluster"


def made(name, path, *words):
    """Make the input of an example."""
    command = [sys.executable, EXAMPLES / name / f"make_{name}.py", "--output", path, *words]
    subprocess.run(command, check=True, capture_output=True)
    return path


def notes(house):
    path = house.folder / "notes"
    return len(path.read_text().splitlines()) if path.exists() else 0


def begun(house, **words):
    """Submit a job that takes long, start a worker, and wait until it runs; return job and process."""
    job = house.submit(
        parameters={"pause": 300, "note": str(house.folder / "notes")}, timeout_s=1000, **words
    )
    worker = house.start()
    house.running(job)
    return job, worker


def test_a_stochastic_model_and_polygons_as_run_has_them(house):
    inputs = Path(house.settings.inputs)
    fire = made("fire", inputs / "fire.tif")
    coast = made("coast", inputs / "coast.gpkg", "--rows", "12", "--cols", "15")
    typed = [
        run(house, "fire_spread", "-i", str(fire), "--seed", "7"),
        run(house, "coastal_vector", "-i", str(coast), "-p", "end_time=3"),
    ]
    asked = [
        house.submit(model_name="fire_spread", input="fire.tif", seed=7, timeout_s=200),
        house.submit(
            model_name="coastal_vector", input="coast.gpkg", parameters={"end_time": 3}, timeout_s=200
        ),
    ]

    assert 0 == house.drain(), house.shown()
    for here, there in zip(typed, asked, strict=True):
        one, other = house.record(here), house.record(there)
        assert 1 == other.pop("thread_limit")
        one.pop("thread_limit")
        assert one["files"]["output"]["content_digest"] == other["files"]["output"]["content_digest"]
        assert_same(one, other)


def test_an_input_in_a_bucket_needs_no_credentials_there(house, s3):
    s3.put_object(Bucket="dissmodel-inputs", Key="coast/data.bin", Body=b"bytes from afar")
    uri = "s3://dissmodel-inputs/coast/data.bin"
    job = house.submit(input=uri, parameters={"do": "environment"})

    assert 0 == house.drain(), house.shown()
    answer = s3.get_object(Bucket="dissmodel-outputs", Key=f"experiments/{job}/record.json")
    record = json.loads(answer["Body"].read())
    assert (uri, 15) == (record["source"]["uri"], record["files"]["output"]["size"])
    lines = [line for line in house.truth.outcome(job).log if line.startswith("variable ")]
    assert lines
    assert not [line for line in lines if "AWS" in line or "MINIO" in line]


def test_progress_and_lines_come_while_it_runs(house):
    job, _ = begun(house)

    entry = until(
        lambda: entry if (entry := house.queue.view([job])[job]).progress.step > 2 else None,
        shown=house.shown,
    )
    assert 3000 == entry.progress.steps
    assert {"the model says hello", "and a library complains"} <= set(entry.progress.lines)


def test_a_killed_worker_of_the_cluster_is_a_lost_attempt(house):
    job, _ = begun(house)
    for number in (1, 2, 3):
        until(lambda number=number: notes(house) == number, shown=house.shown)
        house.cluster.processes[-1].kill()
        if number < 3:
            house.cluster.worker(paths=[house.folder / "packages"])

    outcome = house.ended(job)
    assert ("failed", "worker_lost", 3) == (outcome.status, outcome.error.code, outcome.attempts)
    assert "left or was killed" in outcome.error.message
    assert 3 == notes(house)


def test_a_lost_scheduler_costs_no_attempt(house):
    job = house.submit(parameters={"pause": 4, "note": str(house.folder / "notes")})
    house.start()
    house.running(job)
    (child,) = house.children(None)
    before = house.cluster
    before.scheduler.kill()
    until(lambda: not alive(child))
    until(lambda: house.queue.view([job])[job].is_waiting, shown=house.shown)
    until(lambda: any(line.get("code") == "no_scheduler" for line in house.log()), shown=house.shown)
    before.file.unlink()
    house.cluster = type(before)(before.folder)
    try:
        house.cluster.worker(paths=[house.folder / "packages"])
        outcome = house.ended(job, 120)
    finally:
        house.cluster.end()

    assert ("completed", 1, 2) == (outcome.status, outcome.attempts, notes(house))


def test_a_run_whose_worker_is_killed_ends_with_the_lease(house):
    _, worker = begun(house)
    (child,) = house.children(worker)
    kill(worker)

    assert house.scratch()  # nobody sweeps it
    until(lambda: not alive(child), 20)


def test_a_run_may_take_longer_than_a_lease(house):
    job = house.submit(parameters={"pause": 7, "note": str(house.folder / "notes")})

    assert 0 == house.drain(), house.shown()
    assert ("completed", 1) == (house.truth.outcome(job).status, notes(house))


def test_a_folder_that_the_cluster_does_not_see_is_told(house, monkeypatch):
    """Below a mount that only the cluster's worker has."""
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("mounts can't be made here")
    shared = house.folder / "shared"
    shared.mkdir(exist_ok=True)
    house.cluster.processes[-1].kill()
    script = f'mount -t tmpfs none {shared} && exec "$@"'
    start = subprocess.Popen

    def hidden(words, **given):
        if "distributed.cli.dask_worker" in words:
            words = ["unshare", "--mount", "sh", "-c", script, "sh", *words]
        return start(words, **given)

    monkeypatch.setattr(subprocess, "Popen", hidden)
    house.cluster.worker(paths=[house.folder / "packages"])
    worker = house.start()

    assert 0 != worker.wait(60)
    assert "does not share this folder" in house.shown()
    assert "dissmodel config set service.scratch FOLDER" in house.shown()
    [found] = findings_of([TimedCheck("engine", lambda found: look_at_engine(found, load_settings()), 60)])
    assert ("error", True) == (found.severity, "does not share this folder" in found.message)


def test_doctor_tells_whether_the_engine_answers(house):
    def look():
        check = TimedCheck("engine", lambda found: look_at_engine(found, load_settings()), 60)
        [found] = findings_of([check])
        return found.severity, found.message

    assert ("ok", True) == (look()[0], "shares" in look()[1])
    house.cluster.scheduler.kill()
    house.cluster.scheduler.wait()
    assert ("error", True) == (look()[0], "No Dask scheduler can be reached" in look()[1])


def test_a_wrong_engine_is_told_at_once(house, monkeypatch):
    for engine, said in (
        ("ftp://host:1", "not the address"),
        ("here", "no cluster"),
        ("/no/file", "no file of"),
    ):
        monkeypatch.setenv("DISSMODEL_SERVICE_ENGINE", engine)

        assert 0 != house.start().wait(60)
        assert said in house.shown()


def test_a_signal_ends_the_worker_and_the_run(house):
    job, worker = begun(house)
    (child,) = house.children(worker)
    os.kill(worker.pid, signal.SIGTERM)
    until(lambda: "takes no more jobs" in house.shown())
    os.kill(worker.pid, signal.SIGTERM)

    assert 0 == worker.wait(60)
    until(lambda: not alive(child), 20)
    entry = house.queue.view([job])[job]
    assert (True, 0) == (entry.is_waiting, entry.attempts)
