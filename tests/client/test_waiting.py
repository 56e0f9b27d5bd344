"""Waiting for a job: by events that go on after a cut, by asking, through a restart, not for ever."""

import json
import socket
import threading

import pytest

import dissmodel
from dissmodel.client import events, waiting
from dissmodel.client.jobs import Client
from dissmodel.client.server import Server
from dissmodel.errors import DissmodelError
from dissmodel.progress import Silent, reporting
from dissmodel.storage.settings import Patience
from support.fake_service import JOB, fake, job, problem

STREAM = {"Content-Type": "text/event-stream; charset=utf-8"}


class Heard(Silent):
    def __init__(self):
        self.phases, self.steps, self.warnings = [], [], []

    def phase(self, name):
        self.phases.append(name)

    def step(self, done, total, cells=0):
        self.steps.append((done, total))

    def warn(self, message):
        self.warnings.append(message)


def event(mark, status="running", **more):
    return f"id: {mark}\nevent: state\ndata: {json.dumps({'status': status, **more})}\n\n".encode()


def in_turn(*answers):
    """Answer one after the other, the last again and again."""
    left = list(answers)

    def answer(handler):
        one = left.pop(0) if len(left) > 1 else left[0]
        return (
            one(handler)
            if callable(one)
            else one
            if isinstance(one, tuple)
            else (200, {}, json.dumps(one).encode())
        )

    return answer


def cut(*events):
    """Send a part of a stream, then cut the connection."""

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for one in events:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(one), one))
        handler.close_connection = True

    return answer


def waited(server, **words):
    client = Client(Server(server.url, patience=Patience(retries=0)))  # for no test to wait
    with reporting(Heard()) as heard:
        return client.job(JOB).wait(**words), heard


def test_a_stream_that_is_cut_goes_on_after_the_last_event():
    first = cut(
        event("a", "pending"), event("b", phase="fetch"), event("c", phase="run", step=1, steps=4)[:20]
    )
    second = cut(b": still here\n\n", event("c", phase="run", step=2, steps=4), event("d", "completed"))
    with fake(events=in_turn(first, second), job=in_turn(job("running", phase="run"), job())) as server:
        ended, heard = waited(server)

    assert "completed" == ended.status
    asked = [headers.get("Last-Event-ID") for _, path, headers in server.heard if path.endswith("/events")]
    assert [None, "b"] == asked
    assert (["wait", "download", "run"], [(2, 4)]) == (heard.phases, heard.steps)


@pytest.mark.parametrize(
    "answer",
    [
        problem(404, "http_404"),
        problem(429, "too_many_streams"),
        (200, {"Content-Type": "text/html"}, b"<html>"),
        (200, STREAM, b"data: [1]\n\n"),
        (200, STREAM, event("\u20ac\x7f", phase="run")),
        (200, STREAM, b"data: " + b"x" * (2 << 20)),
        (302, {"Location": "/login"}, b""),
    ],
)
def test_without_a_stream_it_is_asked_again(answer):
    states = in_turn(job("pending"), job("running", phase="run", step=1, steps=2), job("failed"))
    with fake(events=answer, job=states) as server:
        ended, heard = waited(server)

    assert "failed" == ended.status
    assert 3 == server.paths().count(f"/job/{JOB}")
    assert ([(1, 2)], []) == (heard.steps, heard.warnings)
    assert {"wait", "run"} == set(heard.phases)


def test_a_restart_is_waited_for_and_told_once():
    away = [problem(503, "storage_unreachable"), (502, {}, b"<html>"), cut_at_once] * 3
    with fake(job=in_turn(job("running"), *away, job())) as server:
        ended, heard = waited(server)

    assert "completed" == ended.status
    assert 1 == len(heard.warnings)
    assert "the job goes on" in heard.warnings[0]


def cut_at_once(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def test_a_server_that_stays_away_is_given_up(monkeypatch):
    monkeypatch.setattr(waiting, "AWAY_S", 0.1)
    with fake(job=problem(503, "storage")) as server, pytest.raises(DissmodelError) as raised:
        waited(server)

    assert ("storage", 5) == (raised.value.code, raised.value.exit_code)
    assert f"dissmodel jobs wait {JOB}" in raised.value.hint


def test_the_time_is_over_while_the_job_goes_on():
    def silent(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        handler.wfile.write(event("a", phase="run"))
        ends.wait(20)

    ends = threading.Event()
    with fake(events=silent, job=job("running")) as server:
        with pytest.raises(DissmodelError) as raised:
            waited(server, timeout=0.3)
        ends.set()

    assert "wait_timeout" == raised.value.code
    assert f"dissmodel jobs wait {JOB} --server {server.url}" in raised.value.hint
    assert [] == server.paths("DELETE")


def test_an_interruption_leaves_the_job_and_says_how_to_get_at_it(monkeypatch):
    def stop(*_told):
        raise KeyboardInterrupt

    monkeypatch.setattr(waiting.Watch, "_tell", stop)
    with fake(job=job("running")) as server, pytest.raises(KeyboardInterrupt) as raised:
        dissmodel.connect(server.url).run("flood", input="grid.tif", output="r.bin")

    assert [] == server.paths("DELETE")
    assert f"jobs wait {JOB} --server {server.url} --output r.bin" in raised.value.__notes__[0]


class Pieces:
    """A body that comes in these pieces."""

    def __init__(self, *pieces):
        self._pieces = [*pieces, b""]

    def read1(self, _size, *, decode_content):
        return self._pieces.pop(0)


def test_an_event_without_an_end_is_not_kept():
    for piece in (b"data: x", b"data: x\n"):
        with pytest.raises(events.TooLarge):
            list(events.events(Pieces(*[piece * (1 << 12)] * 64)))


def test_events_are_read_as_the_standard_has_them():
    # The examples of the HTML standard, 9.2.6, cut at each place.
    text = (
        b": test\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\ndata: x\n\ndata"
    )
    expected = [("1", "first event"), ("", "second event"), ("", " third event\nx")]
    for at in range(len(text)):
        found = events.events(Pieces(*filter(None, (text[:at], text[at:]))))
        assert expected == [(one.id, one.data) for one in found if one is not None]
