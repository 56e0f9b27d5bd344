"""Whatever is sent to the paths of the OpenAPI document ends in no 5xx, and in an answer that it lists."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.http_api import KEYS

CHECKS = "not_a_server_error,status_code_conformance"


PATIENCE_S = 120  # a request that draws a picture starts a process, which may wait for a busy processor


@pytest.mark.slow
def test_what_is_sent_ends_in_no_bug(house, tmp_path):
    """Send examples and what is near them; the stream of events has no end, so it is left out."""
    job = house.job()["job_id"]
    house.complete(job)
    program = Path(sys.executable).with_name("schemathesis")
    words = ["--checks", CHECKS, "--header", f"X-API-Key: {KEYS['admin']}", "--max-examples", "150"]
    words += ["--exclude-path-regex", "events$", "--phases", "examples,coverage,fuzzing", "--seed", "1"]
    words += ["--generation-database", "none", "--suppress-health-check", "all", "--no-color"]
    words += ["--request-timeout", str(PATIENCE_S)]
    command = [program, "run", f"{house.url}/openapi.json", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stdout[-5000:]
    assert "Tested: 34" in done.stdout
