"""Runs of `dissmodel` in processes of their own, on models made for the occasion."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from dissmodel.experiment.verify import verify
from dissmodel.record import store

STEPS = {
    "validate": "pass",
    "load": "return Path(record.source.uri).read_bytes()",
    "run": "return data",
    "save": "Path(record.output_path).write_bytes(result)\nreturn record",
}
ARGUMENTS = {"validate": "record", "load": "record", "run": "data, record", "save": "result, record"}
PATIENCE = 600  # a busy machine, a slow disk: only what hangs takes that long


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def errors(self):
        return [line for line in self.err.splitlines() if line.startswith("error:")]

    @property
    def error(self):
        """The error that `--json` tells."""
        return json.loads(self.out)["error"]


class Place:
    """A folder in which commands run, with an input in it."""

    def __init__(self, folder, models):
        self.folder = folder
        self.models = models
        folder.mkdir(parents=True)
        models.mkdir(parents=True, exist_ok=True)
        (folder / "data.bin").write_bytes(b"some bytes")

    def model(self, name="mine", *, head="", cls="", **steps):
        """Write a model that copies its input, but for the steps given as source."""
        methods = "".join(
            f"    def {step}(self, {ARGUMENTS[step]}):\n"
            + textwrap.indent(textwrap.dedent(steps.get(step, source)).strip(), " " * 8)
            + "\n"
            for step, source in STEPS.items()
        )
        path = self.models / f"{name}.py"
        path.write_text(
            "import os, signal, sys, threading, time\n"
            "from pathlib import Path\n"
            "from dissmodel.executor import ModelExecutor\n"
            f"{textwrap.dedent(head)}\n"
            f"class Mine(ModelExecutor):\n    name = 'mine'\n    {cls}\n{methods}",
            encoding="utf-8",
        )
        return path

    def start(self, *words, **how):
        """Start `dissmodel ...`."""
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": self.folder} | how
        how["env"] = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | how.get("env", {})
        return subprocess.Popen([sys.executable, "-m", "dissmodel", *map(str, words)], **how)

    def __call__(self, *words, **how):
        """Run `dissmodel ...` to its end."""
        return ended(self.start(*words, **how))

    def run(self, model, *words, output="r.bin", **how):
        """Run a model on the input."""
        return self("run", model, "-i", "data.bin", "-o", output, *words, **how)

    def take(self, pair):
        """Copy a result and its record, as if they had been made here; return what they hold."""
        for path in pair:
            shutil.copy2(path, self.folder)
        return {path.name: path.read_bytes() for path in pair}

    @property
    def names(self):
        return sorted(path.name for path in self.folder.iterdir())

    def unfinished(self, folder=None):
        """Return the one record of a run that did not complete."""
        (path,) = (folder or self.folder).glob("r.????????.record.json")
        return store.read(path)

    def holds(self, name="r.record.json"):
        """Tell whether a record says completed and everything beside it is as it says."""
        return verify((self.folder / name,)).ok


def ended(process):
    out, err = process.communicate(timeout=PATIENCE)
    return Ended(process.returncode, out, err)


def wait_for(path, process=None):
    """Wait until a file is there, or the process has ended."""
    until = time.monotonic() + PATIENCE
    while not path.exists():
        if process is not None and process.poll() is not None:
            return
        assert time.monotonic() < until, f"{path} never came"
        time.sleep(0.005)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "here", tmp_path / "models")


@pytest.fixture(scope="session")
def old_pair(tmp_path_factory):
    """A result that says old, and its record."""
    folder = tmp_path_factory.mktemp("old")
    place = Place(folder / "here", folder / "models")
    assert 0 == place.run(place.model(run="return b'old'")).code
    return [place.folder / name for name in ("r.bin", "r.record.json")]


@pytest.fixture
def waiting():
    return wait_for


@pytest.fixture
def ending():
    return ended


@pytest.fixture
def place_at(tmp_path):
    """Make a place in a folder of one's own."""
    return lambda folder: Place(Path(folder), tmp_path / "models")
