"""Documents of jobs in a folder and in a bucket: the first that is written stands, and no text is trusted."""

import json
import os
import threading

import pytest

from dissmodel.errors import Differs, DissmodelError, InvalidInput, StorageError
from dissmodel.experiment.layout import outputs_place
from dissmodel.record.digest import sha256_file
from dissmodel.service.documents import MAX_BYTES, Cancel, Outcome, Problem, Request
from dissmodel.service.truth import Truth
from dissmodel.storage.settings import StorageSettings

FULL = {
    "kind": "run",
    "submitted_by": "ana",
    "priority": "high",
    "timeout_s": 60.5,
    "model_name": "coast/flood",
    "spec": {"model": {"name": "flood", "class": "flood_raster"}, "parameters": {"rate": {"default": 0.5}}},
    "registry": "models",
    "commit": "a" * 40,
    "input": "s3://inputs/grid.zip",
    "input_format": "raster",
    "layer": "cells",
    "parameters": {"rate": 0.1, "name": "Lençóis ☃", "years": [1, 2], "none": None},
    "column_map": {"uso": "USE"},
    "band_map": {"alt": "1"},
    "seed": 7,
    "digest": "d" * 64,
}


def request(job, **more):
    return Request(**{"experiment_id": job, "timeout_s": 60, "model_name": "flood", **more})


@pytest.fixture
def raw(truth, tmp_path):
    """A function that puts any bytes under a key of the place."""

    def put(key, content):
        (tmp_path / "raw").write_bytes(content)
        truth.place.storage.put(tmp_path / "raw", truth.place.key(key), sha256=sha256_file(tmp_path / "raw"))

    return put


def test_an_empty_place_has_no_jobs(truth, new_id):
    job = new_id()

    assert [] == list(truth.jobs())
    assert (None, None, None) == (truth.request(job), truth.cancelled(job), truth.outcome(job))
    assert not truth.has_record(job)
    assert truth.record_digest(job) is None


def test_a_document_is_read_as_it_was_written(truth, new_id):
    job = new_id()
    asked = request(job, **FULL, reproduces=new_id())
    ended = Outcome(
        status="failed",
        attempts=2,
        error=Problem(code="run_failed", message="ü", hint="Try."),
        record={"status": "failed"},
        log=("a", "ü\t☃"),
    )
    for document in (asked, Cancel(by="ana"), ended):
        assert truth.put(job, document)

    assert asked == truth.request(job)
    assert "ana" == truth.cancelled(job).by
    assert ended == truth.outcome(job)
    assert [(job, frozenset({"request.json", "cancel.json", "outcome.json"}))] == list(truth.jobs())


def test_the_first_document_stands(truth, new_id):
    job = new_id()
    assert truth.put(job, Outcome(status="completed", record_digest="a"))
    assert not truth.put(job, Outcome(status="failed"))

    assert "completed" == truth.outcome(job).status


def test_one_of_many_writers_is_the_first(truth, new_id):
    job, stood, begin = new_id(), [], threading.Barrier(6)

    def write(number):
        begin.wait()
        if truth.put(job, Outcome(status="completed", attempts=number)):
            stood.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [truth.outcome(job).attempts] == stood


def test_jobs_are_told_with_their_documents(truth, new_id):
    jobs = {new_id(): {"request.json"} for _ in range(30)}
    for job in jobs:
        truth.put(job, request(job))
    for job in list(jobs)[:5]:
        truth.put(job, Cancel())
        jobs[job].add("cancel.json")

    assert jobs == dict(truth.jobs())


def test_an_experiment_is_whole_once_its_record_is_there(truth, deliver, raw, new_id):
    job = new_id()
    raw(f"experiments/{job}/output.bin", b"result")
    assert not truth.has_record(job)
    assert truth.record_digest(job) is None
    digest = deliver(job)

    assert truth.has_record(job)
    assert digest == truth.record_digest(job)


BAD = {
    "not JSON": b"{",
    "not UTF-8": b'{"status": "\xff"}',
    "empty": b"",
    "a list": b"[]",
    "a number": b"7",
    "deep": b"[" * 200_000,
    "a field that lacks": b"{}",
    "a wrong field": b'{"experiment_id": "%s", "timeout_s": -1, "model_name": "m", "status": "done"}',
    "no number": b'{"experiment_id": "%s", "timeout_s": NaN, "model_name": "m", "status": 1}',
    "a wrong id": b'{"experiment_id": "../../etc", "timeout_s": 1, "model_name": "m", "status": ""}',
    "a long number": b'{"status": %s}' % (b"9" * 10_000),
    "half a character": b'{"status": "\\ud800"}',
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_document_is_an_error_that_names_it(truth, raw, new_id, name):
    job = new_id()
    content = BAD[name].replace(b"%s", job.encode())
    for read, file in ((truth.request, "request.json"), (truth.outcome, "outcome.json")):
        raw(f"jobs/{job}/{file}", content)
        with pytest.raises(InvalidInput) as told:
            read(job)
        assert "bad_document" == told.value.code
        assert f"{job}/{file}" in told.value.message
        assert len(told.value.message) < 1000


def test_a_request_of_another_job_is_bad(truth, raw, new_id):
    job, other = new_id(), new_id()
    raw(f"jobs/{job}/request.json", request(other).to_bytes())
    with pytest.raises(InvalidInput, match="the request in it is that of") as told:
        truth.request(job)

    assert "bad_document" == told.value.code


def test_a_document_that_is_too_large_is_not_read(truth, raw, new_id):
    job = new_id()
    raw(f"jobs/{job}/outcome.json", b" " * (MAX_BYTES + 1))
    with pytest.raises(InvalidInput) as told:
        truth.outcome(job)

    assert "object_too_large" == told.value.code


def test_a_document_of_a_later_version_is_read(truth, raw, new_id):
    job = new_id()
    known = json.loads(request(job).to_bytes())
    raw(f"jobs/{job}/request.json", json.dumps({**known, "schema_version": 9, "birds": [1]}).encode())

    assert "flood" == truth.request(job).model_name


def test_a_key_that_is_no_job_is_left_alone(truth, raw, new_id):
    job = new_id()
    for key in (
        "birds",
        f"{job.upper()}/request.json",
        f"{job}0/request.json",
        f"{job[:-1]}/request.json",
        f"{job[:-1]}g/request.json",
        f" {job}/request.json",
        f"{job}.json",
        f"other/{job}/request.json",
        "ü/request.json",
    ):
        raw(f"jobs/{key}", b"{}")
    raw(f"jobs/{job}/deep/request.json", b"{}")
    raw(f"jobs/{job}/birds.json", b"{}")
    raw(f"jobsx/{new_id()}/request.json", b"{}")

    assert [(job, frozenset({"deep/request.json", "birds.json"}))] == list(truth.jobs())
    assert truth.request(job) is None


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"experiment_id": "%s"}', b"\xff" * 100])
def test_a_record_that_is_none_is_no_result(truth, raw, new_id, content):
    job = new_id()
    raw(f"experiments/{job}/record.json", content.replace(b"%s", job.encode()))
    if b"%s" in content:  # as the public DisSModel wrote records, without a digest
        assert truth.record_digest(job) is not None
        return
    with pytest.raises(DissmodelError) as told:
        truth.record_digest(job)
    assert job in told.value.message


def test_a_record_of_another_experiment_is_no_result(truth, deliver, raw, new_id, tmp_path):
    job, other = new_id(), new_id()
    deliver(job)
    truth.place.storage.get(truth.experiment(job).key("record.json"), tmp_path / "record", limit=1 << 20)
    raw(f"experiments/{other}/record.json", (tmp_path / "record").read_bytes())
    with pytest.raises(Differs, match="not of the experiment whose folder it is in"):
        truth.record_digest(other)
    changed = (tmp_path / "record").read_bytes().replace(b'"mine"', b'"yours"')
    raw(f"experiments/{job}/record.json", changed)
    with pytest.raises(Differs, match="this record was changed"):
        truth.record_digest(job)


def test_links_in_a_folder_are_not_followed(tmp_path, new_id):
    if os.name == "nt":
        pytest.skip("links need rights on Windows")
    job, secret = new_id(), tmp_path / "secret"
    secret.mkdir()
    (secret / "request.json").write_bytes(request(job).to_bytes())
    (tmp_path / "place" / "jobs").mkdir(parents=True)
    (tmp_path / "place" / "jobs" / job).symlink_to(secret)
    truth = Truth(outputs_place(str(tmp_path / "place"), StorageSettings()))

    assert [] == list(truth.jobs())
    with pytest.raises(StorageError, match="is a link"):
        truth.request(job)
    with pytest.raises(StorageError, match="is a link"):
        truth.put(job, Outcome(status="failed"))
    assert ["request.json"] == [path.name for path in secret.iterdir()]
