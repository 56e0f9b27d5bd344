"""`dissmodel reproduce` names what was changed since: one planted change at a time."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio

from dissmodel.record import store
from support.cases import mostly_slow


def changed(said):
    return {one["what"]: (one["recorded"], one["now"]) for one in said.json["changed"]}


def reproduce(dissmodel, model, *words):
    return dissmodel("reproduce", "r.record.json", "--model", model, "--check", "--json", *words)


@pytest.mark.fast_cases("a package", "the model")
@pytest.mark.parametrize(
    ("how", "what", "recorded"),
    mostly_slow(
        {
            "locale": (
                lambda r: r["runtime"].update(locale="tlh_QO.UTF-8"),
                "locale",
                "tlh_QO.UTF-8",
            ),
            "Python": (lambda r: r["runtime"].update(python="2.7.18"), "Python", "2.7.18"),
            "CPU": (lambda r: r["runtime"].update(cpu="Z80"), "CPU", "Z80"),
            "a package": (
                lambda r: r["runtime"]["packages"]["numpy"].update(version="1.0"),
                "package numpy",
                "1.0",
            ),
            "GDAL": (
                lambda r: r["runtime"]["native"]["rasterio"].update(GDAL="2.0"),
                "GDAL (rasterio)",
                "2.0",
            ),
            "dissmodel": (
                lambda r: r["runtime"]["dissmodel"].update(version="0.1"),
                "dissmodel version",
                "0.1",
            ),
            "the model": (lambda r: r["code"].update(source_digest="ab" * 32), "model source", "ab" * 6),
            "its name": (lambda r: r.update(model_name="theirs"), "model name", "theirs"),
            "threads": (lambda r: r.update(thread_limit=3), "thread limit", "3"),
        },
        *("a package", "GDAL", "dissmodel", "the model"),
    ),
)
def test_what_is_otherwise_around_it_is_said_before_it_runs(copied, plant, how, what, recorded):
    dissmodel, model = copied
    plant(how)
    words = ("--threads", "5") if what == "thread limit" else ()
    said = reproduce(dissmodel, model, *words)

    assert (0, recorded) == (said.code, changed(said)[what][0])
    assert f": {what} {recorded} → " in said.err
    assert "changed after it was written" not in said.err
    assert {"what": what, "recorded": recorded} in [
        {name: one[name] for name in ("what", "recorded")}
        for one in said.json["record"]["reproduction"]["changed"]
    ]


@pytest.mark.fast_cases("<lambda>-model source")
@pytest.mark.parametrize(
    ("how", "what"),
    [
        (lambda r: r["runtime"]["dissmodel"].update(version="0.1"), "dissmodel version"),
        (lambda r: r["code"].update(source_digest="ab" * 32), "model source"),
        (lambda r: r.update(model_name="theirs"), "model name"),
    ],
)
def test_other_code_is_in_the_verdict_and_the_strict_refuse_it(copied, plant, executor_file, how, what):
    dissmodel, model = copied
    plant(how)
    told = dissmodel("reproduce", "r.record.json", "--model", model, "--check")
    model.write_text(model.read_text() + "\nPath('imported').touch()\n")
    refused = dissmodel("reproduce", "r.record.json", "--model", model, "--strict", "--json")

    assert 0 == told.code
    assert "identical-file: " in told.out
    assert "This was not the recorded code" in told.out
    assert (4, "code_differs") == (refused.code, refused.json["error"]["code"])
    assert what in refused.json["error"]["message"]
    assert [] == list(Path().glob("r.repro-*"))


def test_a_file_of_a_repository_tells_commit_and_changes(raster, raster_model):
    model = raster_model()

    def git(*words):
        who = ("-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", model.parent, *who, *words], check=True, capture_output=True)

    git("init", "-q")
    git("add", model.name)
    git("commit", "-q", "-m", "one")
    raster("run", model, "-i", "in.tif", "-o", "r.tif", "-q")
    commit = store.read(Path("r.record.json")).code.commit

    git("commit", "-q", "-m", "two", "--allow-empty")
    committed = reproduce(raster, model)
    model.write_text(model.read_text() + "# changed\n")
    dirty = reproduce(raster, model)

    assert (0, 0) == (committed.code, dirty.code)
    assert commit[:12] == changed(committed)["model commit"][0][:12]
    assert "model changes" not in changed(committed)
    assert "none" == changed(dirty)["model changes"][0]
    assert {"model commit", "model changes"} <= {one["what"] for one in dirty.json["other_code"]}
    assert 4 == reproduce(raster, model, "--strict").code


def test_an_edited_parameter_is_seen_by_the_digest_and_by_the_result(raster, raster_model, plant):
    model = raster_model(run="data[0][1] += record.parameters['x']; return data")
    raster("run", model, "-i", "in.tif", "-o", "r.tif", "-p", "x=1", "-q")
    plant(lambda document: document["parameters"].update(x=2), honest=False)
    said = reproduce(raster, model)
    (_, part) = said.json["artifacts"]["output"]["parts"]

    assert (4, 20, 1.0) == (said.code, part["changed"], part["max_abs"])
    assert "r.record.json was changed after it was written" in said.err
    plant(lambda document: document.update(record_digest=None), honest=False)
    assert "was changed after it was written" in reproduce(raster, model).err


def test_parameters_that_json_lacks_come_back(raster, raster_model):
    model = raster_model(run="assert record.parameters['x'] != record.parameters['x']; return data")
    raster("run", model, "-i", "in.tif", "-o", "r.tif", "-p", "x=nan", "-q")

    assert 0 == reproduce(raster, model).code


def test_a_secret_is_asked_for(raster, raster_model):
    model = raster_model()
    raster("run", model, "-i", "in.tif", "-o", "r.tif", "-p", "api_key=t0ps3cret", "-q")
    said = reproduce(raster, model)

    assert (2, "parameter_secret") == (said.code, said.json["error"]["code"])
    assert "api_key" in said.json["error"]["message"]


@pytest.mark.parametrize("how", [lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda data: data + b"\0"])
def test_one_byte_of_the_input_stops_it_before_anything_is_imported(copied, how):
    dissmodel, model = copied
    digest = store.read(Path("r.record.json")).source.checksum
    Path("in.tif").write_bytes(how(Path("in.tif").read_bytes()))
    model.write_text("raise SystemExit('imported')")
    said = reproduce(dissmodel, model)

    assert (4, "input_changed") == (said.code, said.json["error"]["code"])
    assert digest in said.json["error"]["hint"]


@pytest.mark.fast_cases("change")
@pytest.mark.parametrize("how", ["change", "remove", "add"])
def test_a_sidecar_that_is_another_one_stops_it(raster, raster_model, how):
    model = raster_model()
    beside, added = Path("in.tif.aux.xml"), Path("in.tif.msk")
    beside.write_text("<PAMDataset></PAMDataset>")
    raster("run", model, "-i", "in.tif", "-o", "r.tif", "-q")
    assert 0 == reproduce(raster, model).code
    if how == "change":
        beside.write_text("<PAMDataset> </PAMDataset>")
    elif how == "remove":
        beside.unlink()
    else:
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open("in.tif", "r+") as dataset:
            dataset.write_mask(np.ones(dataset.shape, bool))
    said = reproduce(raster, model)

    assert (4, "input_changed") == (said.code, said.json["error"]["code"])
    assert (added if how == "add" else beside).name in said.json["error"]["message"]


def test_an_input_that_moved_is_found_beside_the_record_or_by_its_option(copied):
    dissmodel, model = copied
    Path("elsewhere").mkdir()
    Path("in.tif").rename("elsewhere/renamed.tif")
    for name in ("r.tif", "r.record.json"):
        Path(name).rename(f"elsewhere/{name}")
    words = ("reproduce", "elsewhere/r.record.json", "--model", model, "--check", "--json")
    gone, given = dissmodel(*words), dissmodel(*words, "-i", "elsewhere/renamed.tif")
    Path("elsewhere/renamed.tif").rename("elsewhere/in.tif")
    beside, wrong = dissmodel(*words), dissmodel(*words, "-i", "elsewhere/r.record.json")

    assert (3, "input_missing") == (gone.code, gone.json["error"]["code"])
    assert store.read(Path("elsewhere/r.record.json")).source.checksum in gone.json["error"]["hint"]
    assert (0, 0) == (given.code, beside.code)
    assert (4, "input_changed") == (wrong.code, wrong.json["error"]["code"])


def test_an_input_is_relative_to_the_record_too(copied, plant):
    dissmodel, model = copied
    Path("data").mkdir()
    Path("in.tif").rename("data/in.tif")
    plant(lambda document: document["source"].update(uri="data/in.tif"))

    assert 0 == reproduce(dissmodel, model).code


def test_another_format_of_the_output_has_the_same_content(dissmodel, make_coast):
    make_coast.main(["--rows", "12", "--cols", "15", "--output", "cells.gpkg"])
    dissmodel("run", "coastal_vector", "-i", "cells.gpkg", "-o", "r.gpkg", "-p", "end_time=3", "-q")
    said = dissmodel("reproduce", "r.record.json", "--output", "again.fgb", "--json")

    assert (0, "identical-content") == (said.code, said.json["artifacts"]["output"]["verdict"])


def test_maps_layer_and_spec_are_those_of_the_record(raster, raster_model):
    seen = "Path('seen.json').write_text(record.model_dump_json()); return data"
    model = raster_model(run=seen)
    Path("m.toml").write_text(
        '[model]\nname = "mine"\nland_use_types = ["f"]\n[model.bands]\nalt = "band_2"\n'
    )
    words = (
        "-t",
        "m.toml",
        "-i",
        "in.tif",
        "-o",
        "r.tif",
        "-p",
        "x=1",
        "--format",
        "tiff",
        "--layer",
        "in.tif",
    )
    assert 0 == raster("run", model, *words, "-q").code
    first = json.loads(Path("seen.json").read_text())
    Path("m.toml").unlink()
    said = reproduce(raster, model)
    second = json.loads(Path("seen.json").read_text())

    assert 0 == said.code
    for name in ("resolved_spec", "band_map", "input_format", "parameters", "parameter_origin", "source"):
        assert first[name] == second[name]
    assert ({"alt": "band_2"}, "tiff", "in.tif") == (
        second["band_map"],
        second["input_format"],
        second["source"]["layer"],
    )
    assert {"land_use_types": "spec", "x": "command line"} == second["parameter_origin"]


@pytest.mark.fast_cases("stored4-given by the input-expected4")
@pytest.mark.parametrize(
    ("stored", "recorded", "expected"),
    [
        ((30, -30), None, None),
        ((30, 30), None, ("rows of the file", "north to south, west to east")),
        ((-30, -30), None, ("rows of the file", "north to south, west to east")),
        ((30, 30), "north to south, west to east", None),
        ((30, -30), "given by the input", ("given by the input", "north to south, west to east")),
    ],
)
def test_an_older_run_that_took_the_rows_of_its_file(dissmodel, plant, stored, recorded, expected):
    bands = np.stack([np.resize([3.0, 1, 2], (6, 5)), np.full((6, 5), 0.5), np.full((6, 5), 3.0)])
    profile = {
        "driver": "GTiff",
        "count": 3,
        "height": 6,
        "width": 5,
        "dtype": "float64",
        "crs": "EPSG:31984",
    }
    grid = rasterio.Affine(stored[0], 0, 500000, 0, stored[1], 9000000)
    with rasterio.open("in.tif", "w", **profile, transform=grid) as dataset:
        dataset.write(bands)
    words = ("run", "coastal_raster", "-i", "in.tif", "-o", "r.tif", "-p", "end_time=2", "-q")
    assert 0 == dissmodel(*words).code

    plant(lambda record: record["grid"].update(order=recorded))
    said = reproduce(dissmodel, "coastal_raster")
    read = dissmodel("reproduce", "r.record.json", "--check")

    assert expected == changed(said).get("visiting order")
    assert (expected is not None) == ("visiting order" in read.out)
