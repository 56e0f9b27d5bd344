import hashlib
import io
import os
import zipfile
from pathlib import Path

import pytest

from dissmodel.errors import InvalidInput, StorageError, UsageError
from dissmodel.io import _storage, _utils

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


class Bucket:
    """What packages use in their tests in place of a real client."""

    def __init__(self):
        self.objects = {}

    def get_object(self, bucket, key):
        return io.BytesIO(self.objects[bucket, key])

    def put_object(self, bucket_name, object_name, data, length, content_type):
        content = data.read()
        assert len(content) == length
        assert content_type
        self.objects[bucket_name, object_name] = content


@pytest.fixture
def bucket():
    client = Bucket()
    _storage.set_default_client(client)
    yield client
    _storage.set_default_client(None)


def test_bytes_go_and_come_back(tmp_path):
    path = tmp_path / "new" / "folder" / "a.bin"

    assert _utils.write_bytes(b"hello", str(path)) == HELLO
    assert _utils.resolve_uri(str(path)) == (b"hello", HELLO)
    assert _utils.read_bytes(path.as_uri()) == b"hello"
    assert _utils.sha256_file(str(path)) == _utils.sha256_bytes(b"hello") == HELLO


def test_a_stream_is_written_from_its_start(tmp_path):
    stream = io.BytesIO(b"hello")
    stream.read()

    assert HELLO == _utils.write_bytes(stream, tmp_path / "a.png", "image/png")


def test_text_goes_and_comes_back(tmp_path):
    checksum = _utils.write_text("maré", tmp_path / "a.md")

    assert hashlib.sha256("maré".encode()).hexdigest() == checksum
    assert _utils.read_text(tmp_path / "a.md") == "maré"


def test_text_in_another_encoding_is_an_error(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff")

    with pytest.raises(InvalidInput, match=r"a\.txt"):
        _utils.read_text(tmp_path / "a.txt")


@pytest.mark.parametrize("data", ["text", io.StringIO("text"), 3])
def test_only_bytes_are_bytes(tmp_path, data):
    with pytest.raises(UsageError, match="write_bytes"):
        _utils.write_bytes(data, tmp_path / "a")


def test_a_missing_file(tmp_path):
    with pytest.raises(InvalidInput) as caught:
        _utils.read_bytes(tmp_path / "a")

    assert caught.value.code == "input_missing"


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(StorageError, match="file"):
        _utils.write_bytes(b"", tmp_path / "file" / "a")
    with pytest.raises(StorageError):
        _utils.read_bytes(tmp_path)


def test_storage_needs_credentials(monkeypatch, tmp_path):
    for name in [one for one in os.environ if one.startswith(("MINIO_", "AWS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    for use in (_storage.get_default_client, lambda: _utils.read_bytes("s3://b/k")):
        with pytest.raises(StorageError) as caught:
            use()
        assert "credentials_missing" == caught.value.code


def test_a_client_makes_storage_work(bucket):
    checksum = _utils.write_text("hello", "s3://b/folder/k.txt")

    assert checksum == HELLO
    assert {("b", "folder/k.txt"): b"hello"} == bucket.objects
    assert _utils.read_text("s3://b/folder/k.txt") == "hello"


@pytest.mark.parametrize("uri", ["s3://b", "s3://b/", "s3:///k"])
def test_an_object_needs_bucket_and_key(bucket, uri):
    assert bucket.objects == {}
    with pytest.raises(UsageError):
        _utils.read_bytes(uri)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("a.tif", "raster"),
        ("A.TIFF", "raster"),
        ("a.gpkg", "vector"),
        ("a.shp", "vector"),
        ("a.geojson", "vector"),
        ("a.json", "vector"),
        ("absent.zip", "vector"),
        ("s3://b/a.zip", "vector"),
        ("https://h/a.tif?x=a.gpkg", "raster"),
        ("a.nc", "xarray"),
        ("a.zarr", "xarray"),
    ],
)
def test_a_name_says_the_format(uri, expected):
    assert expected == _utils.detect_format(uri)


def test_a_zip_is_looked_into(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("a.tif", "x")

    assert _utils.detect_format(str(path)) == "raster"


@pytest.mark.parametrize("uri", ["a.xyz", "a", Path("a.vrt")])
def test_a_name_that_says_nothing(uri):
    with pytest.raises(ValueError, match="Cannot detect format"):
        _utils.detect_format(uri)
