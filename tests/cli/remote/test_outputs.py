"""A result that goes to a bucket: whole with its record, or without one and still here."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from dissmodel.record import digest, store

DATA = b"grid" * 1000


@pytest.fixture
def ready(dissmodel, s3, model):
    """The command, the folder that is the bucket, and what begins a run."""
    Path("grid.bin").write_bytes(DATA)
    return dissmodel, s3, ("run", model, "-i", "grid.bin")


def left():
    """Return what runs left in the temporary folder, and in the current one."""
    return sorted(Path(tempfile.gettempdir()).glob("dissmodel-*")), sorted(Path().glob("*.record.json"))


def test_a_result_is_uploaded_with_its_record(ready):
    dissmodel, s3, words = ready

    said = dissmodel(*words, "-o", f"{s3.uri}/runs/r.bin", "--json")

    assert 0 == said.code, said.out
    there = s3.folder / "runs"
    assert ["r.bin", "r.record.json", "r.txt"] == sorted(path.name for path in there.iterdir())
    assert DATA == (there / "r.bin").read_bytes()
    document = store.read_document(there / "r.record.json")
    assert document["record_digest"] == digest.record_digest(document)
    assert f"{s3.uri}/runs/r.bin" == document["output_path"]
    assert (f"{s3.uri}/runs/r.record.json", f"{s3.uri}/runs/r.bin") == (
        said.json["record_path"],
        said.json["files"]["output"],
    )
    assert {"r.bin", "r.txt"} == {one["path"] for one in document["files"].values()}
    assert ([], []) == left()


def test_a_shapefile_is_uploaded_with_all_its_parts(dissmodel, s3, make_coast):
    make_coast.main(["--rows", "12", "--cols", "15", "--output", "cells.gpkg"])

    said = dissmodel("run", "coastal_vector", "-i", "cells.gpkg", "-o", f"{s3.uri}/r.shp", "-q")

    assert 0 == said.code, said.err
    parts = {f"r.{suffix}" for suffix in ("shp", "shx", "dbf", "prj", "cpg")}
    assert parts == {path.name for path in s3.folder.iterdir()} - {"r.qml", "r.record.json"}
    assert 0 == dissmodel("record", "verify", f"{s3.uri}/r.record.json").code


def test_it_is_shown_verified_and_reproduced_from_there(ready, model):
    dissmodel, s3, words = ready
    dissmodel(*words, "-o", f"{s3.uri}/runs/r.bin")
    record = f"{s3.uri}/runs/r.record.json"

    shown = dissmodel("record", "show", record)
    verified = dissmodel("record", "verify", record)
    again = dissmodel("reproduce", record, "--model", model, "--input", "grid.bin")

    assert (0, 0, 0) == (shown.code, verified.code, again.code), verified.out + again.err
    assert record in shown.out
    assert f"ok           output    {s3.uri}/runs/r.bin" in verified.out
    assert f"identical-file: mine of {record}" in again.out
    assert 1 == len(list(Path().glob("r.repro-*.bin")))


def test_a_folder_is_uploaded_as_one(dissmodel, s3, executor_file):
    Path("grid.bin").write_bytes(DATA)
    several = executor_file(
        cls="output_suffix = '/'",
        save="folder = Path(record.output_path); (folder / 'maps').mkdir(parents=True); "
        "(folder / 'report.md').write_text('all'); (folder / 'maps' / 'a.png').write_bytes(result); "
        "record.output_sha256 = self._sha256(folder / 'report.md'); return record",
    )

    said = dissmodel("run", several, "-i", "grid.bin", "-o", f"{s3.uri}/val/")

    assert 0 == said.code, said.err
    found = sorted(path.relative_to(s3.folder).as_posix() for path in s3.folder.rglob("*") if path.is_file())
    assert ["val.record.json", "val/maps/a.png", "val/report.md"] == found
    assert 0 == dissmodel("record", "verify", f"{s3.uri}/val.record.json").code


@pytest.mark.parametrize("taken", ["r.bin", "r.record.json"])
def test_what_is_there_is_not_replaced(ready, taken):
    dissmodel, s3, words = ready
    s3.put(s3.folder / taken, b"another's")

    said = dissmodel(*words, "-o", f"{s3.uri}/r.bin", "--json")
    forced = dissmodel(*words, "-o", f"{s3.uri}/r.bin", "--overwrite", "--json")

    assert (2, "output_exists") == (said.code, said.json["error"]["code"])
    assert 2 == forced.code
    assert [taken] == [path.name for path in s3.folder.iterdir()]
    assert b"another's" == (s3.folder / taken).read_bytes()


WRONG = {
    "bucket": ("s3://no-such-bucket/r.bin", 5),
    "bucket's name": ("s3://No_Bucket/r.bin", 5),
    "no key": ("s3://data", 2),
    "only a slash": ("s3://data/", 2),
    "above": ("s3://data/../r.bin", 5),
    "web": ("https://example.org/r.bin", 2),
    "suffix": ("s3://data/r.tif", 2),
    "no file's name": ("s3://data/a:b.bin", 2),
}


@pytest.mark.parametrize(("output", "code"), WRONG.values(), ids=WRONG)
def test_a_wrong_place_is_told_before_the_run(dissmodel, s3, executor_file, output, code):
    Path("grid.bin").write_bytes(DATA)
    noting = executor_file(
        cls="output_suffix = '.bin'; output_suffixes = ('.bin',)", run="Path('ran').touch(); return data"
    )

    said = dissmodel("run", noting, "-i", "grid.bin", "-o", output, "--json")
    checked = dissmodel("validate", noting, "-i", "grid.bin", "-o", output)

    assert code == said.code, said.out
    assert "dissmodel-" not in said.json["error"]["message"]
    assert 3 == checked.code
    assert not Path("ran").exists()
    assert ([], []) == left()


def test_validate_looks_at_the_place(ready):
    dissmodel, s3, words = ready

    said = dissmodel("validate", *words[1:], "-o", f"{s3.uri}/r.bin")

    assert 0 == said.code, said.out
    assert f"ok       {s3.uri}/r.bin: " in said.out
    assert not s3.folder.exists()


def test_a_run_that_fails_uploads_nothing_and_leaves_its_record(dissmodel, s3, executor_file):
    Path("grid.bin").write_bytes(DATA)
    failing = executor_file(cls="output_suffix = '.bin'", run="raise RuntimeError('no more sea')")

    said = dissmodel("run", failing, "-i", "grid.bin", "-o", f"{s3.uri}/r.bin", "--json")

    assert 1 == said.code
    assert not s3.folder.exists()
    assert "failed" == json.loads(Path(said.json["error"]["record"]).read_text())["status"]


def test_an_upload_that_fails_costs_nothing(dissmodel, s3, model, proxy):
    """The server refuses from some request on: no record in the bucket, the result here."""
    Path("grid.bin").write_bytes(DATA)
    assert 0 == dissmodel("run", model, "-i", "grid.bin", "-o", f"{s3.uri}/first/r.bin").code
    asked, before = len(proxy.requests), 4  # so many to see that nothing is there
    assert asked > before
    for number in range(before + 1, asked + 1):
        for later in range(number, number + 20):
            proxy.at(later, "status", status=403)

        said = dissmodel("run", model, "-i", "grid.bin", "-o", f"{s3.uri}/{number}/r.bin", "--json")

        assert 5 == said.code, said.out
        record = Path(said.json["error"]["record"])
        assert "completed" == store.read(record).status
        assert DATA == record.with_name("r.bin").read_bytes()
        proxy.heal()
        there = s3.folder / str(number)
        if (there / "r.record.json").exists():  # the last answer was lost: it is whole then
            assert store.read(there / "r.record.json").artifacts["output"] == digest.sha256_file(
                there / "r.bin"
            )


def test_one_that_is_killed_leaves_no_record(dissmodel, s3, model):
    Path("grid.bin").write_bytes(b"x" * 60_000_000)
    code = "from dissmodel.cli.app import main; main()"
    words = [sys.executable, "-c", code, "run", str(model), "-i", "grid.bin", "-o", f"{s3.uri}/k/r.bin", "-q"]
    there = s3.folder / "k"
    with subprocess.Popen(words) as process:
        until = time.monotonic() + 60
        while not there.exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        process.kill()

    assert not (there / "r.record.json").exists()
