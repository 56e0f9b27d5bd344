"""A record whose `artifacts` and `files` say different things of one file."""

import pytest

from dissmodel.experiment.verify import verify
from dissmodel.record import Artifact, ExperimentRecord, store
from dissmodel.record.digest import sha256_file


@pytest.fixture
def pair(tmp_path):
    """Write a result and its record, in which both places have the digest that they are given."""

    def pair(artifacts, files):
        result = tmp_path / "r.bin"
        result.write_bytes(b"result")
        true = sha256_file(result)
        record = ExperimentRecord(
            status="completed",
            output_path="r.bin",
            artifacts={"output": artifacts or true},
            files={"output": Artifact(path="r.bin", size=6, sha256=files or true)},
        )
        store.write(record, tmp_path / "r.record.json")
        return tmp_path / "r.record.json"

    return pair


def verdicts(path):
    return [check.verdict for check in verify((path,)).checks if check.name == "output"]


def test_both_agree(pair):
    assert ["ok"] == verdicts(pair(None, None))


def test_what_only_artifacts_say_differs(pair):
    path = pair("f" * 64, None)

    assert ["ok", "differs"] == verdicts(path)
    assert not verify((path,)).ok


def test_what_only_files_say_differs(pair):
    path = pair(None, "f" * 64)

    assert ["differs", "differs"] == verdicts(path)
    assert not verify((path,)).ok


def test_both_are_read_as_they_stand(pair):
    record = store.read(pair("f" * 64, None))

    assert "f" * 64 == record.output_sha256
    assert "f" * 64 != record.files["output"].sha256
    assert {} == record.unplaced
