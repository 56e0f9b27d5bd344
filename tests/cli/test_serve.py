"""``dissmodel serve`` as a process: a run from the upload to the record, and how it begins and ends."""

import json
import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from support import echo
from support.serving import serve, until

KEY = "planted-KEY-0123456789"


@pytest.fixture
def environ(tmp_path):
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DISSMODEL", "MINIO", "AWS"))
    }
    (tmp_path / "packages").mkdir()
    folders = {f"DISSMODEL_{name}": str(tmp_path / name.lower()) for name in ("CONFIG", "DATA", "CACHE")}
    return {
        **kept,
        **folders,
        "PYTHONPATH": str(echo.install(tmp_path / "packages")),
        "DISSMODEL_SERVICE_LEASE": "2",
    }


def test_a_job_from_the_upload_to_the_record(environ, tmp_path):
    with serve({**environ, "API_KEYS": KEY}, "--workers", "1") as (process, url, log):
        with httpx.Client(base_url=url, headers={"X-API-Key": KEY}, timeout=30) as client:
            until(lambda: client.get("/ready").status_code == 200)
            uri = client.post(
                "/data/upload", files={"file": ("data.bin", b"some bytes")}, data={"label": "x"}
            ).json()["uri"]
            body = {"model_name": "echo", "input_dataset": uri, "parameters": {"pause": 1.0}}
            job = client.post("/submit_job", json=body).json()["job_id"]
            with client.stream("GET", f"/jobs/{job}/events") as stream:
                events = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
            assert "completed" == events[-1]["status"]
            found = client.get(f"/job/{job}").json()
            link = client.get("/download", params={"uri": found["output_path"]}).json()["url"]
            assert b"some bytes" == httpx.get(link).content
            assert job == client.get(f"/experiments/{job}/record").json()["experiment_id"]
            assert "the model says hello" in client.get(f"/jobs/{job}/log").json()["lines"]
            again = client.post(f"/experiments/{job}/reproduce").json()["job_id"]
            done = until(lambda: (one := client.get(f"/job/{again}").json())["status"] == "completed" and one)
            assert (job, found["output_sha256"]) == (done["reproduces"], done["output_sha256"])
            listed = client.get("/jobs").json()["experiments"]
            assert [again, job] == [one["job_id"] for one in listed]
            assert {again, job} == {
                one["experiment_id"] for one in client.get("/experiments").json()["experiments"]
            }
        process.send_signal(signal.SIGTERM)
        assert 143 == process.wait(30)
    lines = [json.loads(line) for line in log if line.startswith("{")]
    assert {job, again} <= {line.get("experiment_id") for line in lines}
    assert KEY not in "".join(log)
    assert all(line.startswith("{") for line in log[1:] if line.strip() and "interrupted by" not in line)


@pytest.mark.slow
def test_a_worker_that_dies_is_started_again(environ):
    with serve(environ, "--workers", "1") as (process, _, log):
        first = until(lambda: worker_of(process.pid))
        os.kill(first, signal.SIGKILL)
        assert first != until(lambda: (found := worker_of(process.pid)) != first and found)
        process.send_signal(signal.SIGINT)
        assert 130 == process.wait(30)
        assert worker_of(process.pid) is None
    assert any("a worker ended with -9" in line for line in log)


def worker_of(pid):
    found = subprocess.run(
        ["ps", "-o", "pid,args", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    lines = [line.split() for line in found.stdout.splitlines() if "dissmodel.service.served" in line]
    return int(lines[0][0]) if lines else None


def is_alive(pid):
    said = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return bool(said.strip()) and not said.startswith("Z")


def refused(environ, *words):
    command = [sys.executable, "-m", "dissmodel", "serve", *words]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert 2 == done.returncode, done.stderr
    return done.stderr


def test_a_worker_ends_with_its_server(environ):
    with serve(environ, "--workers", "1") as (process, _, _log):
        worker = until(lambda: worker_of(process.pid))
        process.kill()
        process.wait()
        until(lambda: not is_alive(worker))


@pytest.mark.slow
def test_what_can_not_be_served_is_told(environ, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = refused(environ, "--port", str(taken.getsockname()[1]), "--workers", "0")
        assert "Address already in use" in said
        assert "--port" in said
    said = refused(environ, "--host", "0.0.0.0")
    assert "it has no keys" in said
    assert "dissmodel serve --new-key NAME" in said
    assert "can't listen there" in refused({**environ, "API_KEYS": KEY}, "--host", "192.0.2.1")
    (tmp_path / "keys.toml").write_text("x = 1")
    assert "keys.toml: x: Input should be" in refused(
        {**environ, "DISSMODEL_SERVICE_KEYS": str(tmp_path / "keys.toml")}
    )
    assert "neither sqlite nor the URL of a Redis" in refused(
        {**environ, "DISSMODEL_SERVICE_QUEUE": "rabbit"}
    )


def test_without_the_extra_it_says_what_to_install(environ, tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "uvicorn.py").write_text("raise ModuleNotFoundError('No module', name='uvicorn')")
    said = refused({**environ, "PYTHONPATH": str(hidden)})

    assert "needs uvicorn" in said
    assert "python -m pip install fastapi python-multipart redis ruamel-yaml uvicorn" in said


@pytest.mark.slow
def test_a_new_key_is_printed_once(environ, tmp_path):
    command = [sys.executable, "-m", "dissmodel", "serve", "--new-key", "ana", "--role", "reader"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    (tmp_path / "keys.toml").write_text(done.stdout)
    key = done.stderr.split()[-1]

    assert key not in done.stdout
    keys = {**environ, "DISSMODEL_SERVICE_KEYS": str(tmp_path / "keys.toml")}
    with serve(keys, "--workers", "0") as (_, url, _log):
        assert 200 == httpx.get(f"{url}/jobs", headers={"X-API-Key": key}).status_code
        assert 401 == httpx.get(f"{url}/jobs").status_code


@pytest.mark.slow
def test_the_pages_open_in_the_browser_of_the_user(environ, tmp_path):
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    program.chmod(0o755)
    with serve({**environ, "BROWSER": f"{program} %s"}, "--workers", "0", "--open") as (_, url, _log):
        opened = until(lambda: (tmp_path / "opened").exists() and (tmp_path / "opened").read_text().strip())
        assert f"{url}/ui" == opened
        assert "No experiments yet" in httpx.get(opened).text
