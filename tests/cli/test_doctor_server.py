"""`dissmodel doctor --server URL`: whether a service answers, and what it lacks."""

import http.server
import json
import socket
from datetime import UTC, datetime, timedelta

import pytest

from support import servers


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def serving():
    """Return a function that serves a service whose answers are given: path -> (status, document)."""
    import contextlib

    with contextlib.ExitStack() as stack:

        def serve(answers):
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    status, document = answers.get(self.path, (404, {}))
                    body = document if isinstance(document, bytes) else json.dumps(document).encode()
                    self.send_response(status)
                    if status == 302:
                        self.send_header("Location", "http://127.0.0.1:9/")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

                def log_message(self, *args):
                    pass

            return stack.enter_context(servers.web(Handler))

        yield serve


def healthy(ago=0):
    when = datetime.now(UTC) - timedelta(seconds=ago)
    return 200, {"status": "healthy", "timestamp": when.isoformat().replace("+00:00", "Z")}


READY = (200, {"status": "ready"})


def test_a_service_that_is_well(dissmodel, serving):
    url = serving({"/health": healthy(), "/ready": READY})

    for given in (url, f"{url}/"):
        said = dissmodel("doctor", "--server", given, "--json")

        assert (0, "") == (said.code, said.err)
        assert [("ok", url), ("ok", f"{url}/ready")] == [
            (one["severity"], one["subject"]) for one in said.json["findings"]
        ]


def test_what_is_lacking_is_named_with_what_to_set(dissmodel, serving):
    detail = "Not ready: storage."
    url = serving({"/health": healthy(), "/ready": (503, {"detail": detail, "code": "not_ready"})})

    said = dissmodel("doctor", "--server", url)

    assert 1 == said.code
    assert f"HTTP 503: {detail}" in said.out
    assert "MINIO_ENDPOINT" in said.out


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"/health": (200, b"<html>"), "/ready": READY},
        {"/health": (200, [1]), "/ready": READY},
        {"/health": (302, b""), "/ready": READY},
        {"/health": (200, b"[" * 70_000), "/ready": READY},
    ],
)
def test_what_is_no_service_of_ours(dissmodel, serving, answers):
    said = dissmodel("doctor", "--server", serving(answers), "--json")

    assert 1 == said.code
    assert "is not dissmodel" in said.json["findings"][0]["message"]


def test_a_clock_that_is_wrong_is_a_warning(dissmodel, serving):
    url = serving({"/health": healthy(ago=3600), "/ready": READY})

    said = dissmodel("doctor", "--server", url, "--json")

    assert 0 == said.code
    assert ["ok", "warning", "ok"] == [one["severity"] for one in said.json["findings"]]
    assert "differ by 3600 s" in said.json["findings"][1]["message"]


def test_where_nothing_listens(dissmodel):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    said = dissmodel("doctor", "--server", f"http://127.0.0.1:{port}")

    assert 1 == said.code
    assert "can't be reached" in said.out
    assert "Start it: dissmodel serve" in said.out


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://host", "http://user:secret@host/", "http://h/?a=1", ""]
)
def test_what_is_no_url_of_a_service(dissmodel, url):
    said = dissmodel("doctor", "--server", url)

    assert 2 == said.code
    assert "secret" not in said.err
    assert "http://127.0.0.1:8000" in said.err
