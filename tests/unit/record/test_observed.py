"""What the runs of one process observe once, and what each of them observes for itself."""

import json
import subprocess
import sys

import numpy as np
import pytest

from dissmodel.progress import Silent
from dissmodel.record import capture, observed
from dissmodel.running.run import RunRequest, run
from support.rasters import write_tiff

# Runs: what each reads of code and packages, the programs it starts, how often it hashes its result.
RUNS = """
import collections, json, sys
from pathlib import Path
from dissmodel.record import digest

seen = collections.Counter()

def sha256_file(path, hashed=digest.sha256_file):
    seen["results"] += Path(path).name == "result.tif"
    return hashed(path)

digest.sha256_file = sha256_file  # before others take it
from dissmodel.progress import Silent
from dissmodel.record import observed
from dissmodel.running.run import RunRequest, run

def hear(event, words):
    if event == "subprocess.Popen":
        seen["programs"] += 1
    elif event == "open":
        path = Path(str(words[0]))
        seen[{"METADATA": "packages"}.get(path.name, path.suffix)] += 1

def one(name):
    before = seen.copy()
    made = run(RunRequest(model="game_of_life", input="life.tif", output=f"{name}/result.tif"), Silent())
    kept = made.record.model_dump(include={"code", "runtime", "code_version", "model_commit"})
    names = ("programs", ".py", "packages", "results")
    return {name: seen[name] - before[name] for name in names}, kept

one("loading")
sys.addaudithook(hear)
alone = one("alone")
with observed.kept("a"):
    first, second = one("first"), one("second")
with observed.kept("a"):
    third = one("third")
with observed.kept("b"):
    anew = one("anew")
assert alone[1] == first[1] == second[1] == third[1] == anew[1]
print(json.dumps([counts for counts, _ in (alone, first, second, third, anew)]))
"""


@pytest.fixture
def life(tmp_path):
    return write_tiff(tmp_path / "life.tif", np.eye(5, dtype=np.uint8)[None], names=["alive"])


def test_what_a_run_reads_again(tmp_path, life):
    done = subprocess.run([sys.executable, "-c", RUNS], cwd=tmp_path, check=True, capture_output=True)
    alone, first, second, third, anew = json.loads(done.stdout)

    assert alone == first == anew
    assert 100 < alone[".py"]
    assert 20 < alone["packages"]
    assert {"programs": 0, ".py": 0, "packages": 0, "results": 1} == second == third


def test_outside_of_a_block_a_new_package_is_seen(tmp_path, monkeypatch):
    def names():
        return "zz-new" in capture.runtime().packages

    with observed.kept("work before"):
        assert not names()
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "zz_new-1.0.dist-info").mkdir()
    (tmp_path / "zz_new-1.0.dist-info" / "METADATA").write_text("Name: zz-new\nVersion: 1.0\n", "utf-8")

    assert names()
    with observed.kept("work before"):
        assert not names()
    with observed.kept("work after"):
        assert names()


def test_a_model_in_a_file_is_loaded_anew_and_observed_anew(tmp_path, life, monkeypatch):
    text = (
        "from dissmodel.cells import CellModel, Classes\n\nclass Still(CellModel):\n    name = 'still'\n"
        "    alive = Classes({0: 'no', 1: 'yes'})\n    def step(self, cells, now):\n        pass\n"
    )
    monkeypatch.setattr(sys, "path", list(sys.path))
    model = tmp_path / "still.py"
    digests, paths = [], []
    with observed.kept("a model that is edited"):
        for number, line in enumerate(("", "", "# edited\n")):
            model.write_text(text + line, "utf-8")
            request = RunRequest(model=str(model), input=str(life), output=str(tmp_path / f"{number}.tif"))
            digests.append(run(request, Silent()).record.code.source_digest)
            paths.append(len(sys.path))

    assert digests[0] == digests[1] != digests[2]
    assert paths[0] == paths[1] == paths[2]  # each run would make each import slower


def test_nobody_changes_what_was_observed():
    with observed.kept("changes"):
        one = capture.runtime()
        one.packages.clear()
        one.dissmodel.version = "0"

        assert capture.runtime().packages
        assert "0" != capture.runtime().dissmodel.version
