"""The list of jobs and that of experiments: pages, filters, and both made anew from the place."""

import json
import sqlite3
import sys
from dataclasses import replace

import pytest

from dissmodel.service.board import Board
from dissmodel.service.documents import Request
from dissmodel.service.queue import Progress
from support.http_api import KEYS, service_of, serving


def ids(page):
    return [one["job_id"] for one in page["experiments"]]


def test_pages_follow_one_another(house):
    jobs = [house.job()["job_id"] for _ in range(5)][::-1]
    found, after = [], None
    while True:
        page = house.get("/jobs", params={"limit": 2, **({"after": after} if after else {})})
        assert 5 == page["total"]
        found += ids(page)
        after = page["next"]
        if after is None:
            break
        house.job()  # what comes meanwhile is on no later page
        jobs_now = house.get("/jobs")["total"]
        house.client.delete(
            f"/job/{house.get('/jobs')['experiments'][0]['job_id']}", headers=house.headers(KEYS["admin"])
        )
        assert jobs_now > 5
        break
    rest = house.get("/jobs", params={"limit": 10, "after": after})
    assert jobs == found + ids(rest)
    assert rest["next"] is None
    for wrong in ("x", "~", "2026~zz", "\x00~"):
        assert house.client.get(
            "/jobs", params={"after": wrong}, headers=house.headers(KEYS["reader"])
        ).status_code in {200, 422}


def test_a_list_has_each_job_as_it_is_now(house):
    jobs = {
        name: house.job(model_name=name)["job_id"] for name in ("flood", "coastal_raster", "coastal_vector")
    }
    queue = house.service.queue
    assert "ok" == queue.beat(jobs["flood"], "token", Progress("run", 5, 10, ("line",), 1), "worker")
    house.complete(jobs["coastal_raster"])

    by_id = {one["job_id"]: one for one in house.get("/jobs")["experiments"]}
    running = by_id[jobs["flood"]]
    assert ("running", "run", 5, 10, 52) == tuple(
        running[one] for one in ("status", "phase", "step", "steps", "progress")
    )
    assert "completed" == by_id[jobs["coastal_raster"]]["status"]
    for status, name in (
        ("running", "flood"),
        ("completed", "coastal_raster"),
        ("pending", "coastal_vector"),
        ("queued", "coastal_vector"),
    ):
        assert [jobs[name]] == ids(house.get("/jobs", params={"status": status}))
    assert [jobs["flood"]] == ids(house.get("/jobs", params={"model": "flood"}))
    assert [] == ids(house.get("/jobs", params={"status": "failed", "model": "flood"}))
    house.get("/jobs", params={"status": "unheard"}, status=422)


@pytest.mark.slow
def test_the_list_is_made_anew_from_the_place(house, service, settings):
    jobs = [house.job()["job_id"] for _ in range(3)]
    house.complete(jobs[0])
    house.fail(jobs[1])
    before = house.get("/jobs")
    board = settings.data_dir / "board.db"

    for spoil in (
        lambda: [file.unlink() for file in board.parent.glob("board.db*")],
        lambda: board.write_bytes(b"no database" * 1000),
        lambda: sqlite3.connect(board).execute("PRAGMA user_version = 7"),
    ):
        spoil()
        with serving(replace(service, noted=[])) as again:
            assert before == again.get("/jobs")
        [file.unlink(missing_ok=True) for file in board.parent.glob("board.db-*")]


@pytest.mark.skipif(sys.platform == "win32", reason="an open file can't be removed there")
def test_a_list_that_is_removed_meanwhile_is_whole_at_once(house, settings):
    jobs = [house.job()["job_id"] for _ in range(3)]
    before = house.get("/jobs")
    for file in settings.data_dir.glob("board.db*"):
        file.unlink()

    assert before == house.get("/jobs")
    assert set(jobs) == set(ids(before))


def test_jobs_of_another_server_are_found(house, settings, tmp_path):
    first = house.job()["job_id"]
    other = service_of(replace(settings, data_dir=tmp_path / "elsewhere"))
    with serving(other) as there:
        assert [first] == ids(there.get("/jobs"))
        second = there.job()["job_id"]
    board = house.app.state.parts.board
    board._listed_at = -1e9  # a minute later
    assert [second, first] == ids(house.get("/jobs"))


def test_what_can_not_be_read_hides_no_other_job(house, place_uri):
    from pathlib import Path

    good = house.job()["job_id"]
    bad = Path(place_uri) / "jobs" / ("ab" * 16)
    bad.mkdir(parents=True)
    (bad / "request.json").write_text("{")
    house.app.state.parts.board._listed_at = -1e9

    assert [good] == ids(house.get("/jobs"))


@pytest.mark.slow
def test_a_list_of_many_jobs_is_quick_to_page(settings, service):
    board = Board(service, settings.data_dir / "board.db")
    board.refresh()
    rows = [
        Request(experiment_id=f"{number:032x}", timeout_s=1, model_name="flood") for number in range(3000)
    ]
    for one in rows:
        board.add(one)
    page = board.page(limit=1000)
    assert (3000, 1000) == (page["total"], len(page["experiments"]))


def test_experiments_are_searched(house):
    for number, steps in enumerate((3, 5)):
        house.complete(
            f"{number:032x}", content=str(steps).encode(), parameters={"end_time": steps, "name": "a b"}
        )

    def found(**words):
        return [one["experiment_id"][-1] for one in house.get("/experiments", params=words)["experiments"]]

    assert ["1", "0"] == found()
    assert ["0"] == found(**{"param.end_time": 3})
    assert ["1"] == found(**{"param.end_time": "5.0"})
    assert ["1", "0"] == found(**{"param.name": "a b"})
    assert [] == found(**{"param.end_time": 4}) == found(model="x") == found(since="2100-01-01T00:00:00Z")
    assert ["1", "0"] == found(model="mine", status="completed")
    page = house.get("/experiments", params={"limit": 1})
    rest = house.get("/experiments", params={"limit": 1, "after": page["next"]})
    assert "0" == rest["experiments"][0]["experiment_id"][-1]
    for wrong in ({"after": "x"}, {"limit": 0}, {"since": "soon"}, {"since": "0001-01-01T00:00:00+14:00"}):
        house.get("/experiments", params=wrong, status=422)


def test_numbers_are_for_prometheus(house):
    jobs = [house.job()["job_id"] for _ in range(3)]
    house.complete(jobs[0], metrics={"time_total_sec": 2.5})
    house.fail(jobs[1])
    text = house.client.get("/metrics", headers=house.headers(KEYS["reader"])).text

    for line in (
        'dissmodel_queue_jobs{priority="normal"} 1',
        'dissmodel_jobs{state="completed"} 1',
        'dissmodel_jobs{state="failed"} 1',
        'dissmodel_jobs{state="queued"} 1',
        'dissmodel_jobs_failed{code="run_failed"} 1',
        "dissmodel_run_seconds 2.5",
        "dissmodel_runs 1",
        "dissmodel_event_streams 0",
        'dissmodel_http_requests_total{path="/submit_job",status="200"} 3',
    ):
        assert f"{line}\n" in text
    for line in text.splitlines():
        assert line.startswith("# ") or float(line.rpartition(" ")[2]) >= 0


@pytest.fixture
def syncing():
    class Sync:
        is_ready = False

        def once(self):
            from dissmodel.errors import StorageError

            if not self.is_ready:
                raise StorageError("No registry was synced.", code="sync_failed")
            return {
                "message": "1 of 1 registries synced.",
                "git_output": "",
                "registries": [{"name": "default"}],
            }

    return Sync()


def test_it_is_ready_once_all_answer(service, syncing):
    with serving(service, syncing=syncing) as house:
        found = house.get("/ready", key=None, status=503)
        assert ("not_ready", "Not ready: registries.") == (found["code"], found["detail"])
        assert "sync_failed" == house.post("/admin/sync", key=KEYS["admin"], status=502)["code"]
        syncing.is_ready = True
        assert {"status": "ready"} == house.get("/ready", key=None)
        assert "1 of 1" in house.post("/admin/sync", key=KEYS["admin"])["message"]
        assert json.dumps(house.get("/health", key=None))
