"""The HTTP API of the service as a server of its own thread, and clients of it."""

import contextlib
import hashlib
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn

from dissmodel.config import load_settings
from dissmodel.experiment.layout import outputs_place
from dissmodel.progress import Silent
from dissmodel.record import Artifact, DataSource, ExperimentRecord, digest, store
from dissmodel.service.app import create_app
from dissmodel.service.documents import Outcome, Problem
from dissmodel.service.queue.open import open_queue
from dissmodel.service.schemas import Schemas
from dissmodel.service.service import Service
from dissmodel.service.truth import Truth
from dissmodel.sharing.push import PushRequest, push
from dissmodel.storage.settings import StorageSettings

_SCHEMAS = Schemas()  # they are looked up once for all tests
KEYS = {role: f"key-of-the-{role}" for role in ("reader", "submitter", "admin")}


@dataclass
class House:
    """A service and a client of its API."""

    service: Service
    url: str
    client: httpx.Client
    app: object

    def job(self, *, key=KEYS["submitter"], status=200, headers=(), **words):
        """Submit a job; return it, or the error."""
        body = {"model_name": "flood", "input_dataset": "grid.tif", **words}
        answer = self.client.post("/submit_job", json=body, headers={**self.headers(key), **dict(headers)})
        assert status == answer.status_code, answer.text
        return answer.json()

    def get(self, path, *, key=KEYS["reader"], status=200, **words):
        answer = self.client.get(path, headers=self.headers(key), **words)
        assert status == answer.status_code, answer.text
        return answer.json()

    def post(self, path, *, key=KEYS["submitter"], status=200, headers=(), **words):
        answer = self.client.post(path, headers={**self.headers(key), **dict(headers)}, **words)
        assert status == answer.status_code, answer.text
        return answer.json()

    def complete(self, job, content=b"result", *, outcome=True, **words):
        """Let a job complete, as a worker does; return the digest of its record."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "result.bin").write_bytes(content)
            sha256 = digest.sha256_bytes(content)
            record = ExperimentRecord(
                experiment_id=job,
                model_name="mine",
                source=DataSource(uri="grid.tif", checksum=digest.sha256_bytes(b"grid"), size=4),
                files={"output": Artifact(path="result.bin", size=len(content), sha256=sha256)},
                artifacts={"output": sha256},
                output_path="result.bin",
                status="completed",
                **words,
            )
            path = folder / "result.record.json"
            store.write(record, path)
            push(PushRequest((path,), self.service.settings.place), Silent())
            found = store.read_document(path)["record_digest"]
        if outcome:
            self.service.truth.put(job, Outcome(status="completed", attempts=1, record_digest=found))
        self.service.queue.done(job)
        return found

    def fail(self, job, **words):
        """Let a job fail, as a worker does."""
        error = Problem(code="run_failed", message="the sea is too high", hint="Lower it.")
        self.service.truth.put(job, Outcome(status="failed", attempts=1, error=error, **words))
        self.service.queue.done(job)

    @staticmethod
    def headers(key):
        return {"X-API-Key": key} if key else {}


def service_of(settings):
    storage = StorageSettings.of(load_settings())
    truth = Truth(outputs_place(settings.place, storage))
    inputs = outputs_place(settings.inputs, storage)
    return Service(settings, truth, open_queue(settings), inputs, _SCHEMAS)


@contextlib.contextmanager
def serving(service, **words):
    app = create_app(service, **words)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, access_log=False, timeout_graceful_shutdown=5
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        with httpx.Client(base_url=url, timeout=30) as client:
            yield House(service, url, client, app)
    finally:
        app.state.parts.streams.close()
        server.should_exit = True
        thread.join()


def until(look, patience=30.0):
    late = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < late
        time.sleep(0.02)
    return found


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()
