"""Faults on the way: after each, the object is whole or not there, and a second try makes it whole."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dissmodel.errors import Differs, DissmodelError, InvalidInput, StorageError
from dissmodel.io.storage.credentials import find
from dissmodel.io.storage.s3 import S3Storage
from dissmodel.io.storage.settings import Patience, StorageSettings
from dissmodel.record.digest import sha256_file

PATIENT = Patience(connect_s=1, silence_s=0.5, backoff_s=0.01)
SMALL, LARGE = 70_000, 17_000_000
FAULTS = {
    "cut early": ("cut_request", {"byte": 10}),
    "cut late": ("cut_request", {"byte": 60_000}),
    "corrupt": ("corrupt_request", {"byte": 4321}),
    "lost": ("lose_response", {}),
    "short answer": ("cut_response", {"byte": 30}),
    "corrupt answer": ("corrupt_response", {"byte": 200}),
    "stall": ("stall", {}),
    "500": ("status", {"status": 500}),
    "503": ("status", {"status": 503}),
    "403": ("status", {"status": 403}),
}


@pytest.fixture
def file(tmp_path):
    def make(size):
        path = tmp_path / f"{size}"
        path.write_bytes(bytes(number % 253 for number in range(1000)) * (size // 1000))
        return path

    return make


@pytest.fixture(params=["rclone", "moto"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def pair(server, open_bucket, proxy_of):
    """The same bucket through a proxy and directly, and the proxy."""
    proxy = proxy_of(server)
    faulty = open_bucket(server, endpoint=proxy.endpoint, patience=PATIENT)
    bucket = faulty.shown.partition(" ")[0].removeprefix("s3://")
    return faulty, S3Storage(find(StorageSettings(), server.environ()), bucket, Patience()), proxy


def content(storage, key, folder):
    """Return the sha256 of what is there, None where nothing is."""
    if storage.stat(key) is None:
        return None
    path = folder / "copy"
    path.unlink(missing_ok=True)
    storage.get(key, path, limit=1 << 30)
    return sha256_file(path)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_put(pair, file, tmp_path, fault, size):
    faulty, direct, proxy = pair
    path, (kind, more) = file(size), FAULTS[fault]
    sha256 = sha256_file(path)
    faulty.put(path, "clean", sha256=sha256)
    for number in range(1, len(proxy.requests) + 1):
        key = f"{number}"
        proxy.at(number, kind, **more)
        try:
            faulty.put(path, key, sha256=sha256)
        except (StorageError, Differs) as error:
            assert f"/{key} at {proxy.endpoint}" in error.message
        else:
            assert sha256 == content(direct, key, tmp_path)
        proxy.heal()
        assert content(direct, key, tmp_path) in {None, sha256}

        faulty.put(path, key, sha256=sha256)

        assert sha256 == content(direct, key, tmp_path)
        assert [] == unfinished(direct)
    assert path.stat().st_size == size


@pytest.mark.parametrize("fault", ["cut early", "lost", "500", "503"])
def test_one_fault_is_survived(pair, file, fault):
    faulty, _, proxy = pair
    path, (kind, more) = file(LARGE), FAULTS[fault]
    faulty.stat("warm")
    for number in range(1, 6):
        proxy.at(number, kind, **more)

        faulty.put(path, f"{number}", sha256=sha256_file(path))

        proxy.heal()


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_our_own_first_try_is_not_somebody_else(moto, open_bucket, proxy_of, file, size):
    """A condition that the server refuses the second time, since the first answer was lost."""
    proxy = proxy_of(moto)
    storage = open_bucket(moto, endpoint=proxy.endpoint, patience=PATIENT)
    path = file(size)
    storage.put(path, "clean", sha256=sha256_file(path), only_new=True)
    for number in range(1, len(proxy.requests) + 1):
        proxy.at(number, "lose_response")
        storage.put(path, f"{number}", sha256=sha256_file(path), only_new=True)
        proxy.heal()


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize(
    ("kind", "byte"), [("cut_response", 0), ("cut_response", 1), ("cut_response", 50_000), ("drip", 50_000)]
)
def test_get(pair, file, tmp_path, size, kind, byte):
    faulty, direct, proxy = pair
    path = file(size)
    direct.put(path, "a", sha256=sha256_file(path))
    proxy.at(1, kind, byte=byte)

    with pytest.raises(StorageError) as caught:
        faulty.get("a", tmp_path / "copy", limit=1 << 30)

    assert ("bytes came" in caught.value.message) == (kind == "cut_response")
    assert not (tmp_path / "copy").exists()
    assert faulty.get("a", tmp_path / "copy", limit=1 << 30).size == size


def test_a_disk_that_is_full(pair, file):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    _, direct, _ = pair
    path = file(SMALL)
    direct.put(path, "a", sha256=sha256_file(path))
    link = path.with_name("full")
    link.symlink_to("/dev/full")

    with pytest.raises(StorageError, match="could not be written"):
        direct.get("a", link, limit=1 << 30)


def unfinished(storage):
    found = storage._client._list_multipart_uploads(storage._bucket)
    return [one.object_name for one in found.uploads]


UPLOAD = """
import sys
from pathlib import Path
from dissmodel.io.storage.place import open_storage
from dissmodel.io.storage.settings import StorageSettings
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
    proxy.at(4, "stall")
    environ = {**os.environ, **moto.environ(MINIO_ENDPOINT=proxy.endpoint)}
    words = [sys.executable, "-c", UPLOAD, str(path), f"s3://{bucket}/a/b"]
    with subprocess.Popen(words, env=environ) as process:
        until = time.monotonic() + 20
        while len(proxy.requests) < 4 and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    client = direct._client
    client._create_multipart_upload(bucket, "a/bc", {})
    assert ["a/b", "a/bc"] == unfinished(direct)
    assert direct.stat("a/b") is None

    direct.put(path, "a/b", sha256=sha256_file(path))

    assert ["a/bc"] == unfinished(direct)
    assert direct.stat("a/b").sha256 == sha256_file(path)


def test_two_at_once(moto, open_bucket, file, tmp_path):
    """Of one content: both are content, and it is whole."""
    storage = open_bucket(moto, patience=Patience())
    path, failed = file(LARGE), []

    def put():
        try:
            storage.put(path, "a", sha256=sha256_file(path))
        except DissmodelError as error:
            failed.append(error.message)

    threads = [threading.Thread(target=put) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert failed == []
    assert sha256_file(path) == content(storage, "a", tmp_path)
    assert [] == unfinished(storage)


def test_a_slow_line_is_not_a_silent_one(rclone, open_bucket, proxy_of, file):
    """8 MiB may take longer than the time without a byte."""
    proxy = proxy_of(rclone, delay_s=0.2)
    storage = open_bucket(rclone, endpoint=proxy.endpoint, patience=Patience(connect_s=0.1, silence_s=0.4))
    path = file(LARGE)

    assert storage.put(path, "a", sha256=sha256_file(path)).size == LARGE


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
    with pytest.raises(InvalidInput, match="16,999,999"):
        storage.get("a", tmp_path / "copy", limit=LARGE - 1)


