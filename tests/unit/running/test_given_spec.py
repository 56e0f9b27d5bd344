"""A run from a spec that the caller has: no registry, no file."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest

from dissmodel.config import toml
from dissmodel.errors import DissmodelError
from dissmodel.executor.host import InProcess
from dissmodel.progress import Silent
from dissmodel.registry import plugins
from dissmodel.running.model import GivenSpec, ModelRequest, open_model
from dissmodel.running.run import RunRequest, run
from support.git import git

TOML = """
[model]
name = "shore"
class = "coastal_raster"
end_time = 2
[model.parameters]
sea_level_rise_rate = 0.02
[unused]
x = 1
"""
ROOT = Path(__file__).resolve().parents[3]
OF_ONE_RUN = {
    *("experiment_id", "created_at", "finished_at", "command", "metrics", "peak_memory_bytes", "cpu_seconds"),
    *("record_digest", "output_path", "runtime", "parameter_origin"),
}


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry of one model in a git repository, which the settings name."""
    folder = tmp_path / "coast"
    (folder / "models").mkdir(parents=True)
    (folder / "models/shore.toml").write_text(TOML)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "A model")
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"DISSMODEL_{name}", str(tmp_path / name.lower()))
    (tmp_path / "config").write_text(f'[registries.coast]\nurl = "{folder}"\n')
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def grid(tmp_path):
    spec = importlib.util.spec_from_file_location("make_coast_given", ROOT / "examples/coast/make_coast.py")
    maker = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    maker.write(maker.make_coast(20, 30), tmp_path / "grid.zip", "tiff")
    return tmp_path / "grid.zip"


def test_the_record_is_that_of_the_registry_s_model(registry, grid):
    words = {"input": str(grid), "parameters": {"tide_height": 0.5}}
    of_registry = run(RunRequest(model="coast/shore", output="a.tif", **words), Silent()).record
    shutil.rmtree(registry)
    spec = GivenSpec(toml.parse(TOML.encode()), "coast/shore", of_registry.model_commit)
    given = run(
        RunRequest(spec=spec, output="b.tif", experiment_id="ab" * 16, parameters_from="request", **words),
        Silent(),
    ).record

    old, new = (json.loads(Path(f"{one}.record.json").read_text()) for one in "ab")
    assert old["model_commit"]
    assert "ab" * 16 == given.experiment_id
    for name in old.keys() - OF_ONE_RUN - {"files", "artifacts"}:
        assert old[name] == new[name], name
    for name, file in old["files"].items():
        assert (file["sha256"], file["content_digest"]) == (
            new["files"][name]["sha256"],
            new["files"][name]["content_digest"],
        )
    origin = ("tide_height", "sea_level_rise_rate", "end_time")
    assert ["command line", "spec", "spec"] == [old["parameter_origin"][name] for name in origin]
    assert ["request", "spec", "spec"] == [new["parameter_origin"][name] for name in origin]


@pytest.mark.parametrize(
    ("tables", "code"),
    [
        ({"model": {"class": "mine.py"}}, "unknown_model"),
        ({"model": {"class": "../mine.py:x"}}, "unknown_model"),
        ({"model": {}}, "unknown_model"),
        ({}, "spec_section"),
        ({"model": {"class": "no_such_model"}}, "unknown_model"),
        ({"model": {"class": "coastal_raster", "dissmodel": ">=99"}}, "spec_version"),
        ({"model": {"class": "mine", "package": "."}}, "bad_package"),
        ({"model": {"class": "mine", "package": "-e x"}}, "bad_package"),
    ],
)
def test_what_no_spec_of_others_may_say(tables, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("raise SystemExit('it was run')")
    with pytest.raises(DissmodelError) as raised, open_model(ModelRequest(spec=GivenSpec(tables, "a/b"))):
        pass

    assert code == raised.value.code


def test_the_schema_of_a_model_s_parameters():
    schema = InProcess(plugins.find("coastal_raster").executor).schema()

    assert "object" == schema["type"]
    assert {"type": "integer", "minimum": 1}.items() <= schema["properties"]["end_time"].items()
