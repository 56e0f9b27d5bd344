"""The contract of a storage place as tests: subclass it in the tests of a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from unittest import SkipTest

from dissmodel.errors import Differs, DissmodelError, InvalidInput, StorageError
from dissmodel.record.digest import sha256_bytes, sha256_file
from dissmodel.storage.base import TOO_MANY, Storage
from dissmodel.storage.place import open_storage
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.testing_proxy import Proxy

Seed = Callable[[str, bytes], None]
"""Makes an object, in whatever way the place has."""

_PLENTY = 1 << 30
_KEYS = ("plain", "folder/inner/output.tif", "a b.tif", "a+b=c&d.tif", "50%25.tif", "ção/água.tif", "q?x#y")
_ILLEGAL = ("", "/absolute", "../up", "a/../b", "a/./b", "new\nline", "nul\0", "\x1b[31mred", "k" * 2000)
_WORKERS = 8
_SIZES = (70_000, 9_000_000)
_CUTS = (("cut_response", 0), ("cut_response", 1), ("cut_response", 50_000), ("drip", 50_000))
_FAULTS: dict[str, dict[str, Any]] = {
    "cut early": {"kind": "cut_request", "byte": 10},
    "cut late": {"kind": "cut_request", "byte": 60_000},
    "corrupt": {"kind": "corrupt_request", "byte": 4321},
    "lost": {"kind": "lose_response"},
    "short answer": {"kind": "cut_response", "byte": 30},
    "corrupt answer": {"kind": "corrupt_response", "byte": 200},
    "stall": {"kind": "stall"},
    "500": {"kind": "status", "status": 500},
    "503": {"kind": "status", "status": 503},
    "403": {"kind": "status", "status": 403},
}


class ReadingContract:
    """What each place keeps, also one that is only read.

    A subclass, whose name begins with ``Test``, has two pytest fixtures: ``storage``, the place, empty; and
    ``seed``, a function of a key and bytes that makes an object there.

    Examples
    --------
    In a place's own tests::

        class TestFolder(StorageContract):
            @pytest.fixture
            def storage(self, tmp_path):
                (tmp_path / "place").mkdir()
                return LocalStorage(tmp_path / "place")
    """

    keys: ClassVar[tuple[str, ...]] = _KEYS
    """Names that an object may have there."""

    def test_an_object_comes_as_it_is(self, storage: Storage, seed: Seed, tmp_path: Path) -> None:
        """Its bytes, whatever they and its name are."""
        content = bytes(range(256)) * 5000
        for number, key in enumerate(self.keys):
            seed(key, content + key.encode())
            path = tmp_path / f"copy{number}"

            stat = storage.get(key, path, limit=_PLENTY)

            assert content + key.encode() == path.read_bytes()
            assert (key, path.stat().st_size) == (stat.key, stat.size)

    def test_a_small_object_is_read(self, storage: Storage, seed: Seed) -> None:
        """As bytes, and no more of them than the limit."""
        seed("a", bytes(1000))

        assert storage.read("a", limit=1000) == bytes(1000)
        with refused(InvalidInput, "object_too_large", "a"):
            storage.read("a", limit=999)

    def test_an_empty_object_is_one(self, storage: Storage, seed: Seed, tmp_path: Path) -> None:
        """It comes, with no bytes."""
        seed("empty", b"")

        stat = storage.get("empty", tmp_path / "copy", limit=0)

        assert stat.size == 0
        assert storage.read("empty", limit=0) == b""
        assert (tmp_path / "copy").read_bytes() == b""

    def test_stat_tells_the_size(self, storage: Storage, seed: Seed) -> None:
        """It says what `get` would give."""
        seed("folder/a", b"hello")

        stat = storage.stat("folder/a")

        assert stat is not None
        assert (stat.key, stat.size) == ("folder/a", 5)
        assert stat.sha256 in {None, sha256_bytes(b"hello")}

    def test_no_object(self, storage: Storage, seed: Seed, tmp_path: Path) -> None:
        """There is none under a name that others begin with, either."""
        seed("folder/a", b"hello")
        for key in ("absent", "folder/a/b", "folder/ab"):
            assert storage.stat(key) is None

            with refused(InvalidInput, "object_missing", key):
                storage.get(key, tmp_path / "copy", limit=_PLENTY)
            with refused(InvalidInput, "object_missing", key):
                storage.read(key, limit=_PLENTY)
        assert not (tmp_path / "copy").exists()

    def test_more_than_the_limit(self, storage: Storage, seed: Seed, tmp_path: Path) -> None:
        """No byte more than it is taken, and no part of a file is left."""
        seed("a", b"x" * 1000)

        with refused(InvalidInput, "object_too_large", "a"):
            storage.get("a", tmp_path / "copy", limit=999)

        assert not (tmp_path / "copy").exists()
        assert storage.get("a", tmp_path / "copy", limit=1000).size == 1000  # noqa: PLR2004

    def test_a_file_in_the_way_is_kept(self, storage: Storage, seed: Seed, tmp_path: Path) -> None:
        """Only a new file is written."""
        seed("a", b"new")
        (tmp_path / "copy").write_bytes(b"old")

        with refused(StorageError, "storage"):
            storage.get("a", tmp_path / "copy", limit=_PLENTY)

        assert (tmp_path / "copy").read_bytes() == b"old"

    def test_progress_adds_up(self, storage: Storage, seed: Seed, tmp_path: Path) -> None:
        """It is told of each byte once."""
        seed("a", bytes(3_000_000))
        told: list[int] = []

        storage.get("a", tmp_path / "copy", limit=_PLENTY, progress=told.append)

        assert sum(told) == 3_000_000  # noqa: PLR2004

    def test_illegal_keys(self, storage: Storage, tmp_path: Path) -> None:
        """None leads out of the place, and the message is one line that can be read."""
        for key in _ILLEGAL:
            with refused(StorageError, "storage_key", storage.shown.partition(" at ")[0]) as told:
                storage.stat(key)
            with refused(StorageError, "storage_key"):
                storage.get(key, tmp_path / "copy", limit=_PLENTY)

            assert told[0].isprintable()
            assert len(told[0]) < 600  # noqa: PLR2004


class StorageContract(ReadingContract):
    """What each place keeps that can be written to."""

    only_one_is_new: ClassVar[bool] = True
    """Whether of several that put the same key at once with ``only_new`` just one may succeed."""

    def test_put_and_get(self, storage: Storage, tmp_path: Path) -> None:
        """What was put is there, whole, under any name; the last one counts."""
        for key in self.keys:
            for content in (b"first", key.encode()):
                path = made(tmp_path / "file", content)

                stat = storage.put(path, key, sha256=sha256_file(path), media_type="text/plain")

                assert (key, len(content)) == (stat.key, stat.size)
                assert stat.sha256 in {None, sha256_bytes(content)}
            (tmp_path / "copy").unlink(missing_ok=True)
            storage.get(key, tmp_path / "copy", limit=_PLENTY)
            assert (tmp_path / "copy").read_bytes() == key.encode()

    def test_an_empty_file(self, storage: Storage, tmp_path: Path) -> None:
        """It is put as any other."""
        assert storage.put(made(tmp_path / "f", b""), "empty", sha256=sha256_bytes(b"")).size == 0

    def test_a_large_file(self, storage: Storage, tmp_path: Path) -> None:
        """One that has to go in parts."""
        content = bytes(range(251)) * 90_000
        told: list[int] = []

        path = made(tmp_path / "file", content)
        stat = storage.put(path, "large", sha256=sha256_file(path), progress=told.append)
        storage.get("large", tmp_path / "copy", limit=_PLENTY)

        assert len(content) == stat.size == sum(told)
        assert sha256_bytes(content) == sha256_file(tmp_path / "copy")

    def test_a_file_that_changed_is_not_stored(self, storage: Storage, tmp_path: Path) -> None:
        """Small or large: nothing is there then."""
        for size in (10, 20_000_000):
            path = made(tmp_path / "file", bytes(size))

            with refused(Differs, "storage_differs"):
                storage.put(path, "changed", sha256=sha256_bytes(b"else"))

            assert storage.stat("changed") is None

    def test_a_file_that_is_not_there(self, storage: Storage, tmp_path: Path) -> None:
        """It is named."""
        with refused(StorageError, "storage", "absent.tif"):
            storage.put(tmp_path / "absent.tif", "a", sha256=sha256_bytes(b""))

        assert storage.stat("a") is None

    def test_only_new(self, storage: Storage, tmp_path: Path) -> None:
        """What is there stays."""
        for size in (5, 9_000_000):
            key = f"new{size}"
            first, second = made(tmp_path / "a", b"1" * size), made(tmp_path / "b", b"2" * size)
            storage.put(first, key, sha256=sha256_file(first), only_new=True)

            with refused(StorageError, "object_exists", key):
                storage.put(second, key, sha256=sha256_file(second), only_new=True)

            storage.get(key, tmp_path / key, limit=_PLENTY)
            assert sha256_file(first) == sha256_file(tmp_path / key)

    def test_only_new_at_once(self, storage: Storage, tmp_path: Path) -> None:
        """Of several at once one succeeds, and what is there then is whole and its own."""
        files = [made(tmp_path / str(number), str(number).encode()) for number in range(_WORKERS)]

        def put(path: Path) -> bool:
            try:
                storage.put(path, "one", sha256=sha256_file(path), only_new=True)
            except StorageError as error:
                assert error.code == "object_exists"  # noqa: PT017  (it may be raised, or not)
                return False
            return True

        with ThreadPoolExecutor(_WORKERS) as pool:
            won = [path for path, is_new in zip(files, pool.map(put, files), strict=True) if is_new]

        storage.get("one", tmp_path / "copy", limit=_PLENTY)
        content = (tmp_path / "copy").read_bytes()
        assert content in {path.read_bytes() for path in (won or files)}
        if self.only_one_is_new:
            assert [content] == [path.read_bytes() for path in won]

    def test_a_list_is_in_order(self, storage: Storage, seed: Seed) -> None:
        """Of keys that begin with the prefix, also within a name, and of no others."""
        keys = ["a/1", "a/10", "a/2/x", "a/2-y", "ab", "b/1"]
        for key in keys:
            seed(key, key.encode())

        assert sorted(keys) == [stat.key for stat in storage.list("")]
        assert [stat.key for stat in storage.list("a/")] == ["a/1", "a/10", "a/2-y", "a/2/x"]
        assert [stat.size for stat in storage.list("a/1")] == [3, 4]
        assert not list(storage.list("c"))

    def test_a_list_ends_where_there_are_more_than_were_asked_for(self, storage: Storage, seed: Seed) -> None:
        """Those of another prefix don't count."""
        for key in ("a/1", "a/2", "a/3", "b"):
            seed(key, b"x")

        assert [stat.key for stat in storage.list("a/", most=3)] == ["a/1", "a/2", "a/3"]
        with refused(StorageError, TOO_MANY, "more than 2 objects"):
            list(storage.list("a/", most=2))

    def test_delete(self, storage: Storage, seed: Seed) -> None:
        """It is gone, and can be deleted again."""
        seed("folder/a", b"hello")
        seed("folder/b", b"hello")

        storage.delete("folder/a")
        storage.delete("folder/a")

        assert storage.stat("folder/a") is None
        assert storage.stat("folder") is None
        assert storage.stat("folder/b") is not None

    def test_a_url_for_others(self, storage: Storage, seed: Seed, tmp_path: Path) -> None:
        """It reads that object, where the place has such URLs."""
        seed("a b/c.bin", b"content")
        url = storage.presign("a b/c.bin", 60)
        if url is not None:
            there, key = open_storage(url, StorageSettings())
            there.get(key, tmp_path / "copy", limit=100)
            assert (tmp_path / "copy").read_bytes() == b"content"

    def test_illegal_keys_are_not_written(self, storage: Storage, tmp_path: Path) -> None:
        """Nor deleted."""
        path = made(tmp_path / "file", b"x")
        for key in _ILLEGAL:
            with refused(StorageError, "storage_key"):
                storage.put(path, key, sha256=sha256_file(path))
            with refused(StorageError, "storage_key"):
                storage.delete(key)

    def test_several_threads(self, storage: Storage, tmp_path: Path) -> None:
        """One object of the class serves them all."""
        files = [made(tmp_path / f"{number}.bin", bytes([number]) * 100_000) for number in range(20)]
        with ThreadPoolExecutor(_WORKERS) as pool:
            stats = list(pool.map(lambda path: storage.put(path, path.name, sha256=sha256_file(path)), files))

        assert [path.name for path in files] == [stat.key for stat in stats]
        assert sorted(path.name for path in files) == [stat.key for stat in storage.list("")]


class ReadingFaultContract:
    """What a place keeps where the network or its server fails, also a place that is only read.

    A subclass has four pytest fixtures: ``proxy``, a `dissmodel.storage.testing_proxy.Proxy` before the
    server; ``storage``, the place through that proxy, with little patience (a second or two of silence);
    ``direct``, the place without the proxy; and ``seed``, a function of a key and bytes that makes an object.
    """

    def test_an_answer_that_is_cut(self, storage: Storage, proxy: Proxy, seed: Seed, tmp_path: Path) -> None:
        """No part of a file is left, and a second try brings the whole."""
        for size in _SIZES:
            seed("a", content := _content(size))
            for kind, byte in _CUTS:
                copy = tmp_path / f"{size}-{kind}-{byte}"
                proxy.at(1, kind, byte=byte)

                is_cut = kind == "cut_response"
                with refused(StorageError, "storage" if is_cut else "storage_unreachable") as told:
                    storage.get("a", copy, limit=_PLENTY)

                assert ("bytes came" in told[0]) == is_cut, told[0]
                assert not copy.exists()
                storage.get("a", copy, limit=_PLENTY)
                assert content == copy.read_bytes()

    def test_a_disk_that_is_full(self, direct: Storage, seed: Seed, tmp_path: Path) -> None:
        """It is named."""
        full = Path("/dev/full")
        if not full.exists():
            raise SkipTest("there is no /dev/full here")
        seed("a", _content(_SIZES[0]))
        (tmp_path / "full").symlink_to(full)

        with refused(StorageError, "storage", "could not be written"):
            direct.get("a", tmp_path / "full", limit=_PLENTY)


class FaultContract(ReadingFaultContract):
    """What a place keeps that can be written to: after each fault an object is whole or not there."""

    knows_conditions: ClassVar[bool] = True
    """Whether the server itself refuses to replace an object, for ``only_new``."""

    def unfinished(self, direct: Storage) -> list[str]:  # noqa: ARG002  (a place with uploads in parts overrides it)
        """Return the keys of uploads that were begun and not ended."""
        return []

    def test_a_small_file(self, storage: Storage, direct: Storage, proxy: Proxy, tmp_path: Path) -> None:
        """Each fault, in each request of its upload; a second try makes it whole."""
        self._put_with_faults(storage, direct, proxy, made(tmp_path / "file", _content(_SIZES[0])))

    def test_a_large_file(self, storage: Storage, direct: Storage, proxy: Proxy, tmp_path: Path) -> None:
        """The same for a file that goes in parts."""
        self._put_with_faults(storage, direct, proxy, made(tmp_path / "file", _content(_SIZES[1])))

    def test_one_fault_is_survived(self, storage: Storage, proxy: Proxy, tmp_path: Path) -> None:
        """A connection that is cut, an answer that is lost, a server that fails once."""
        path = made(tmp_path / "file", _content(_SIZES[1]))
        storage.put(path, "clean", sha256=sha256_file(path))
        for fault in ("cut early", "lost", "500", "503"):
            for number in range(1, 6):
                proxy.at(number, **_FAULTS[fault])

                storage.put(path, f"{fault} {number}", sha256=sha256_file(path))

                proxy.heal()

    def test_our_own_first_try_is_not_somebody_else(
        self, storage: Storage, proxy: Proxy, tmp_path: Path
    ) -> None:
        """A condition that the server refuses the second time, since the first answer was lost."""
        if not self.knows_conditions:
            raise SkipTest("this server knows no conditions")
        for size in _SIZES:
            path = made(tmp_path / "file", _content(size))
            before = len(proxy.requests)
            storage.put(path, f"clean {size}", sha256=sha256_file(path), only_new=True)
            for number in range(1, len(proxy.requests) - before + 1):
                proxy.at(number, "lose_response")
                storage.put(path, f"{size} {number}", sha256=sha256_file(path), only_new=True)
                proxy.heal()

    def _put_with_faults(self, storage: Storage, direct: Storage, proxy: Proxy, path: Path) -> None:
        sha256 = sha256_file(path)
        storage.put(path, "warm", sha256=sha256)  # what a first upload alone asks
        before = len(proxy.requests)
        storage.put(path, "clean", sha256=sha256)
        count = len(proxy.requests) - before
        for fault, what in _FAULTS.items():
            for number in range(1, count + 1):
                key = f"{fault} {number}"
                proxy.at(number, **what)
                try:
                    storage.put(path, key, sha256=sha256)
                except (StorageError, Differs) as error:
                    assert key in error.message, error.message  # noqa: PT017  (it may be raised, or not)
                else:
                    assert sha256 == self._stored(direct, key, path)
                proxy.heal()
                assert self._stored(direct, key, path) in {None, sha256}, key

                storage.put(path, key, sha256=sha256)

                assert sha256 == self._stored(direct, key, path), key
                assert not self.unfinished(direct), key

    @staticmethod
    def _stored(direct: Storage, key: str, path: Path) -> str | None:
        """Return the sha256 of an object, None where there is none."""
        if direct.stat(key) is None:
            return None
        copy = path.with_name("copy")
        copy.unlink(missing_ok=True)
        direct.get(key, copy, limit=_PLENTY)
        return sha256_file(copy)


@contextmanager
def refused(kind: type[DissmodelError], code: str, *named: str) -> Iterator[list[str]]:
    """Check that the block raises this error, that its message names these, and hand the message out."""
    told: list[str] = []
    try:
        yield told
    except kind as error:
        assert code == error.code, f"{error.code}: {error.message}"  # noqa: PT017  (pytest is not at hand here)
        assert all(one in error.message for one in named), error.message  # noqa: PT017
        told.append(error.message)
    else:
        raise AssertionError(f"{kind.__name__} was not raised")


def made(path: Path, content: bytes) -> Path:
    """Return `path` after its content was written."""
    path.write_bytes(content)
    return path


def _content(size: int) -> bytes:
    return bytes(number % 253 for number in range(1000)) * (size // 1000)
