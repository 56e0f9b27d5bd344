"""A sweep on a Dask cluster whose workers and schedulers are killed."""

import collections
import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.dask_cluster import dask_cluster
from support.sweeps import write_growing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="kills groups of processes"),
]

RUNS = 160
WORKERS = 2
KILLS = {"worker": 25, "scheduler": 5}
NOTE = '        with open(os.environ["BEGUN"], "a") as notes: notes.write(f"{self.number}\\n")\n'
VARY = ("--vary", f"number=0:{RUNS - 1}:1", "-p", "end_time=1", "-p", "wait=0.05")


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Start the command with a model that notes each run that it begins."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BEGUN", str(tmp_path / "begun"))
    write_growing()
    model = Path("growing.py").read_text()
    model = model.replace("    rate: float", "    number: int = Parameter(0)\n    rate: float")
    model = model.replace("        time.sleep(self.wait)\n", f"{NOTE}        time.sleep(self.wait)\n")
    Path("growing.py").write_text(model)

    def start(*words):
        words = ("sweep", "growing.py", "-i", "in.tif", *VARY, *words)
        return subprocess.Popen(
            [sys.executable, "-m", "dissmodel", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def finished():
    """Return the digest of each record that stands, by the run's folder."""
    found = {}
    for path in Path("out/runs").glob("*/result.record.json"):
        document = json.loads(path.read_text())
        if document["status"] == "completed":
            found[path.parent.name] = document["record_digest"]
    return found


def table(folder):
    """Return of each run what has to be the same on any engine."""
    with Path(folder, "runs.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return [[row[name] for name in ("key", "seed", "status", "sha256", "content_digest")] for row in rows]


def test_thirty_kills_lose_no_run_and_repeat_none_that_finished(sweep, tmp_path):
    rolled, left = random.Random(3), collections.Counter(KILLS)
    order = [what for what, number in KILLS.items() for _ in range(number)]
    rolled.shuffle(order)
    step, code, stood = RUNS // (len(order) + 1), None, {}
    while code != 0:
        folder = tmp_path / f"cluster-{len(order)}"
        folder.mkdir()
        with dask_cluster(folder, WORKERS) as cluster:
            command = sweep("-o", "out", "--cluster", str(cluster.file), "-q")
            while command.poll() is None:
                if order and len(finished()) >= step * (sum(KILLS.values()) - len(order) + 1):
                    stood |= finished()
                    time.sleep(rolled.random() * 0.1)
                    what = order.pop()
                    left[what] -= 1
                    if what == "scheduler":
                        os.killpg(cluster.scheduler.pid, signal.SIGKILL)
                        command.wait(60)
                    else:
                        lost = rolled.choice([one for one in cluster.processes[1:] if one.poll() is None])
                        os.killpg(lost.pid, signal.SIGKILL)
                        cluster.worker()
                time.sleep(0.02)
            _, error = command.communicate()
            code = command.returncode
            assert code in {0, 5}, error
            assert code == 0 or "The same command goes on." in error
    begun = collections.Counter(Path("begun").read_text().split())

    assert ([], 0) == (order, left.total())
    assert RUNS == len(finished()) == len(begun)
    assert stood.items() <= finished().items()
    # A kill begins again at most what was in flight: the run of a worker, or with the scheduler that of each.
    assert begun.total() <= RUNS + KILLS["worker"] + WORKERS * KILLS["scheduler"]
    journal = [json.loads(line) for line in Path("out/runs.jsonl").read_text().splitlines()]
    assert [1] * RUNS == [*collections.Counter(one["key"] for one in journal if "key" in one).values()]

    alone = sweep("-o", "alone", "--cluster", "here", "-q")
    _, error = alone.communicate()
    assert (0, "") == (alone.returncode, error)
    assert table("alone") == table("out")
