import json
import math
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dissmodel.errors import InvalidInput, StorageError, UsageError
from dissmodel.record import Artifact, ExperimentRecord, Failure, Grid, Runtime, known_secrets, store
from dissmodel.record.digest import record_digest
from dissmodel.record.plain import plain
from dissmodel.record.redact import LONGEST
from dissmodel.record.schema import Package

RUNTIME = dict.fromkeys(("python", "implementation", "platform", "os", "machine"), "x")
MINIMAL = {"experiment_id": "ab" * 16, "model_name": "coast", "status": "completed"}


def leave(path, text):
    path.write_text(text, encoding="utf-8")
    return path


# — names —


@pytest.mark.parametrize(
    ("expected", "output"),
    [
        ("out/result.record.json", "out/result.tif"),
        ("out/val.record.json", "out/val/"),
        ("a.tar.record.json", "a.tar.gz"),
        ("grid.v1.2.record.json", "grid.v1.2.tif"),
        ("result.record.json", "result"),
        (".hidden.record.json", ".hidden"),
        ("dados/maré alta.record.json", "dados/maré alta.tif"),
    ],
)
def test_the_record_lies_beside_the_output(expected, output):
    assert Path(expected) == store.record_path(Path(output))


def test_the_record_of_a_failure_is_in_nothings_way():
    assert Path("out/r.1a2b3c4d.record.json") == store.failed_record_path(Path("out/r.tif"), "1a2b3c4d" * 4)
    assert Path("out/r.etc.record.json") == store.failed_record_path(Path("out/r.tif"), "../etc/")


@pytest.mark.parametrize("output", [".", "..", "/", "a/.."])
def test_an_output_without_a_name_is_refused(output):
    with pytest.raises(UsageError) as caught:
        store.record_path(Path(output))

    assert output in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "/etc/passwd", "../x.tif", "a/../../x.tif", "C:\\x.tif", "C:x.tif", "c:/x.tif", "a\\b.tif",
        "\\\\host\\share", "a\0b", "a\nb", "http://h/x.tif", "file:///etc/passwd", "s3://bucket/x",
    ],
)  # fmt: skip
def test_an_artifact_can_not_lie_elsewhere(text):
    with pytest.raises(InvalidInput) as caught:
        store.artifact_path(Path("out/r.record.json"), text)

    assert "artifact_path" == caught.value.code
    assert "r.record.json" in caught.value.message


@pytest.mark.parametrize("text", ["r.tif", "./r.tif", "maps/é (1).png", "..r.tif", "a..b"])
def test_an_artifact_lies_beside_its_record(text):
    assert Path("out") / text == store.artifact_path(Path("out/r.record.json"), text)


# — writing —


def test_whatever_an_executor_leaves_is_written_and_read(tmp_path):
    record = ExperimentRecord(model_name="coast")
    record.metrics = {"mean": np.float64(0.5), "bands": np.arange(3), "bad": math.nan, 7: {"b", "a"}}
    record.parameters = {"path": Path("a/b.tif"), "when": datetime(2026, 1, 1, tzinfo=UTC)}
    record.output_path = Path("out/result.tif")
    record.logs.extend(["one", 2, ValueError("three")])
    record.artifacts = {"output": "ab" * 32, "report": None}
    store.write(record, tmp_path / "r.record.json")
    found = store.read(tmp_path / "r.record.json")

    assert {"mean": 0.5, "bands": [0, 1, 2], "bad": "NaN", "7": ["a", "b"]} == found.metrics
    assert {"path": str(Path("a/b.tif")), "when": "2026-01-01T00:00:00Z"} == found.parameters
    assert str(Path("out/result.tif")) == found.output_path
    assert ["one", "2", "three"] == found.logs
    assert {"output": "ab" * 32} == found.artifacts


def test_no_secret_reaches_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIO_SECRET_KEY", "from-the-environment")
    record = ExperimentRecord(
        parameters={"db_password": "hunter2", "end_time": 10},
        source={"uri": "https://ana:hunter2@h/grid.tif?X-Amz-Signature=hunter2"},
        logs=["signed with from-the-environment"],
        error=Failure(phase="load", type="OSError", message="token=hunter2"),
    )
    store.write(record, tmp_path / "r.record.json")
    text = (tmp_path / "r.record.json").read_text(encoding="utf-8")

    assert "hunter2" not in text
    assert "from-the-environment" not in text
    assert {"db_password": "***", "end_time": 10} == store.read(tmp_path / "r.record.json").parameters


def test_a_field_that_does_not_fit_is_kept_as_a_misfit(tmp_path):
    record = ExperimentRecord(model_name="coast")
    record.metrics = ["no mapping"]
    record.seed = "seven"
    store.write(record, tmp_path / "r.record.json")
    found = store.read(tmp_path / "r.record.json")

    assert {"metrics": ["no mapping"], "seed": "seven"} == found.model_extra["misfits"]
    assert "coast" == found.model_name
    assert {} == found.metrics


def test_people_read_it_in_the_order_of_the_schema():
    document = {"of_tomorrow": 1, "status": "failed", "metrics": {"z": 1, "a": 2}, "experiment_id": "é"}

    expected = (
        '{\n  "experiment_id": "é",\n  "metrics": {\n    "z": 1,\n    "a": 2\n  },\n'
        '  "status": "failed",\n  "of_tomorrow": 1\n}\n'
    )
    assert expected.encode() == store.dumps(document)


def test_the_digest_is_written_and_noted(tmp_path):
    record = ExperimentRecord(model_name="coast")
    written = store.write(record, tmp_path / "r.record.json")

    parsed = json.loads((tmp_path / "r.record.json").read_text(encoding="utf-8"))
    assert record_digest(parsed) == parsed["record_digest"] == record.record_digest
    assert written == parsed


def test_a_document_is_written_as_it_is(tmp_path):
    document = {**MINIMAL, "metrics": {"x": 1}, "of_tomorrow": [1.5]}
    store.write(document, tmp_path / "r.record.json")
    found = store.read_document(tmp_path / "r.record.json")

    assert {**document, "record_digest": record_digest(document)} == found


def test_a_record_that_nobody_would_read_is_not_written(tmp_path):
    metrics = {str(number): "x" * LONGEST for number in range(17)}
    record = ExperimentRecord(model_name="coast", metrics=metrics)
    with pytest.raises(StorageError) as caught:
        store.write(record, tmp_path / "r.record.json")

    assert "record_too_large" == caught.value.code
    assert "'metrics'" in caught.value.message
    assert [] == list(tmp_path.iterdir())


def test_a_failed_write_leaves_what_was_there_and_nothing_else(tmp_path):
    target = tmp_path / "r.record.json"
    (target / "in the way").mkdir(parents=True)
    with pytest.raises(StorageError) as caught:
        store.write(ExperimentRecord(), target)

    assert str(target) in caught.value.message
    assert [target] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["no/folder/r.json", "r\0.json", f"{'x' * 300}.json"])
def test_a_place_that_can_not_be_written_is_named(tmp_path, name):
    with pytest.raises(StorageError) as caught:
        store.write(ExperimentRecord(), tmp_path / name)

    assert 5 == caught.value.exit_code
    assert str(tmp_path / name) in caught.value.message
    assert [] == list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="needs a umask")
def test_others_may_read_what_the_umask_allows(tmp_path):
    store.write(ExperimentRecord(), tmp_path / "r.record.json")
    (tmp_path / "plain").touch()

    assert (tmp_path / "plain").stat().st_mode == (tmp_path / "r.record.json").stat().st_mode


# — reading —

_words = st.text(max_size=8)
_numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
_json = st.recursive(
    st.none() | st.booleans() | _numbers | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=8,
)
_mappings = st.dictionaries(_words, _json, max_size=4)
_records = st.builds(
    ExperimentRecord,
    model_name=_words,
    parameters=_mappings,
    metrics=_mappings,
    logs=st.lists(_words, max_size=3),
    artifacts=st.dictionaries(_words, _words, max_size=2),
    created_at=st.datetimes(timezones=st.just(UTC)),
    seed=st.none() | st.integers(),
    period=st.none() | st.tuples(_words, _words),
    grid=st.none()
    | st.builds(
        Grid,
        shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
        transform=st.tuples(*[st.integers(-9, 9) | st.floats(-9, 9)] * 6),
    ),
    files=st.dictionaries(
        _words, st.builds(Artifact, path=_words, size=st.integers(0, 9), sha256=_words), max_size=2
    ),
    step_metrics=st.dictionaries(_words, st.lists(st.integers() | st.floats(-9, 9), max_size=3), max_size=2),
    of_tomorrow=_json,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record=_records)
def test_what_is_written_is_read_again(tmp_path, record):
    assume(plain(record) == store.to_document(record))  # no text happens to look like a secret
    path = tmp_path / "r.record.json"
    store.write(record, path)
    first = path.read_bytes()
    found = store.read(path)
    store.write(found, path)

    assert record == found
    assert first == path.read_bytes()
    assert found.record_digest == record_digest(store.read_document(path))


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("Expecting value", ""),
        ("Expecting", "{"),
        ("no experiment_id", "[]"),
        ("no experiment_id", "3"),
        ("no experiment_id", '{"type": "FeatureCollection"}'),
        ("is given twice", '{"experiment_id": "a", "status": "x", "status": "y"}'),
        ("is given twice", '{"experiment_id": "a", "metrics": {"x": 1, "x": 2}}'),
        ("nested deeper", '{"experiment_id": "a", "x": ' + "[" * 100 + "1" + "]" * 100 + "}"),
        ("nested deeper", "[" * 100_000),
        ("surrogates not allowed", '{"experiment_id": "a", "x": "\\ud800"}'),
        ("digits", '{"experiment_id": "a", "x": ' + "9" * 5000 + "}"),
        ("schema_version is '1'", '{"experiment_id": "a", "schema_version": "1"}'),
        ("schema_version is True", '{"experiment_id": "a", "schema_version": true}'),
        ("schema_version is -1", '{"experiment_id": "a", "schema_version": -1}'),
    ],
)
def test_what_is_no_record_is_refused(tmp_path, reason, text):
    path = leave(tmp_path / "r.record.json", text)
    with pytest.raises(InvalidInput) as caught:
        store.read(path)

    assert "not_a_record" == caught.value.code
    assert str(path) in caught.value.message
    assert reason in caught.value.message


def test_one_hundred_levels_are_read(tmp_path):
    text = '{"experiment_id": "a", "x": ' + "[" * 99 + "1" + "]" * 99 + "}"

    assert "a" == store.read(leave(tmp_path / "r.json", text)).experiment_id


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "r.tif").write_bytes(b"II*\0\xff\xfe")
    with pytest.raises(InvalidInput) as caught:
        store.read(tmp_path / "r.tif")

    assert "r.tif" in caught.value.message


def test_a_file_that_is_too_large_is_not_parsed(tmp_path):
    with (tmp_path / "r.json").open("wb") as stream:
        stream.truncate(store.MAX_BYTES + 1)
    with pytest.raises(InvalidInput) as caught:
        store.read(tmp_path / "r.json")

    assert f"more than {16 * 1024 * 1024} bytes" in caught.value.message


def test_a_field_of_the_wrong_type_is_named(tmp_path):
    path = leave(tmp_path / "r.json", json.dumps({**MINIMAL, "source": {"checksum": 3}}))
    with pytest.raises(InvalidInput) as caught:
        store.read(path)

    assert "source.checksum" in caught.value.message


@pytest.mark.parametrize("name", ["absent.json", "file/r.json", "r\0.json"])
def test_a_missing_record_has_its_own_code(tmp_path, name):
    leave(tmp_path / "file", "")
    with pytest.raises(InvalidInput) as caught:
        store.read(tmp_path / name)

    assert "record_missing" == caught.value.code


def test_a_folder_is_no_record(tmp_path):
    with pytest.raises(InvalidInput if sys.platform != "win32" else StorageError) as caught:
        store.read(tmp_path)

    assert str(tmp_path) in caught.value.message


def test_a_newer_record_says_upgrade(tmp_path):
    path = leave(tmp_path / "r.json", json.dumps({**MINIMAL, "schema_version": 99}))
    with pytest.raises(InvalidInput) as caught:
        store.read(path)

    assert "record_newer" == caught.value.code
    assert "Upgrade" in caught.value.hint


def test_a_byte_order_mark_is_tolerated(tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(MINIMAL), encoding="utf-8-sig")

    assert "coast" == store.read(tmp_path / "r.json").model_name


def test_numbers_that_json_lacks_are_read_as_text(tmp_path):
    text = '{"experiment_id": "a", "metrics": {"a": NaN, "b": -Infinity, "c": 1e999}}'

    expected = {"a": "NaN", "b": "-Infinity", "c": "1e999"}
    assert expected == store.read(leave(tmp_path / "r.json", text)).metrics


@pytest.mark.parametrize("change", [lambda data: data[:-5], lambda data: data.replace(b"coast", b"toast")])
def test_an_edited_record_is_told_by_its_digest(tmp_path, change):
    path = tmp_path / "r.record.json"
    store.write(ExperimentRecord(model_name="coast"), path)
    path.write_bytes(change(path.read_bytes()))
    try:
        document = store.read_document(path)
    except InvalidInput:
        return

    assert record_digest(document) != document["record_digest"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes with a path")
def test_a_pipe_is_no_record_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "r.record.json")

    with pytest.raises(InvalidInput, match="not a regular file"):
        store.read(tmp_path / "r.record.json")


def test_packages_are_written_as_each_record_has_them(monkeypatch):
    package = Package(version="1.0", url="https://example.org/a?part=hush-hush-1")
    record = ExperimentRecord(runtime=Runtime(**RUNTIME, packages={"a": package, "b": Package(version="2")}))

    def written():
        return store.to_document(record)["runtime"]["packages"]

    first = written()
    first["b"]["version"] = "changed by who asked"

    assert {"version": "2", "url": None, "commit": None} == written()["b"]
    assert "hush-hush-1" in written()["a"]["url"]
    monkeypatch.setattr(known_secrets, "_learned", {"hush-hush-1"})
    assert "https://example.org/a?part=***" == written()["a"]["url"]
    package.version = "1.1"
    assert "1.1" == written()["a"]["version"]
    setattr(package, "later", {"of": "a newer version"})  # noqa: B010  (a field that the schema lacks)
    assert {"of": "a newer version"} == written()["a"]["later"]
    record.runtime.packages = ["no mapping"]
    assert ["no mapping"] == store.to_document(record)["misfits"]["runtime"]["packages"]


def test_packages_of_a_runtime_that_does_not_fit():
    record = ExperimentRecord(runtime=Runtime(**RUNTIME, packages={"b": Package(version="2")}))
    record.runtime.threads = "four"

    assert "2" == store.to_document(record)["misfits"]["runtime"]["packages"]["b"]["version"]


@pytest.mark.parametrize(
    "runtime",
    [
        {
            "python": "3.12",
            "packages": {"numpy": {"version": "2.0"}, 'a"\n': {"url": "ä\n    }"}},
            "gpu": None,
        },
        {"packages": {"a": {}}},
        {"packages": {}},
        {"packages": ["a"]},
        None,
    ],
)
def test_the_text_of_a_document_is_that_of_json(runtime):
    misleading = '\n  "runtime": {\n    "packages": {}'
    document = {
        "experiment_id": misleading,
        "parameters": {"packages": {}, "runtime": {"packages": {}}},
        "logs": [misleading],
        "runtime": runtime,
    }

    assert f"{json.dumps(document, indent=2, ensure_ascii=False)}\n".encode() == store.dumps(document)
