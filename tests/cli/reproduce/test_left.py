"""`dissmodel reproduce`: what it leaves, and what it leaves alone."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from dissmodel.record import store
from support.files import names, only


def new_record():
    return only("r.repro-*.record.json")


def test_to_check_leaves_nothing(drawn, tmp_path, monkeypatch):
    dissmodel, model = drawn
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    before = names()
    said = dissmodel("reproduce", "r.record.json", "--model", model, "--check", "--json")

    assert (4, None, {}) == (said.code, said.json["record_path"], said.json["files"])
    assert (before, []) == (names(), names(temporary))


def test_a_check_that_fails_leaves_nothing_and_names_nothing(copied, executor_file, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    dissmodel, _ = copied
    before = names()
    said = dissmodel("reproduce", "r.record.json", "--model", executor_file(run="1/0"), "--check", "--json")

    assert (1, "run_failed", None) == (
        said.code,
        said.json["error"]["code"],
        said.json["error"].get("record"),
    )
    assert "--check" in said.json["error"]["hint"]
    assert (before, []) == (names(), names(temporary))


def test_a_reproduction_that_fails_leaves_a_record_that_says_what_it_repeats(copied, executor_file):
    dissmodel, _ = copied
    said = dissmodel("reproduce", "r.record.json", "--model", executor_file(run="1/0"), "-o", "again.tif")
    (failed,) = Path().glob("again.*.record.json")

    assert 1 == said.code
    assert store.read(Path("r.record.json")).experiment_id == store.read(failed).reproduces


def test_a_map_of_the_difference(drawn):
    dissmodel, model = drawn
    said = dissmodel("reproduce", "r.record.json", "--model", model, "--diff-map", "d.tif")
    _, record = new_record()
    bands = []
    for name in ("r.tif", record["output_path"], "d.tif"):
        with rasterio.open(name) as dataset:
            bands.append(dataset.read(2))

    assert 4 == said.code
    assert np.array_equal(bands[1] - bands[0], bands[2])


@pytest.mark.parametrize("given", ["r.tif", "r.record.json", "there.tif", "here/d.tif", "d.png"])
def test_a_map_has_no_place_where_something_is_lost(drawn, given):
    dissmodel, model = drawn
    Path("there.tif").write_bytes(b"mine")
    before = names()
    words = ("--output", "here/d.tif", "--diff-map", given)
    said = dissmodel("reproduce", "r.record.json", "--model", model, *words)

    assert (2, before, b"mine") == (said.code, names(), Path("there.tif").read_bytes())


@pytest.mark.parametrize("given", ["r.tif", "r.record.json", ".", "./../here/r.tif", "link.tif"])
def test_the_original_is_never_replaced(drawn, given):
    dissmodel, model = drawn
    Path("link.tif").symlink_to("r.tif")
    before = {name: Path(name).read_bytes() for name in names()}
    said = dissmodel("reproduce", "r.record.json", "--model", model, "--output", given, "--overwrite")

    assert 2 == said.code
    assert "never replaces" in said.err
    assert before == {name: Path(name).read_bytes() for name in names()}


def test_an_earlier_reproduction_is_replaced_only_if_asked_for(drawn):
    dissmodel, model = drawn
    words = ("reproduce", "r.record.json", "--model", model, "--output", "again.tif", "-q")

    assert [4, 2, 4] == [dissmodel(*words, *more).code for more in ([], [], ["--overwrite"])]


def test_a_reproduction_is_reproduced(copied):
    dissmodel, model = copied
    dissmodel("reproduce", "r.record.json", "--model", model, "-q")
    path, record = new_record()

    assert 0 == dissmodel("reproduce", path, "--model", model, "-q").code
    assert 2 == len(list(Path().glob(f"{record['output_path'][:-4]}*.tif")))
