"""A bucket on a real S3 server, and a web server that counts what it is asked."""

import http.server
import io
import os
import uuid
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest

from dissmodel.storage import testing_proxy as proxies
from dissmodel.storage.credentials import find
from dissmodel.storage.s3 import connect
from dissmodel.storage.settings import Patience, StorageSettings
from support import servers
from support.files import edit

BUCKETS = ("data", "dissmodel-outputs", "dissmodel-inputs")


@pytest.fixture(scope="session")
def rclone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rclone")
    for bucket in BUCKETS:  # it would not see them if they came later
        (folder / bucket).mkdir()
    with servers.rclone(folder) as server:
        yield server, folder


@pytest.fixture
def proxy(rclone, monkeypatch):
    """A proxy before the server, which the environment names from now on."""
    found = proxies.Proxy(rclone[0].port)
    monkeypatch.setenv("MINIO_ENDPOINT", found.endpoint)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """No credentials, endpoints or proxies of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "MINIO_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))


@pytest.fixture
def s3(rclone, monkeypatch):
    """A place of its own in a bucket; the environment leads to it.

    The server does not see what is changed behind its back, so `put` and `delete` go through it.
    """
    server, folder = rclone
    for name, value in server.environ().items():
        monkeypatch.setenv(name, value)
    prefix = uuid.uuid4().hex[:12]
    client = connect(find(StorageSettings(), server.environ()), Patience())

    def put(path, data):
        bucket, *rest = path.relative_to(folder).parts
        client.put_object(bucket, "/".join(rest), io.BytesIO(data), len(data))

    def delete(path):
        bucket, *rest = path.relative_to(folder).parts
        client.remove_object(bucket, "/".join(rest))

    return SimpleNamespace(
        uri=f"s3://data/{prefix}",
        folder=folder / "data" / prefix,
        inputs=folder / "dissmodel-inputs",
        put=put,
        delete=delete,
        data=prefix.encode() + b"grid" * 997,
    )


@pytest.fixture
def web(tmp_path):  # noqa: C901  (a fault is a line or two)
    """A web server over a folder: what it was asked, and what it is to do otherwise."""
    root = tmp_path / "web"
    root.mkdir()
    said = SimpleNamespace(root=root, asked=[], etag=True, head=200, extra=b"", cut=0, to=None, headers=[])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, *, body):
            said.asked.append(f"{self.command} {self.path}")
            said.headers.append({name.lower(): value for name, value in self.headers.items()})
            path = root / unquote(urlsplit(self.path).path)[1:]
            if not body and said.head != 200:
                self.send_response(said.head)
                self.end_headers()
                return
            if said.to:
                self.send_response(302)
                self.send_header("Location", said.to)
                self.end_headers()
                return
            if not path.is_file():
                self.send_error(404)
                return
            data = path.read_bytes()
            self.send_response(200)
            if said.etag:
                self.send_header("ETag", f'"{hash(data) & 0xFFFFFFFF:08x}"')
            if not said.extra:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if body:
                self.wfile.write(data[: len(data) - said.cut] + said.extra)

        def log_message(self, *args):
            pass

    with servers.web(Handler) as url:
        said.url = url
        said.netloc = url.partition("://")[2]
        yield said


@pytest.fixture
def model(executor_file):
    """A model that copies its input's bytes into a .bin, with a note beside it."""
    return executor_file(
        cls="output_suffix = '.bin'; output_suffixes = ('.bin',)",
        save="Path(record.output_path).write_bytes(result); "
        "Path(record.output_path).with_suffix('.txt').write_text('note'); "
        "record.output_sha256 = self._sha256(record.output_path); return record",
    )


@pytest.fixture
def input_elsewhere(dissmodel, web, model):
    """A record of a run on a local file that says its input is on a server; return the input's bytes."""
    data = b"grid" * 1000
    (web.root / "grid.bin").write_bytes(data)
    Path("grid.bin").write_bytes(data)
    assert 0 == dissmodel("run", model, "-i", "grid.bin", "-o", "r.bin").code
    Path("grid.bin").unlink()
    # Its digest holds: it covers no locations.
    edit("r.record.json", lambda record: record["source"].update(uri=f"{web.url}/grid.bin"))
    return data
