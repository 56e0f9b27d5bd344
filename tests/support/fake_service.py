"""A server that answers what a test says, as a service of dissmodel does or as none does."""

import contextlib
import http.server
import json
import threading
from dataclasses import dataclass, field

from dissmodel.record import Artifact, DataSource, ExperimentRecord, digest, store
from support import servers

JOB = "1a2b3c4d" * 4
GRID, RESULT = b"grid", b"result"


def job(status="completed", **more):
    """A job's document."""
    about = {"job_id": JOB, "experiment_id": JOB, "status": status, "model_name": "flood"}
    return {**about, "created_at": "2026-01-02T03:04:05.000000Z", "logs": [], "progress": 0, **more}


def record(content=RESULT, name="output.bin", **more):
    """The record of the job, as the service has it."""
    sha256 = digest.sha256_bytes(content)
    made = {
        "experiment_id": JOB,
        "model_name": "flood",
        "source": DataSource(uri="file:///place/grid.tif", checksum=digest.sha256_bytes(GRID), size=4),
        "files": {"output": Artifact(path=name, size=len(content), sha256=sha256)},
        "artifacts": {"output": sha256},
        "output_path": "file:///place/experiments/output.bin",
        "status": "completed",
    }
    document = store.written(ExperimentRecord(**{**made, **more}))
    return {**document, "record_digest": digest.record_digest(document)}


@dataclass
class Fake:
    """What the server answers, by method and path; what it heard.

    An answer is JSON, bytes with a status and headers, or a function of the request's handler that answers.
    """

    url: str = ""
    answers: dict = field(default_factory=dict)
    heard: list = field(default_factory=list)

    def paths(self, method="GET"):
        return [path for name, path, _ in self.heard if name == method]


@contextlib.contextmanager
def fake(**changed):
    """Serve a job that has completed; `changed` are other answers, by the names below."""
    sha256 = digest.sha256_bytes(GRID)
    upload = {"uri": "file:///place/grid.tif", "label": sha256, "checksum": sha256, "size_mb": 0.0}
    paths = {
        "upload": f"GET /data/upload/{sha256}/grid.tif",
        "submit": "POST /submit_job",
        "job": f"GET /job/{JOB}",
        "events": f"GET /jobs/{JOB}/events",
        "record": f"GET /experiments/{JOB}/record",
        "link": f"GET /experiments/{JOB}/files/output.bin",
        "file": "GET /files/output.bin",
    }
    told = {
        "upload": upload,
        "submit": job("pending"),
        "job": job(),
        "events": (204, {}, b""),
        "record": record(),
        "link": {"url": "/files/output.bin"},
        "file": (200, {}, RESULT),
        **changed,
    }
    found = Fake(answers={paths[name]: answer for name, answer in told.items()})
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with lock:
                found.heard.append((self.command, self.path, dict(self.headers)))
            answer = found.answers.get(f"{self.command} {self.path}", problem(404, "object_missing"))
            if callable(answer):
                answer = answer(self)
            if answer is not None:
                status, headers, body = answer if isinstance(answer, tuple) else (200, {}, as_json(answer))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        do_GET = do_POST = do_DELETE = handle_one  # noqa: N815  (the library's names)

        def log_message(self, *words):
            """Say nothing."""

    with servers.web(Handler) as url:
        found.url = url
        yield found


@contextlib.contextmanager
def with_job(grid):
    """Serve a job on the file `grid`, which is not there yet, as the examples of the commands have it."""
    sha256 = digest.sha256_file(grid)
    source = DataSource(uri=f"file:///place/{grid.name}", checksum=sha256, size=grid.stat().st_size)
    with fake(record=record(source=source, name="output.tif")) as server:
        listed = {"experiments": [job()], "total": 1, "next": None}
        server.answers |= {
            f"GET /experiments/{JOB}/files/output.tif": {"url": "/files/output.bin"},
            "POST /data/upload": {"uri": source.uri, "checksum": sha256},
            "GET /jobs?limit=1000": listed,
            "GET /jobs?limit=100": listed,
            "GET /jobs?status=running&limit=100": listed,
            f"DELETE /job/{JOB}": {"message": "The job is cancelled.", "experiment_id": JOB},
            f"GET /jobs/{JOB}/log?after=0": {"lines": ["the model says hello"]},
        }
        yield server


def problem(status, code, detail="no"):
    return status, {}, as_json({"detail": detail, "code": code, "hint": "do"})


def as_json(content):
    return json.dumps(content).encode()
