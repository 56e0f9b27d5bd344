"""A place with jobs, and workers as processes of their own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from dissmodel.config import load_settings
from dissmodel.experiment.layout import outputs_place
from dissmodel.service.documents import Cancel, Request
from dissmodel.service.queue.open import open_queue
from dissmodel.service.settings import ServiceSettings
from dissmodel.service.truth import Truth
from dissmodel.storage.settings import StorageSettings
from support import echo
from support.dask_cluster import DaskCluster, dask_cluster

WORK = """
import json, sys
from dissmodel.service.hold import Times
from dissmodel.service.logs import log_to
from dissmodel.service.settings import ServiceSettings
from dissmodel.service.worker import work
given = json.loads(sys.argv[1])
times = given.pop("times")
times["again_s"] = tuple(times["again_s"])
log_to()
work(ServiceSettings.load(), times=Times(**times), **given)
"""
TIMES = {"look_s": 0.2, "end_s": 5.0, "again_s": [0.2, 0.2, 0.2], "grace_s": 20.0}


@dataclass
class House:
    """A service without its HTTP: place, queue and settings, all in one folder."""

    folder: Path
    workers: list = field(default_factory=list)
    cluster: DaskCluster | None = None

    @property
    def settings(self):
        return ServiceSettings.load()

    @property
    def truth(self):
        return Truth(outputs_place(self.settings.place, StorageSettings.of(load_settings())))

    @property
    def queue(self):
        return open_queue(self.settings)

    def submit(self, *, put=True, **words):
        """Submit a run of the model echo; return its id."""
        given = {"model_name": "echo", "input": "data.bin", "timeout_s": 60.0, **words}
        given.setdefault("experiment_id", uuid4().hex)
        if given.get("kind") != "reproduce":
            from dissmodel.service.inputs import admit

            with contextlib.suppress(Exception):
                given["input"] = admit(given["input"], self.settings)
        request = Request(**given)
        assert self.truth.put(request.experiment_id, request)
        if put:
            self.queue.put(request.experiment_id, request.priority)
        return request.experiment_id

    def cancel(self, job):
        self.truth.put(job, Cancel(by="ana"))
        self.queue.cancel(job)

    def start(self, *, times=None, **words):
        """Start a worker; return its process."""
        given = json.dumps({"times": {**TIMES, **(times or {})}, **words})
        log = (self.folder / f"worker-{len(self.workers)}.log").open("wb")
        process = subprocess.Popen([sys.executable, "-c", WORK, given], stderr=log, stdout=log)
        log.close()
        self.workers.append(process)
        return process

    def drain(self, **words):
        """Run a worker until no job waits; return its exit code."""
        return self.start(drain=True, **words).wait(100)

    def log(self, number=-1):
        """The lines of a worker's log."""
        text = (self.folder / f"worker-{range(len(self.workers))[number]}.log").read_text()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def ended(self, job, patience=60.0):
        """Wait for the outcome of a job."""
        return until(lambda: self.truth.outcome(job), patience, self.shown)

    def running(self, job, phase="run", patience=60.0):
        """Wait until a job is in a phase; return what the queue knows."""

        def look():
            entry = self.queue.view([job])[job]
            return entry if entry.is_leased and entry.progress.phase == phase else None

        return until(look, patience, self.shown)

    def record(self, job):
        return json.loads((Path(self.settings.place) / "experiments" / job / "record.json").read_text())

    def scratch(self):
        """The folders of running jobs."""
        return list(self.settings.scratch.glob(".dissmodel_tmp-*"))

    def shown(self):
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("worker-*.log")))

    def children(self, process):
        """The processes of jobs that a worker has, or the worker of its cluster."""
        pid = process.pid if self.cluster is None else self.cluster.processes[-1].pid
        found = Path(f"/proc/{pid}/task").glob("*/children")
        return [int(one) for file in found for one in file.read_text().split()]

    def end(self):
        for process in self.workers:
            if process.poll() is None:
                process.kill()
            process.wait()


def until(look, patience=60.0, shown=lambda: ""):
    """Return what is found in the end."""
    late = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < late, shown()
        time.sleep(0.05)
    return found


def alive(pid):
    """Whether a process runs; one that nobody has waited for does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture
def kind():
    """Where jobs run: in ``processes`` of the worker, or of a ``cluster``."""
    return "processes"


@pytest.fixture
def house(tmp_path, monkeypatch, kind):
    """A service in a folder, with an input ``data.bin``; the model echo is installed."""
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"DISSMODEL_{name}", str(tmp_path / "user" / name.lower()))
    for name in list(os.environ):
        if name.startswith(("MINIO_", "AWS_", "REDIS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DISSMODEL_SERVICE_LEASE", "2")
    monkeypatch.setenv("PYTHONPATH", str(echo.install(_made(tmp_path / "packages"))))
    made = House(tmp_path)
    _made(Path(made.settings.inputs)).joinpath("data.bin").write_bytes(b"some bytes")
    _made(Path(made.settings.place))
    with contextlib.ExitStack() as stack:
        stack.callback(made.end)
        if kind == "cluster":
            monkeypatch.setenv("DISSMODEL_SERVICE_SCRATCH", str(tmp_path / "shared"))
            made.cluster = stack.enter_context(dask_cluster(_made(tmp_path / "dask")))
            monkeypatch.setenv("DISSMODEL_SERVICE_ENGINE", str(made.cluster.file))
            made.cluster.worker(paths=[tmp_path / "packages"])
        yield made


def _made(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def kill(process, signum=signal.SIGKILL):
    """Send a signal to a worker, and wait until it has ended."""
    process.send_signal(signum)
    return process.wait(60)
