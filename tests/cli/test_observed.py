"""What a record says was observed: each field against a look of one's own."""

import locale
import os
import platform
import shutil
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import rasterio

from dissmodel.record import store
from dissmodel.record.digest import sha256_file
from support.files import document


def the_record():
    return document("r.record.json")


@pytest.fixture
def coast(dissmodel, make_coast):
    """Return a function that makes a coast of so many rows and columns here."""

    def make(rows, cols, name="grid.tif"):
        make_coast.main(["--rows", str(rows), "--cols", str(cols), "--output", name])

    return make


def test_the_machine_the_code_and_the_sizes(dissmodel, coast):
    coast(20, 30)

    dissmodel("run", "coastal_raster", "-i", "grid.tif", "-o", "r.tif", "-p", "end_time=2")

    record = the_record()
    runtime = record["runtime"]
    assert Path("grid.tif").stat().st_size == record["source"]["size"]
    assert {} == record["source"]["sidecars"]
    assert "" == record["source"]["version"] == record["source"]["collection"]
    assert version("dissmodel") == record["code_version"] == record["code"]["version"]
    assert record["model_commit"] in {
        record["code"]["commit"],
        f"{record['code']['commit']}-dirty",
        f"dissmodel=={version('dissmodel')}",
    }
    assert platform.python_version() == runtime["python"]
    assert locale.setlocale(locale.LC_CTYPE) == runtime["locale"]
    assert len(os.sched_getaffinity(0)) == runtime["cpu_count"] if hasattr(os, "sched_getaffinity") else True
    assert rasterio.__gdal_version__ == runtime["native"]["rasterio"]["GDAL"]
    assert np.__version__ == runtime["packages"]["numpy"]["version"]
    assert ("numpy", 1) == (runtime["kernel"], runtime["threads"])
    assert 0 < record["cpu_seconds"] <= time.process_time()
    with rasterio.open("r.tif") as result:
        assert [result.height, result.width] == record["grid"]["shape"]
        assert list(result.transform)[:6] == record["grid"]["transform"]
        assert np.count_nonzero(result.read(1) != -9999) == record["grid"]["cells"]


@pytest.mark.slow
def test_the_kernel_and_the_threads_that_were_asked_for(dissmodel, coast):
    coast(1100, 1000)  # with 10 steps more than numba needs to repay its import

    for threads in (1, 2):
        words = ("run", "coastal_raster", "-i", "grid.tif", "-p", "end_time=10", "--overwrite")
        assert 0 == dissmodel(*words, "-o", "r.tif", "--threads", threads).code
        runtime = the_record()["runtime"]
        assert ("numba", threads) == (runtime["kernel"], runtime["threads"])


def test_threads_that_a_model_does_not_look_at_are_not_noted(dissmodel, executor_file):
    Path("data.bin").write_bytes(b"some bytes")

    dissmodel("run", executor_file(), "-i", "data.bin", "-o", "r.bin", "--threads", 7)

    assert (None, None) == (the_record()["runtime"]["threads"], the_record()["runtime"]["kernel"])


def test_a_model_can_not_claim_a_lineage(dissmodel, executor_file):
    Path("data.bin").write_bytes(b"some bytes")

    dissmodel(
        "run",
        executor_file(run="record.reproduces = record.derived_from = 'x'; return data"),
        "-i",
        "data.bin",
        "-o",
        "r.bin",
    )

    assert (None, None) == (the_record()["reproduces"], the_record()["derived_from"])


def test_every_file_of_an_input_is_noted_and_verified(dissmodel, coast):
    coast(20, 30, "cells.shp")

    dissmodel("run", "coastal_raster", "-i", "cells.shp", "-o", "r.tif", "-p", "end_time=2")

    sidecars = the_record()["source"]["sidecars"]
    beside = {path.name for path in Path().glob("cells.*")} - {"cells.shp"}
    assert {name: sha256_file(name) for name in beside} == sidecars
    assert 0 == dissmodel("record", "verify", "r.record.json").code
    with Path("cells.dbf").open("ab") as table:
        table.write(b"!")
    assert 4 == dissmodel("record", "verify", "r.record.json").code


@pytest.mark.parametrize("content", ["mine", "{}"])
def test_the_latest_record_takes_nobodys_place(dissmodel, executor_file, content):
    Path("data.bin").write_bytes(b"some bytes")
    Path("experiment_record.json").write_text(content)

    said = dissmodel("run", executor_file(cls="output_suffix = '.bin'"), "-i", "data.bin")

    assert 0 == said.code
    assert "experiment_record.json was not replaced" in said.err
    assert content == Path("experiment_record.json").read_text()


def test_the_latest_record_is_no_input_lost(dissmodel, executor_file):
    Path("data.bin").write_bytes(b"some bytes")
    model = executor_file(cls="output_suffix = '.bin'")
    dissmodel("run", model, "-i", "data.bin")
    before = store.read_document(Path("experiment_record.json"))

    said = dissmodel("run", model, "-i", "experiment_record.json")

    assert 0 == said.code
    assert before == store.read_document(Path("experiment_record.json"))


def test_a_crs_of_nowhere_costs_no_result(dissmodel, coast):
    coast(20, 30)
    local = 'LOCAL_CS["a site",UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]'
    with rasterio.open("grid.tif", "r+") as grid:
        grid.crs = rasterio.CRS.from_wkt(local)

    said = dissmodel("run", "coastal_raster", "-i", "grid.tif", "-o", "r.tif", "-p", "end_time=2")

    assert 0 == said.code
    shutil.copy("r.tif", "s.tif")
    assert "identical-file" in dissmodel("compare", "r.tif", "s.tif").out
    assert the_record()["files"]["output"]["content_digest"]["grid"]


def test_a_map_that_says_nothing_about_the_input_is_named(dissmodel, coast):
    coast(20, 30)
    coast(20, 30, "cells.gpkg")

    raster = dissmodel(
        "run",
        "coastal_raster",
        "-i",
        "grid.tif",
        "-o",
        "r.tif",
        "-p",
        "end_time=2",
        "--column-map",
        "uso=LandUse",
    )
    vector = dissmodel(
        "run",
        "coastal_raster",
        "-i",
        "cells.gpkg",
        "-o",
        "s.tif",
        "-p",
        "end_time=2",
        "--band-map",
        "uso=LandUse",
    )

    assert "--column-map has no effect on such data" in raster.err
    assert "--band-map has no effect on such data" in vector.err
