"""The commands of deploy/compose.yaml and its variables, as plain processes, with Redis and an S3 server."""

import contextlib
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from support import servers
from support.git import git
from support.redis_server import running

ROOT = Path(__file__).resolve().parents[2]
PASSWORD, KEY = "queue-password", "admin-key-of-the-test"
SPEC = '[model]\nname = "coast"\nclass = "coastal_raster"\ndescription = "A coast."\nend_time = 2\n'
WAIT_S = 120


def environment(service, values):
    """Return the variables of a container, with what stands in .env."""

    def value(found):
        name, default = found[1], found[2] or ""
        return values.get(name) or default.removeprefix(":-")

    compose = YAML(typ="safe", pure=True).load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    words = compose["services"][service]
    given = {
        name: re.sub(r"\$\{([A-Z_]+)(:-[^}]*|:\?[^}]*)?\}", value, str(text))
        for name, text in words["environment"].items()
    }
    return words["command"], given


@contextlib.contextmanager
def process(words, environ, folder, name):
    """Run a command of ours for the block, and yield its log; it has to end when it is asked to."""
    kept = {key: text for key, text in os.environ.items() if key in {"PATH", "SYSTEMROOT", "NUMBA_CACHE_DIR"}}
    kept |= {"HOME": str(folder), "DISSMODEL_DATA": str(folder / "state"), "no_proxy": "*"}
    kept |= {"DISSMODEL_CONFIG": str(folder / "config.toml"), "DISSMODEL_CACHE": str(folder / "cache")}
    log = folder / f"{name}.log"
    with log.open("wb") as stream:
        child = subprocess.Popen(
            [sys.executable, "-m", "dissmodel", *words], env=kept | environ, cwd=folder, stderr=stream
        )
        try:
            yield log
            child.send_signal(signal.SIGTERM)
            assert child.wait(60) in {0, -signal.SIGTERM, 143}, log.read_text()
        finally:
            child.kill()
            child.wait()


def until(look, log):
    end = time.monotonic() + WAIT_S
    while not (found := look()):
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)
    return found


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no redis-server, nor SIGTERM, on Windows")
def test_what_the_containers_run_takes_a_job_from_the_registry_to_the_bucket(tmp_path, dissmodel_doctor):
    registry = tmp_path / "registry"
    (registry / "models").mkdir(parents=True)
    (registry / "models" / "coast.toml").write_text(SPEC)
    git(registry, "init", "--quiet")
    git(registry, "add", "--all")
    git(registry, "commit", "--quiet", "--message", "coast")
    buckets = tmp_path / "buckets"
    for bucket in ("dissmodel-outputs", "dissmodel-inputs"):
        (buckets / bucket).mkdir(parents=True)
    importlib.import_module("make_coast").main(
        ["--rows", "20", "--cols", "30", "--output", str(buckets / "dissmodel-inputs" / "grid.tif")]
    )
    with contextlib.ExitStack() as stack:
        folder = tmp_path / "redis"
        folder.mkdir()
        queue = stack.enter_context(running(folder, keeps=True, words=("--requirepass", PASSWORD)))
        s3 = stack.enter_context(servers.rclone(buckets))
        values = {
            "CONFIGS_REPO": f"file://{registry}",
            "MINIO_ROOT_USER": s3.access,
            "MINIO_ROOT_PASSWORD": s3.secret,
            "REDIS_PASSWORD": PASSWORD,
            "API_KEYS": KEY,
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(queue.port),
            "MINIO_ENDPOINT": s3.endpoint,
            "MINIO_URL": s3.endpoint,
        }
        words, environ = environment("api", values)
        words = ["127.0.0.1" if word == "0.0.0.0" else "0" if word == "8000" else word for word in words]
        log = stack.enter_context(process(words, environ, tmp_path, "api"))
        words, environ = environment("worker", values)
        stack.enter_context(process(words, environ, tmp_path, "worker"))
        url = until(lambda: re.search(r"http://[\d.:]+", log.read_text()), log)[0]

        def ask(path, body=None):
            data = json.dumps(body).encode() if body is not None else None
            headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
            with urllib.request.urlopen(
                urllib.request.Request(url + path, data, headers), timeout=30
            ) as answer:
                return json.loads(answer.read())

        until(lambda: dissmodel_doctor(url) == 0, log)
        assert "coast" in [one["name"] for one in ask("/models")["models"]]
        job = ask(
            "/submit_job", {"model_name": "coast", "input_dataset": "grid.tif", "input_format": "tiff"}
        )["job_id"]
        ended = until(
            lambda: (one := ask(f"/job/{job}"))["status"] in {"completed", "failed"} and one,
            tmp_path / "worker.log",
        )

        assert "completed" == ended["status"], ended
        assert ended["output_path"].startswith(f"s3://dissmodel-outputs/experiments/{job}/")
        assert (buckets / "dissmodel-outputs" / "experiments" / job / "record.json").is_file()
        (found,) = until(lambda: ask("/experiments?status=completed")["experiments"], log)
        assert job == found["experiment_id"]
        link = ask(f"/download?uri={ended['output_path']}")["url"]
        with urllib.request.urlopen(link, timeout=30) as answer:
            assert answer.read(4) in {b"II*\0", b"II+\0", b"MM\0*"}
        for secret in (PASSWORD, s3.secret, KEY):
            assert secret not in log.read_text() + (tmp_path / "worker.log").read_text()


@pytest.fixture
def dissmodel_doctor():
    """Return a function that does what the health check of the container does, and gives its exit code."""

    def look(url):
        words = [sys.executable, "-m", "dissmodel", "doctor", "--server", url, "--quiet"]
        return subprocess.run(
            words, capture_output=True, check=False, env={**os.environ, "no_proxy": "*"}
        ).returncode

    return look
