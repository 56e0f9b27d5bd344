"""Push and pull where an authority of one's own vouches for the server, and with a second implementation."""

from pathlib import Path

import pytest
import trustme

from dissmodel.errors import Differs
from dissmodel.progress import Silent
from dissmodel.record import digest, store
from dissmodel.sharing.push import PushRequest, push
from dissmodel.storage.credentials import find
from dissmodel.storage.s3 import S3Storage, connect
from dissmodel.storage.settings import Patience, StorageSettings
from support import servers


@pytest.fixture
def made(dissmodel, model):
    """The command, after a run of it here."""
    Path("grid.bin").write_bytes(b"grid" * 997)
    assert 0 == dissmodel("run", model, "-i", "grid.bin", "-o", "r.bin").code
    return dissmodel


@pytest.fixture
def tls(tmp_path, monkeypatch):
    """The file of the authority that vouches for a server, which the environment names."""
    authority = trustme.CA()
    own = authority.issue_cert("127.0.0.1")
    folder = tmp_path / "tls"
    (folder / "buckets" / "data").mkdir(parents=True)
    (folder / "buckets" / "dissmodel-inputs").mkdir()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    own.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "cert.pem").write_bytes(b"".join(one.bytes() for one in own.cert_chain_pems))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    tls = {"certificate": folder / "cert.pem", "key": folder / "key.pem"}
    with servers.rclone(folder / "buckets", **tls) as server:
        for name, value in server.environ().items():
            monkeypatch.setenv(name, value)
        yield server, folder / "ca.pem"


@pytest.fixture
def moto(monkeypatch):
    """A server with versions and conditional writes; rights are asked for."""
    with servers.moto() as server:
        for name, value in server.environ().items():
            monkeypatch.setenv(name, value)
        client = connect(find(StorageSettings(), server.environ()), Patience())
        for bucket in ("data", "dissmodel-inputs"):
            client.make_bucket(bucket)
        servers.demand_rights(server, 0)
        yield server


def test_tls_of_an_authority_of_ones_own(made, tls, monkeypatch):
    server, authority = tls
    untrusted = [
        made(*words, "--json")
        for words in (
            ("push", "r.record.json", "--to", "s3://data/p"),
            ("pull", "s3://data/p"),
            ("run", "coastal_raster", "-i", "s3://data/grid.zip"),
        )
    ]
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))

    pushed = made("push", "r.record.json", "--with-input", "--to", "s3://data/p")
    pulled = made("pull", "s3://data/p", "--to", "copies", "--with-input", "--json")

    for said in untrusted:
        error = said.json["error"]
        assert 5 == said.code
        assert server.endpoint in error["message"]
        assert "SSL_CERT_FILE" in error["hint"]
    assert (0, 0) == (pushed.code, pulled.code), pushed.err + pulled.out
    files = pulled.json["experiments"][0]["files"]
    assert Path("r.bin").read_bytes() == Path(files["output"]).read_bytes()


@pytest.mark.slow
def test_a_second_implementation(made, moto, model):
    pushed = made("push", "r.record.json", "--with-input", "--to", "s3://data/p", "--json")
    again = made("push", "r.record.json", "--with-input", "--to", "s3://data/p", "--json")
    pulled = made("pull", "s3://data/p", "--to", "copies", "--with-input", "--json")
    uri = pushed.json["experiments"][0]["uri"]

    assert 0 == pushed.code == pulled.code, pushed.out + pulled.out
    assert {"there"} == {one["state"] for one in again.json["experiments"][0]["objects"]}
    assert Path("r.bin").read_bytes() == Path(pulled.json["experiments"][0]["files"]["output"]).read_bytes()
    assert 0 == made("record", "verify", uri).code
    assert 0 == made("reproduce", uri, "--model", model).code


def test_a_conditional_write_keeps_what_came_between(made, moto, tmp_path, monkeypatch):
    """Another object gets the record's name after the push looked and before it writes: it stays."""
    document = store.read_document(Path("r.record.json"))
    other = tmp_path / "other"
    other.write_bytes(b"other")
    storage = S3Storage(find(StorageSettings(), moto.environ()), "data", Patience())
    key = f"p/experiments/{document['experiment_id']}/record.json"

    class Between(Silent):
        """Writes once the push has looked at everything and sends the first bytes."""

        def transferred(self, done, total):
            if done and storage.stat(key) is None:
                storage.put(other, key, sha256=digest.sha256_file(other))

    with pytest.raises(Differs) as refused:
        push(PushRequest((Path("r.record.json"),), "s3://data/p"), Between())

    storage.get(key, tmp_path / "there", limit=100)
    assert f"s3://data/{key}" in refused.value.message
    assert b"other" == (tmp_path / "there").read_bytes()


@pytest.mark.slow
def test_no_right_to_write(made, moto, monkeypatch):
    servers.demand_rights(moto, 20)
    access, secret = servers._user(moto.endpoint, "reader", "AmazonS3ReadOnlyAccess")
    servers.demand_rights(moto, 0)
    monkeypatch.setenv("MINIO_ACCESS_KEY", access)
    monkeypatch.setenv("MINIO_SECRET_KEY", secret)

    said = made("push", "r.record.json", "--to", "s3://data/p", "--json")

    error = said.json["error"]
    assert (5, "storage_denied") == (said.code, error["code"])
    assert moto.endpoint in error["message"]
    assert "s3://data/p/experiments/" in error["message"]
    assert secret not in said.out
