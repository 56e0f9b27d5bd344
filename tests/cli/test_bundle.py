"""`dissmodel record bundle`, and the commands that take a bundle for a record."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest

from dissmodel.record import ExperimentRecord, store
from dissmodel.sharing.bundle import spec_as_toml
from support.files import edit, sha256

CRATE = "ro-crate-metadata.json"
PARTS = ["README.md", "record.json", "input/grid.zip", "model.toml", "result.qml", "result.tif", CRATE]
SPEC = '[model]\nname = "coast"\nclass = "coastal_raster"\n[model.parameters]\nend_time = 2\n'


@pytest.fixture(scope="module")
def made(tmp_path_factory, make_coast):
    """A result of the coastal model from a TOML, with its record and its input; never changed by a test."""
    from dissmodel.progress import Silent
    from dissmodel.running.run import RunRequest, run

    folder = tmp_path_factory.mktemp("made")
    make_coast.main(["--rows", "20", "--cols", "30", "--output", str(folder / "grid.zip")])
    (folder / "coast.toml").write_text(SPEC)
    words = {"input": str(folder / "grid.zip"), "output": str(folder / "result.tif")}
    run(RunRequest(toml=folder / "coast.toml", **words), Silent())
    return folder


@pytest.fixture
def here(dissmodel, made, tmp_path, monkeypatch):
    """The pair and its input, here; what is unpacked goes into a folder that has to be empty in the end."""
    for path in made.iterdir():
        shutil.copy(path, path.name)
    edit("result.record.json", lambda it: it["source"].update(uri="grid.zip"))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    yield dissmodel

    assert [] == list(scratch.iterdir())
    assert [] == [path.name for path in Path().rglob(".dissmodel-*.tmp")]


@pytest.fixture
def alone(here):
    """A bundle in an empty folder, its parts gone from where they were."""
    assert 0 == here("record", "bundle", "result.record.json", "-o", "b.zip", "-q").code
    for path in Path().iterdir():
        if path.name != "b.zip":
            path.unlink()
    return here


def digest(text):
    """The digest of a record as docs/record.md has it."""
    record = json.loads(text)
    for name in ("record_digest", "output_path"):
        record.pop(name, None)
    record["source"].pop("uri", None)
    for file in record["files"].values():
        file.pop("path", None)
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def names(path):
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_a_bundle_has_what_belongs_to_the_record(here):
    said = here("record", "bundle", "result.record.json", "--output", "b.zip", "--json")
    with zipfile.ZipFile("b.zip") as archive:
        record = archive.read("record.json")
        parts = {name: archive.read(name) for name in archive.namelist()}
    document = json.loads(record)

    assert (0, "") == (said.code, said.err)
    assert PARTS == list(parts) == said.json["files"]
    assert (sha256("b.zip"), Path("b.zip").stat().st_size) == (said.json["sha256"], said.json["size"])
    assert Path("result.tif").read_bytes() == parts["result.tif"]
    assert Path("grid.zip").read_bytes() == parts["input/grid.zip"]
    assert tomllib.loads(SPEC) == tomllib.loads(parts["model.toml"].decode())
    assert digest(Path("result.record.json").read_text()) == digest(record) == document["record_digest"]
    assert ("input/grid.zip", "result.tif") == (document["source"]["uri"], document["output_path"])
    assert document["record_digest"] in parts["README.md"].decode()


def test_the_same_content_has_the_same_bytes_wherever_and_whenever(here, made):
    here("record", "bundle", "result.record.json", "-o", "a.zip")
    for path in (Path("result.tif"), Path("grid.zip")):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    here("record", "bundle", "result.record.json", "-o", "b.zip")
    here("record", "bundle", made / "result.record.json", "-o", "c.zip")
    with zipfile.ZipFile("a.zip") as archive:
        entries = archive.infolist()

    assert sha256("a.zip") == sha256("b.zip") == sha256("c.zip")
    assert {((1980, 1, 1, 0, 0, 0), 0o100644, b"")} == {
        (one.date_time, one.external_attr >> 16, one.extra) for one in entries
    }


def test_a_bundle_is_reproduced_in_an_empty_folder(alone):
    said = alone("reproduce", "b.zip", "--json")
    (new,) = Path().glob("result.repro-*.record.json")
    record = store.read(new)

    assert (0, "identical-file") == (said.code, said.json["verdict"])
    assert str(Path("b.zip").absolute()) == said.json["recorded_path"]
    assert ["b.zip", *(f"{new.name[:21]}{end}" for end in (".qml", ".record.json", ".tif"))] == sorted(
        path.name for path in Path().iterdir()
    )
    assert str(Path("b.zip/input/grid.zip").absolute()) == record.source.uri
    assert 0 == alone("record", "verify", new).code


def test_a_check_leaves_nothing_beside_the_bundle(alone):
    said = alone("reproduce", "b.zip", "--check")

    assert (0, "identical-file") == (said.code, said.out.partition(":")[0])
    assert ["b.zip"] == [path.name for path in Path().iterdir()]


def test_a_bundle_is_shown_and_verified_as_a_record(alone):
    shown = alone("record", "show", "b.zip")
    plain = alone("record", "verify", "b.zip")
    said = alone("record", "verify", "b.zip", "--json")

    assert (0, 0) == (shown.code, plain.code)
    assert shown.out.startswith("coastal_raster: completed  (b.zip)\n")
    assert {"record": "ok", "output": "ok", "style": "ok", "input": "ok"} == said.verdicts
    assert {"b.zip"} == {check["record"] for check in said.json["checks"]}
    assert f"output    {Path('b.zip/result.tif')}\n" in plain.out


def test_the_commands_in_the_readme_run_where_the_bundle_is_unpacked(alone):
    with zipfile.ZipFile("b.zip") as archive:
        archive.extractall()
    commands = re.findall(r"^    dissmodel (.*)$", Path("README.md").read_text(), re.MULTILINE)

    assert ["record verify record.json", "reproduce record.json"] == commands
    for line in commands:
        assert 0 == alone(*line.split()).code


def test_without_its_input(here):
    said = here("record", "bundle", "result.record.json", "-o", "b.zip", "--no-input")
    shutil.move("grid.zip", "moved.zip")
    checked = here("record", "verify", "b.zip", "--json")
    lost = here("reproduce", "b.zip")
    found = here("reproduce", "b.zip", "--input", "moved.zip")

    assert 0 == said.code
    assert [name for name in PARTS if "input" not in name] == names("b.zip")
    assert "not checked" == checked.verdicts["input"]
    assert 3 == lost.code
    assert f"gone: {Path('input/grid.zip')}" in lost.err
    assert sha256("moved.zip") in lost.err
    assert (0, "identical-file") == (found.code, found.out.partition(":")[0])


def test_an_input_that_was_moved_has_its_recorded_name(here):
    here("record", "bundle", "result.record.json", "-o", "a.zip")
    Path("elsewhere").mkdir()
    shutil.move("grid.zip", "elsewhere/other.zip")
    lost = here("record", "bundle", "result.record.json", "-o", "b.zip")
    found = here("record", "bundle", "result.record.json", "-o", "b.zip", "-i", "elsewhere/other.zip")

    assert (3, 0) == (lost.code, found.code)
    assert "--no-input" in lost.err
    assert sha256("a.zip") == sha256("b.zip")


def test_a_folder_result_and_a_shapefile_with_its_parts(here, executor_file):
    save = (
        "out = Path(record.output_path); (out / 'maps').mkdir(parents=True); "
        "(out / 'report.md').write_text('# report'); (out / 'maps' / 'a.txt').write_bytes(result); "
        "record.add_artifact('output', self._sha256(out / 'report.md')); return record"
    )
    model = executor_file(save=save)
    for end in ("shp", "shx", "dbf"):
        Path(f"in.{end}").write_bytes(end.encode())
    assert 0 == here("run", model, "-i", "in.shp", "-o", "val/", "-q").code
    made = here("record", "bundle", "val.record.json", "-o", "b.zip")
    for name in ("in.shp", "in.shx", "in.dbf"):
        Path(name).unlink()
    shutil.rmtree("val")
    said = here("reproduce", "b.zip", "--model", model, "--json")
    readme = zipfile.ZipFile("b.zip").read("README.md").decode()

    assert (0, "") == (made.code, made.err)
    inputs = ["input/in.dbf", "input/in.shp", "input/in.shx"]
    assert [*inputs, f"model/{model.name}", CRATE, "val/maps/a.txt", "val/report.md"] == names("b.zip")[2:]
    assert (0, "identical-file") == (said.code, said.json["verdict"])
    assert Path(said.json["record_path"]).with_suffix("").with_suffix("").joinpath("maps/a.txt").exists()
    assert f"dissmodel reproduce record.json --model model/{model.name}" in readme


def test_a_file_that_the_model_wrote_elsewhere_comes_along(here, executor_file, tmp_path):
    far = tmp_path / "far.bin"
    save = (
        f"record.output_path = {str(far)!r}; Path(record.output_path).write_bytes(result); "
        "record.output_sha256 = self._sha256(record.output_path); return record"
    )
    model = executor_file(save=save)
    assert 0 == here("run", model, "-i", "grid.zip", "-o", "r.bin", "-q").code
    here("record", "bundle", "r.record.json", "-o", "b.zip")
    far.unlink()
    said = here("record", "verify", "b.zip", "--json")

    assert "external/far.bin" in names("b.zip")
    assert {"record": "ok", "output": "ok", "input": "ok"} == said.verdicts


def test_a_record_of_the_public_dissmodel_is_bundled(here):
    old = {
        "experiment_id": "1" * 32,
        "created_at": "2024-01-01T00:00:00Z",
        "model_name": "coastal_raster",
        "source": {"type": "local", "uri": str(Path("grid.zip").absolute()), "checksum": sha256("grid.zip")},
        "output_path": "/home/ana/out/result.tif",
        "artifacts": {"output": sha256("result.tif"), "profiling": "ab" * 32},
        "status": "completed",
    }
    Path("old.json").write_text(json.dumps(old))
    made = here("record", "bundle", "old.json", "-o", "b.zip")
    Path("result.tif").unlink()
    said = here("record", "verify", "b.zip", "--json")

    assert 0 == made.code
    assert "profiling is not in the bundle" in made.err
    assert ["README.md", "record.json", "input/grid.zip", "result.tif", CRATE] == names("b.zip")
    assert ("ok", "ok") == (said.verdicts["output"], said.verdicts["input"])


def test_the_lock_of_its_environment_comes_along(here):
    edit("result.record.json", lambda it: it["runtime"].update(lock="numpy==2.1.0\n"), seal=True)
    said = here("record", "bundle", "result.record.json", "-o", "b.zip")

    assert 0 == said.code
    assert b"numpy==2.1.0\n" == zipfile.ZipFile("b.zip").read("environment.lock")


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="OpenSSH is not installed")
def test_signatures_and_statements_hold_in_a_bundle(here, tmp_path):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ana", "-f", key], check=True)
    signers = tmp_path / "allowed"
    signers.write_text(f"ana {key.with_suffix('.pub').read_text()}")
    here("record", "sign", "result.record.json", "--key", key)
    here("reproduce", "result.record.json", "-o", "again.tif", "--attest", "--key", key, "-q")
    here("record", "bundle", "result.record.json", "-o", "b.zip")
    inside = names("b.zip")
    shutil.rmtree("shut", ignore_errors=True)
    Path("shut").mkdir()
    shutil.move("b.zip", "shut/b.zip")
    again = here("reproduce", "shut/b.zip", "--attest", "--key", key, "-o", "shut/r.tif")
    said = here("record", "verify", "shut/b.zip", "--allowed-signers", signers, "--json")
    checks = [one for one in said.json["checks"] if one["name"] in {"signature", "attestation"}]

    assert "record.json.sig" in inside
    assert 2 == sum(name.startswith("record.attest-") for name in inside)
    assert 0 == again.code
    assert ["ok"] * 3 == [one["verdict"] for one in checks]
    assert 1 == sum(Path(one["path"]).parent == Path("shut") for one in checks)


def test_an_earlier_bundle_is_replaced_only_if_told(here):
    words = ("record", "bundle", "result.record.json", "-o", "b.zip")
    Path("b.zip").write_bytes(b"mine")
    refused = here(*words)
    kept = Path("b.zip").read_bytes()
    replaced = here(*words, "--overwrite", "-q")

    assert (2, b"mine") == (refused.code, kept)
    assert (0, "", "") == (replaced.code, replaced.out, replaced.err)
    assert PARTS == names("b.zip")


@pytest.mark.parametrize("given", ["grid.zip", "b.tif", "folder.zip", "s3://bucket/b.zip", ""])
def test_a_bundle_has_no_place_where_something_is_lost(here, given):
    Path("folder.zip").mkdir()
    before = sha256("grid.zip")
    for more in ((), ("--no-input",)):
        said = here("record", "bundle", "result.record.json", "-o", given, "--overwrite", *more)

        assert (2, before) == (said.code, sha256("grid.zip"))


@pytest.mark.parametrize(
    ("spoil", "code", "says"),
    [
        (lambda: Path("result.tif").write_bytes(b"other"), 4, "its output does not match its digest"),
        (lambda: Path("result.qml").write_bytes(b"other"), 4, "its style does not match its digest"),
        (lambda: Path("result.tif").unlink(), 4, "its output is missing"),
        (lambda: Path("grid.zip").write_bytes(b"other"), 4, "is not the recorded input"),
        (lambda: edit("result.record.json", lambda it: it.update(seed=1)), 4, "its record does not match"),
        (lambda: edit("result.record.json", lambda it: it.update(status="failed")), 3, "the run is failed"),
        (lambda: Path("result.record.json").write_bytes(b"{}"), 3, "this is not a record"),
        (lambda: Path("result.record.json").unlink(), 3, "there is no such record"),
    ],
    ids=["output", "style", "no output", "input", "record", "failed", "none", "missing"],
)
def test_what_is_not_true_is_not_bundled(here, spoil, code, says):
    spoil()
    said = here("record", "bundle", "result.record.json", "-o", "b.zip")

    assert code == said.code
    assert says in said.err
    assert not Path("b.zip").exists()


def test_a_style_that_is_missing_is_left_out_and_that_is_told(here):
    Path("result.qml").unlink()

    said = here("record", "bundle", "result.record.json", "-o", "b.zip", "--json")
    Path("result.record.json").unlink()
    Path("result.tif").unlink()
    verified = here("record", "verify", "b.zip", "--json")

    assert (0, 0) == (said.code, verified.code)
    assert ["style is not in the bundle: result.qml is not beside the record."] == said.json["warnings"]
    assert ["not checked"] == [one["verdict"] for one in verified.json["checks"] if one["name"] == "style"]


@pytest.mark.parametrize(
    "output", ["README.md", "RECORD.json", "input/", "x.record.json", "record.attest-1.json"]
)
def test_a_name_that_a_bundle_needs_is_refused(here, executor_file, output):
    save = None
    if output.endswith("/"):
        save = (
            "out = Path(record.output_path); out.mkdir(); (out / 'a').write_bytes(result); "
            "record.output_sha256 = self._sha256(out / 'a'); return record"
        )
    assert 0 == here("run", executor_file(save=save), "-i", "grid.zip", "-o", output, "-q").code
    stem = Path(output).stem
    said = here("record", "bundle", f"{stem}.record.json", "-o", "b.zip")

    assert 3 == said.code
    assert "a name that a bundle needs for another file" in said.err
    assert not Path("b.zip").exists()


def test_a_file_that_changes_while_it_is_bundled_leaves_none(here, monkeypatch):
    """It has the recorded bytes when it is verified and others when it is copied."""
    from dissmodel.sharing import bundle

    real = bundle.write

    def late(path, members):
        Path("result.tif").write_bytes(b"\0" * Path("result.tif").stat().st_size)
        real(path, members)

    monkeypatch.setattr(bundle, "write", late)
    said = here("record", "bundle", "result.record.json", "-o", "b.zip")

    assert 4 == said.code
    assert "result.tif changed while it was bundled" in said.err
    assert not Path("b.zip").exists()


def test_a_place_that_can_not_be_written(here):
    said = here("record", "bundle", "result.record.json", "-o", "no/such/b.zip")

    assert 5 == said.code
    assert "b.zip: can't be written: No such file" in said.err


def test_a_spec_keeps_its_tables_and_loses_what_toml_has_no_word_for():
    model = {"name": "a", "types": ["f", "d"], "p": {"x": 1.5, "off": None}, "potential": [{"const": 0.74}]}
    text = spec_as_toml(ExperimentRecord(resolved_spec={"model": model}), [])

    assert {"model": {**model, "p": {"x": 1.5}}} == tomllib.loads(text)


def test_a_zip_that_someone_made_of_a_pair_and_its_input_is_a_bundle_too(here):
    with zipfile.ZipFile("x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("result.tif", "result.qml", "result.record.json"):
            archive.write(name)
    shutil.move("grid.zip", "moved.zip")
    said = here("reproduce", "x.zip", "--input", "moved.zip", "--check")
    diff = here("record", "diff", "x.zip", "result.record.json")

    assert (0, "identical-file") == (said.code, said.out.partition(":")[0])
    assert 0 == diff.code
