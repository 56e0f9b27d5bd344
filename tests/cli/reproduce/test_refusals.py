"""`dissmodel reproduce` on records from anyone: refused, and nothing run, fetched or installed."""

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from dissmodel.record.digest import sha256_file

RECORDS = Path(__file__).parents[2] / "data" / "records"
EVERY = sorted(RECORDS.glob("*/*.json"))


@pytest.fixture
def fenced(copied, monkeypatch):
    """The command, where neither a process nor a connection can be started; its model notes that it runs."""
    dissmodel, model = copied
    model.write_text(model.read_text() + "\nPath('imported').touch()\n")

    def refuse(*_words, **_options):
        raise AssertionError("something was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(os, "system", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return dissmodel, model


def untouched():
    return not Path("imported").exists() and not list(Path().glob("*.repro-*"))


HOSTILE = {
    "artifact above": (lambda r: r["files"]["output"].update(path="../../in.tif"), 3, "artifact_path"),
    "artifact absolute": (lambda r: r["files"]["output"].update(path="/etc/passwd"), 3, "artifact_path"),
    "artifact URL": (lambda r: r["files"]["output"].update(path="https://e.org/x"), 3, "artifact_path"),
    "no output": (lambda r: r.update(files={}, artifacts={}), 3, "nothing_to_reproduce"),
    "input URL": (lambda r: r["source"].update(uri="https://me:pw@e.org/in.tif?token=1"), 3, "input_missing"),
    "input share": (lambda r: r["source"].update(uri=r"\\host\share\other.tif"), 3, "input_missing"),
    "input scheme": (lambda r: r["source"].update(uri="gopher://e.org/in.tif"), 3, "input_missing"),
    "input NUL": (lambda r: r["source"].update(uri="in\0.tif"), 3, "input_missing"),
    "input device": (lambda r: r["source"].update(uri="/dev/zero", size=None), 3, "input_missing"),
    "input unknown": (lambda r: r["source"].update(checksum=""), 3, "input_unknown"),
    "input other": (lambda r: r["source"].update(uri="/etc/hostname", size=None), 4, "input_changed"),
    "sidecar": (lambda r: r["source"].update(sidecars={"../x": "ab"}), 4, "input_changed"),
    "sidecar above": (lambda r: r["source"].update(sidecars={"..": "ab"}), 4, "input_changed"),
    "sidecar NUL": (lambda r: r["source"].update(sidecars={"in\0": "ab"}), 4, "input_changed"),
    "sidecar without a name": (lambda r: r["source"].update(sidecars={"": "ab"}), 4, "input_changed"),
    "format": (lambda r: r.update(input_format="x; rm -rf"), 3, "not_a_record"),
    "package options": (
        lambda r: r.update(resolved_spec={"model": {"package": "--index-url=https://e.org x"}}),
        3,
        "spec_package",
    ),
    "package shell": (
        lambda r: r.update(resolved_spec={"model": {"package": "x $(touch y)"}}),
        3,
        "spec_package",
    ),
    "package list": (
        lambda r: r.update(resolved_spec={"model": {"package": ["-e", "."]}}),
        3,
        "spec_package",
    ),
    "seed below zero": (lambda r: r.update(seed=-1), 3, "not_a_record"),
    "newer": (lambda r: r.update(schema_version=99), 3, "record_newer"),
    "failed": (lambda r: r.update(status="failed"), 3, "nothing_to_reproduce"),
    "interrupted": (lambda r: r.update(status="interrupted"), 3, "nothing_to_reproduce"),
    "tainted": (lambda r: r.update(status="tainted"), 3, "nothing_to_reproduce"),
    "running": (lambda r: r.update(status="running"), 3, "nothing_to_reproduce"),
}


@pytest.mark.fast_cases("running", "tainted", "package list", "failed", "input other", "seed below zero")
@pytest.mark.parametrize(("how", "code", "name"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_record_is_refused(fenced, plant, how, code, name):
    dissmodel, model = fenced
    plant(how, honest=False)
    said = dissmodel("reproduce", "r.record.json", "--model", model, "--json")

    assert (code, name) == (said.code, said.json["error"]["code"])
    assert "pw@" not in said.out
    assert untouched()


@pytest.mark.fast_cases("<lambda>0")
@pytest.mark.parametrize(
    "how",
    [
        lambda r: None,
        lambda r: r.update(model_name="../mine.py"),
        lambda r: r["code"].update(package="mine", module="mine"),
        lambda r: r.update(
            code=None, resolved_spec={"model": {"class": "../mine.py", "executor_module": "mine"}}
        ),
    ],
)
def test_no_file_and_no_module_is_imported_because_a_record_names_it(fenced, plant, monkeypatch, how):
    dissmodel, model = fenced
    monkeypatch.syspath_prepend(str(model.parent))
    plant(how)
    said = dissmodel("reproduce", "r.record.json", "--json")

    assert 2 == said.code
    assert said.json["error"]["code"] in {"model_needed", "unknown_model"}
    assert "--model" in said.json["error"]["hint"]
    assert untouched()


def test_a_model_of_a_file_is_asked_for_with_its_sha256(copied):
    dissmodel, model = copied
    said = dissmodel("reproduce", "r.record.json")

    assert 2 == said.code
    assert sha256_file(model) in said.err
    assert "--model FILE.py" in said.err


def test_a_model_of_another_package_is_not_taken_for_it(dissmodel, make_coast, plant):
    make_coast.main(["--rows", "12", "--cols", "12", "--output", "grid.zip"])
    dissmodel("run", "coastal_raster", "-i", "grid.zip", "-o", "r.tif", "-p", "end_time=1", "-q")
    plant(lambda document: document["code"].update(package="coastal-flood"))
    said = dissmodel("reproduce", "r.record.json", "--check")
    named = dissmodel("reproduce", "r.record.json", "--check", "--model", "builtin/coastal_raster")

    assert (2, 0) == (said.code, named.code)
    assert "coastal-flood" in said.err
    assert "model package coastal-flood → dissmodel" in named.err


@pytest.mark.parametrize("planted", [{"end_time": "soon"}, {"wind": 3}])
def test_a_parameter_that_the_model_does_not_take_leads_to_the_model(dissmodel, make_coast, plant, planted):
    make_coast.main(["--rows", "12", "--cols", "12", "--output", "grid.zip"])
    dissmodel("run", "coastal_raster", "-i", "grid.zip", "-o", "r.tif", "-p", "end_time=1", "-q")
    plant(lambda document: document["parameters"].update(planted))
    said = dissmodel("reproduce", "r.record.json", "--json")

    assert 2 == said.code
    assert "dissmodel show coastal_raster" in said.json["error"]["hint"]
    assert "--model NAME" in said.json["error"]["hint"]


def test_a_model_of_a_file_is_not_taken_for_the_built_in_one_of_its_name(raster, raster_model):
    assert 0 == raster("run", raster_model("coastal_raster"), "-i", "in.tif", "-o", "r.tif", "-q").code
    said = raster("reproduce", "r.record.json", "--json")

    assert (2, "model_needed") == (said.code, said.json["error"]["code"])


def test_of_two_packages_with_one_name_the_recorded_one_is_taken(raster, executor_file, monkeypatch, plant):
    theirs = executor_file("coastal_raster")
    noted = theirs.parent / "their_coast-1.0.dist-info"
    noted.mkdir()
    theirs.rename(theirs.with_name("their_coast.py"))
    (noted / "METADATA").write_text("Metadata-Version: 2.1\nName: their-coast\nVersion: 1.0\n")
    (noted / "RECORD").write_text("their_coast.py,,\n")
    (noted / "entry_points.txt").write_text("[dissmodel.executors]\ncoastal_raster = their_coast:Mine\n")
    monkeypatch.syspath_prepend(str(theirs.parent))
    ran = raster("run", "their-coast/coastal_raster", "-i", "in.tif", "-o", "r.tif", "-q")
    said = raster("reproduce", "r.record.json", "--check", "--json")
    plant(lambda document: document.update(code=None))
    unknown = raster("reproduce", "r.record.json", "--check", "--json")

    assert (0, 0, "their-coast") == (ran.code, said.code, said.json["record"]["code"]["package"])
    assert (2, "ambiguous_model") == (unknown.code, unknown.json["error"]["code"])


def test_what_to_type_where_the_model_is_not_here_is_said(dissmodel, make_coast, plant):
    make_coast.main(["--rows", "12", "--cols", "12", "--output", "grid.zip"])
    dissmodel("run", "coastal_raster", "-i", "grid.zip", "-o", "r.tif", "-p", "end_time=1", "-q")
    plant(lambda document: document.update(model_name="coastal_rastr"))
    near = dissmodel("reproduce", "r.record.json", "--json").json["error"]
    plant(
        lambda document: (document.update(model_name="wetland"), document["code"].update(package="wet-land"))
    )
    far = dissmodel("reproduce", "r.record.json", "--json").json["error"]

    assert "--model coastal_raster" in near["hint"]
    assert "dissmodel show" in near["hint"]
    assert "wet-land" in far["message"]
    assert "--model NAME" in far["hint"]
    assert "dissmodel show" in far["hint"]
    assert "coastal" not in far["hint"]


@pytest.mark.parametrize("text", ["", "{", "[" * 10_000, '{"experiment_id": 1}', " " * (17 << 20)])
def test_what_is_no_record_is_refused(dissmodel, text):
    Path("r.record.json").write_text(text)
    said = dissmodel("reproduce", "r.record.json", "--json")

    assert (3, "not_a_record") == (said.code, said.json["error"]["code"])


@pytest.mark.fast_cases("words10-2", "words8-3", "words9-5")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 2),
        (["nothing.record.json"], 3),
        (["."], 3),
        (["r.record.json", "--check", "--output", "x.tif"], 2),
        (["r.record.json", "--atol", "-1"], 2),
        (["r.record.json", "--threads", "0"], 2),
        (["r.record.json", "--model", "nothing.py"], 2),
        (["r.record.json", "--model", "nothing"], 2),
        (["r.record.json", "--input", "nothing.tif"], 3),
        (["r.record.json", "--input", "https://e.org/in.tif"], 5),
        (["r.record.json", "--output", "s3://bucket/r.tif"], 2),
    ],
)
def test_bad_words(copied, words, code):
    dissmodel, model = copied
    more = [] if "--model" in words else ["--model", model]
    said = dissmodel("reproduce", *words, *more)

    assert (code, "") == (said.code, said.out)
    assert said.err.startswith(("error: ", "Usage"))
    assert not list(Path().glob("*.repro-*"))


def test_what_a_record_says_does_nothing_to_a_terminal(copied, plant):
    dissmodel, model = copied

    def escape(record):
        record.update(model_name="x\x1b[2J")
        record["runtime"].update(locale="\x1b[2J\nok", python="\x1b]0;x\x07")

    plant(escape)
    said = dissmodel("reproduce", "r.record.json", "--model", model, "--check")

    assert 0 == said.code
    assert "\x1b" not in said.out + said.err
    assert "\\x1b[2J\\nok" in said.err


@pytest.mark.parametrize("path", EVERY, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_released_record_is_opened_and_says_what_it_lacks(dissmodel, path):
    shutil.copy(path, "r.record.json")
    said = dissmodel("reproduce", "r.record.json", "--json")
    status = json.loads(path.read_text(encoding="utf-8"))["status"]
    expected = "input_missing" if status == "completed" else "nothing_to_reproduce"

    assert (3, expected) == (said.code, said.json["error"]["code"])


@pytest.fixture
def public(dissmodel, make_coast, plant):
    """The command; the record of a run by the public DisSModel, with an input and an output beside it."""
    make_coast.main(["--rows", "12", "--cols", "15", "--output", "grid.zip"])
    words = ("-i", "grid.zip", "-o", "result.tif", "-p", "end_time=3", "-p", "taxa_elevacao=0.5", "-q")
    assert 0 == dissmodel("run", "coastal_raster", *words).code
    Path("result.record.json").unlink()
    record = json.loads((RECORDS / "public-0.6" / "completed.json").read_text(encoding="utf-8"))
    record["source"].update(uri="data/input/grid.zip", checksum=sha256_file("grid.zip"))
    record["parameters"] = {"end_time": 3, "taxa_elevacao": 0.5, "interactive": False}
    record["output_path"] = "/home/ana/coast/outputs/result.tif"
    record["artifacts"]["output"] = sha256_file("result.tif")
    Path("r.record.json").write_text(json.dumps(record), encoding="utf-8")
    return dissmodel


def test_a_public_record_is_reproduced_with_a_model_that_is_named(public):
    unnamed = public("reproduce", "r.record.json", "--json")
    said = public("reproduce", "r.record.json", "--model", "coastal_raster", "--json")
    new = said.json["record"]

    assert (2, "unknown_model") == (unnamed.code, unnamed.json["error"]["code"])
    assert (0, "identical-file", {"output"}) == (
        said.code,
        said.json["verdict"],
        said.json["artifacts"].keys(),
    )
    assert "The model has no parameter interactive: it is left out." in said.err
    assert (0.5, "record") == (
        new["parameters"]["sea_level_rise_rate"],
        new["parameter_origin"]["sea_level_rise_rate"],
    )
    assert "default" == new["parameter_origin"]["tide_height"]
    assert Path(said.json["files"]["output"]).name.startswith("result.repro-")
    assert 4 == public("reproduce", "r.record.json", "--model", "coastal_raster", "--strict").code


def test_a_public_record_whose_model_is_known_is_compared_by_content(public, plant):
    def other(record):
        record.update(resolved_spec={"model": {"class": "coastal_raster"}})
        record["parameters"]["end_time"] = 2

    plant(other, honest=False)
    beside = public("reproduce", "r.record.json", "--check", "--json")
    Path("result.tif").unlink()
    gone = public("reproduce", "r.record.json", "--check", "--json")

    assert (4, 4) == (beside.code, gone.code)
    assert ["uso", "alt", "solo"] == [part["name"] for part in beside.json["artifacts"]["output"]["parts"]]
    assert ("different", []) == (gone.json["verdict"], gone.json["artifacts"]["output"]["parts"])
