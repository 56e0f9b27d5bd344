"""The spec that repeats a run, and the digest that a record says twice."""

import shutil
import tomllib
from pathlib import Path

import pytest

from dissmodel.experiment.verify import verify
from dissmodel.record import ExperimentRecord, store
from dissmodel.record.digest import record_digest
from support.files import document

RECORDS = Path(__file__).resolve().parents[1] / "data" / "records"
MINE = (
    "record.metrics['given'] = repr(sorted(record.parameters.items())); "
    "record.metrics['maps'] = repr((record.band_map, record.column_map)); return data"
)


@pytest.fixture(scope="module")
def grid(tmp_path_factory, make_coast):
    folder = tmp_path_factory.mktemp("grid")
    for name in ("grid.tif", "grid.gpkg"):
        make_coast.main(["--rows", "20", "--cols", "30", "--output", str(folder / name)])
    return folder


def content(path):
    return {
        name: one["content_digest"]["digest"]
        for name, one in document(path)["files"].items()
        if one["content_digest"]
    }


@pytest.mark.parametrize(
    ("model", "source", "output", "words"),
    [
        (
            "coastal_raster",
            "grid.tif",
            "r.tif",
            ("-p", "end_time=4", "-p", "tide_height=5.5", "-p", "every=2"),
        ),
        pytest.param("flood_vector", "grid.gpkg", "r.fgb", ("-p", "end_time=3"), marks=pytest.mark.slow),
        pytest.param("coastal_raster", "grid.tif", "r.tif", (), marks=pytest.mark.slow),
    ],
)
def test_a_plain_run_s_spec_repeats_it(dissmodel, grid, model, source, output, words):
    assert 0 == dissmodel("run", model, "-i", grid / source, "-o", output, *words, "-q").code
    record = document("r.record.json")
    said = dissmodel("record", "show", "r.record.json", "--toml")
    Path("again.toml").write_text(said.out, encoding="utf-8")
    spec = tomllib.loads(said.out)["model"]

    assert (0, "") == (said.code, said.err)
    assert {"name": model, "class": model} == {key: spec[key] for key in ("name", "class")}
    assert spec == record["resolved_spec"]["model"]
    assert {name: one for name, one in record["parameters"].items() if one is not None} == spec["parameters"]
    assert said.out.startswith(f"# dissmodel run --toml FILE.toml --input {grid / source}\n")
    again = output.replace("r.", "again.")
    assert 0 == dissmodel("run", "--toml", "again.toml", "-i", grid / source, "-o", again, "-q").code
    first = {name.replace("r.", "again."): digest for name, digest in content("r.record.json").items()}
    assert first == content("again.record.json")
    assert record["parameters"] == document("again.record.json")["parameters"]


def test_a_run_with_a_spec_is_repeated_with_what_was_typed_too(dissmodel, grid, executor_file):
    model = executor_file(run=MINE)
    Path("m.toml").write_text(
        "[model]\nname = 'one'\nclass = 'mine'\ndescription = 'd'\nland_use_types = ['f', 'd']\n"
        "[model.parameters]\nend_time = 3\nrate = 0.1\nwhat = 'a \"text\"'\n[model.bands]\nuso = 'use'\n"
        "[[model.potential]]\nconst = 0.74\nbetas = {alt = -1.5}\n",
        encoding="utf-8",
    )
    words = ("-i", grid / "grid.tif", "-q")
    dissmodel("run", model, "-t", "m.toml", *words, "-o", "r.bin", "-p", "rate=inf", "-p", "x=1e-300")
    dissmodel("run", model, *words, "-o", "plain.bin", "-p", "rate=inf", "--band-map", "uso=use")
    for name, also in (("r", {"description": "d"}), ("plain", {})):
        said = dissmodel("record", "show", f"{name}.record.json", "--toml")
        Path("again.toml").write_text(said.out, encoding="utf-8")
        spec = tomllib.loads(said.out)["model"]
        assert also == {key: one for key, one in spec.items() if key == "description"}
        assert {"uso": "use"} == spec["bands"]
        assert 0 == dissmodel("run", model, "-t", "again.toml", *words, "-o", f"{name}2.bin").code
        first, second = document(f"{name}.record.json"), document(f"{name}2.record.json")
        assert first["metrics"]["given"] == second["metrics"]["given"]
        assert first["metrics"]["maps"] == second["metrics"]["maps"]
    assert "float" not in document("r2.record.json")["metrics"]["given"]
    assert "inf" in document("r2.record.json")["metrics"]["given"]


def test_what_has_no_place_in_a_spec_is_in_the_first_line(dissmodel, grid, executor_file):
    dissmodel(
        "run",
        executor_file(),
        "-i",
        grid / "grid.tif",
        "-o",
        "r.bin",
        "--seed",
        "7",
        "--format",
        "tiff",
        "-q",
    )

    said = dissmodel("record", "show", "r.record.json", "--toml")

    assert said.out.splitlines()[0].endswith(" --format tiff --seed 7")


def test_a_hidden_parameter_is_not_written(dissmodel, grid, executor_file):
    dissmodel("run", executor_file(), "-i", grid / "grid.tif", "-o", "r.bin", "-p", "api_token=abc", "-q")

    said = dissmodel("record", "show", "r.record.json", "--toml")

    assert (2, "") == (said.code, said.out)
    assert "api_token" in said.err


@pytest.mark.parametrize(
    "words", [("--json",), ("--metrics",), ("--lineage",), ("--preview",), ("--csv", "-")]
)
def test_the_spec_is_printed_alone(dissmodel, words):
    shutil.copy(RECORDS / "v1" / "full.json", "r.record.json")
    said = dissmodel("record", "show", "r.record.json", "--toml", *words)

    assert 2 == said.code
    assert "[model]" not in said.out


@pytest.mark.parametrize(
    "path", sorted(RECORDS.glob("*/*.json")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_older_records_have_a_spec_too(dissmodel, path):
    said = dissmodel("record", "show", path, "--toml")

    if path.name == "minimal.json":
        assert (3, True) == (said.code, "it names no model" in said.err)
        return
    assert 0 == said.code, said.err
    model = tomllib.loads(said.out)["model"]
    assert model["class"]
    assert set(model["parameters"]) <= set(document(path)["parameters"])


def test_hostile_text_is_no_line_of_its_own(dissmodel):
    evil = "a\n[model]\nclass = 'evil'\x1b[0m"
    record = ExperimentRecord(model_name="m", parameters={evil: evil})
    record.source.uri = evil
    store.write(record, Path("r.record.json"))

    said = dissmodel("record", "show", "r.record.json", "--toml")

    assert {"m", evil} == {
        tomllib.loads(said.out)["model"]["class"],
        *tomllib.loads(said.out)["model"]["parameters"],
    }
    assert "\x1b" not in said.out


def test_the_difference_to_an_older_record_is_not_its_missing_spec(dissmodel, grid):
    dissmodel("run", "coastal_raster", "-i", grid / "grid.tif", "-o", "r.tif", "-p", "end_time=2", "-q")
    older = document("r.record.json") | {"resolved_spec": {}}
    older.pop("output_sha256")
    store.write(older, Path("older.record.json"))
    shutil.copy("r.tif", "older.tif")

    said = dissmodel("record", "diff", "older.record.json", "r.record.json", "--json")

    assert 0 == said.code
    assert "spec" not in said.out


# output_sha256


def test_the_digest_of_the_output_is_a_field(dissmodel, grid):
    said = dissmodel(
        "run", "coastal_raster", "-i", grid / "grid.tif", "-o", "r.tif", "-p", "end_time=1", "--json"
    )
    record = document("r.record.json")

    assert record["artifacts"]["output"] == record["output_sha256"] == said.json["record"]["output_sha256"]
    assert record["record_digest"] == record_digest(record)
    assert "ok" == verify((Path("r.record.json"),)).checks[0].verdict
    store.write(store.read(Path("r.record.json")), Path("copy.record.json"))
    assert record == document("copy.record.json")


def test_a_run_that_fails_has_none(dissmodel, grid, executor_file):
    dissmodel(
        "run", executor_file(run="raise ValueError('no')"), "-i", grid / "grid.tif", "-o", "r.bin", "-q"
    )
    (path,) = Path().glob("*.record.json")

    assert document(path)["output_sha256"] is None


@pytest.mark.parametrize("said", ["00" * 32, None, "", 7, ["x" * 1000]])
def test_a_contradiction_is_red(dissmodel, grid, prepared, said):
    def fill():
        dissmodel("run", "coastal_raster", "-i", grid / "grid.tif", "-o", "r.tif", "-p", "end_time=1", "-q")

    prepared(fill)
    store.write(document("r.record.json") | {"output_sha256": said}, Path("r.record.json"))

    checked = dissmodel("record", "verify", "r.record.json", "--json")

    assert 4 == checked.code
    wrong = [check for check in checked.json["checks"] if check["verdict"] != "ok"]
    assert ["output_sha256"] == [check["name"] for check in wrong]
    assert document("r.record.json")["artifacts"]["output"] == wrong[0]["expected"]


@pytest.mark.parametrize("path", sorted(RECORDS.glob("v1/*.json")), ids=lambda path: path.name)
def test_a_record_without_the_field_keeps_its_digest(path):
    document = store.read_document(path)

    assert "output_sha256" not in document
    assert document["record_digest"] == record_digest(document)
    assert not [
        check
        for check in verify((path,)).checks
        if check.name in {"record", "output_sha256"} and check.verdict != "ok"
    ]
