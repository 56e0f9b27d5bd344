"""Streams of events and logs of jobs."""

import contextlib
import json
import threading
import time

import pytest

from dissmodel.service import events
from dissmodel.service.queue import Progress, QueueAway
from support.http_api import KEYS, until


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(events, "_EVERY_S", 0.05)


def lines_of(house, job, last=None):
    headers = {**house.headers(KEYS["reader"]), **({"Last-Event-ID": last} if last else {})}
    with house.client.stream("GET", f"/jobs/{job}/events", headers=headers) as answer:
        assert answer.status_code in {200, 204}, answer.read()
        if answer.status_code == 200:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield from answer.iter_lines()


def parsed(lines):
    for line in lines:
        if line.startswith("id: "):
            name = line[4:]
        if line.startswith("data: "):
            yield name, json.loads(line[6:])


def beat(house, job, phase, step=0, steps=0, lines=()):
    assert "ok" == house.service.queue.beat(
        job, "token", Progress(phase, step, steps, lines, len(lines)), "worker"
    )


def test_a_stream_has_each_state_until_the_end(house):
    job = house.job()["job_id"]
    stream = parsed(lines_of(house, job))

    assert ("pending", 0) == pick(next(stream))
    beat(house, job, "run", 1, 4)
    assert ("running", 33) == pick(next(stream))
    beat(house, job, "run", 2, 4)
    assert ("running", 52) == pick(next(stream))
    beat(house, job, "deliver")
    assert ("running", 95) == pick(next(stream))
    house.complete(job)
    name, last = next(stream)
    assert ("completed", 100) == (last["status"], last["progress"])
    assert last["output_path"].endswith("output.bin")
    assert [] == list(stream)
    assert [] == list(lines_of(house, job, last=name))  # 204: a browser asks no more
    assert [(name, last)] == list(parsed(lines_of(house, job)))


def pick(event):
    return event[1]["status"], event[1]["progress"]


def test_a_stream_goes_on_after_what_was_seen(house):
    job = house.job()["job_id"]
    with contextlib.closing(parsed(lines_of(house, job))) as stream:
        name, _ = next(stream)
    stream = parsed(lines_of(house, job, last=name))
    threading.Timer(0.3, house.fail, [job]).start()

    name, event = next(stream)
    assert ("failed", "run_failed") == (event["status"], event["error"]["code"])
    assert [] == list(stream)


@pytest.mark.slow
def test_many_listeners_cost_one_question(house, monkeypatch):
    job, asked = house.job()["job_id"], []
    view = type(house.service.queue).view

    def counted(queue, jobs):
        asked.append(tuple(jobs))
        return view(queue, jobs)

    streams = [lines_of(house, job) for _ in range(20)]
    for one in streams:
        next(one)
    assert 20 == house.app.state.parts.streams.open
    began = time.monotonic()
    monkeypatch.setattr(type(house.service.queue), "view", counted)
    beat(house, job, "load")
    for one in streams:
        until(lambda one=one: "load" in next(one))
    assert (
        len(asked) <= (time.monotonic() - began) / 0.05 + 2
    )  # each listener for itself would have asked as often
    for one in streams:
        one.close()
    until(lambda: house.app.state.parts.streams.open == 0)
    count = len(asked)
    until(house.app.state.parts.streams._looking.done)
    assert len(asked) <= count + 1


def test_there_are_only_so_many_streams(house, monkeypatch):
    monkeypatch.setattr(events, "MOST", 2)
    job = house.job()["job_id"]
    streams = [lines_of(house, job) for _ in range(2)]
    for one in streams:
        next(one)
    answer = house.client.get(f"/jobs/{job}/events", headers=house.headers(KEYS["reader"]))

    assert (429, "too_many_streams") == (answer.status_code, answer.json()["code"])
    streams[0].close()
    until(lambda: house.app.state.parts.streams.open == 1)
    next(lines_of(house, job))
    house.get(f"/jobs/{'0' * 32}/events", status=404)


def test_a_log_is_read_piece_by_piece(house):
    job = house.job()["job_id"]
    assert ([], 0) == pick_log(house.get(f"/jobs/{job}/log"))
    beat(house, job, "run", lines=tuple(f"line {number}" for number in range(5)))
    assert (["line 3", "line 4"], 5) == pick_log(house.get(f"/jobs/{job}/log?after=3"))
    assert ([], 5) == pick_log(house.get(f"/jobs/{job}/log?after=5"))
    house.fail(job, log=("last but one", "last"), logged=12)
    found = house.get(f"/jobs/{job}/log?after=5")
    assert (11, 12, ["last but one", "last"]) == (found["first"], found["next"], found["lines"])
    assert ([], 12) == pick_log(house.get(f"/jobs/{job}/log?after=99"))
    house.get(f"/jobs/{job}/log?after=-1", status=422)


def pick_log(found):
    return found["lines"], found["next"]


def test_with_the_queue_away_a_stream_has_the_end_of_its_job(house, monkeypatch):
    job = house.job()["job_id"]
    beat(house, job, "run", 1, 4)
    stream = parsed(lines_of(house, job))
    assert ("running", 33) == pick(next(stream))

    def away(*_args):
        raise QueueAway("Redis does not answer.")

    monkeypatch.setattr(type(house.service.queue), "view", away)
    threading.Timer(0.3, house.complete, [job]).start()
    assert ["completed"] == [event["status"] for _, event in stream]
