"""Whatever is killed, each job ends once: see harness.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).with_name("harness.py")
TESTS = HARNESS.parents[1]

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it finds processes in /proc")


def harm(folder, patience_s, **options):
    """Run the harness; return what it printed."""
    environ = {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONWARNINGS": "ignore"}
    words = [sys.executable, str(HARNESS), str(folder), json.dumps(options)]
    done = subprocess.run(words, env=environ, check=False, timeout=patience_s, capture_output=True, text=True)
    assert 0 == done.returncode, done.stderr
    sys.stdout.write(done.stdout)
    return json.loads(done.stdout)


def check(found, kills):
    assert [] == found["wrong"]
    assert 0 == found["orphans"] == found["hung_workers"]
    assert kills <= found["kills"]
    assert found["jobs"] == sum(found["outcomes"].values())
    assert 0 < found["outcomes"]["completed"]


@pytest.mark.slow
def test_some_kills(tmp_path, redis_server_program):
    check(harm(tmp_path / "trial", 600, queue="redis", kills=6, jobs=8, seed=20), 6)


@pytest.mark.slow
@pytest.mark.parametrize(("queue", "kills", "seed"), [("redis", 200, 200), ("sqlite", 100, 100)])
def test_many_kills(tmp_path, redis_server_program, queue, kills, seed):
    check(harm(tmp_path / "trial", 3000, queue=queue, kills=kills, jobs=100, seed=seed), kills)
