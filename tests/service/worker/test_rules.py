"""What a worker does when something goes wrong: each rule by a real worker, a real run and real signals."""

import json
import os
import signal
from pathlib import Path

import pytest

import dissmodel
from dissmodel.record.digest import sha256_file
from dissmodel.service.documents import Cancel, Outcome
from dissmodel.service.hold import Times

from .conftest import alive, kill, until


@pytest.fixture(params=["processes", pytest.param("cluster", marks=pytest.mark.slow)])
def kind(request):
    """Each rule holds wherever jobs run."""
    return request.param


def notes(house, job="notes"):
    """How often the model has run."""
    path = house.folder / job
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture
def note(house):
    return str(house.folder / "notes")


def test_a_run_that_fails_leaves_its_record_in_the_outcome(house, note):
    job = house.submit(parameters={"do": "fail", "note": note})

    assert 0 == house.drain(), house.shown()
    outcome = house.truth.outcome(job)
    assert ("failed", "run_failed", 1) == (outcome.status, outcome.error.code, outcome.attempts)
    assert "the sea is too high" in outcome.error.message
    assert (job, "failed", "run") == (
        outcome.record["experiment_id"],
        outcome.record["status"],
        outcome.record["error"]["phase"],
    )
    assert "the model says hello" in outcome.log
    assert 1 == notes(house)
    assert not house.truth.has_record(job)


UNFIT = [
    ({"parameters": {"dо": "copy"}}, "unknown_parameter"),
    ({"parameters": {"pause": "long"}}, "parameter"),
    ({"input": "file:///etc/hostname"}, "input_refused"),
    ({"input": "missing.bin"}, "input_missing"),
    ({"model_name": "no_such_model"}, "unknown_model"),
    ({"spec": {"model": {"class": "/tmp/x.py"}}}, "unknown_model"),
    ({"spec": {"model": {"class": "x", "package": "../x"}}}, "bad_package"),
    (
        {"model_name": "x", "spec": {"model": {"class": "x", "package": "nowhere==1.0"}}},
        "consent_required",
    ),
    (
        {
            "model_name": "x",
            "spec": {"model": {"class": "x", "package": "git+https://example.org/a/b@v1"}},
        },
        "consent_required",
    ),
]


@pytest.mark.slow
def test_what_can_not_be_run_fails_at_once(house):
    jobs = [house.submit(**words) for words, _ in UNFIT]

    assert 0 == house.drain(), house.shown()
    for job, (words, code) in zip(jobs, UNFIT, strict=True):
        outcome = house.truth.outcome(job)
        assert ("failed", code, 1) == (outcome.status, outcome.error.code, outcome.attempts), words
        assert outcome.error.message
        if code == "consent_required":
            package = "nowhere" if "nowhere" in str(words) else "git+https://example.org/a/b"
            assert package in outcome.error.hint


@pytest.mark.slow
def test_a_process_that_crashes_is_tried_three_times(house, note):
    job = house.submit(parameters={"do": "segfault", "note": note})

    assert 0 == house.drain(), house.shown()
    outcome = house.truth.outcome(job)
    assert ("failed", "worker_lost", 3) == (outcome.status, outcome.error.code, outcome.attempts)
    assert "SIGSEGV" in outcome.error.message
    assert 3 == notes(house)


@pytest.mark.slow
def test_a_run_has_as_much_memory_as_is_set(house, monkeypatch, note):
    monkeypatch.setenv("DISSMODEL_SERVICE_MEMORY", "2 GB")
    job = house.submit(parameters={"do": "memory", "note": note})

    assert 0 == house.drain(), house.shown()
    outcome = house.truth.outcome(job)
    assert ("failed", "run_failed") == (outcome.status, outcome.error.code)
    assert "MemoryError" in outcome.error.message
    assert 1 == notes(house)


@pytest.mark.slow
@pytest.mark.parametrize("do", ["copy", "stubborn"])
def test_a_run_that_takes_too_long_is_ended(house, do):
    job = house.submit(parameters={"pause": 300, "do": do}, timeout_s=20)
    worker = house.start(times={"end_s": 1.0 if do == "stubborn" else 10.0})
    house.running(job)
    (child,) = house.children(worker)

    outcome = house.ended(job)
    assert ("failed", "timeout") == (outcome.status, outcome.error.code)
    assert "20 s" in outcome.error.message
    assert not alive(child)
    assert (outcome.record is None) == (do == "stubborn")  # what is killed leaves no record
    if do == "copy":
        assert "interrupted" == outcome.record["status"]


def test_a_run_that_is_cancelled_is_ended(house):
    job = house.submit(parameters={"pause": 300}, timeout_s=1000)
    worker = house.start()
    house.running(job)
    (child,) = house.children(worker)
    house.cancel(job)

    assert "cancelled" == house.ended(job).status
    until(lambda: not alive(child))
    assert not house.truth.has_record(job)
    assert worker.poll() is None


@pytest.mark.slow
def test_a_cancellation_that_the_queue_does_not_know_counts(house):
    waiting = house.submit()
    house.truth.put(waiting, Cancel(by="ana"))
    job = house.submit(parameters={"pause": 300}, timeout_s=1000)
    house.start()
    house.running(job)
    house.truth.put(job, Cancel(by="ana"))

    assert ["cancelled", "cancelled"] == [house.ended(one).status for one in (waiting, job)]


@pytest.mark.slow
def test_what_is_cancelled_before_it_is_delivered_is_not_delivered(house):
    job = house.submit(parameters={"pause": 4})
    house.start(times={"look_s": 1000.0})  # nobody looks while it runs
    house.running(job)
    house.truth.put(job, Cancel(by="ana"))

    assert "cancelled" == house.ended(job).status
    assert not house.truth.has_record(job)


def test_a_job_whose_worker_is_killed_is_run_by_another_worker(house, note):
    job = house.submit(parameters={"pause": 3, "note": note})
    first = house.start()
    house.running(job)
    (child,) = house.children(first)
    kill(first)

    until(lambda: not alive(child))
    house.start()
    outcome = house.ended(job)
    assert ("completed", 2, 2) == (outcome.status, outcome.attempts, notes(house))
    until(lambda: not house.scratch())  # the first one's is swept


@pytest.mark.slow
def test_a_job_whose_workers_are_killed_three_times_fails(house, note):
    job = house.submit(parameters={"pause": 300, "note": note}, timeout_s=1000)
    for _ in range(3):
        worker = house.start()
        house.running(job)
        kill(worker)
        until(lambda: not house.queue.view([job])[job].is_leased)
    house.start()

    outcome = house.ended(job)
    assert ("failed", "worker_lost", 3, 3) == (
        outcome.status,
        outcome.error.code,
        outcome.attempts,
        notes(house),
    )


@pytest.mark.slow
def test_a_worker_that_is_told_to_stop_ends_its_job_and_takes_no_other(house):
    job, later = house.submit(parameters={"pause": 3}), house.submit()
    worker = house.start()
    house.running(job)

    assert 0 == kill(worker, signal.SIGTERM)
    assert "completed" == house.truth.outcome(job).status
    assert house.truth.outcome(later) is None
    assert house.queue.view([later])[later].is_waiting


@pytest.mark.slow
def test_a_job_that_does_not_end_in_time_is_let_go_and_not_counted(house, note):
    job = house.submit(parameters={"pause": 6, "note": note})
    worker = house.start(times={"grace_s": 0.5})
    house.running(job)
    (child,) = house.children(worker)

    assert 0 == kill(worker, signal.SIGTERM)
    assert not alive(child)
    entry = house.queue.view([job])[job]
    assert (True, False, 0) == (entry.is_waiting, entry.is_leased, entry.attempts)
    assert house.truth.outcome(job) is None
    assert 0 == house.drain(), house.shown()
    outcome = house.truth.outcome(job)
    assert ("completed", 1, 2) == (outcome.status, outcome.attempts, notes(house))


@pytest.mark.slow
def test_a_worker_that_stood_still_ends_without_a_word(house, note):
    job = house.submit(parameters={"pause": 5, "do": "random", "note": note})
    first = house.start()
    house.running(job)
    first.send_signal(signal.SIGSTOP)
    until(lambda: not house.queue.view([job])[job].is_leased)
    house.start()
    outcome = house.ended(job)
    before = house.record(job)
    first.send_signal(signal.SIGCONT)
    until(lambda: not house.scratch(), shown=house.shown)

    assert ("completed", 2, 2) == (outcome.status, outcome.attempts, notes(house))
    assert before == house.record(job)
    assert outcome == house.truth.outcome(job)
    assert 0 == kill(first, signal.SIGTERM)


@pytest.mark.slow
def test_storage_that_fails_is_tried_again_three_times(house, note):
    job = house.submit(parameters={"do": "disk", "note": note})

    assert 0 == house.drain(), house.shown()
    outcome = house.truth.outcome(job)
    assert ("failed", "storage", 4, 4) == (
        outcome.status,
        outcome.error.code,
        outcome.attempts,
        notes(house),
    )
    assert (30.0, 120.0, 480.0) == Times().again_s


@pytest.mark.slow
def test_a_place_that_is_gone_for_a_time_gets_the_result_that_is_there(house, note):
    job = house.submit(parameters={"pause": 4, "note": note})
    house.start(times={"again_s": [1.0] * 30})
    house.running(job)
    place = Path(house.settings.place)
    place.rename(place.with_name("away"))
    place.write_text("no folder")
    until(lambda: any(line.get("code") for line in house.log()), shown=house.shown)
    place.unlink()
    place.with_name("away").rename(place)

    assert ("completed", 1) == (house.ended(job).status, notes(house))


def test_a_run_has_no_credentials(house, monkeypatch):
    secrets = {
        "AWS_SECRET_ACCESS_KEY": "aws-secret-value",
        "MINIO_SECRET_KEY": "minio-secret-value",
        "API_KEYS": "an-api-key-value",
        "REDIS_PASSWORD": "redis-secret-value",
        "MY_TOKEN": "my-token-value",
        "OMP_SECRET": "odd-secret-value",
        "DISSMODEL_SERVICE_KEYS": "/keys",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    job = house.submit(parameters={"do": "environment"})

    assert 0 == house.drain(), house.shown()
    outcome = house.truth.outcome(job)
    lines = [line.removeprefix("variable ") for line in outcome.log if line.startswith("variable ")]
    names = {line.partition("=")[0] for line in lines}
    assert "completed" == outcome.status
    assert {"PATH", "HOME", "DISSMODEL_DATA"} <= names
    assert not names & secrets.keys()
    assert 'home: [".local"]' in outcome.log  # which the run itself has made, for its journal
    assert str(Path.home()) not in [line.partition("=")[2] for line in lines]
    for value in secrets.values():
        assert value not in house.shown().replace("/keys", "")


@pytest.mark.slow
def test_what_a_model_leaves_running_is_ended(house):
    job = house.submit(parameters={"do": "leave"})

    assert 0 == house.drain(), house.shown()
    assert "completed" == house.truth.outcome(job).status
    commands = [
        path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)
    ]
    assert b"sleep\x00600\x00" not in commands


@pytest.mark.slow
def test_a_model_can_not_forge_its_end(house):
    job = house.submit(parameters={"do": "forge"})

    assert 0 == house.drain(), house.shown()
    assert "completed" == house.truth.outcome(job).status
    assert job == house.record(job)["experiment_id"]


@pytest.mark.slow
def test_a_job_that_the_queue_has_forgotten_is_run(house):
    job = house.submit(put=False)
    house.start()

    assert "completed" == house.ended(job).status


@pytest.mark.slow
def test_a_record_without_an_outcome_is_a_result(house, note):
    job = house.submit(parameters={"note": note})
    assert 0 == house.drain(), house.shown()
    (Path(house.settings.place) / "jobs" / job / "outcome.json").unlink()
    house.queue.put(job, "normal")

    assert 0 == house.drain(), house.shown()
    outcome = house.truth.outcome(job)
    assert ("completed", house.record(job)["record_digest"]) == (outcome.status, outcome.record_digest)
    assert 1 == notes(house)


@pytest.mark.slow
def test_what_a_killed_attempt_has_delivered_in_part_stays(house):
    job = house.submit(parameters={"do": "random"})
    folder = Path(house.settings.place) / "experiments" / job
    folder.mkdir(parents=True)
    (folder / "output.bin").write_bytes(b"other bytes")

    assert 0 == house.drain(), house.shown()
    assert "completed" == house.truth.outcome(job).status, house.truth.outcome(job)
    file = house.record(job)["files"]["output"]
    assert file["sha256"] == sha256_file(folder / file["path"])
    assert b"other bytes" == (folder / "output.bin").read_bytes()
    assert 16 == file["size"]
    assert dissmodel.verify(folder / "record.json").ok


@pytest.mark.slow
def test_a_job_that_has_ended_is_not_run_again(house, note):
    job = house.submit(parameters={"note": note})
    house.truth.put(job, Outcome(status="cancelled"))

    assert 0 == house.drain(), house.shown()
    assert 0 == notes(house)
    assert not house.queue.view([job])[job].is_waiting


@pytest.mark.slow
def test_some_jobs_at_once(house):
    jobs = [house.submit(parameters={"pause": 4}) for _ in range(2)]
    if house.cluster is not None:
        house.cluster.worker(paths=[house.folder / "packages"])
    house.start(jobs=2)
    until(lambda: all(entry.is_leased for entry in house.queue.view(jobs).values()), shown=house.shown)

    assert ["completed"] * 2 == [house.ended(job).status for job in jobs]
    threads = {house.record(job)["thread_limit"] for job in jobs}
    assert {max(1, os.cpu_count() // 2) if house.cluster is None else 1} == threads


@pytest.mark.slow
def test_a_job_reproduces_an_experiment(house):
    job = house.submit(parameters={"note": ""})
    assert 0 == house.drain(), house.shown()
    again = house.submit(kind="reproduce", reproduces=job, input="")

    assert 0 == house.drain(), house.shown()
    assert "completed" == house.truth.outcome(again).status, house.truth.outcome(again)
    old, new = house.record(job), house.record(again)
    assert (again, job, "identical-file") == (
        new["experiment_id"],
        new["reproduces"],
        new["reproduction"]["verdict"],
    )
    assert old["record_digest"] == new["reproduction"]["record_digest"]
    assert old["source"] == new["source"]


@pytest.mark.slow
def test_a_reproduction_of_another_input_fails(house):
    job = house.submit()
    assert 0 == house.drain(), house.shown()
    (Path(house.settings.inputs) / "data.bin").write_bytes(b"other bytes")
    again = house.submit(kind="reproduce", reproduces=job, input="")
    missing = house.submit(kind="reproduce", reproduces="0" * 32, input="")

    assert 0 == house.drain(), house.shown()
    assert ["input_changed", "record_missing"] == [
        house.truth.outcome(one).error.code for one in (again, missing)
    ]


@pytest.mark.slow
def test_older_notebooks_find_the_names_that_they_know(house, monkeypatch):
    monkeypatch.setenv("DISSMODEL_SERVICE_LEGACY_OBJECTS", "true")
    job = house.submit()

    assert 0 == house.drain(), house.shown()
    folder = Path(house.settings.place) / "experiments" / job
    assert house.record(job) == json.loads((folder / f"{job[:8]}.record.json").read_text())
    assert "| run |" in (folder / f"profiling_{job[:8]}.md").read_text()


@pytest.mark.slow
def test_a_full_disk_costs_no_job(house):
    scratch = house.settings.scratch
    scratch.parent.mkdir(parents=True, exist_ok=True)
    scratch.write_text("no folder can be made here")
    job = house.submit()
    house.start(times={"again_s": [1.0] * 30})
    until(lambda: any("scratch" in line["message"] for line in house.log()), shown=house.shown)
    scratch.unlink()

    assert "completed" == house.ended(job).status


@pytest.mark.slow
def test_the_log_tells_of_which_job_it_is(house):
    job = house.submit(parameters={"do": "fail"})
    house.drain()

    lines = house.log()
    mine = [line for line in lines if line.get("experiment_id") == job]
    assert {"The attempt begins.", "The job has ended: failed."} <= {line["message"] for line in mine}
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    names = {line["worker"] for line in lines if "worker" in line}
    house.drain()
    assert not names & {line["worker"] for line in house.log() if "worker" in line}


@pytest.mark.slow
def test_scratch_of_a_killed_worker_is_swept_and_that_of_a_living_one_stays(house):
    scratch = house.settings.scratch
    left = scratch / ".dissmodel_tmp-0123456789ab"
    left.mkdir(parents=True)
    (left / "big").write_bytes(b"x")
    job = house.submit(parameters={"pause": 3})
    house.start()
    house.running(job)
    house.drain()

    assert not left.exists()
    assert "completed" == house.ended(job).status


@pytest.mark.slow
def test_drain_runs_what_the_queue_forgot(house):
    job = house.submit()
    house.queue.done(job)

    assert 0 == house.drain(), house.shown()
    assert "completed" == house.truth.outcome(job).status
