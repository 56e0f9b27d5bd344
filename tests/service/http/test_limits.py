"""Bodies that are too large or too slow, and what callers put into headers and paths."""

import json
import socket
import time

import pytest

from dissmodel.service import limits
from support.http_api import KEYS, until

JSON = {"Content-Type": "application/json", "X-API-Key": KEYS["submitter"]}


def raw(house, head, *pieces, pause=0.0):
    """Send bytes as they are; return what comes back until the server closes, at most 20 seconds."""
    host, port = house.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode("latin-1"))
        for piece in pieces:
            time.sleep(pause)
            try:
                connection.sendall(piece)
            except OSError:
                break
        found = b""
        while piece := connection.recv(65536):
            found += piece
            if b"\r\n\r\n" in found and b'"hint"' in found:
                break
        return found.decode("latin-1")


def test_a_body_that_is_too_large_is_refused(house):
    body = json.dumps({"model_name": "x" * limits.JSON_BYTES, "input_dataset": "a"})
    answer = house.client.post("/submit_job", content=body, headers=JSON)

    assert (413, "body_too_large") == (answer.status_code, answer.json()["code"])


def test_a_body_of_unknown_length_is_refused_once_it_is_too_large(house):
    pieces = (b" " * 65536 for _ in range(40))
    answer = house.client.post("/submit_job", content=pieces, headers=JSON)

    assert (413, "body_too_large") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("length", ["99999999999999999999999", "5368709121000"])
def test_a_length_that_is_too_large_is_refused_at_once(house, length):
    for path in ("/submit_job", "/data/upload"):
        head = (
            f"POST {path} HTTP/1.1\nHost: localhost\nContent-Length: {length}\nX-API-Key: {KEYS['admin']}\n\n"
        )
        assert raw(house, head).split()[1] in {"400", "413"}


def test_an_upload_that_is_too_large_is_refused_and_leaves_nothing(house, monkeypatch, settings):
    monkeypatch.setattr(limits, "UPLOAD_BYTES", 100_000)
    for size in (200_000, 10_000_000):
        files = {"file": ("a.tif", b"x" * size)}
        answer = house.client.post(
            "/data/upload", files=files, data={"label": "x"}, headers=house.headers(KEYS["submitter"])
        )
        assert (413, "body_too_large") == (answer.status_code, answer.json()["code"])
    assert [] == list((settings.data_dir / "uploads").glob("*"))
    assert [] == list(house.service.inputs.storage.list(house.service.inputs.key("inputs/x")))


def test_a_form_that_is_no_upload_is_not_read_as_one(house):
    body = b"&".join(b"%d=%s" % (number, b"x" * 100_000) for number in range(12))
    for path in limits.UPLOADS:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-API-Key": KEYS["submitter"]}
        assert 413 == house.client.post(path, content=body, headers=headers).status_code


@pytest.mark.slow
def test_a_body_that_comes_too_slowly_is_refused(house, monkeypatch):
    monkeypatch.setattr(limits, "PATIENCE_S", 0.4)
    head = f"POST /submit_job HTTP/1.1\nHost: x\nContent-Length: 5000\nX-API-Key: {KEYS['admin']}\n"
    head += "Content-Type: application/json\n\n"

    assert "body_slow" in raw(house, head)
    assert "body_slow" in raw(house, head, *[b"{"] * 30, pause=0.05)  # a byte now and then does not help
    head = head.replace("/submit_job", "/data/upload").replace(
        "application/json", "multipart/form-data; boundary=a"
    )
    assert "body_slow" in raw(house, head, b"--a\r\n", *[b"X"] * 30, pause=0.05)


def test_a_slow_body_disturbs_nobody(house):
    host, port = house.url.removeprefix("http://").split(":")
    head = (
        f"POST /submit_job HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\nX-API-Key: {KEYS['admin']}\r\n\r\n"
    )
    open_ones = [socket.create_connection((host, int(port))) for _ in range(60)]
    try:
        for one in open_ones:
            one.sendall(head.encode())
        assert "healthy" == house.client.get("/health").json()["status"]
        assert house.job()["job_id"]
    finally:
        for one in open_ones:
            one.close()


def test_what_a_caller_sends_is_no_line_of_the_log(house, caplog):
    caplog.set_level("INFO", "dissmodel.service.requests")
    nasty = '%0d%0a{"level":"fake"}%1b[2J'
    for path in (f"/job/{nasty}", f"/nix{nasty}", f"/models/{nasty}", f"/jobs?after={nasty}"):
        house.client.get(path, headers=house.headers(KEYS["reader"]))
    house.client.get("/jobs", headers={"X-API-Key": "wrong", "User-Agent": "a\tb"})

    until(lambda: len(caplog.records) >= 5)
    noted = [(one.method, one.path, one.status, one.user) for one in caplog.records]
    assert ("GET", "/job/{experiment_id}", 404, "reader") in noted
    assert not any("fake" in str(vars(one)) or "\n" in one.getMessage() for one in caplog.records)
    assert KEYS["reader"] not in str([vars(one) for one in caplog.records])


def test_what_a_caller_sends_is_no_header_of_the_answer(house):
    answer = house.client.get("/job/%0d%0aSet-Cookie:%20a=b", headers=house.headers(KEYS["reader"]))

    assert "set-cookie" not in answer.headers
    assert 404 == answer.status_code
    text = raw(
        house,
        f"GET /jobs HTTP/1.1\nHost: x\nX-API-Key: {KEYS['reader']}\nX-Other: a\rb\nConnection: close\n\n",
    )
    assert "a\rb" not in text


def test_each_answer_says_what_a_browser_may_do_with_it(house):
    for path in ("/health", "/nix", "/jobs", "/openapi.json"):
        headers = house.client.get(path).headers
        assert ("nosniff", "default-src 'self'") == (
            headers["X-Content-Type-Options"],
            headers["Content-Security-Policy"],
        )
        assert "access-control-allow-origin" not in headers
