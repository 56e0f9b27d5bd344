import os
import sys
from pathlib import Path

import pytest

from dissmodel.errors import StorageError
from dissmodel.record.digest import sha256_bytes, sha256_file
from dissmodel.storage.local import LocalStorage


@pytest.fixture
def place(tmp_path):
    (tmp_path / "place").mkdir()
    return LocalStorage(tmp_path / "place")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"hello")
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_no_link_leads_out(place, file, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_bytes(b"secret")
    (place.folder / "folder").symlink_to(outside)
    (place.folder / "a").symlink_to(outside / "a")
    for key in ("folder/a", "folder/new", "a"):
        for call in (
            lambda: place.stat(key),  # noqa: B023  (called at once)
            lambda: place.get(key, tmp_path / "copy", limit=100),  # noqa: B023
            lambda: place.put(file, key, sha256=sha256_file(file)),  # noqa: B023
            lambda: place.delete(key),  # noqa: B023
        ):
            with pytest.raises(StorageError) as caught:
                call()
            assert caught.value.code == "storage_key"

    assert [] == list(place.list(""))
    assert [outside / "a"] == list(outside.iterdir())
    assert (outside / "a").read_bytes() == b"secret"


@pytest.mark.parametrize("key", ["a\\b", "C:/a", "a//b", "a/", "é" * 128])
def test_what_another_system_would_understand_otherwise(place, file, key):
    with pytest.raises(StorageError) as caught:
        place.put(file, key, sha256=sha256_file(file))

    assert caught.value.code == "storage_key"


def test_nothing_is_left_of_what_failed(place, file):
    with pytest.raises(Exception, match="does not have its sha256"):
        place.put(file, "folder/a", sha256="0" * 64)

    assert [] == list((place.folder / "folder").iterdir())


def test_a_folder_that_is_not_there(tmp_path, file):
    place = LocalStorage(tmp_path / "absent")
    for call in (
        lambda: place.stat("a"),
        lambda: list(place.list("")),
        lambda: place.put(file, "a", sha256=sha256_file(file)),
        lambda: place.delete("a"),
    ):
        with pytest.raises(StorageError) as caught:
            call()
        assert caught.value.code == "storage_missing"

    assert not place.folder.exists()


def test_no_right(read_only_folder):
    with pytest.raises(StorageError) as caught:
        LocalStorage(read_only_folder).put(Path(os.devnull), "a", sha256=sha256_bytes(b""))

    assert str(read_only_folder) in caught.value.message


def test_the_etag_changes_when_the_file_does(place, file):
    before = place.put(file, "a", sha256=sha256_file(file)).etag
    file.write_bytes(b"hello, world")

    assert before == place.stat("a").etag
    assert before != place.put(file, "a", sha256=sha256_file(file)).etag
