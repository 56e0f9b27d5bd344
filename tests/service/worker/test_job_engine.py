"""The engine of a worker's jobs, without a cluster."""

import asyncio
import os
import sys
import threading
from contextlib import nullcontext

import pytest

from dissmodel.config import load_settings
from dissmodel.doctor.engine import look_at_engine
from dissmodel.engines.here import Here
from dissmodel.engines.slurm import Slurm
from dissmodel.errors import UsageError
from dissmodel.executor.findings import Collector
from dissmodel.service import job_engine
from dissmodel.service.attempt import attempt
from dissmodel.service.settings import ServiceSettings

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "cLWpTnQ4vX9",
    "REDIS_PASSWORD": "vK3sPq8ZtRw",
    "DISSMODEL_SERVICE_QUEUE": "redis://:hM5yJd7Bn@host",
}
SHOW = "import os; print('\\n'.join(f'{name}={value}' for name, value in os.environ.items()))"


def test_a_service_gives_slurm_no_credentials(tmp_path, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    given = {}

    def opened(_where, _workers, _threads, _settings, environ=os.environ):
        given.update(environ)
        return nullcontext(Here())

    monkeypatch.setattr(job_engine, "open_engine", opened)
    monkeypatch.setattr(job_engine, "check_slurm", lambda: None)
    settings = ServiceSettings(tmp_path, "", "", engine="slurm", scratch=tmp_path / "scratch")
    engine = job_engine.JobEngine(settings, 1, lambda: True)
    engine._tend()

    assert given["PATH"] == os.environ["PATH"]
    assert set() == SECRETS.keys() & given.keys()
    slurm = Slurm.__new__(Slurm)
    slurm._environ = given
    said = asyncio.run(slurm._finished([sys.executable, "-c", SHOW])).out.decode()
    assert "PATH=" in said
    assert [] == [value for value in SECRETS.values() if value in said]


def test_this_process_is_no_engine_of_jobs():
    settings = load_settings(given={"service.engine": "here"})
    for asked in (ServiceSettings.load, lambda settings: look_at_engine(Collector("engine"), settings)):
        with pytest.raises(UsageError, match="here is no cluster") as caught:
            asked(settings)
        assert "--unset service.engine" in caught.value.hint


class _Slow:
    """An engine whose process has not ended when the worker has to."""

    threads = 1

    def __init__(self, house, job, stop):
        self.given = {"data_dir": str(house.folder)}
        self._attempts = lambda: house.queue.view([job])[job].attempts
        self._stop, self.seen = stop, []

    def start(self, *_args, **_kwargs):
        return self

    def wait(self, _seconds):
        self.seen.append(self._attempts())
        self._stop.set()

    def stop(self, _patience):
        self.seen.append(self._attempts())

    def close(self):
        """There is nothing to end."""


@pytest.mark.parametrize("before", [0, 1])
def test_a_worker_that_ends_counts_no_attempt_before_it_waits(house, before):
    job, stop = house.submit(), threading.Event()
    house.queue.take("w", wait_s=0)
    house.queue.count(job, before)
    engine = _Slow(house, job, stop)
    words = {"truth": house.truth, "queue": house.queue, "settings": house.settings}
    attempt(job, worker="w", stop=stop, engine=engine, **words)
    entry = house.queue.view([job])[job]

    assert [before + 1, before] == engine.seen
    assert (before, True) == (entry.attempts, entry.is_waiting)
