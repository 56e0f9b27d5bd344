"""Running files that were written for the public DisSModel 0.6."""

import functools
import json
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import make_coast
import pytest

from dissmodel.cli.app import main
from dissmodel.executor.cli import run_cli
from dissmodel.registry import plugins
from dissmodel.registry.classes import ExecutorRegistry

ROOT = Path(__file__).resolve().parents[2]
EXECUTORS = Path(__file__).parent / "executors"


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """A folder with a small coast as grid.tif and grid.gpkg."""
    folder = tmp_path_factory.mktemp("inputs")
    for name in ("grid.tif", "grid.gpkg"):
        make_coast.main(["--rows", "40", "--cols", "60", "--output", str(folder / name)])
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder, which is the current one; nothing stays registered."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ExecutorRegistry, "_executors", dict(ExecutorRegistry._executors))
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def by_dissmodel(file, *words, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["dissmodel", "run", str(EXECUTORS / file), *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0


def by_run_cli(file, *words, monkeypatch):
    monkeypatch.setattr(sys, "argv", [file])
    run_cli(plugins.find(str(EXECUTORS / file)).executor, ["run", *map(str, words)])
    return 0


@pytest.fixture(params=[by_dissmodel, by_run_cli])
def run(request, monkeypatch):
    """Return a function that runs a file both ways and returns the record of what came out."""

    def run(file, *words):
        assert 0 == request.param(file, *words, monkeypatch=monkeypatch)
        (path,) = Path().glob("**/*.record.json")
        return json.loads(path.read_text(encoding="utf-8")), path

    return run


def pip(*words):
    """Run pip for this environment: its own one, else that of the interpreter which it was made from."""
    there = [sys.executable, "-m", "pip"]
    if find_spec("pip") is None:
        there = [sys._base_executable, "-m", "pip", "--python", sys.executable]
    words = [*there, "--disable-pip-version-check", *map(str, words)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="session")
def from_index(tmp_path_factory):
    """Return a function that downloads a distribution from the package index, or skips the test."""

    def download(requirement, *options):
        folder = tmp_path_factory.mktemp("index")
        said = pip("download", "--quiet", "--no-deps", "--dest", folder, *options, requirement)
        if said.returncode != 0:
            pytest.skip(f"{requirement} can't be had from the index: {said.stderr.strip()[-300:]}")
        (path,) = folder.iterdir()
        return path

    return download


@pytest.fixture(scope="session")
def unpacked(from_index, tmp_path_factory):
    """Return a function that gives a folder with the modules of a wheel from the index."""

    def unpack(requirement):
        folder = tmp_path_factory.mktemp("modules")
        with zipfile.ZipFile(from_index(requirement, "--only-binary", ":all:")) as wheel:
            wheel.extractall(folder)
        return folder

    return functools.cache(unpack)
