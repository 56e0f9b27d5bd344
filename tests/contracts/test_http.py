"""What web servers do, and what is made of it."""

import base64
import contextlib
import gzip
import http.server
import logging
import socket
import time
import traceback

import pytest

from dissmodel.errors import DissmodelError, InvalidInput, StorageError, UsageError
from dissmodel.storage.http import HttpStorage
from dissmodel.storage.place import open_storage
from dissmodel.storage.settings import Patience, StorageSettings

QUICK = Patience(connect_s=1, silence_s=0.5, backoff_s=0.02)
SECRET = "planted"
CONTENT = bytes(range(256)) * 2000
BOMB = gzip.compress(bytes(50 << 20), 1)


class Handler(http.server.BaseHTTPRequestHandler):
    """Does what the path says."""

    asked: list

    def do_GET(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.asked.append((self.command, self.path, headers))
        getattr(self, self.path.split("?")[0].strip("/").replace("-", "_").replace(".", "_"), self.absent)()

    def do_HEAD(self):
        self.do_GET()

    def say(self, status, content=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def absent(self):
        self.say(404, b"no")

    def whole(self):
        self.say(200, CONTENT, ETag='"e1"')

    def dated(self):
        self.say(200, CONTENT, Last_Modified="Mon, 05 Jan 2026 10:00:00 GMT")

    def short(self):
        self.close_connection = True
        self.say(200, CONTENT[:1000], Content_Length=str(len(CONTENT)))

    def unsaid(self):
        self.close_connection = True
        self.send_response(200)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(CONTENT)

    def endless(self):
        self.close_connection = True
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # whoever asked has seen enough
            for _ in range(1000 if self.command == "GET" else 0):
                self.wfile.write(bytes(1 << 20))

    def lying(self):
        self.say(200, CONTENT, Content_Length="9" * 30)

    def packed(self):
        self.say(200, gzip.compress(CONTENT), Content_Encoding="gzip")

    def bomb(self):
        self.say(200, BOMB, Content_Encoding="gzip")

    def no_gzip(self):
        self.say(200, b"this is not a gzip", Content_Encoding="gzip")

    def headless(self):
        self.say(200 if self.command == "GET" else 405, CONTENT)

    def here(self):
        self.say(302, Location="/whole")

    def loop(self):
        self.say(302, Location="/loop")

    def to_file(self):
        self.say(302, Location="file:///etc/passwd")

    def to_other(self):
        self.say(302, Location="http://localhost:1/whole?token=planted")

    def to_other_port(self):
        self.say(307, Location="http://127.0.0.1:1/whole")

    def to_nowhere(self):
        self.say(302, Location="http://[bad/")

    def silent(self):
        time.sleep(2)

    def late(self):
        self.say(200, b"", Content_Length="100")
        time.sleep(2)

    def denied(self):
        self.say(403)

    def broken(self):
        self.say(503)

    def log_message(self, *words):
        pass


@pytest.fixture
def asked():
    return []


@pytest.fixture
def url(web, asked):
    return web(type("Handler", (Handler,), {"asked": asked}))


@pytest.fixture
def get(url, tmp_path):
    def get(key, limit=1 << 30, query=""):
        storage, found = open_storage(f"{url}/{key}{query}", StorageSettings(patience=QUICK))
        return storage.get(found, tmp_path / "copy", limit=limit), (tmp_path / "copy")

    return get


@pytest.mark.parametrize("key", ["whole", "unsaid", "packed", "here", "headless", "dated"])
def test_what_comes_whole(get, url, key):
    stat, path = get(key)

    assert path.read_bytes() == CONTENT
    assert stat.size == len(CONTENT)


def test_what_is_known_before(url):
    storage = HttpStorage(url, QUICK)

    assert (len(CONTENT), '"e1"') == (storage.stat("whole").size, storage.stat("whole").etag)
    assert storage.stat("dated").etag == "Mon, 05 Jan 2026 10:00:00 GMT"
    assert len(CONTENT) == storage.stat("headless").size
    assert [-1, -1] == [storage.stat(key).size for key in ("unsaid", "packed")]
    assert storage.stat("absent") is None


BAD = {
    "short": f"only 1,000 of {len(CONTENT):,} bytes",
    "to-file": "redirected to file:///etc/passwd",
    "to-other": "redirected to http://localhost:1/whole",
    "to-other-port": "redirected to http://127.0.0.1:1/whole",
    "to-nowhere": "not a URL",
    "loop": "more than 5 times",
    "no-gzip": "not compressed as",
    "silent": "for 0.5 s",
    "late": "for 0.5 s",
    "denied": "refuses",
    "broken": "503",
}


@pytest.mark.parametrize("key", BAD)
def test_what_does_not(get, url, tmp_path, caplog, key):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(StorageError) as caught:
        get(key, query=f"?token={SECRET}")

    error = caught.value
    assert error.exit_code == 5
    assert f"{url}/{key}" in error.message
    assert BAD[key] in error.message
    assert error.hint
    assert SECRET not in "".join(traceback.format_exception(error)) + error.hint + caplog.text
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("key", ["endless", "lying", "bomb"])
def test_more_than_one_wants(get, tmp_path, key):
    with pytest.raises(InvalidInput) as caught:
        get(key, limit=3_000_000)

    assert caught.value.code == "object_too_large"
    assert not (tmp_path / "copy").exists()


def test_a_secret_goes_to_its_server_only(url, asked):
    host = url.removeprefix("http://")
    storage, key = open_storage(
        f"http://ana:planted%21@{host}/to-other-port?token=planted", StorageSettings(patience=QUICK)
    )
    with pytest.raises(StorageError) as caught:
        storage.stat(key)

    _, path, headers = asked[0]
    assert path == "/to-other-port?token=planted"
    assert "Basic " + base64.b64encode(b"ana:planted!").decode() == headers["authorization"]
    assert "planted" not in repr(storage) + storage.shown + caught.value.message + repr(caught.value)


def test_what_is_only_read(url, tmp_path):
    storage = HttpStorage(url, QUICK)
    (tmp_path / "file").write_bytes(b"")
    for call in (
        lambda: storage.put(tmp_path / "file", "a", sha256=""),
        lambda: storage.list("a"),
        lambda: storage.delete("a"),
    ):
        with pytest.raises(StorageError, match="web server"):
            call()


def test_nobody_there(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for host in (f"127.0.0.1:{port}", "no-such-host.invalid"):
        with pytest.raises(DissmodelError) as caught:
            HttpStorage(f"http://{host}", QUICK).get("a", tmp_path / "copy", limit=1)

        assert caught.value.code == "storage_unreachable"
        assert host in caught.value.message


def test_by_a_proxy(url, asked, monkeypatch, tmp_path):
    """The proxy is asked for the whole URL; where none is to be used, the server itself is."""
    monkeypatch.setenv("http_proxy", url.replace("http://", "http://me:planted@"))
    with pytest.raises(DissmodelError):
        HttpStorage("http://far.invalid", QUICK).get("whole", tmp_path / "copy", limit=1 << 30)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    HttpStorage(url, QUICK).stat("whole")

    assert ["http://far.invalid/whole", "/whole"] == [path for _, path, _ in asked]
    assert "proxy-authorization" in asked[0][2]


def test_by_tls(rclone_tls, monkeypatch):
    url = rclone_tls.server.endpoint
    with pytest.raises(StorageError, match="not trusted"):
        HttpStorage(url, QUICK).stat("a")
    monkeypatch.setenv("SSL_CERT_FILE", rclone_tls.authority)

    with pytest.raises(StorageError, match=r"refuses|answers 4"):  # it is reached, and wants a signature
        HttpStorage(url, QUICK).stat("a")


@pytest.mark.parametrize("uri", ["https://", "http:///a", "https://host:99999/a", "https://host/"])
def test_no_url(uri):
    with pytest.raises((UsageError, StorageError)):
        open_storage(uri, StorageSettings())
