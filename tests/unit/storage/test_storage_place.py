import subprocess
import sys

import pytest

from dissmodel.errors import DissmodelError, StorageError
from dissmodel.storage.multipart import says
from dissmodel.storage.names import shown
from dissmodel.storage.place import open_storage
from dissmodel.storage.settings import StorageSettings

ENVIRON = {"MINIO_ENDPOINT": "http://host:9000", "MINIO_ACCESS_KEY": "k", "MINIO_SECRET_KEY": "planted"}
MD5 = "5d41402abc4b2a76b9719d911017c592"


@pytest.mark.parametrize(
    ("uri", "place", "key"),
    [
        ("s3://bucket/folder/a b?c#d%20.tif", "s3://bucket at http://host:9000", "folder/a b?c#d%20.tif"),
        ("s3://bucket/prefix/", "s3://bucket at http://host:9000", "prefix/"),
        ("s3://bucket", "s3://bucket at http://host:9000", ""),
        ("https://ana:pw@example.org:8443/a%20b/c.tif?token=1", "https://example.org:8443", "a b/c.tif"),
        ("folder/a.tif", "folder", "a.tif"),
        ("file:///srv/a.tif", "/srv", "a.tif"),
    ],
)
def test_place_and_key(uri, place, key):
    storage, found = open_storage(uri, StorageSettings(), environ=ENVIRON)

    assert (place, key) == (storage.shown, found)
    assert "planted" not in repr(storage)


@pytest.mark.parametrize(
    "uri", ["s3://k:planted@bucket/a", "s3:///a", "https://host/%2e%2e/a", "https://host/a%00"]
)
def test_what_is_refused(uri):
    with pytest.raises(StorageError) as caught:
        open_storage(uri, StorageSettings(), environ=ENVIRON)

    assert "host" in caught.value.message
    assert "planted" not in caught.value.message
    assert caught.value.message.isprintable()


def test_a_percent_that_is_no_text():
    with pytest.raises(DissmodelError):
        open_storage("https://host/%ff", StorageSettings())


@pytest.mark.parametrize(
    ("headers", "expected", "verdict"),
    [
        ({"ETag": f'"{MD5}"'}, MD5, True),
        ({"ETag": MD5.upper()}, MD5, True),
        ({"ETag": "0" * 32}, MD5, False),
        ({}, MD5, None),
        ({"ETag": "W/abc"}, MD5, None),
        ({"ETag": f"{MD5}-3"}, f"{MD5}-3", True),
        ({"ETag": f"{'0' * 32}-3"}, f"{MD5}-3", False),
        ({"ETag": f"{MD5}-2"}, f"{MD5}-3", None),
        ({"ETag": MD5}, f"{MD5}-3", None),
        ({"ETag": "0" * 32, "x-amz-server-side-encryption": "aws:kms"}, MD5, None),
        ({"ETag": "0" * 32, "x-amz-server-side-encryption": "AES256"}, MD5, False),
        ({"ETag": "0" * 32, "X-Amz-Server-Side-Encryption-Customer-Algorithm": "AES256"}, MD5, None),
    ],
)
def test_what_an_etag_says(headers, expected, verdict):
    assert verdict is says(headers, expected)


def test_a_name_is_shown_short_and_plain():
    assert len(shown("k" * 2000)) < 250
    assert shown("a\x1b[31m\u202e").isprintable()


def test_a_folder_loads_no_client():
    code = (
        "import sys; from dissmodel.storage.place import open_storage;"
        "from dissmodel.storage.settings import StorageSettings; open_storage('a/b', StorageSettings());"
        "import dissmodel.io._storage;"
        "print([name for name in ('minio', 'urllib3', 'numpy', 'pytest') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert found == "[]\n"
