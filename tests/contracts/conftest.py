"""Real servers on loopback, and what stands between them and a client."""

import contextlib
import os
import uuid
from types import SimpleNamespace

import pytest
import trustme

from dissmodel.record.digest import sha256_file
from dissmodel.storage import testing_proxy as proxies
from dissmodel.storage.credentials import find
from dissmodel.storage.s3 import S3Storage, connect
from dissmodel.storage.settings import Patience, StorageSettings
from support import servers

pytest.register_assert_rewrite("dissmodel.storage.testing")
QUICK = Patience(connect_s=1, silence_s=1, backoff_s=0.05)


@pytest.fixture(autouse=True)
def only_what_a_test_says(monkeypatch, tmp_path):
    """No credentials, endpoints or proxies of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "MINIO_", "SSL_CERT_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))


@pytest.fixture(scope="session")
def rclone(tmp_path_factory):
    with servers.rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture(scope="session")
def rclone_tls(tmp_path_factory):
    """One whose certificate only its own authority vouches for."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    own = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    own.private_key_pem.write_to_path(str(folder / "key.pem"))
    chain = b"".join(one.bytes() for one in own.cert_chain_pems)
    (folder / "cert.pem").write_bytes(chain)
    (folder / "data").mkdir()
    with servers.rclone(folder / "data", certificate=folder / "cert.pem", key=folder / "key.pem") as server:
        yield SimpleNamespace(server=server, authority=str(folder / "ca.pem"))


@pytest.fixture(scope="session")
def moto():
    with servers.moto() as server:
        yield server


@pytest.fixture
def open_bucket():
    """A function of a server that makes a bucket there and returns it as a storage."""

    def make(server, *, endpoint=None, patience=QUICK):
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        access = find(StorageSettings(), server.environ())
        connect(access, patience).make_bucket(name)
        through = find(StorageSettings(), server.environ(MINIO_ENDPOINT=endpoint or server.endpoint))
        return S3Storage(through, name, patience)

    return make


@pytest.fixture
def proxy_of():
    """A function of a server that returns a proxy before it."""
    with contextlib.ExitStack() as stack:

        def make(server, **options):
            proxy = proxies.Proxy(server.port, **options)
            stack.callback(proxy.close)
            return proxy

        yield make


@pytest.fixture
def seed_by_put(tmp_path, request):
    """Make an object by putting a file."""
    storage = request.getfixturevalue("storage")

    def seed(key, content):
        path = tmp_path / "seed"
        path.write_bytes(content)
        storage.put(path, key, sha256=sha256_file(path))

    return seed


@pytest.fixture
def web():
    """Serve by a handler's class; returns the URL."""
    with contextlib.ExitStack() as stack:
        yield lambda handler: stack.enter_context(servers.web(handler))
