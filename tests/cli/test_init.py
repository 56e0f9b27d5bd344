"""``dissmodel init``: a package that works without an edit."""

import json
import os
import subprocess
import sys
import tomllib

import pytest


def python(*words, cwd):
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def dissmodel(*words, cwd):
    return python("-m", "dissmodel", *words, cwd=cwd)


@pytest.mark.parametrize(("substrate", "suffix"), [("raster", "tif"), ("vector", "gpkg")])
def test_a_new_package_runs_validates_and_passes_its_own_tests(tmp_path, substrate, suffix):
    made = dissmodel("init", "coast-growth", f"--{substrate}", cwd=tmp_path)
    package = tmp_path / "coast-growth"
    example = python("make_input.py", cwd=package)
    model = "coast_growth/executor.py"
    validated = dissmodel("validate", model, "--input", f"input.{suffix}", cwd=package)
    ran = dissmodel(
        "run", model, "--toml", "model.toml", "-i", f"input.{suffix}", "-o", f"r.{suffix}", cwd=package
    )
    tested = python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=package)
    record = json.loads((package / "r.record.json").read_text())

    assert [0, 0, 0, 0, 0] == [one.returncode for one in (made, example, validated, ran, tested)], (
        made.stderr + example.stderr + validated.stdout + ran.stderr + tested.stdout
    )
    assert "3 passed" in tested.stdout
    assert "error" not in validated.stdout
    assert {"end_time": 20, "needed": 3} == record["parameters"]
    assert "coast_growth" == record["model_name"]
    assert record["metrics"]["built"] > 0


def test_its_project_file_and_specs_name_the_same_model(tmp_path):
    dissmodel("init", "Coast-Growth", cwd=tmp_path)
    package = tmp_path / "Coast-Growth"
    project = tomllib.loads((package / "pyproject.toml").read_text())
    spec = tomllib.loads((package / "registry" / "coast_growth.toml").read_text())

    assert {"coast_growth": "coast_growth.executor:CoastGrowth"} == project["project"]["entry-points"][
        "dissmodel.executors"
    ]
    assert [] == project["project"]["dependencies"]
    assert ["coast_growth", "coast_growth.executor"] == [
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
def test_a_name_that_would_not_work_is_refused_and_nothing_is_written(tmp_path, name, said):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    refused = dissmodel("init", name, cwd=tmp_path)

    assert 2 == refused.returncode
    assert said in refused.stderr
    assert before == sorted(tmp_path.rglob("*"))


def test_one_substrate_only(tmp_path):
    refused = dissmodel("init", "coast", "--raster", "--vector", cwd=tmp_path)

    assert 2 == refused.returncode
    assert "Leave one out" in refused.stderr
