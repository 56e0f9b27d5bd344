"""Queues and places, as the service has them."""

import os
import uuid

import pytest

from dissmodel.experiment.layout import outputs_place
from dissmodel.record import Artifact, DataSource, ExperimentRecord, digest, store
from dissmodel.service.truth import Truth
from dissmodel.sharing.push import PushRequest, push
from dissmodel.storage.credentials import find
from dissmodel.storage.s3 import connect
from dissmodel.storage.settings import Patience, StorageSettings
from support import redis_server, servers


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch, tmp_path):
    """No settings and no credentials of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "MINIO_", "REDIS_", "DISSMODEL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DISSMODEL_CONFIG", str(tmp_path / "config.toml"))


@pytest.fixture(scope="session")
def redis(tmp_path_factory):
    """A Redis that no test stops; each empties it."""
    with redis_server.running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def new_id():
    """A function that makes the id of a job."""
    return lambda: uuid.uuid4().hex


@pytest.fixture(scope="session")
def moto():
    with servers.moto() as server:
        yield server


@pytest.fixture
def bucket(moto, monkeypatch):
    """The URI of an empty bucket; its credentials are in the environment."""
    for name, value in moto.environ().items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    connect(find(StorageSettings(), moto.environ()), Patience()).make_bucket(name)
    return f"s3://{name}"


@pytest.fixture(params=["folder", "bucket"])
def place_uri(request, tmp_path):
    """Where jobs and results are: in a folder, and in a folder of a bucket."""
    if request.param == "folder":
        return str(tmp_path / "place")
    return f"{request.getfixturevalue('bucket')}/some/where"


@pytest.fixture
def truth(place_uri):
    return Truth(outputs_place(place_uri, StorageSettings()))


@pytest.fixture
def deliver(place_uri, tmp_path):
    """A function that puts the experiment of a job into the place; it returns the digest of the record."""

    def put(job, content=b"result"):
        folder = tmp_path / f"run-{uuid.uuid4().hex}"
        folder.mkdir()
        (folder / "result.bin").write_bytes(content)
        (folder / "grid.zip").write_bytes(b"grid")
        sha256 = digest.sha256_bytes(content)
        record = ExperimentRecord(
            experiment_id=job,
            model_name="mine",
            source=DataSource(uri="grid.zip", checksum=digest.sha256_bytes(b"grid"), size=4),
            files={"output": Artifact(path="result.bin", size=len(content), sha256=sha256)},
            artifacts={"output": sha256},
            output_path="result.bin",
            status="completed",
        )
        store.write(record, folder / "result.record.json")
        from dissmodel.progress import Silent

        push(PushRequest((folder / "result.record.json",), place_uri), Silent())
        return store.read_document(folder / "result.record.json")["record_digest"]

    return put
