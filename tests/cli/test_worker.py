"""``dissmodel worker`` as a process."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest


@pytest.fixture
def environ(tmp_path):
    """Settings and data of the test's own, and nothing of whoever runs it."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("DISSMODEL_", "REDIS_"))
    }
    kept.update({f"DISSMODEL_{name}": str(tmp_path / name.lower()) for name in ("CONFIG", "DATA", "CACHE")})
    return kept


def worker(environ, *words):
    command = [sys.executable, "-m", "dissmodel", "worker", *words]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_it_ends_when_no_job_waits_and_logs_json(environ):
    process = worker(environ, "--drain", "--jobs", "2")
    out, err = process.communicate(timeout=60)
    lines = [json.loads(line) for line in err.splitlines()]

    assert (0, "") == (process.returncode, out)
    assert ["The worker begins.", "The worker ends."] == [line["message"] for line in lines]
    assert 2 == lines[0]["jobs"]


@pytest.mark.fast_cases("15")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to wait for")
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(environ, signum):
    process = worker(environ)
    first = json.loads(process.stderr.readline())
    time.sleep(0.2)  # it takes its first job, in vain
    process.send_signal(signum)
    out, err = process.communicate(timeout=60)

    assert ("The worker begins.", 0, "") == (first["message"], process.returncode, out)
    assert "The worker takes no more jobs." in err


@pytest.mark.fast_cases("more0-words0-2-service.lease", "more4-words4-2---jobs")
@pytest.mark.parametrize(
    ("more", "words", "code", "said"),
    [
        ({"DISSMODEL_SERVICE_LEASE": "0"}, (), 2, "service.lease"),
        ({"DISSMODEL_SERVICE_QUEUE": "amqp://host"}, (), 2, "service.queue"),
        ({"DISSMODEL_LOG_LEVEL": "loud"}, (), 2, "loud"),
        ({"DISSMODEL_SERVICE_PLACE": "s3://bucket"}, (), 5, "credentials"),
        ({}, ("--jobs", "0"), 2, "--jobs"),
    ],
)
def test_what_is_set_wrong_is_told(environ, more, words, code, said):
    for name in [one for one in environ if one.startswith(("AWS_", "MINIO_"))]:
        del environ[name]
    process = worker({**environ, "HOME": environ["DISSMODEL_DATA"], **more}, *words)
    out, err = process.communicate(timeout=60)

    assert (code, "") == (process.returncode, out), err
    assert said in err
    assert "Traceback" not in err
