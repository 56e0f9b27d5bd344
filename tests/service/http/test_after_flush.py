"""The place alone answers: the queue was emptied, and the list of jobs deleted."""

from dataclasses import replace

import make_coast
import pytest

from dissmodel.service.documents import Cancel
from dissmodel.service.queue.sqlite import SqliteQueue
from support.http_api import KEYS, serving


@pytest.fixture
def flushed(house, service, settings, tmp_path):
    """A new server over the same place, without the queue and the list of jobs; and jobs by their state."""
    jobs = {
        name: house.job()["job_id"] for name in ("completed", "unsettled", "failed", "cancelled", "pending")
    }
    house.complete(jobs["completed"])
    house.complete(jobs["unsettled"], outcome=False)
    house.fail(jobs["failed"], record={"status": "failed", "experiment_id": jobs["failed"]})
    house.service.truth.put(jobs["cancelled"], Cancel(by="ana"))
    emptied = SqliteQueue(tmp_path / "new.db", lease_s=30)
    new = replace(service, queue=emptied, settings=replace(settings, data_dir=tmp_path / "new"), noted=[])
    with serving(new) as found:
        yield found, jobs


def test_each_job_is_what_it_was(flushed):
    house, jobs = flushed
    expected = {**{name: name for name in jobs}, "unsettled": "completed"}

    assert expected == {name: house.get(f"/job/{job}")["status"] for name, job in jobs.items()}
    listed = {one["job_id"]: one for one in house.get("/jobs")["experiments"]}
    assert expected == {name: listed[job]["status"] for name, job in jobs.items()}
    whole = house.get(f"/job/{jobs['completed']}")
    assert whole["output_sha256"] == listed[jobs["completed"]]["output_sha256"] is not None


def test_records_are_there(flushed):
    house, jobs = flushed

    assert jobs["completed"] == house.get(f"/experiments/{jobs['completed']}/record")["experiment_id"]
    assert jobs["unsettled"] == house.get(f"/experiments/{jobs['unsettled']}/record")["experiment_id"]
    assert "failed" == house.get(f"/experiments/{jobs['failed']}/record")["status"]
    assert "no_record" == house.get(f"/experiments/{jobs['cancelled']}/record", status=404)["code"]
    assert "not_ended" == house.get(f"/experiments/{jobs['pending']}/record", status=409)["code"]
    assert "unknown_job" == house.get(f"/experiments/{'0' * 32}/record", status=404)["code"]


def test_experiments_are_reproduced_and_published(flushed):
    house, jobs = flushed
    again = house.post(f"/experiments/{jobs['completed']}/reproduce")

    request = house.service.truth.request(again["job_id"])
    assert ("reproduce", jobs["completed"], "") == (request.kind, request.reproduces, request.input)
    assert 1 == house.service.queue.counts()["normal"]
    assert house.post(f"/experiments/{jobs['completed']}/publish")["record_digest"]
    for name in ("failed", "cancelled", "pending"):
        assert "not_completed" == house.post(f"/experiments/{jobs[name]}/reproduce", status=400)["code"]
        assert "not_completed" == house.post(f"/experiments/{jobs[name]}/publish", status=400)["code"]
    assert (
        404
        == house.client.post(
            f"/experiments/{'0' * 32}/publish", headers=house.headers(KEYS["admin"])
        ).status_code
    )


def test_an_experiment_that_was_pushed_by_hand_counts(house):
    house.complete("ab" * 16, outcome=False)

    assert "ab" * 16 == house.get(f"/experiments/{'ab' * 16}/record")["experiment_id"]
    assert "ab" * 16 == house.post(f"/experiments/{'ab' * 16}/reproduce")["reproduces"]
    house.get(f"/job/{'ab' * 16}", status=404)


def test_two_experiments_are_compared(house):
    a, b = house.job()["job_id"], house.job()["job_id"]
    house.complete(a, parameters={"end_time": 3})
    house.complete(b, content=b"other", parameters={"end_time": 5})
    found = house.get(f"/experiments/{a}/diff/{b}")

    assert {"what": "end_time", "a": "3", "b": "5", "matters": True} in found["sections"][0]["differences"]
    assert not found["same"]
    assert house.get(f"/experiments/{a}/diff/{a}")["same"]
    house.get(f"/experiments/{a}/diff/{'0' * 32}", status=404)


def test_a_damaged_record_is_an_error_of_its_own(house, place_uri):
    from pathlib import Path

    job = house.job()["job_id"]
    house.complete(job)
    (Path(place_uri) / "experiments" / job / "record.json").write_text("{")

    found = house.get(f"/job/{job}", status=503)
    assert "not_a_record" == found["code"]
    assert 1 == house.get("/jobs")["total"]


@pytest.mark.slow
def test_a_result_that_is_a_map_has_a_picture(house, tmp_path, monkeypatch):
    import dissmodel
    from dissmodel.service import foreign

    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    make_coast.main(["--rows", "20", "--cols", "20", "--output", "grid.zip"])
    made = dissmodel.run("coastal_raster", input="grid.zip", output="r.tif", parameters={"end_time": 1})
    dissmodel.push(made.record_path, to=house.service.settings.place)
    experiment = made.record.experiment_id
    headers = house.headers(KEYS["reader"])
    answer = house.client.get(f"/experiments/{experiment}/preview.png", headers=headers)

    assert (200, "image/png") == (answer.status_code, answer.headers["Content-Type"])
    assert answer.content.startswith(b"\x89PNG")
    monkeypatch.setattr(foreign, "run", None)  # it is drawn once
    assert (
        answer.content == house.client.get(f"/experiments/{experiment}/preview.png", headers=headers).content
    )


@pytest.mark.slow
def test_a_result_that_is_no_map_has_none_and_is_tried_once(house, monkeypatch):
    from dissmodel.service import foreign

    house.complete("ab" * 16)

    assert "no_picture" == house.get(f"/experiments/{'ab' * 16}/preview.png", status=404)["code"]
    monkeypatch.setattr(foreign, "run", None)
    assert "no_picture" == house.get(f"/experiments/{'ab' * 16}/preview.png", status=404)["code"]
    house.get(f"/experiments/{'0' * 32}/preview.png", status=404)
