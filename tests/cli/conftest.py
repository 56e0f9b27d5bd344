"""The command line, run in this process."""

import contextlib
import importlib
import json
import runpy
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from example_pages import typed

from dissmodel.cli.app import main
from dissmodel.registry.classes import ExecutorRegistry
from support.own_code import own_code

ROOT = Path(__file__).resolve().parents[2]

__all__ = ["own_code"]


@dataclass(frozen=True)
class Said:
    """How a command ended: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def verdicts(self):
        """The verdict of each check of ``--json``, by name."""
        return {check["name"]: check["verdict"] for check in self.json["checks"]}


@pytest.fixture
def dissmodel(monkeypatch, capsys, tmp_path):
    """Return a function that runs `dissmodel ...` in an empty folder, which is the current one."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"DISSMODEL_{name}", str(tmp_path / "user" / name.lower()))
    monkeypatch.delenv("DISSMODEL_REGISTRY", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(ExecutorRegistry, "_executors", dict(ExecutorRegistry._executors))
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*words):
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["dissmodel", *(str(word) for word in words)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return run


@pytest.fixture(scope="module")
def kept_folders(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def prepared(dissmodel, kept_folders):
    """Return a function that copies into the current folder what `fill` made elsewhere, once a file of tests.

    That folder stays, and records name the inputs in it.
    """

    def prepare(fill):
        made = kept_folders / fill.__name__
        if not made.exists():
            made.mkdir()
            with contextlib.chdir(made):
                fill()
        shutil.copytree(made, Path.cwd(), symlinks=True, dirs_exist_ok=True)

    return prepare


@pytest.fixture
def follow(dissmodel, monkeypatch):
    """Type every command of an example's page, in an empty folder."""

    def follow(name, smaller=(), after=lambda words: None):
        for program, first, *words in typed(name):
            if program == "python":
                monkeypatch.setattr(sys, "argv", [first, *words, *smaller])
                runpy.run_path(str(ROOT / first), run_name="__main__")
            else:
                said = dissmodel(first, *words)

                assert (0, False) == (said.code, "warning" in said.err), said.err
                after(words)

    return follow


@pytest.fixture(scope="session")
def make_coast():
    """The example's own maker of inputs."""
    return importlib.import_module("make_coast")


@pytest.fixture
def executor_file(tmp_path):
    """Write an executor whose steps are given as source; by default it copies its input."""

    def write(
        name="mine",
        *,
        head="",
        validate="pass",
        load="return Path(record.source.uri).read_bytes()",
        run="return data",
        save=None,
        cls="",
    ):
        save = save or (
            "Path(record.output_path).write_bytes(result); "
            "record.output_sha256 = self._sha256(record.output_path); return record"
        )
        path = tmp_path / f"{name}.py"
        path.write_text(
            "from pathlib import Path\n"
            "from dissmodel.executor import ModelExecutor\n"
            f"{head}\n"
            "class Mine(ModelExecutor):\n"
            f"    '''A model of one's own.'''\n"
            f"    name = {name!r}\n"
            f"    {cls or 'pass'}\n"
            f"    def validate(self, record): {validate}\n"
            f"    def load(self, record): {load}\n"
            f"    def run(self, data, record): {run}\n"
            f"    def save(self, result, record): {save}\n",
            encoding="utf-8",
        )
        return path

    return write
