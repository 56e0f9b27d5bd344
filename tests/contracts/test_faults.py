"""Faults on the way: after each, the object is whole or not there, and a second try makes it whole."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from minio.error import S3Error

from dissmodel.errors import Differs, InvalidInput, StorageError
from dissmodel.record.digest import sha256_file
from dissmodel.storage.credentials import find
from dissmodel.storage.s3 import S3Storage
from dissmodel.storage.settings import Patience, StorageSettings
from support import servers

PATIENT = Patience(connect_s=1, silence_s=0.5, backoff_s=0.01)
SMALL, LARGE = 70_000, 9_000_000
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
            assert f"/{key} at {proxy.endpoint}" in error.message  # noqa: PT017  (it may be raised, or not)
        else:
            assert sha256 == content(direct, key, tmp_path)
        proxy.heal()
        assert content(direct, key, tmp_path) in {None, sha256}

        faulty.put(path, key, sha256=sha256)

        assert sha256 == content(direct, key, tmp_path)
        assert [] == unfinished(direct)
    assert path.stat().st_size == size


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


@pytest.mark.parametrize("only_new", [False, True])
def test_two_at_once(moto, open_bucket, proxy_of, file, tmp_path, only_new):
    """The slower one finds the object whole, and what it had sent is gone."""
    proxy = proxy_of(moto)
    slow = open_bucket(moto, endpoint=proxy.endpoint, patience=Patience())
    bucket = slow.shown.partition(" ")[0].removeprefix("s3://")
    quick = S3Storage(find(StorageSettings(), moto.environ()), bucket, Patience())
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
