"""The pages open in a browser once the server is ready."""

import webbrowser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from dissmodel.service import opening


@pytest.fixture
def server():
    """A server that is ready when it is asked for the third time."""
    asked = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(503 if len(asked) < 3 else 200)
            self.end_headers()

        def log_message(self, *words):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as found:
        thread = Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}", asked
        found.shutdown()
        thread.join()


@pytest.mark.parametrize("case", ["a browser", "no browser", "no screen"])
def test_the_pages_open_once_the_server_is_ready(server, monkeypatch, case):
    url, asked = server
    opened, told = [], []
    monkeypatch.setattr(opening, "_EVERY_S", 0.01)
    monkeypatch.setattr(
        webbrowser, "open", lambda page: opened.append((page, len(asked))) or case == "a browser"
    )
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if case != "no screen":
        monkeypatch.setenv("DISPLAY", ":0")
    opening._open(f"{url}/ui", told.append)

    assert ["/ready"] * 3 == asked
    assert ([] if case == "no screen" else [(f"{url}/ui", 3)]) == opened
    assert ([] if case == "a browser" else [f"{url}/ui"]) == told
