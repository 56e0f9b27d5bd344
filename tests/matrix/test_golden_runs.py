"""Runs that an earlier version left, input and result beside the record: shown, verified and reproduced."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"
RUNS = sorted(GOLDEN.glob("*/*.record.json"))


@pytest.fixture(params=RUNS, ids=lambda path: f"{path.parent.name}/{path.name}")
def run(request, tmp_path):
    """A copy of all that lies beside a record; the name of the record."""
    shutil.copytree(request.param.parent, tmp_path / "run")
    return tmp_path / "run" / request.param.name


def say(*words):
    return subprocess.run(
        [sys.executable, "-m", "dissmodel", *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_the_files_are_there():
    assert {"v1"} == {path.parent.name for path in RUNS}
    assert {"raster.record.json", "vector.record.json"} == {path.name for path in RUNS}


@pytest.mark.fast_cases("v1/vector.record.json")
def test_it_is_shown_and_listed(run):
    shown = say("record", "show", run)

    assert (0, "") == (shown.returncode, shown.stderr)
    assert "completed" in shown.stdout
    assert 0 == say("record", "list", run.parent, "--verify").returncode


@pytest.mark.fast_cases("v1/vector.record.json")
def test_it_is_what_it_was(run):
    said = say("record", "verify", run)

    assert 0 == said.returncode, said.stdout
    assert {"ok"} == {line.split()[0] for line in said.stdout.splitlines() if line[:1].strip()}


@pytest.mark.fast_cases("v1/raster.record.json")
def test_its_values_come_again(run):
    """Bytes are GDAL's and may be others; so may be how a map is drawn."""
    said = say("reproduce", run, "--check", "--json")
    found = json.loads(said.stdout)["artifacts"]
    data = {one["verdict"] for name, one in found.items() if name == "output" or name.startswith("step_")}

    assert said.returncode in {0, 4}, said.stderr
    assert data <= {"identical-file", "identical-content"}
    assert "output" in found
