import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dissmodel.errors import InvalidInput
from dissmodel.record import Artifact, store
from dissmodel.record.scan import scan, summarise
from support.records import leave

RECORDS = Path(__file__).resolve().parents[2] / "data" / "records"
NOBODY = 65534


def document(**fields):
    return json.dumps({"experiment_id": "ab" * 16, "schema_version": 1, **fields})


def test_every_record_below_is_found_and_nothing_else(tmp_path):
    leave(tmp_path / "b.record.json")
    leave(tmp_path / "a.record.json")
    leave(tmp_path / "x" / "deep" / "c.record.json")
    leave(tmp_path / ".hidden" / "d.record.json")
    leave(tmp_path / "experiment_record.json")  # the copy of the latest
    leave(tmp_path / ".dissmodel-r" / "running.record.json")  # a run under way
    (tmp_path / "notes.json").write_text("{}")
    (tmp_path / "folder.record.json").mkdir()

    found = [one.path.relative_to(tmp_path).as_posix() for one in scan(tmp_path)]
    flat = [one.path.name for one in scan(tmp_path, below=False)]

    assert ["a.record.json", "b.record.json", ".hidden/d.record.json", "x/deep/c.record.json"] == found
    assert ["a.record.json", "b.record.json"] == flat


@pytest.mark.skipif(sys.platform == "win32", reason="Windows asks for rights to make a link")
def test_a_linked_folder_is_not_followed_and_a_linked_file_is(tmp_path):
    leave(tmp_path / "elsewhere" / "a.record.json")
    here = tmp_path / "here"
    here.mkdir()
    (here / "loop").symlink_to(here)
    (here / "out").symlink_to(tmp_path / "elsewhere")
    (here / "b.record.json").symlink_to(tmp_path / "elsewhere" / "a.record.json")

    (found,) = scan(here)

    assert (here / "b.record.json", "coast") == (found.path, found.record.model_name)


def test_it_streams(tmp_path):
    leave(tmp_path / "a.record.json")
    (tmp_path / "b.record.json").write_text("{")
    found = scan(tmp_path)

    assert next(found).error is None
    leave(tmp_path / "b.record.json")
    assert next(found).error is None  # it was not read before it was asked for


BROKEN = {
    "empty": b"",
    "truncated": document(status="completed").encode()[:-5],
    "no JSON": b"\x89PNG",
    "a list": b"[]",
    "no id": b"{}",
    "nested": b'{"experiment_id": "a", "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "a key twice": b'{"experiment_id": "a", "status": "failed", "status": "completed"}',
    "too large": document(logs=["x" * store.MAX_BYTES]).encode(),
    "parameters of another kind": document(parameters=[1]).encode(),
    "a time that is none": document(created_at="yesterday").encode(),
    "a time before the year 1": document(created_at="0001-01-01T00:00:00+14:00").encode(),
    "an artifact of another kind": document(files={"output": "r.tif"}).encode(),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_an_item_and_the_others_are_read(tmp_path, content):
    leave(tmp_path / "a.record.json")
    (tmp_path / "b.record.json").write_bytes(content)
    leave(tmp_path / "c.record.json")

    first, broken, last = scan(tmp_path)

    assert None is first.error is last.error is broken.record
    assert "not_a_record" == broken.error.code
    assert "b.record.json" in broken.error.message


def test_a_newer_record_is_an_item_that_says_so(tmp_path):
    (tmp_path / "a.record.json").write_text(document(schema_version=99))

    assert "record_newer" == next(scan(tmp_path)).error.code


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_and_a_link_to_nothing_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.record.json")
    (tmp_path / "b.record.json").symlink_to(tmp_path / "gone")

    pipe, link = scan(tmp_path)

    assert ("not_a_record", "record_missing") == (pipe.error.code, link.error.code)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such rights")
def test_a_folder_that_is_closed_is_an_item(tmp_path):
    leave(tmp_path / "a.record.json")
    (tmp_path / "closed").mkdir(mode=0)
    leave(tmp_path / "d" / "e.record.json")
    for folder in (tmp_path, *tmp_path.parents[:3]):  # those that pytest closes to others
        folder.chmod(0o755)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    try:
        found = list(scan(tmp_path))
    finally:
        if os.getuid() == 0:
            os.seteuid(0)

    assert ["a.record.json", "closed", "e.record.json"] == [one.path.name for one in found]
    assert [None, "storage", None] == [one.error and one.error.code for one in found]


def test_folders_deeper_than_python_calls(tmp_path):
    made = [tmp_path]
    for _ in range(1200):
        made.append(made[-1] / "a")
        made[-1].mkdir()
    leave(made[-1] / "a.record.json")

    found = list(scan(tmp_path))

    assert 1 == len(found)
    assert found[0].record is not None
    found[0].path.unlink()
    for folder in reversed(made[1:]):  # rmtree calls itself for each level
        folder.rmdir()


@pytest.mark.parametrize("name", ["absent", "file.txt", "x" * 5000, "a\0b"])
def test_what_is_no_folder_is_refused_at_once(tmp_path, name):
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(InvalidInput) as caught:
        scan(tmp_path / name)

    assert "no_folder" == caught.value.code


@pytest.mark.parametrize("path", sorted(RECORDS.rglob("*.json")), ids=lambda path: path.name)
def test_a_summary_says_what_the_record_says(path):
    record = store.read(path)
    summary = summarise(path).record

    for name in ("experiment_id", "created_at", "model_name", "status", "parameters", "parameter_origin"):
        assert getattr(record, name) == getattr(summary, name)
    for name in ("output_path", "artifacts", "reproduces", "derived_from"):
        assert getattr(record, name) == getattr(summary, name)
    assert (record.source.uri, record.source.checksum) == (summary.source.uri, summary.source.checksum)
    assert set(record.artifacts.values()) <= summary.digests


def test_parameters_that_nobody_gave_are_not_the_given_ones(tmp_path):
    parameters = {"end_time": 3, "rate": 0.5, "tide": 6.0}
    origin = {"end_time": "command line", "rate": "spec", "tide": "default"}
    ours = summarise(leave(tmp_path / "a.record.json", parameters=parameters, parameter_origin=origin))
    public = summarise(leave(tmp_path / "b.record.json", parameters=parameters))

    assert {"end_time": 3, "rate": 0.5} == ours.record.given
    assert parameters == public.record.given


def test_a_time_without_a_zone_is_utc_and_none_is_none(tmp_path):
    leave(tmp_path / "a.record.json", created_at="2026-01-02T03:04:05")
    leave(tmp_path / "b.record.json", created_at="2026-01-02T03:04:05+02:00")
    (tmp_path / "c.record.json").write_text(document())

    times = [one.record.created_at for one in scan(tmp_path)]

    assert [
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC),
        None,
    ] == times


def test_the_digests_are_those_of_the_artifacts_and_of_the_files(tmp_path):
    files = {"style": Artifact(path="r.qml", size=1, sha256="b" * 64)}
    path = leave(tmp_path / "a.record.json", artifacts={"output": "a" * 64}, files=files)

    assert {"a" * 64, "b" * 64} == summarise(path).record.digests
