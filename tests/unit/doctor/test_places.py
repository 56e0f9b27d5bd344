"""Folders, registries, environments, indexes and the object store."""

import hashlib
import json
import os
import socket
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dissmodel.config import load_settings
from dissmodel.doctor import holdings, libraries, network
from support import servers

SPEC = '[model]\nname = "flood"\nclass = "flood"\n'
SECRET = "s3cr3t-w0rd"


@contextmanager
def answering(status, **headers):
    """A web server that gives every request one answer; yields its port and what was asked."""
    asked = []

    class Server(BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append((self.path, dict(self.headers)))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], asked
        server.shutdown()


@pytest.fixture
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextmanager
def dripping():
    """A server that sends a byte now and then, and never ends a line."""

    def serve():
        connection, _ = server.accept()
        with connection:
            for _ in range(200):
                try:
                    connection.sendall(b"H")
                except OSError:
                    return
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]


# --- the disks


def test_a_numba_cache_that_can_t_be_written_is_told_with_the_variable(look, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))

    ((severity, message, hint),) = look(libraries.look_at_numba_cache)

    assert "warning" == severity
    assert f"{tmp_path / 'file' / 'cache'} can't be written (Not a directory)" in message
    assert "NUMBA_CACHE_DIR" in hint


def test_a_numba_cache_with_a_kernel_is_told_from_one_without(look, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert "no kernel there yet" in look(libraries.look_at_numba_cache)[0][1]

    kernel = tmp_path / "dissmodel-01234567" / "coastal_89ab" / "rows.step-1.py311.nbi"
    kernel.parent.mkdir(parents=True)
    kernel.touch()

    assert "kept there" in look(libraries.look_at_numba_cache)[0][1]


def test_a_folder_that_can_t_be_written_is_as_bad_as_it_is_said_to_be(look, read_only_folder):
    where = {"folder": read_only_folder / "data", "severity": "error", "hint": "Choose another."}

    ((severity, message, hint),) = look(holdings.look_at_room, **where)

    assert ("error", "Choose another.") == (severity, hint)
    assert f"{read_only_folder / 'data'} can't be written: Permission denied" == message


def test_little_room_is_a_warning(look, tmp_path, monkeypatch):
    monkeypatch.setattr(holdings, "LITTLE_ROOM", 1e30)

    ((severity, message, hint),) = look(holdings.look_at_room, folder=tmp_path, severity="error", hint="")

    assert "warning" == severity
    assert "GB free" in message
    assert "dissmodel env list" in hint


# --- registries and environments


@pytest.fixture
def registry(tmp_path):
    """What a sync left: `flood`, so many days ago."""

    def write(days=0, **changes):
        home = tmp_path / "data" / "registries" / "coast"
        models = home / "abc123" / "models"
        models.mkdir(parents=True)
        (models / "flood.toml").write_text(SPEC, encoding="utf-8")
        digest = hashlib.sha256(SPEC.encode()).hexdigest()
        when = datetime.now(UTC) - timedelta(days=days, hours=1)
        state = {
            "version": 1,
            "url": "https://example.org/coast.git",
            "branch": None,
            "commit": "abc123",
            "synced_at": when.isoformat(),
            "models": {"flood": digest},
            "refused": {},
            "in_place": False,
            **changes,
        }
        (home / "state.json").write_text(json.dumps(state), encoding="utf-8")

    return write


def registries(look):
    ((severity, message, hint),) = look(holdings.look_at_registries, settings=load_settings())
    return severity, message, hint


SYNC = "dissmodel registry sync coast"


@pytest.mark.parametrize(
    ("days", "changes", "expected"),
    [
        (0, {}, ("ok", "coast: 1 model, synced today from https://example.org/coast.git", "")),
        (1, {}, ("ok", "coast: 1 model, synced 1 day ago from https://example.org/coast.git", "")),
        (40, {}, ("warning", "coast: 1 model, synced 40 days ago from https://example.org/coast.git", SYNC)),
        (0, {"synced_at": "x"}, ("warning", "coast: 1 model; when it was synced is unknown", SYNC)),
        (
            0,
            {"synced_at": "2026-01-01"},
            ("warning", "coast: 1 model; when it was synced is unknown", SYNC),
        ),
        (0, {"version": 9}, ("warning", "coast: what was synced can't be read", f"{SYNC} --repo URL")),
    ],
)
def test_a_registry_is_told_with_its_age(look, registry, days, changes, expected):
    registry(days, **changes)

    assert expected == registries(look)


def test_a_model_that_was_changed_in_a_registry_is_told(look, registry):
    registry(models={"flood": "0" * 64})

    severity, message, hint = registries(look)

    assert "warning" == severity
    assert "coast: 1 of 1 model can't be used, first " in message
    assert hint.endswith(SYNC)


def test_a_registry_that_was_never_synced_and_one_without_its_folder(look, tmp_path):
    (tmp_path / "config.toml").write_text(
        'registries.coast.url = "https://example.org/coast.git"\n'
        f'registries.mine.url = "{tmp_path / "none"}"\n',
        encoding="utf-8",
    )

    found = look(holdings.look_at_registries, settings=load_settings())

    assert [("warning", SYNC), ("error", "A registry has its models in models/NAME.toml.")] == [
        (severity, hint) for severity, _, hint in found
    ]


def test_what_is_left_of_an_install_is_told_and_what_is_being_built_is_not(look, tmp_path):
    root = tmp_path / "data" / "environments"
    (root / ".building-coast-1.0-0123456789ab.11111111").mkdir(parents=True)
    (root / ".lock-coast-1.0-0123456789ab").touch()
    (root / ".wheels").mkdir()  # of dissmodel itself, for the next environment
    assert [("ok", "none", "")] == look(holdings.look_at_environments, settings=load_settings())

    (root / ".building-flood-1.0-0123456789ab.22222222").mkdir()
    (root / "flood-1.0-0123456789ab").mkdir()

    (severity, message, hint), _ = look(holdings.look_at_environments, settings=load_settings())

    assert ("warning", f"2 installs left half done in {root}") == (severity, message)
    assert "dissmodel env prune" == hint


def test_an_install_that_was_killed_long_ago_is_left_though_its_lock_is_there(look, tmp_path):
    root = tmp_path / "data" / "environments"
    building = root / ".building-coast-1.0-0123456789ab.11111111"
    building.mkdir(parents=True)
    (root / ".lock-coast-1.0-0123456789ab").touch()
    os.utime(building, (0, 0))

    assert "1 install left" in look(holdings.look_at_environments, settings=load_settings())[0][1]


# --- the network


@pytest.mark.fast_cases("401-ok-answers, and asks who you are", "503-warning-answers with HTTP 503")
@pytest.mark.parametrize(
    ("status", "severity", "message"),
    [
        (200, "ok", "answers"),
        (404, "ok", "answers"),
        (401, "ok", "answers, and asks who you are"),
        (503, "warning", "answers with HTTP 503"),
    ],
)
def test_an_index_answers(look, status, severity, message):
    with answering(status) as (port, _):
        ((found, said, _),) = look(network.look_at_index, place=f"http://127.0.0.1:{port}/simple")

    assert (severity, message) == (found, said)


def test_a_redirect_is_an_answer_and_is_not_followed_and_no_credentials_are_sent(look):
    with (
        answering(200) as (other, asked),
        answering(302, Location=f"http://127.0.0.1:{other}/") as (port, first),
    ):
        place = f"corp=http://***@127.0.0.1:{port}/simple"
        assert [("ok", "answers", "")] == look(network.look_at_index, place=place)

    assert [] == asked
    ((path, headers),) = first
    assert "/simple" == path
    assert "Authorization" not in headers


def test_an_index_where_nothing_listens_is_a_warning(look, closed_port):
    ((severity, message, hint),) = look(network.look_at_index, place=f"http://127.0.0.1:{closed_port}/simple")

    assert ("warning", "can't be reached: nothing listens there.") == (severity, message)
    assert "still works" in hint


@pytest.mark.parametrize(
    "place", ["http://[::1/simple", "http://127.0.0.1:99999/", "http://a b/", "http:///x"]
)
def test_an_index_whose_url_is_none_is_a_warning(look, place):
    ((severity, message, _),) = look(network.look_at_index, place=place)

    assert "warning" == severity
    assert message.startswith("can't be reached: ")


def test_an_index_is_a_warning_where_urllib3_is_broken(look, monkeypatch, closed_port):
    for name in [name for name in sys.modules if name.startswith(("urllib3", "dissmodel.storage."))]:
        monkeypatch.setitem(sys.modules, name, None)

    ((severity, message, _),) = look(network.look_at_index, place=f"http://127.0.0.1:{closed_port}/simple")

    assert "warning" == severity
    assert message.startswith("can't be reached: import of ")


def test_an_index_that_drips_is_left_in_time(look):
    with dripping() as port:
        found = look(network.look_at_index, patience=0.5, place=f"http://127.0.0.1:{port}/")

    assert [("warning", "no answer within 0.5 s", "")] == found


def test_an_index_that_is_a_folder(look, tmp_path):
    assert [("ok", "is there", "")] == look(network.look_at_index, place=tmp_path.as_uri())
    ((severity, message, _),) = look(network.look_at_index, place=str(tmp_path / "none"))
    assert ("warning", "is not there") == (severity, message)


def storage(look):
    return look(network.look_at_storage, settings=load_settings())


def test_a_store_that_is_not_set_up_is_no_problem(look):
    assert [("ok", "not set up; push and pull need it", "")] == storage(look)


def test_a_store_without_credentials_is_a_warning_that_says_where_they_may_be(look, monkeypatch):
    monkeypatch.setenv("MINIO_ENDPOINT", "http://127.0.0.1:9")

    ((severity, message, hint),) = storage(look)

    assert "warning" == severity
    assert "credentials" in message
    assert "MINIO_ACCESS_KEY" in hint


@pytest.fixture
def secret(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ana")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


@pytest.mark.fast_cases("403-ok", "502-warning")
@pytest.mark.parametrize(("status", "severity"), [(403, "ok"), (200, "ok"), (502, "warning")])
def test_a_store_that_answers(look, secret, monkeypatch, status, severity):
    with answering(status) as (port, asked):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        found = storage(look)

    assert ("ok", "credentials from AWS_ACCESS_KEY_ID", "") == found[0]
    assert severity == found[1][0]
    assert f"http://127.0.0.1:{port} answers" in found[1][1]
    assert SECRET not in str([found, asked])


def test_a_store_where_nothing_listens(look, secret, monkeypatch, closed_port):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed_port}")

    (first, (severity, message, _)) = storage(look)

    assert "ok" == first[0]
    assert ("warning", True) == (severity, f"127.0.0.1:{closed_port}" in message)


@pytest.fixture
def rclone(tmp_path, monkeypatch):
    """A real store with the bucket `results`."""
    (tmp_path / "store" / "results").mkdir(parents=True)
    with servers.rclone(tmp_path / "store") as server:
        for name, value in server.environ().items():
            monkeypatch.setenv(name, value)
        yield server


def test_a_real_store_is_read_with_the_credentials_and_told_what_is_wrong_with_them(
    look, rclone, monkeypatch
):
    monkeypatch.setenv("DISSMODEL_STORAGE_BUCKET", "results")
    assert ["ok", "ok", "ok"] == [severity for severity, *_ in storage(look)]

    monkeypatch.setenv("DISSMODEL_STORAGE_BUCKET", "nonesuch")
    *_, (severity, message, _) = storage(look)
    assert ("warning", True) == (severity, "there is no such bucket" in message)

    monkeypatch.setenv("MINIO_SECRET_KEY", SECRET)
    *_, (severity, message, _) = storage(look)
    assert ("warning", True) == (severity, "the secret key does not fit" in message)
    assert SECRET not in str(storage(look))
