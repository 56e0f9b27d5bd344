"""Faults on the way: after each, the object is whole or not there, and a second try makes it whole."""

import functools
import http.server
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from minio.error import S3Error

from dissmodel.errors import Differs, InvalidInput, StorageError
from dissmodel.record.digest import sha256_file
from dissmodel.storage.credentials import find
from dissmodel.storage.http import HttpStorage
from dissmodel.storage.s3 import S3Storage
from dissmodel.storage.settings import Patience, StorageSettings
from dissmodel.storage.testing import FaultContract, ReadingFaultContract
from support import servers

PATIENT = Patience(connect_s=2, silence_s=1.5, backoff_s=0.01)  # a loaded machine answers late, too
SMALL, LARGE = 70_000, 9_000_000


@pytest.fixture
def file(tmp_path):
    def make(size):
        path = tmp_path / f"{size}"
        path.write_bytes(bytes(number % 253 for number in range(1000)) * (size // 1000))
        return path

    return make


class Faults(FaultContract):
    server = ""
    test_a_large_file = pytest.mark.slow(FaultContract.test_a_large_file)

    @pytest.fixture
    def proxy(self, request, proxy_of):
        return proxy_of(request.getfixturevalue(self.server))

    @pytest.fixture
    def storage(self, request, proxy, open_bucket):
        return open_bucket(request.getfixturevalue(self.server), endpoint=proxy.endpoint, patience=PATIENT)

    @pytest.fixture
    def direct(self, request, storage):
        return beside(storage, request.getfixturevalue(self.server))

    @pytest.fixture
    def seed(self, direct, tmp_path):
        def make(key, content):
            path = tmp_path / "seed"
            path.write_bytes(content)
            direct.put(path, key, sha256=sha256_file(path))

        return make

    def unfinished(self, direct):
        return unfinished(direct)


class TestRclone(Faults):
    server = "rclone"
    knows_conditions = False

    @pytest.mark.slow
    def test_an_answer_that_is_cut(self, storage, proxy, seed, tmp_path):
        super().test_an_answer_that_is_cut(storage, proxy, seed, tmp_path)

    @pytest.mark.slow
    def test_a_small_file(self, storage, direct, proxy, tmp_path):
        super().test_a_small_file(storage, direct, proxy, tmp_path)


class TestMoto(Faults):
    server = "moto"

    @pytest.mark.slow
    def test_one_fault_is_survived(self, storage, proxy, tmp_path):
        super().test_one_fault_is_survived(storage, proxy, tmp_path)


class TestWeb(ReadingFaultContract):
    @pytest.fixture
    def place(self, web, tmp_path):
        folder = tmp_path / "served"
        folder.mkdir()
        handler = functools.partial(Quiet, directory=str(folder))
        return folder, web(handler)

    @pytest.fixture
    def proxy(self, place, proxy_of):
        return proxy_of(SimpleNamespace(port=urlsplit(place[1]).port))

    @pytest.fixture
    def storage(self, proxy):
        return HttpStorage(proxy.endpoint, PATIENT)

    @pytest.fixture
    def direct(self, place):
        return HttpStorage(place[1], Patience())

    @pytest.fixture
    def seed(self, place):
        return lambda key, content: (place[0] / key).write_bytes(content)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


def beside(storage, server):
    """Return the same bucket without what stands before the server."""
    bucket = storage.shown.partition(" ")[0].removeprefix("s3://")
    return S3Storage(find(StorageSettings(), server.environ()), bucket, Patience())


def content(storage, key, folder):
    """Return the sha256 of an object."""
    path = folder / "copy"
    storage.get(key, path, limit=1 << 30)
    return sha256_file(path)


def test_what_did_not_go_over_is_taken_back(moto, open_bucket, proxy_of, file):
    proxy = proxy_of(moto)
    storage = open_bucket(moto, endpoint=proxy.endpoint)
    path = file(LARGE)
    for number in (2, 4):  # a part, the end
        proxy.at(number, "status", status=403)
        with pytest.raises(StorageError):
            storage.put(path, "a", sha256=sha256_file(path))

        assert [] == unfinished(storage)
        assert storage.stat("a") is None
        proxy.heal()


def test_a_server_that_confirmed_a_large_object_and_then_reads_it_again_is_not_waited_for(
    moto, open_bucket, proxy_of, file
):
    proxy = proxy_of(moto)
    storage = open_bucket(moto, endpoint=proxy.endpoint, patience=PATIENT)
    path = file(LARGE)
    storage.put(path, "clean", sha256=sha256_file(path), only_new=True)
    assert proxy.requests[-1].startswith("HEAD")
    proxy.at(len(proxy.requests), "stall")

    stat = storage.put(path, "slow", sha256=sha256_file(path), only_new=True)

    proxy.heal()
    assert storage.stat("slow") == stat


def unfinished(storage):
    """Return the keys of uploads that were begun and not ended."""
    try:
        found = storage._client._list_multipart_uploads(storage._bucket)
    except S3Error as error:
        assert error.code == "NoSuchUpload"  # noqa: PT017  (so rclone says that there are none)
        return []
    return [one.object_name for one in found.uploads]


UPLOAD = """
import sys
from pathlib import Path
from dissmodel.storage.place import open_storage
from dissmodel.storage.settings import StorageSettings
from dissmodel.record.digest import sha256_file
path = Path(sys.argv[1])
storage, key = open_storage(sys.argv[2], StorageSettings())
storage.put(path, key, sha256=sha256_file(path))
"""


def test_killed_in_mid_upload(moto, open_bucket, proxy_of, file):
    """What the killed one left is cleared by the next one of that object, and only that."""
    direct = open_bucket(moto)
    bucket = direct.shown.partition(" ")[0].removeprefix("s3://")
    path = file(LARGE)
    proxy = proxy_of(moto)
    proxy.at(3, "stall")
    environ = {**os.environ, **moto.environ(MINIO_ENDPOINT=proxy.endpoint)}
    words = [sys.executable, "-c", UPLOAD, str(path), f"s3://{bucket}/a/b"]
    with subprocess.Popen(words, env=environ) as process:
        until = time.monotonic() + 20
        while len(proxy.requests) < 3 and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    client = direct._client
    client._create_multipart_upload(bucket, "a/bc", {})
    assert ["a/b", "a/bc"] == unfinished(direct)
    assert direct.stat("a/b") is None

    direct.put(path, "a/b", sha256=sha256_file(path))

    assert ["a/bc"] == unfinished(direct)
    assert direct.stat("a/b").sha256 == sha256_file(path)


@pytest.mark.parametrize("only_new", [pytest.param(False, marks=pytest.mark.slow), True])
def test_two_at_once(moto, open_bucket, proxy_of, file, tmp_path, only_new):
    """The slower one finds the object whole, and what it had sent is gone."""
    proxy = proxy_of(moto)
    slow = open_bucket(moto, endpoint=proxy.endpoint, patience=Patience())
    quick = beside(slow, moto)
    path = file(LARGE)
    slow.put(path, "clean", sha256=sha256_file(path), only_new=only_new)
    end = next(
        number for number, one in enumerate(proxy.requests, 1) if one.startswith("POST") and "uploadId" in one
    )
    if only_new:
        end -= 1  # the server is known now: one question less
    # moto's own answer to the end of an upload that is gone is a 500.
    proxy.at(
        end,
        "pass" if only_new else "status",
        status=404,
        call=lambda: quick.put(path, "a", sha256=sha256_file(path)),
    )

    if only_new:
        with pytest.raises(StorageError) as caught:
            slow.put(path, "a", sha256=sha256_file(path), only_new=True)
        assert caught.value.code == "object_exists"
    else:
        assert slow.put(path, "a", sha256=sha256_file(path)).size == LARGE

    assert sha256_file(path) == content(quick, "a", tmp_path)
    assert [] == unfinished(quick)


@pytest.mark.slow
def test_a_slow_line_is_not_a_silent_one(file):
    """8 MB may take longer, here at least 3 s, than the 2 s for which nothing comes or goes."""
    path = file(8_000_000)
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with servers.Swallowing(8_000_000, answer) as server:
        patience = Patience(connect_s=0.2, silence_s=2)
        storage = S3Storage(find(StorageSettings(), server.environ()), "bucket", patience)
        with pytest.raises(StorageError, match="404"):
            storage.put(path, "a", sha256=sha256_file(path))


def test_what_the_server_says_of_the_object_is_compared(moto, open_bucket, proxy_of, file):
    """moto takes any bytes: only its checksum tells that they are others, and they don't stay."""
    proxy = proxy_of(moto)
    storage = open_bucket(moto, endpoint=proxy.endpoint)
    path = file(SMALL)
    storage.stat("warm")
    proxy.at(1, "corrupt_request", byte=100)

    with pytest.raises(Differs) as caught:
        storage.put(path, "a", sha256=sha256_file(path))

    assert (caught.value.code, caught.value.exit_code) == ("storage_differs", 4)
    assert storage.stat("a") is None


def test_more_than_was_said_is_not_taken(rclone, open_bucket, tmp_path, file):
    storage = open_bucket(rclone)
    path = file(LARGE)
    storage.put(path, "a", sha256=sha256_file(path))
    with pytest.raises(InvalidInput, match="8,999,999"):
        storage.get("a", tmp_path / "copy", limit=LARGE - 1)
