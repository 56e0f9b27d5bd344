"""`--param snapshots=[...]` and `--param every=N`: states of the way, as files of the run."""

from pathlib import Path

import pytest

from dissmodel.models.coastal import raster, vector
from dissmodel.registry.classes import ExecutorRegistry
from support.files import document, names


@pytest.fixture(autouse=True)
def registered(dissmodel):
    """Other tests may have registered models of their own under the same names."""
    for executor in (raster.CoastalRaster, vector.CoastalVector):
        ExecutorRegistry.register(executor)


@pytest.fixture
def coast(dissmodel, make_coast):
    """A coast of polygons: the name of its file."""
    make_coast.main(["--rows", "20", "--cols", "30", "--seed", "4", "--output", "grid.gpkg"])
    return "grid.gpkg"


@pytest.mark.parametrize(("substrate", "suffix"), [("raster", "tif"), ("vector", "gpkg")])
def test_snapshots_are_artifacts_of_the_run(dissmodel, coast, substrate, suffix):
    words = ("run", f"coastal_{substrate}", "-p", "sea_level_rise_rate=0.5", "-q")

    said = dissmodel(
        *words, "-i", coast, "-o", f"r.{suffix}", "-p", "end_time=10", "-p", "snapshots=[2,5,10]"
    )

    assert (0, "") == (said.code, said.err)
    kept = [f"r.step{step:04d}" for step in (2, 5, 10)]
    files = [coast, f"r.{suffix}", "r.qml", "r.record.json"]
    assert sorted([*files, *(f"{one}.{end}" for one in kept for end in (suffix, "qml"))]) == names()
    record = document("r.record.json")
    assert {f"step_{step}": f"r.step{step:04d}.{suffix}" for step in (2, 5, 10)} == {
        name: file["path"] for name, file in record["files"].items() if name.startswith("step_")
    }
    assert (f"r.{suffix}", "r.qml") == tuple(record["files"][name]["path"] for name in ("output", "style"))
    assert record["artifacts"]["output"] == record["artifacts"]["step_10"]
    assert [2, 5, 10] == record["parameters"]["snapshots"]
    assert 0 == dissmodel("record", "verify", "r.record.json").code

    again = dissmodel(*words, "-i", f"r.step0005.{suffix}", "-o", f"on.{suffix}", "-p", "end_time=10")

    assert 0 == again.code
    assert record["artifacts"]["output"] == document("on.record.json")["artifacts"]["output"]


def test_a_result_that_is_replaced_takes_its_snapshots_along(dissmodel, coast):
    words = ("run", "coastal_raster", "-i", coast, "-o", "r.tif", "-q", "-p", "end_time=6")
    dissmodel(*words, "-p", "every=2")
    dissmodel(*words, "-p", "snapshots=[4]", "--overwrite")

    assert [coast, "r.qml", "r.record.json", "r.step0004.qml", "r.step0004.tif", "r.tif"] == names()
    assert 0 == dissmodel("record", "verify", "r.record.json").code


def test_a_stranger_s_file_stays(dissmodel, coast):
    Path("r.step0002.tif").write_text("mine")

    said = dissmodel(
        "run", "coastal_raster", "-i", coast, "-o", "r.tif", "-q", "-p", "end_time=3", "-p", "every=2"
    )

    assert 0 == said.code
    assert "mine" == Path("r.step0002.tif").read_text()
    kept = document("r.record.json")["files"]["step_2"]["path"]
    assert kept.endswith(".r.step0002.tif")
    assert Path(kept).is_file()


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_a_run_that_fails_leaves_none(dissmodel, coast):
    said = dissmodel(
        *("run", "coastal_raster", "-i", coast, "-o", "r.tif", "-q", "-p", "end_time=5", "-p", "every=1"),
        *("-p", "sea_level_rise_rate=1e308"),
    )

    assert said.code != 0
    assert "overflowed" in said.err
    assert [] == [name for name in names() if "step" in name or name == "r.tif"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("-p", "snapshots=[3,3]"), 2, "3 are given more than once"),
        (("-p", "snapshots=[3,11]"), 2, "11 come after end_time = 10"),
        (("-p", "snapshots=[0]"), 2, "list of integer"),
        (("-p", "snapshots=3"), 2, "list of integer"),
        (("-p", "snapshots=[3"), 2, "list of integer"),
        (("-p", "every=0"), 2, "≥ 1"),
        (("-p", "every=often"), 2, "every"),
    ],
)
def test_what_is_refused(dissmodel, coast, words, code, says):
    said = dissmodel("run", "coastal_raster", "-i", coast, "-o", "r.tif", "-p", "end_time=10", *words)

    assert code == said.code
    assert says in said.err
    assert [coast] == names()


def test_steps_that_are_over_are_named_before_and_when_it_runs(dissmodel, coast):
    dissmodel("run", "coastal_raster", "-i", coast, "-o", "five.tif", "-p", "end_time=5", "-q")
    words = ("coastal_raster", "-i", "five.tif", "-p", "end_time=8", "-p", "snapshots=[5,6]")

    looked = dissmodel("validate", *words)
    said = dissmodel("run", *words, "-o", "r.tif")

    assert (True, 3) == (looked.code != 0, said.code)
    for text in (looked.out, said.err):
        assert "5 come before the first step, 6" in text
