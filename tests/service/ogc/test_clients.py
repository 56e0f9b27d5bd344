"""Clients that others wrote: OWSLib; and whatever the OpenAPI document allows, by schemathesis."""

import subprocess
import sys
from pathlib import Path

import pytest
from owslib import ogcapi
from owslib.ogcapi.processes import Processes

from support.http_api import KEYS
from support.ogc_schemas import RESULTS, assert_fits

INPUTS = {"input": {"href": "data.txt"}, "text": "hello", "bbox": {"bbox": [1, 2, 3, 4]}}


@pytest.fixture
def client_of(monkeypatch):
    """A function that returns OWSLib's client; that keeps the headers of its first one for all."""
    monkeypatch.setattr(ogcapi, "REQUEST_HEADERS", dict(ogcapi.REQUEST_HEADERS))
    return lambda ogc: Processes(ogc.url, headers={"X-API-Key": KEYS["submitter"]})


def test_owslib_finds_and_submits(ogc, client_of):
    client = client_of(ogc)

    assert "3.0.3" == client.api()["openapi"]
    assert 6 == len(client.conformance()["conformsTo"])
    assert {"echo", "flood"} <= {one["id"] for one in client.processes()}
    assert "text" in client.process("echo")["inputs"]
    assert "pause" in client.process("default/flood")["inputs"]
    job = client.execute("echo", INPUTS, async_=True)
    assert "accepted" == job["status"]
    assert job == ogc.get(client.response_headers["Location"])
    assert "document" == ogc.request(job["jobID"]).results["response"]
    with pytest.raises(RuntimeError, match="InvalidParameterValue"):
        client.execute("echo", {"input": "data.txt"}, async_=True)
    with pytest.raises(RuntimeError, match="no-such-process"):
        client.process("nobody")


@pytest.mark.slow
def test_a_job_gives_the_same_result_on_each_path(alone, client_of):
    client = client_of(alone)
    first = client.execute("echo", INPUTS, async_=True)["jobID"]
    fails = client.execute("echo", {**INPUTS, "text": "fail"}, async_=True)["jobID"]
    parameters = {"text": "hello", "bbox": {"bbox": [1, 2, 3, 4]}}
    words = {"model_name": "echo", "input_dataset": "data.txt", "parameters": parameters}
    second = alone.house.job(**words)["job_id"]
    subprocess.run([sys.executable, "-m", "dissmodel", "worker", "--drain"], check=True, timeout=120)

    for job in (first, second):
        assert "successful" == alone.get(f"/jobs/{job}")["status"]
    found = [alone.get(f"/jobs/{job}/results") for job in (first, second)]
    for one in found:
        assert_fits(RESULTS, one)
    maps = [alone.house.client.get(one["output"]["href"]).json() for one in found]
    assert maps[0] == maps[1]
    assert ("some data", "hello", [1, 2, 3, 4]) == (
        maps[0]["data"],
        maps[0]["text"],
        maps[0]["bbox"]["bbox"],
    )
    records = [one["record"]["value"] for one in found]
    assert records[0]["output_sha256"] == records[1]["output_sha256"]
    failed = alone.get(f"/jobs/{fails}/results", status=500)
    assert "the sea is too high" in failed["detail"]
    times = alone.get(f"/jobs/{fails}")
    assert times["created"] <= times["started"] <= times["finished"]


@pytest.mark.slow
def test_what_is_sent_ends_in_no_bug(alone, tmp_path):
    job = alone.job()
    alone.house.complete(job)
    program = Path(sys.executable).with_name("schemathesis")
    words = [
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
    ]
    words += ["--header", f"X-API-Key: {KEYS['admin']}", "--max-examples", "60", "--seed", "1"]
    words += ["--phases", "examples,coverage,fuzzing", "--generation-database", "none"]
    words += ["--suppress-health-check", "all", "--no-color", "--request-timeout", "120"]
    command = [program, "run", f"{alone.url}/api", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stdout[-5000:]
    assert "Tested: 9" in done.stdout, done.stdout[-5000:]  # it leaves out the document that it reads
