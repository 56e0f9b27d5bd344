"""`dissmodel record diff`: what was changed between two runs is named, and nothing is said twice."""

import json
import shutil
from pathlib import Path

import pytest

from dissmodel.record import store

RECORDS = Path(__file__).resolve().parents[1] / "data" / "records"


@pytest.fixture(scope="module")
def runs(tmp_path_factory, make_coast):
    """The same run twice, and runs with one thing changed each; never changed by a test."""
    import rasterio

    from dissmodel.progress import Silent
    from dissmodel.running.run import RunRequest, run

    folder = tmp_path_factory.mktemp("runs")
    for name in ("grid.tif", "other.tif", "cells.gpkg"):
        make_coast.main(["--rows", "20", "--cols", "30", "--output", str(folder / name)])
    with rasterio.open(folder / "other.tif", "r+") as grid:
        alt = grid.descriptions.index("alt") + 1
        cells = grid.read(alt)
        cells[10, 15] += 1000
        grid.write(cells, alt)
    (folder / "longer.tif").write_bytes((folder / "grid.tif").read_bytes() + b"\0")
    shutil.copy(folder / "grid.tif", folder / "renamed.tif")
    with rasterio.open(folder / "renamed.tif", "r+") as grid:
        grid.set_band_description(alt, "elevation")

    def made(name, model="coastal_raster", grid="grid.tif", steps=3, **more):
        request = {"input": str(folder / grid), "parameters": {"end_time": steps}, **more}
        run(RunRequest(model=model, output=str(folder / name), **request), Silent())

    made("base.tif", command=("dissmodel", "run", "coastal_raster", "--output", "base.tif"))
    made("again.tif", command=("dissmodel", "run", "coastal_raster", "-o", "again.tif", "-q"))
    made("parameter.tif", steps=5)
    made("byte.tif", grid="longer.tif")
    made("band.tif", grid="other.tif")
    made("map.tif", grid="renamed.tif", band_map={"alt": "elevation"})
    made("seed.tif", seed=7)
    made("pages.gpkg", "coastal_vector", "cells.gpkg")
    made("flat.fgb", "coastal_vector", "cells.gpkg")
    return folder


@pytest.fixture
def base(dissmodel, runs):
    """The runs as they were, here."""
    for path in runs.glob("*.*"):
        shutil.copy(path, path.name)
    return Path("base.record.json")


def edited(source, change):
    document = json.loads(Path(source).read_text(encoding="utf-8"))
    change(document)
    store.write(document, Path("edited.record.json"))
    return "edited.record.json"


def told(said):
    """Return what differs as section → name → (a, b)."""
    return {
        section["name"]: {one["what"]: (one["a"], one["b"]) for one in section["differences"]}
        for section in said.json["sections"]
    }


@pytest.mark.slow
def test_the_same_run_differs_in_nothing_but_time_and_place(dissmodel, base):
    said = dissmodel("record", "diff", base, "again.record.json")
    as_json = dissmodel("record", "diff", base, "again.record.json", "--json")
    quiet = dissmodel("record", "diff", base, "again.record.json", "-q")

    assert (0, "") == (said.code, said.err)
    assert (
        "base.record.json and again.record.json: the same run except for identity, times and paths\n"
        == said.out
    )
    assert (0, True, [], 1) == (
        as_json.code,
        as_json.json["same"],
        as_json.json["sections"],
        as_json.json["schema_version"],
    )
    assert (0, "", "") == (quiet.code, quiet.out, quiet.err)


def test_a_parameter_is_named_before_what_it_made(dissmodel, base):
    said = dissmodel("record", "diff", base, "parameter.record.json", "--json")
    shown = dissmodel("record", "diff", base, "parameter.record.json")

    assert 4 == said.code == shown.code
    assert ["parameters", "metrics", "result"] == list(told(said))
    assert {"end_time": ("3 (command line)", "5 (command line)")} == told(said)["parameters"]
    assert {"steps": ("3", "5")} == told(said)["metrics"]
    assert {"output, band uso", "output, band alt"} <= told(said)["result"].keys()
    assert not [what for what in told(said)["result"] if "sha256" in what]
    lines = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert ["A base.record.json", "B parameter.record.json", "", "parameters A B"] == lines[:4]
    assert "end_time 3 (command line) 5 (command line)" == lines[4]


def test_one_byte_more_in_the_input_that_changed_no_result(dissmodel, base):
    said = dissmodel("record", "diff", base, "byte.record.json", "--json")

    assert (4, {"input": ["sha256"]}) == (said.code, {name: list(rows) for name, rows in told(said).items()})
    assert 'Where the input differs: dissmodel compare "' in said.json["hints"][0]


def test_one_cell_of_one_band_of_the_input(dissmodel, base):
    said = dissmodel("record", "diff", base, "band.record.json", "--json")

    assert 4 == said.code
    assert "input" == next(iter(told(said)))
    assert "output, band alt" in told(said)["result"]
    # The hint, typed as it stands, names the band and the cell.
    words = said.json["hints"][0].partition(": dissmodel ")[2].replace('"', "").split()
    compared = dissmodel(*words)
    assert 4 == compared.code
    assert "alt, first changed: row 10, column 15" in compared.out


def test_another_band_for_a_name(dissmodel, base):
    said = dissmodel("record", "diff", base, "map.record.json", "--json")

    assert 4 == said.code
    assert {"band alt": (None, "elevation")} == told(said)["names"]
    assert {"names", "input"} == set(told(said)) - {"result"}


def test_a_seed(dissmodel, base):
    said = dissmodel("record", "diff", base, "seed.record.json", "--json")

    assert (4, {"settings": {"seed": (None, "7")}}) == (said.code, told(said))


def test_another_output_format_of_the_same_result(dissmodel, base):
    said = dissmodel("record", "diff", "pages.record.json", "flat.record.json", "--json")
    formats = ("application/geopackage+sqlite3", "application/flatgeobuf")

    assert (4, ["result"]) == (said.code, list(told(said)))
    assert {"output, format": formats} == told(said)["result"]


def test_another_substrate_is_another_model_and_no_list_of_bands(dissmodel, base):
    said = dissmodel("record", "diff", base, "pages.record.json", "--json")

    assert ("coastal_raster", "coastal_vector") == told(said)["code"]["model"]
    assert {"output, format"} == {one for one in told(said)["result"] if one.startswith("output")}


AROUND = {
    "package version": (
        lambda d: d["runtime"]["packages"]["numpy"].update(version="1.0"),
        "runtime",
        "package numpy",
    ),
    "threads": (lambda d: d["runtime"].update(threads=64), "runtime", "threads"),
    "locale": (lambda d: d["runtime"].update(locale="pt_BR.ISO8859-1"), "runtime", "locale"),
    "commit": (lambda d: [one.update(commit="f" * 40) for one in code(d)], "code", "model commit"),
    "dirty file": (
        lambda d: [one.update(dirty=True, diff_digest="f" * 64) for one in code(d)],
        "code",
        "model changes",
    ),
    "thread limit": (lambda d: d.update(thread_limit=3), "settings", "thread limit"),
    "period": (lambda d: d.update(period=["2008", "2014"]), "settings", "period"),
    "spec": (
        lambda d: d.update(resolved_spec={"model": {"potential": [1]}}),
        "settings",
        "spec model.potential",
    ),
    "origin": (lambda d: d["parameter_origin"].update(tide_height="spec"), "parameters", "tide_height"),
    "1 for 1.0": (lambda d: d["parameters"].update(tide_height=6), "parameters", "tide_height"),
    "layer": (lambda d: d["source"].update(layer="b"), "input", "layer"),
    "sidecar": (lambda d: d["source"]["sidecars"].update({"g.msk": "1" * 64}), "input", "sha256 of g.msk"),
    "cells": (lambda d: d["grid"].update(cells=1), "grid", "cells"),
    "metric": (lambda d: d["metrics"].update(area={"lost": 1.5}), "metrics", "area.lost"),
    "NaN": (lambda d: d["metrics"].update(share="NaN"), "metrics", "share"),
    "step metric": (
        lambda d: d["step_metrics"]["flooded"].__setitem__(1, 99),
        "metrics",
        "flooded, from step 2",
    ),
    "finding": (lambda d: d["findings"].append({"severity": "ok", "message": "dry"}), "result", "finding"),
    "status": (lambda d: d.update(status="failed"), "result", "status"),
    "style": (lambda d: d["files"]["style"].update(sha256="1" * 64), "result", "style, sha256"),
    "other bytes": (
        lambda d: d["files"]["output"].update(sha256="1" * 64),
        "result",
        "output, sha256 (equal content)",
    ),
    "artifact gone": (
        lambda d: (d["files"].pop("style"), d["artifacts"].pop("style")),
        "result",
        "style, sha256",
    ),
    "unknown field": (lambda d: d.update(reviewed=True), "other", "reviewed"),
    "command": (lambda d: d.update(command=["dissmodel", "run", "mine.py"]), "other", "command"),
}


def code(document):
    """Return the code of a built-in model, which is told in two places."""
    return document["code"], document["runtime"]["dissmodel"]


@pytest.mark.parametrize(("change", "section", "what"), AROUND.values(), ids=AROUND)
def test_a_planted_change_is_named_once_and_nothing_else(dissmodel, base, change, section, what):
    def settled(document):
        for one in code(document):
            one.update(dirty=False, diff_digest=None)

    clean = Path(edited(base, settled)).rename("clean.record.json")

    said = dissmodel("record", "diff", clean, edited(clean, change), "--json")

    assert (4, {section: [what]}) == (said.code, {name: list(rows) for name, rows in told(said).items()})


IDENTITY = {
    "id": lambda d: d.update(experiment_id="0" * 32, derived_from="1" * 32, reproduces="2" * 32),
    "times": lambda d: (
        d.update(created_at="2020-01-01T00:00:00Z", finished_at=None, cpu_seconds=1.0),
        d["metrics"].update(time_run_sec=99.0),
    ),
    "memory": lambda d: d.update(peak_memory_bytes=1),
    "places": lambda d: (
        d.update(output_path="/elsewhere/r.tif"),
        d["source"].update(uri="s3://b/g.tif", type="s3"),
        d["files"]["output"].update(path="r.tif"),
    ),
    "command": lambda d: d.update(
        command=["/usr/bin/dissmodel", "run", "coastal_raster", "--output=x", "--json"]
    ),
    "no origins": lambda d: d.update(parameter_origin={}),
    "a field that is not set": lambda d: d.update(newer=None, thread_limit=None),
}


@pytest.mark.parametrize("change", IDENTITY.values(), ids=IDENTITY)
def test_identity_time_memory_and_places_are_no_difference(dissmodel, base, change):
    said = dissmodel("record", "diff", base, edited(base, change), "--json")

    assert (0, []) == (said.code, said.json["sections"])


def test_the_shorter_explanation_comes_first_and_what_could_not_matter_last(dissmodel, base):
    def change(document):
        document["runtime"]["platform"] = (
            "Linux-2.0-with-" + document["runtime"]["platform"].partition("-with-")[2]
        )
        document["parameters"].update(tide_height=7.0, end_time=4, crs="EPSG:1")
        document["seed"] = 1
        document["metrics"]["area"] = 1

    said = dissmodel("record", "diff", base, edited(base, change), "--json")

    assert ["settings", "parameters", "runtime", "metrics"] == list(told(said))
    assert [False] == [one["matters"] for one in said.json["sections"][2]["differences"]]


def test_a_parameter_of_the_spec_is_told_once(dissmodel, base):
    def change(document):
        document["parameters"]["tide_height"] = 7.0
        document["resolved_spec"] = {"model": {"parameters": {"tide_height": 7.0}}}

    said = dissmodel("record", "diff", base, edited(base, change), "--json")

    assert {"parameters": ["tide_height"]} == {name: list(rows) for name, rows in told(said).items()}


def test_many_packages_without_a_part_in_the_model_are_counted(dissmodel, base):
    def change(document):
        document["runtime"]["packages"].update({f"aaa-{n}": {"version": "1"} for n in range(9)})

    path = edited(base, change)
    said = dissmodel("record", "diff", base, path)
    as_json = dissmodel("record", "diff", base, path, "--json")

    assert "9 more packages that nothing of the model requires ~" in said.out
    assert "aaa-3" not in said.out
    assert "~ could not change a bit of the result" in said.out
    assert 9 == len(told(as_json)["runtime"])


@pytest.mark.parametrize("golden", sorted(RECORDS.glob("*/*.json")), ids=lambda path: path.stem)
def test_golden_records_are_compared_with_themselves_and_with_new_ones(dissmodel, base, golden):
    same = dissmodel("record", "diff", golden, golden)
    other = dissmodel("record", "diff", golden, base)

    assert (0, 4) == (same.code, other.code)
    assert "" == same.err == other.err
    assert "not recorded" in other.out


def test_what_is_no_record_is_an_error(dissmodel, base):
    Path("text.json").write_text("no record")

    no_record = dissmodel("record", "diff", base, "text.json", "--json")
    missing = dissmodel("record", "diff", "none.record.json", base, "--json")

    assert (3, "not_a_record") == (no_record.code, no_record.json["error"]["code"])
    assert (3, "record_missing") == (missing.code, missing.json["error"]["code"])


def test_a_record_cant_speak_to_the_terminal(dissmodel, base):
    def change(document):
        document["parameters"]["\x1b[2J"] = "a\nb"
        document["model_name"] = "\x1b]0;owned\x07" + "x" * 500
        document["source"]["layer"] = "\u202ereversed"

    said = dissmodel("record", "diff", base, edited(base, change))

    assert 4 == said.code
    assert set("\x1b\x07\u202e").isdisjoint(said.out)
    assert max(map(len, said.out.splitlines())) < 200
