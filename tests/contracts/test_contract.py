"""Each place keeps the contract: a folder, a web server, and S3 as two implementations understand it."""

import functools
import http.server
import os
from urllib.parse import urlsplit

import pytest

from dissmodel.storage.credentials import find
from dissmodel.storage.http import HttpStorage
from dissmodel.storage.local import LocalStorage
from dissmodel.storage.s3 import S3Storage, connect
from dissmodel.storage.settings import Patience, StorageSettings
from dissmodel.storage.testing import ReadingContract, StorageContract


class TestFolder(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path):
        (tmp_path / "place").mkdir()
        return LocalStorage(tmp_path / "place")

    @pytest.fixture
    def seed(self, seed_by_put):
        return seed_by_put


class TestRclone(StorageContract):
    only_one_is_new = False  # it does not know the condition

    @pytest.fixture
    def storage(self, rclone, open_bucket):
        return open_bucket(rclone, patience=Patience())

    @pytest.fixture
    def seed(self, seed_by_put):
        return seed_by_put


class TestRcloneByTls(TestRclone):
    @pytest.fixture
    def storage(self, rclone_tls, open_bucket, monkeypatch):
        monkeypatch.setenv("SSL_CERT_FILE", rclone_tls.authority)
        return open_bucket(rclone_tls.server, patience=Patience())


class TestMoto(StorageContract):
    @pytest.fixture
    def storage(self, moto, open_bucket):
        return open_bucket(moto, patience=Patience())

    @pytest.fixture
    def seed(self, seed_by_put):
        return seed_by_put


class NamedServer(StorageContract):
    """``DISSMODEL_TEST_S3=http://KEY:SECRET@host:9000/bucket``, a bucket that the tests may empty."""

    @pytest.fixture
    def storage(self):
        parts = urlsplit(os.environ["DISSMODEL_TEST_S3"])
        host = parts.netloc.rpartition("@")[2]
        environ = {
            "MINIO_ENDPOINT": f"{parts.scheme}://{host}",
            "MINIO_ACCESS_KEY": parts.username,
            "MINIO_SECRET_KEY": parts.password,
        }
        access, bucket = find(StorageSettings(), environ), parts.path.strip("/")
        client = connect(access, Patience())
        if not client.bucket_exists(bucket):
            client.make_bucket(bucket)
        storage = S3Storage(access, bucket, Patience())
        for stat in storage.list(""):
            storage.delete(stat.key)
        return storage

    @pytest.fixture
    def seed(self, seed_by_put):
        return seed_by_put


if "DISSMODEL_TEST_S3" in os.environ:
    TestNamedServer = NamedServer


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


class TestWeb(ReadingContract):
    @pytest.fixture
    def served(self, tmp_path):
        (tmp_path / "served").mkdir()
        return tmp_path / "served"

    @pytest.fixture
    def storage(self, web, served):
        return HttpStorage(web(functools.partial(Quiet, directory=str(served))), Patience())

    @pytest.fixture
    def seed(self, served):
        def seed(key, content):
            path = served / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

        return seed
