"""``dissmodel init``: a package that works without an edit."""

import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from support.git import git

ROOT = Path(__file__).parents[2]


PROGRAMS = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
slow = pytest.mark.slow


def shell(line, folder):
    return subprocess.run(
        line,
        shell=True,
        cwd=folder,
        # Pytest doesn't clear away there what others left.
        env={**os.environ, "PATH": PROGRAMS, "PYTEST_DEBUG_TEMPROOT": str(folder.parent)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize(
    "words",
    [
        "",
        pytest.param("--vector", marks=slow),
        pytest.param("--like fire_spread", marks=slow),
        pytest.param("--like game_of_life --vector", marks=slow),
        pytest.param("--like urban_growth", marks=slow),
    ],
)
def test_the_commands_that_are_printed_run_the_model_and_its_tests(tmp_path, words):
    git(tmp_path, "init", "-q")
    made = shell(f"dissmodel init coast-growth {words}", tmp_path)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "A model")
    typed = [line.strip() for line in made.stdout.partition("Next:\n")[2].splitlines()]
    ran = shell(" && ".join(typed), tmp_path)

    assert 3 == len(typed)
    assert 0 == ran.returncode, ran.stdout + ran.stderr
    assert " passed in " in ran.stdout
    record = json.loads((tmp_path / "coast-growth" / "result.record.json").read_text())
    assert ("coast_growth", "completed") == (record["model_name"], record["status"])
    assert (git(tmp_path, "rev-parse", "HEAD"), False) == (record["code"]["commit"], record["code"]["dirty"])


@pytest.mark.parametrize(
    ("like", "substrate", "class_name"),
    [
        (None, "vector", None),
        ("fire_spread", "vector", "FireSpread"),
        ("builtin/game_of_life", "raster", "GameOfLife"),
        ("urban_growth", "raster", "UrbanGrowth"),
    ],
)
def test_a_model_starts_from_another(dissmodel, like, substrate, class_name):
    words = ("--like", like) if like else ()
    assert 0 == dissmodel("init", "coast-growth", f"--{substrate}", *words).code
    os.chdir("coast-growth")
    runpy.run_path("make_input.py", run_name="__main__")
    suffix = {"raster": "tif", "vector": "gpkg"}[substrate]
    model = Path("coast_growth/model.py").read_text()
    validated = dissmodel(
        "validate", model_file := "coast_growth/model.py", "--toml", "model.toml", "-i", f"input.{suffix}"
    )
    ran = dissmodel(
        "run", model_file, "--toml", "model.toml", "-i", f"input.{suffix}", "-o", f"r.{suffix}", "--seed", "1"
    )
    record = json.loads(Path("r.record.json").read_text())

    assert (0, 0) == (validated.code, ran.code), validated.out + ran.err
    assert "error" not in validated.out
    assert "warning" not in ran.err
    assert ("coast_growth", 20) == (record["model_name"], record["parameters"]["end_time"])
    if like:
        built_in = ROOT / "dissmodel" / "models" / f"{like.removeprefix('builtin/')}.py"
        expected = re.sub("  # noqa.*", "", built_in.read_text()).replace(class_name, "CoastGrowth")
        assert expected.replace(f'name = "{built_in.stem}"', 'name = "coast_growth"') == model


@pytest.mark.parametrize(
    ("like", "said"),
    [
        ("fire_spred", "Did you mean 'fire_spread'?"),
        (
            "coastal_raster",
            "coastal_raster is more than one file.\n  Known: fire_spread, game_of_life, urban_growth.",
        ),
        ("nonsense", "Known: fire_spread, game_of_life, urban_growth."),
    ],
)
def test_a_model_that_none_can_start_from(dissmodel, like, said):
    refused = dissmodel("init", "coast", "--like", like)

    assert 2 == refused.code
    assert f"A new model can't start from {like!r}" in refused.err
    assert said in refused.err
    assert not Path("coast").exists()


def test_the_class_has_a_name_that_the_file_does_not_use(dissmodel):
    dissmodel("init", "classes", "--like", "game_of_life")

    assert "class ClassesModel(CellModel):" in Path("classes/classes/model.py").read_text()
    assert "class TestClassesModel(CellModelContract):" in Path("classes/tests/test_model.py").read_text()


def test_its_project_file_and_specs_name_the_same_model(dissmodel):
    dissmodel("init", "Coast-Growth")
    package = Path("Coast-Growth")
    project = tomllib.loads((package / "pyproject.toml").read_text())
    spec = tomllib.loads((package / "registry" / "coast_growth.toml").read_text())

    assert {"coast_growth": "coast_growth.model:CoastGrowth"} == project["project"]["entry-points"][
        "dissmodel.executors"
    ]
    assert [] == project["project"]["dependencies"]
    assert ["coast_growth", "coast_growth.model"] == [
        spec["model"]["class"],
        spec["model"]["executor_module"],
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("full", "the folder is not empty"),
        ("file", "there is a file of that name"),
        ("1coast", "begins with a letter"),
        ("dissmodel", "already"),
        ("coastal-raster", "already"),
        ("json", "Python itself"),
        ("numpy", "already"),
        ("pip", "already"),
        ("class", "Python itself"),
        ("a$b", "begins with a letter"),
    ],
)
def test_a_name_that_would_not_work_is_refused_and_nothing_is_written(dissmodel, name, said):
    Path("full").mkdir()
    Path("full", "mine.txt").write_text("mine")
    Path("file").write_text("mine")
    before = sorted(Path().rglob("*"))
    refused = dissmodel("init", name)

    assert 2 == refused.code
    assert said in refused.err
    assert before == sorted(Path().rglob("*"))


def test_one_substrate_only(dissmodel):
    refused = dissmodel("init", "coast", "--raster", "--vector")

    assert 2 == refused.code
    assert "Leave one out" in refused.err
