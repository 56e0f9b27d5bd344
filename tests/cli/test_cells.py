"""A model of the kit as its author writes it, from the command line: the examples of docs/cells.md."""

import json
from pathlib import Path

import numpy as np
import pytest

from cli.test_startup import COMMAND, loaded
from dissmodel.io import load_dataset
from support import page_inputs

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "cells.md").read_text(encoding="utf-8")


@pytest.fixture
def town(dissmodel):
    """Write growth.py as the docs have it, and a town as town.tif and town.gpkg, in the current folder."""
    page_inputs.town()
    return dissmodel


def record_of(name):
    return json.loads(Path(f"{name}.record.json").read_text())


def test_the_commands_of_the_docs(town):
    commands = [line[2:].split() for line in DOCS.splitlines() if line.startswith("$ dissmodel ")]
    for command in commands:
        said = town(*command[1:])

        assert 0 == said.code, said.err

    (pixels, _), _ = load_dataset("after.tif")
    polygons, _ = load_dataset("after_cells.gpkg")
    assert pixels.get("built").ravel().tobytes() == polygons["built"].to_numpy(np.float64).tobytes()
    assert "identical-file" in town("compare", "after.tif", "after_raster.tif").out
    assert record_of("after")["step_metrics"] == record_of("after_cells")["step_metrics"]
    classes = {"built_open", "built_open_area_m2", "built_built", "built_built_area_m2"}
    assert {"step", "built"} | classes == record_of("after")["step_metrics"].keys()


def test_a_series_is_drawn_verified_reproduced_and_gone_on_from(town):
    arguments = ("growth.py", "--input", "town.tif", "--param", "end_time=3", "--seed", "1", "--preview")
    said = town("run", *arguments, "--output", "all.nc")

    assert 0 == said.code, said.err
    assert {"all.nc", "all.qml", "all.preview.png", "all.record.json"} == {
        path.name for path in Path().glob("all.*")
    }
    digest = record_of("all")["files"]["output"]["content_digest"]
    assert [*(f"built step {step}" for step in range(4)), "slope"] == [*digest["parts"]]
    assert 0 == town("record", "verify", "all.record.json").code
    assert "identical-file" in town("reproduce", "all.record.json", "--model", "growth.py", "--yes").out
    assert 0 == town("record", "bundle", "all.record.json", "--output", "all.zip").code
    assert 0 == town("record", "verify", "all.zip").code
    town("run", "growth.py", "--input", "town.tif", "--param", "end_time=5", "--seed", "1", "-o", "whole.nc")
    town("run", "growth.py", "--input", "all.nc", "--param", "end_time=5", "--seed", "1", "-o", "rest.nc")
    compared = json.loads(town("compare", "whole.nc", "rest.nc", "--json").out)
    assert ["built step 3", "built step 4", "built step 5", "slope"] == sorted(
        part["name"] for part in compared["parts"] if part["changed"] == 0
    )


def test_show_and_validate_say_how_far_a_step_sees(town):
    shown = town("show", "growth.py")

    assert "reach: 1 cell" == shown.out.splitlines()[1]
    assert {"cells": 1, "why": "", "whole": False} == json.loads(town("show", "growth.py", "--json").out)[
        "reach"
    ]
    assert json.loads(town("show", "coastal_raster", "--json").out)["reach"] is None
    Path("growth.py").write_text(
        Path("growth.py")
        .read_text()
        .replace("cells.random() <", "cells.random() * cells.total(self.slope) <")
    )
    line = next(n for n, text in enumerate(Path("growth.py").read_text().splitlines(), 1) if "total(" in text)
    said = town("validate", "growth.py", "--input", "town.tif").out
    assert f"needs the whole space: growth.py, line {line}: cells.total(…)" in said
    assert "MB of memory" in said


def test_the_list_of_models_runs_no_rule(town, monkeypatch):
    from dissmodel.cells import CellModel

    monkeypatch.setattr(CellModel, "step_reach", None)

    assert 0 == town("show").code


def test_a_seed_that_was_drawn_is_said_and_recorded(town):
    said = town("run", "growth.py", "--input", "town.tif", "--output", "a.tif")

    record = record_of("a")
    assert f"its seed was drawn: {record['seed']}." in said.err
    assert record["seed"] == record["parameters"]["seed"]
    assert "drawn" == record["parameter_origin"]["seed"]
    town("run", "growth.py", "--input", "town.tif", "--output", "b.tif", "--seed", record["seed"])
    assert record["artifacts"] == record_of("b")["artifacts"]
    again = town("reproduce", "a.record.json", "--model", "growth.py", "--yes")
    assert "identical-file" in again.out, again.err


def test_a_model_that_does_not_draw_has_no_seed(town):
    said = town("run", "game_of_life", "--input", "town.tif", "--band-map", "alive=built", "-o", "a.tif")

    assert 0 == said.code, said.err
    assert record_of("a")["seed"] is None


def test_two_seeds(town):
    said = town("run", "growth.py", "-i", "town.tif", "-o", "a.tif", "--seed", "1", "--param", "seed=2")

    assert (2, "Give one: --seed 1") == (said.code, said.err.splitlines()[1].strip())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seed", 2**64], "The seed 18446744073709551616 is too large: a seed is below 2**64."),
        (["--seed", -1], "--seed -1: a seed is a whole number of 0 or more."),
        (["-p", f"seed={2**64}"], "seed = 18446744073709551616 (command line): a seed is below 2**64; "),
        (["-p", "seed=-1"], "seed = -1 (command line): input should be greater than or equal to 0; "),
        (["--band-map", "built=slope"], "The band 'slope' can't be built and slope at once."),
    ],
)
def test_what_can_not_be_is_one_message(town, words, message):
    said = town("run", "growth.py", "-i", "town.tif", "-o", "a.tif", *words)

    assert 2 == said.code
    assert said.err.startswith(f"error: {message}")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("name = 'm'", "m.py, line 2 can't be loaded: M declares no field."),
        ("pass", "m.py defines no executor: M lacks a name."),
    ],
)
def test_a_model_that_declares_nothing(dissmodel, body, message):
    Path("m.py").write_text(f"from dissmodel.cells import CellModel\nclass M(CellModel): {body}\n")

    said = dissmodel("run", "m.py", "-i", "town.tif")

    assert 2 == said.code
    assert said.err.startswith(f"error: {message}")


def test_a_run_without_an_output_is_named_after_its_input(town):
    town("run", "growth.py", "--input", "town.tif", "--seed", "1")
    town("run", "growth.py", "--input", "town.gpkg", "--seed", "1")

    assert [".gpkg", ".tif"] == sorted(
        path.suffix for path in Path().glob("growth_*[!y]") if path.suffix not in {".qml", ".json"}
    )


def test_an_error_of_the_author_is_in_the_record(town):
    Path("growth.py").write_text(Path("growth.py").read_text().replace("self.next.built[", "self.built["))

    said = town("run", "growth.py", "--input", "town.tif", "--output", "a.tif", "--seed", "1")

    assert 1 == said.code
    assert said.err.startswith(
        "error: growth.py, line 18 (self.built[ready & (cells.random() < self.rate)] = 1): "
    )
    failed = record_of(
        next(path.name.removesuffix(".record.json") for path in Path().glob("a.*.record.json"))
    )
    assert failed["error"]["message"] in said.err
    shown = town("record", "show", *Path().glob("a.*.record.json")).out
    assert "growth.py, line 18 (self.built[" in shown
    (at,) = [line for line in shown.splitlines() if line.startswith("  at ")]
    assert at.endswith('growth.py", line 18, in step')

    debugged = town("run", "growth.py", "--input", "town.tif", "--seed", "1", "--debug").err
    first = next(line for line in debugged.splitlines() if line.startswith("  File "))
    assert first.endswith('growth.py", line 18, in step')


def test_a_geotiff_runs_without_what_polygons_need(town):
    said, found = loaded(
        COMMAND, "run", "growth.py", "-i", "town.tif", "-o", "r.tif", "-p", "end_time=2", "--seed", "1"
    )

    assert (0, "") == (said.returncode, said.stderr)
    assert set() == found & {
        "pandas",
        "geopandas",
        "pyogrio",
        "shapely",
        "matplotlib",
        "xarray",
        "scipy",
        "numba",
    }


@pytest.mark.slow
def test_a_model_loads_no_more_than_the_coast(town, make_coast):
    """Beside NumPy's generators, which the coast does not draw from."""
    make_coast.main(["--rows", "12", "--cols", "15", "--output", "coast.zip"])
    counts = []
    for words in (("coastal_raster", "-i", "coast.zip"), ("growth.py", "-i", "town.tif")):
        said, _ = loaded(COMMAND, "run", *words, "-o", f"{len(counts)}.tif", "-p", "end_time=2", "-q")
        assert (0, "") == (said.returncode, said.stderr)
        modules = json.loads(Path("loaded.json").read_text())
        counts.append(sum(not name.startswith("numpy.random") for name in modules))

    coast, kit = counts
    assert kit <= coast


def test_validate_asks_the_author_of_the_model_too(town):
    words = ("-i", "town.tif", "--band-map", "alive=built")
    right = town("validate", "game_of_life", *words, "-p", "rule=B2/S")
    wrong = town("validate", "game_of_life", *words, "-p", "rule=2/3")

    assert (0, 3) == (right.code, wrong.code)
    assert 1 == wrong.out.count("rule = '2/3' is not a rule of life.")
