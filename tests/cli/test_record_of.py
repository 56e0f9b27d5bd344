"""What stands for a record: a file of its result; and records where results are meant."""

import shutil
from pathlib import Path

import pytest

from dissmodel.record import Artifact, ExperimentRecord, store
from dissmodel.record.digest import sha256_bytes


@pytest.fixture
def here(dissmodel, make_coast, prepared):
    """A folder with a coast and the results of a run that left snapshots too."""

    def fill():
        make_coast.main(["--rows", "20", "--cols", "20", "--output", "grid.zip"])
        words = "run coastal_raster -i grid.zip -o out/r.tif -p end_time=2 -p snapshots=[1] -q"
        assert 0 == dissmodel(*words.split()).code

    prepared(fill)
    return dissmodel


def leave(path, names, **fields):
    """Write a record that names files; they are made."""
    files = {}
    for name, place in names.items():
        file = Path(path).parent / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
        files[name] = Artifact(path=place, size=1, sha256=sha256_bytes(b"x"))
    record = ExperimentRecord(experiment_id="a" * 32, model_name="m", status="completed", files=files)
    store.write(record.model_copy(update=fields), Path(path))


def test_each_file_of_a_result_finds_its_record(here):
    record = store.read(Path("out/r.record.json"))
    places = [Path("out", one.path) for one in record.files.values()]
    assert len(places) > 2

    for place in places:
        said = here("record", "show", place)
        assert (0, "") == (said.code, said.err)
        assert record.experiment_id in said.out
        assert str(Path("out", "r.record.json")) in said.out.splitlines()[0]


def test_all_that_show_does_works_from_a_result(here):
    for words in (["--lineage"], ["--metrics"], ["--preview"], ["--json"]):
        assert 0 == here("record", "show", "out/r.tif", *words).code
    assert Path("out/r.preview.png").is_file()


def test_a_result_that_was_deleted_finds_its_record_too(here):
    Path("out/r.tif").unlink()

    assert 0 == here("record", "show", "out/r.tif").code


def test_a_folder_and_what_is_in_it_finds_its_record(dissmodel):
    leave("val.record.json", {"output": "val/report.md", "map": "val/maps/a.png"})

    for place in ("val", "val/", "val/report.md", "val/maps/a.png", "val/maps"):
        said = dissmodel("record", "show", place)
        assert (0, "a" * 32 in said.out) == (said.code, True), place


def test_a_record_with_another_name_is_found_if_it_names_the_file(dissmodel):
    leave("zz.record.json", {"output": "r.tif"})
    leave("r.record.json", {"output": "r.gpkg"}, experiment_id="b" * 32)

    assert "a" * 32 in dissmodel("record", "show", "r.tif").out
    assert "b" * 32 in dissmodel("record", "show", "r.gpkg").out


def test_a_record_of_the_public_dissmodel_is_found(dissmodel):
    old = {"experiment_id": "c" * 32, "status": "completed", "output_path": "/home/a/r.tif"}
    store.write(old, Path("r.record.json"))
    Path("r.tif").write_bytes(b"x")

    assert "c" * 32 in dissmodel("record", "show", "r.tif").out


@pytest.mark.parametrize("name", ["other.tif", "r.gpkg"])
def test_a_file_that_no_record_names(here, name):
    shutil.copy("out/r.tif", f"out/{name}")

    said = here("record", "show", f"out/{name}", "--json")

    assert (3, "record_missing") == (said.code, said.json["error"]["code"])
    assert f"out/{name}: no record beside it names this file." == said.json["error"]["message"]


def test_a_record_that_names_a_file_elsewhere_does_not_stand_for_another(dissmodel):
    leave("sub/r.record.json", {"output": "r.tif"})
    Path("r.tif").write_bytes(b"x")

    assert 3 == dissmodel("record", "show", "r.tif").code


def test_a_preview_of_a_bundle_lies_beside_the_bundle(here):
    assert 0 == here("record", "bundle", "out/r.record.json", "-o", "b.zip", "-q").code
    shutil.rmtree("out")
    Path("grid.zip").unlink()

    said = here("record", "show", "b.zip", "--preview", "--json")

    assert (0, "") == (said.code, said.err)
    assert str(Path("b.preview.png").resolve()) == str(Path(said.json["preview"]["path"]).resolve())
    assert said.json["preview"]["before"] is True
    assert ["b.preview.png", "b.zip"] == sorted(one.name for one in Path().iterdir())


def test_a_preview_of_a_bundle_replaces_nothing_but_a_preview(here):
    assert 0 == here("record", "bundle", "out/r.record.json", "-o", "b.zip", "--no-input", "-q").code
    Path("grid.zip").unlink()
    Path("b.preview.png").write_text("mine")

    refused = here("record", "show", "b.zip", "--preview")
    drawn = here("record", "show", "b.zip", "--preview", "--overwrite")

    assert (2, 0) == (refused.code, drawn.code)
    assert "The state before can't be drawn" in drawn.err
    assert "dissmodel-" not in drawn.err


def test_a_bundle_has_no_lineage(here):
    here("record", "bundle", "out/r.record.json", "-o", "b.zip", "-q")

    said = here("record", "show", "b.zip", "--lineage")

    assert 2 == said.code
    assert "Unpack the bundle" in said.err


def test_records_that_are_compared_lead_to_their_difference(here):
    words = "run coastal_raster -i grid.zip -o out/s.tif -p end_time=3 -q"
    here(*words.split())

    said = here("compare", "out/r.record.json", "out/s.record.json")
    as_json = here("compare", "out/r.record.json", "out/s.record.json", "--json")

    assert (4, 4) == (said.code, as_json.code)
    hint = "dissmodel record diff out/r.record.json out/s.record.json"
    assert hint in said.err
    assert hint in as_json.json["warnings"][0]
    assert "end_time" in here(*hint.split()[1:]).out
    assert "record diff" not in here("compare", "out/r.tif", "out/s.tif").err
