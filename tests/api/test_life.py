"""The life of an experiment in Python, and that it is the one of the command line."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio

import dissmodel
from dissmodel.geo import RasterBackend

# What differs between two runs of the same model on the same input.
OF_ONE_RUN = {
    *("experiment_id", "created_at", "finished_at", "command", "metrics", "peak_memory_bytes", "cpu_seconds"),
    *("record_digest", "output_path", "runtime"),
}


@pytest.fixture
def made(coast):
    return dissmodel.run("coastal_raster", input=coast, output="result.tif", parameters={"end_time": 3})


def command(*words):
    done = subprocess.run(
        [sys.executable, "-m", "dissmodel", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_from_a_run_to_a_comparison(made, here, recwarn):
    verified = dissmodel.verify(made.record_path)
    again = dissmodel.reproduce(made.record_path)
    zipped = dissmodel.bundle(made.record_path, output="result.zip")
    pushed = dissmodel.push(made.record_path, to="shared", with_input=True)
    pulled = dissmodel.pull("shared", to=here / "copies")
    copy = pulled.experiments[0]
    compared = dissmodel.compare(made.files["output"], copy.files["output"])
    differing = dissmodel.diff(made.record_path, again.record_path)
    listed = dissmodel.records(sort="when")

    assert (True, "completed") == (verified.ok, made.record.status)
    assert ("identical-file", True) == (again.verdict, again.same)
    assert dissmodel.verify(zipped.path, made.record_path, copy.record).ok
    assert (1, made.record.experiment_id) == (len(pushed.experiments), copy.experiment_id)
    assert compared.comparison.same
    assert differing.same
    assert made.record.experiment_id == next(iter(listed)).record.experiment_id
    assert len(listed) == len(listed.rows) == 4  # the run, its reproduction, in shared, in copies
    assert [] == [str(one.message) for one in recwarn]


def test_the_data_are_those_of_the_file(made):
    backend, about = made.open(arrays=True)
    again = dissmodel.reproduce(made.record_path).open(arrays=True)

    with rasterio.open("result.tif") as dataset:
        names, bands = dataset.descriptions, dataset.read()
    assert list(names) == list(backend.arrays)
    assert all(np.array_equal(backend.arrays[name], band) for name, band in zip(names, bands, strict=True))
    assert "EPSG:31983" == str(about["crs"])
    assert np.array_equal(backend.arrays["uso"], again[0].arrays["uso"])


def test_polygons_are_a_geodataframe(make_coast):
    make_coast.main(["--rows", "10", "--cols", "12", "--output", "cells.gpkg"])
    made = dissmodel.run("coastal_vector", input="cells.gpkg", output="r.gpkg", parameters={"end_time": 1})

    data = made.open()

    assert isinstance(data, gpd.GeoDataFrame)
    assert len(gpd.read_file("r.gpkg")) == len(data)


def test_a_result_that_was_changed_is_not_opened(made):
    Path("result.tif").write_bytes(Path("result.tif").read_bytes() + b"\0")

    with pytest.raises(dissmodel.DissmodelError, match="not the recorded file") as error:
        made.open()

    assert "differs" == error.value.code


@pytest.mark.parametrize(
    "given", ["result.record.json", "result.tif", "result.zip", "elsewhere/output.record.json"]
)
def test_a_record_is_opened_wherever_it_lies(made, given):
    dissmodel.bundle(made.record_path, output="result.zip")
    dissmodel.push(made.record_path, to="shared")
    copy = dissmodel.pull("shared", to="copies").experiments[0]
    copy.record.parent.rename("elsewhere")

    found = dissmodel.open_record(given)
    backend, _ = found.open(arrays=True)

    assert made.record.experiment_id == found.record.experiment_id
    assert np.array_equal(made.open(arrays=True)[0].arrays["uso"], backend.arrays["uso"])
    assert isinstance(backend, RasterBackend)
    assert {"output", "style"} == set(found.files)
    if given == "result.zip":
        assert "result.zip/result.tif" == found.files["output"]
    else:
        assert all(Path(one).is_file() for one in found.files.values())


def test_what_a_record_tells(made):
    found = dissmodel.open_record(made.record_path)
    picture = found.draw()
    Path("again.toml").write_text(found.toml(), encoding="utf-8")
    again = dissmodel.run(toml="again.toml", input="grid.zip", output="again.tif")

    assert (1, 2, 3) == found.steps().steps
    assert ("input", 1) == (found.lineage().end, len(found.lineage().steps))
    assert picture.path.is_file()
    assert made.record.artifacts["output"] == again.record.artifacts["output"]


def test_a_record_may_be_a_file_url(made):
    found = dissmodel.open_record(Path(made.record_path).absolute().as_uri())

    assert 1 == len(found.lineage().steps)
    assert found.draw().path.is_file()
    assert np.array_equal(made.open(arrays=True)[0].arrays["uso"], found.open(arrays=True)[0].arrays["uso"])


def test_what_lies_beside_a_record_is_not_looked_for_in_a_bundle(made):
    dissmodel.bundle(made.record_path, output="result.zip")

    with pytest.raises(dissmodel.DissmodelError, match="this is a bundle"):
        dissmodel.open_record("result.zip").lineage()


def test_a_preview_and_a_push_with_the_run(coast):
    made = dissmodel.run(
        "coastal_raster",
        input=str(coast),
        output=Path("r.tif"),
        parameters={"end_time": np.int64(1)},
        preview=True,
        push=Path("shared"),
    )

    assert Path("r.preview.png").resolve() == made.preview.path.resolve()
    assert 1 == json.loads(Path("r.record.json").read_text())["parameters"]["end_time"]
    assert dissmodel.verify(made.pushed.uri).ok


def test_nothing_is_kept_of_a_check(made, here):
    before = sorted(here.iterdir())

    found = dissmodel.reproduce(made.record_path, check=True)

    assert ({}, None, before) == (found.files, found.record_path, sorted(here.iterdir()))
    with pytest.raises(dissmodel.DissmodelError, match="no file 'output'"):
        found.open()


def test_equal_bits_and_an_equal_record_with_the_command_line(made):
    command("run", "coastal_raster", "-i", "grid.zip", "-o", "typed.tif", "-p", "end_time=3", "-q")
    called, typed = (json.loads(Path(f"{one}.record.json").read_text()) for one in ("result", "typed"))

    assert Path("typed.tif").read_bytes() == Path("result.tif").read_bytes()
    assert typed.keys() == called.keys()
    for name in typed.keys() - OF_ONE_RUN - {"files", "artifacts", "parameter_origin"}:
        assert typed[name] == called[name], name
    assert {"command line": "call", "default": "default"} == {
        origin: called["parameter_origin"][name] for name, origin in typed["parameter_origin"].items()
    }
    (section,) = dissmodel.diff("typed.record.json", "result.record.json").sections
    assert [("end_time", "3 (command line)", "3 (call)", False)] == [
        (one.what, one.recorded, one.now, one.matters) for one in section.differences
    ]


@pytest.mark.slow
def test_a_call_has_no_command_and_every_reader_copes(made):
    shown = command("record", "show", made.record_path)
    again = dissmodel.reproduce(made.record_path)
    zipped = dissmodel.bundle(made.record_path, output="r.zip")

    assert [] == made.record.command == again.record.command
    assert "command" not in [line.split(" ")[2] for line in shown.splitlines() if line.startswith("  ")]
    assert dissmodel.verify(zipped.path).ok


@pytest.mark.slow
def test_settings_of_gdal_are_ignored_and_noted(coast):
    program = (
        "import dissmodel\n"
        "made = dissmodel.run('coastal_raster', input='grid.zip', output='r.tif')\n"
        "print(made.record.runtime.ignored_settings)"
    )

    said = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "GTIFF_SRS_SOURCE": "EPSG"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "{'GTIFF_SRS_SOURCE': 'EPSG'}" == said.stdout.strip()


@pytest.mark.slow
def test_the_command_line_s_words_stay_in_its_record(coast):
    command("run", "coastal_raster", "-i", coast, "-o", "r.tif", "-p", "end_time=1", "-q")

    words = dissmodel.open_record("r.tif").record.command

    assert ["dissmodel", "run", "coastal_raster"] == words[:3]


def test_records_are_chosen(made, coast):
    dissmodel.run("coastal_raster", input=coast, output="other.tif", parameters={"end_time": 2})
    soon = datetime.now(UTC) + timedelta(hours=1)

    assert ["other.record.json"] == [one.path.name for one in dissmodel.records(parameters={"end_time": 2})]
    assert 0 == len(dissmodel.records(since=soon))
    assert 2 == len(dissmodel.records(".", model="coastal_raster", status="completed", verify=True))
    assert {"ok"} == {one.state for one in dissmodel.records(verify=True)}


def test_models_and_what_is_wrong_with_a_run(coast):
    names = [one.name for one in dissmodel.show().models]
    shown = dissmodel.show("coastal_raster", parameters={"end_time": 7})
    wrong = dissmodel.validate("coastal_raster", input=[coast, "gone.zip"], parameters={"end_tim": 7})

    assert "coastal_raster" in names
    assert 7 == next(one.value for one in shown.parameters if one.name == "end_time")
    assert not wrong.ok
    assert any("end_time" in one.hint for one in wrong.findings)
    assert dissmodel.validate("coastal_raster", input=coast).ok
