"""The cache: bounded, whole, and nothing that is in use goes."""

import contextlib
import http.server
import os
import threading

import pytest

from dissmodel.config.keys import parse_size
from dissmodel.errors import StorageError, UsageError
from dissmodel.record.digest import sha256_bytes
from dissmodel.storage.cache import Cache
from dissmodel.storage.fetch import fetched
from dissmodel.storage.settings import StorageSettings


def add(cache, key, content=b"x" * 100, used=None):
    cache.make_room(len(content))
    with cache.filling(key, patience=1) as data:
        (data / "a.tif").write_bytes(content)
        cache.add(key, data, {"a.tif": sha256_bytes(content)}, "v1")
    if used is not None:
        os.utime(cache.folder / key / "entry.json", (used, used))


def keys(cache):
    return sorted(path.name for path in cache.folder.iterdir() if not path.name.startswith("."))


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache", limit=300)


def test_what_was_not_used_for_longest_goes(cache):
    for number, key in enumerate(("old", "older", "new")):
        add(cache, key, used=(2000, 1000, 3000)[number])

    add(cache, "next")

    assert ["new", "next", "old"] == keys(cache)


def test_what_is_in_use_stays(cache):
    add(cache, "old", used=1000)
    add(cache, "new", used=2000)
    with contextlib.ExitStack() as stack:
        entry = cache.take("old", stack)
        os.utime(cache.folder / "old" / "entry.json", (1000, 1000))

        cache.make_room(200)

        assert ["old"] == keys(cache)
        assert b"x" * 100 == entry.path.read_bytes()
    cache.make_room(300)
    assert [] == keys(cache)


def test_taking_it_is_using_it(cache):
    add(cache, "first", used=1000)
    add(cache, "second", used=2000)
    with contextlib.ExitStack() as stack:
        cache.take("first", stack)

    cache.make_room(200)

    assert ["first"] == keys(cache)


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / "data" / "a.tif").write_bytes(b"y" * 100),
        lambda folder: (folder / "data" / "a.tif").unlink(),
        lambda folder: (folder / "data" / "a.tif.msk").write_bytes(b""),
        lambda folder: (folder / "entry.json").write_text("[]"),
        lambda folder: (folder / "entry.json").write_text("{"),
    ],
)
def test_what_is_not_whole_is_not_given(cache, harm):
    add(cache, "key")
    harm(cache.folder / "key")

    with contextlib.ExitStack() as stack:
        assert cache.take("key", stack) is None
        assert [] == list((cache.folder / "key").glob(".use-*"))


def test_one_process_at_a_time_fills(cache):
    with (
        cache.filling("key", patience=0),
        pytest.raises(StorageError) as refused,
        cache.filling("key", patience=0.05),
    ):
        pass

    assert "cache_busy" == refused.value.code


def test_what_a_killed_one_left_is_swept(cache):
    (cache.folder / ".part-key" / "data").mkdir(parents=True)
    (cache.folder / ".gone-1").mkdir()
    with cache.filling("other", patience=0):
        cache.make_room(0)

        assert [".part-other", ".part-other.lock"] == sorted(path.name for path in cache.folder.iterdir())


@pytest.mark.parametrize("text", ["", "20 XB", "-1", "much", "1e9", "20GB; rm"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(UsageError):
        parse_size(text)


def test_what_is_larger_than_the_cache_is_refused(tmp_path):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                if self.command == "GET":
                    for _ in range(10_000):  # it says no length
                        self.wfile.write(b"x" * 100_000)

        do_HEAD = do_GET  # noqa: N815  (the server looks for this name)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cache = Cache(tmp_path / "cache", limit=1_000_000)
    with (
        pytest.raises(StorageError) as refused,
        fetched(f"http://127.0.0.1:{server.server_port}/a.tif", cache, StorageSettings()),
    ):
        pass
    server.shutdown()
    server.server_close()

    assert "object_too_large" == refused.value.code
    assert "1,000,000 bytes" in refused.value.message
    assert [] == keys(cache)
