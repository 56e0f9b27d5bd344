"""The installer against an index on this machine, and against one that does not answer."""

import base64
import http.server
import shutil
import socket
import threading
from functools import partial

import pytest

from dissmodel.environments import uv
from dissmodel.errors import RunFailed, StorageError
from support.packages import make_wheel

USER, PASSWORD = "ana", "t0ps3cret"


class Index(http.server.SimpleHTTPRequestHandler):
    """A simple index (PEP 503) that wants a password."""

    def do_GET(self):
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.end_headers()
            return
        super().do_GET()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server(tmp_path):
    root = tmp_path / "www"
    (root / "simple").mkdir(parents=True)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Index, directory=root)) as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield root / "simple", f"127.0.0.1:{one.server_port}"
        one.shutdown()


def offer(simple, wheel):
    name = wheel.name.partition("-")[0].replace("_", "-")
    (simple / name).mkdir(exist_ok=True)
    shutil.copy(wheel, simple / name / wheel.name)
    links = "".join(f'<a href="{one.name}">{one.name}</a>' for one in (simple / name).glob("*.whl"))
    (simple / name / "index.html").write_text(links)


@pytest.mark.slow
def test_an_index_with_a_password_in_pips_settings(index, server, install, monkeypatch, stubs, tmp_path):
    simple, host = server
    for wheel in [*stubs.glob("*.whl"), make_wheel(tmp_path, "coastal-flood", "0.1.0")]:
        offer(simple, wheel)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://{USER}:{PASSWORD}@{host}/simple")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))

    made = install("coastal-flood")

    assert "0.1.0" == made.packages["coastal-flood"]
    assert f"http://***@{host}/simple" == made.resolved.source
    for path in (made.path / "environment.json", made.path / "lock.txt"):
        assert PASSWORD not in path.read_text()


def test_a_wrong_password_is_not_told(index, server, install, monkeypatch, tmp_path):
    simple, host = server
    offer(simple, make_wheel(tmp_path, "coastal-flood", "0.1.0"))
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://{USER}:wr0ngpass@{host}/simple")

    with pytest.raises((RunFailed, StorageError)) as caught:
        install("coastal-flood")

    assert "wr0ngpass" not in caught.value.message + caught.value.hint


@pytest.mark.slow
def test_an_index_that_is_not_there_and_one_that_never_answers(index, install, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (1, silent.getsockname()[1]):
            monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")

            with pytest.raises(StorageError) as caught:
                install("coastal-flood")

            assert "index_unreachable" == caught.value.code
            assert 5 == caught.value.exit_code


def test_what_takes_too_long_is_ended(index, tmp_path):
    with pytest.raises(RunFailed) as caught:
        uv.run(["--version"], doing="Waiting", folder=tmp_path, patience=0.0)

    assert "Waiting took more than 0 s" in caught.value.message


def test_where_packages_come_from_is_told_without_passwords(index, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_FIND_LINKS", "/opt/wheels")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"https://{USER}:{PASSWORD}@host/simple")

    assert ("https://***@host/simple", uv.PYPI, "file:///opt/wheels") == uv.indexes()


def test_uvs_own_settings_stand_over_pips(index, install, monkeypatch, tmp_path, stubs):
    make_wheel(index, "coastal-flood", "0.1.0")
    other = tmp_path / "other"
    other.mkdir()
    make_wheel(other, "coastal-flood", "0.2.0")
    monkeypatch.setenv("UV_FIND_LINKS", f"{other},{stubs}")
    monkeypatch.setenv("UV_INDEX_URL", index.as_uri())

    assert "0.2.0" == install("coastal-flood").packages["coastal-flood"]


@pytest.mark.slow
@pytest.mark.usefixtures("data_dir")
def test_a_package_of_this_machines_own_index(install):
    try:
        made = install("iniconfig")
    except StorageError as error:
        pytest.skip(f"no index can be reached: {error.message[-200:]}")

    assert "iniconfig" in made.packages
    assert "--hash=sha256:" in made.lock
    assert "numpy" in made.packages
