"""Pushing into a folder: what goes where, and what is refused."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dissmodel.record import Artifact, DataSource, ExperimentRecord, digest, sign, store
from support.files import contents

ID = "ab12cd34" * 4


@pytest.fixture(autouse=True)
def own_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("DISSMODEL_CONFIG", str(tmp_path / "config.toml"))


def made(folder=".", experiment_id=ID, main="result.bin", status="completed", **files):
    """A record and its files, as a run leaves them; the names of the others are given with their content."""
    folder = Path(folder)
    contents = {main: b"output of " + experiment_id.encode(), **files}
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "grid.zip").write_bytes(b"grid")
    artifacts = {
        "output" if name == main else name: Artifact(
            path=name, size=len(data), sha256=digest.sha256_bytes(data)
        )
        for name, data in contents.items()
    }
    record = ExperimentRecord(
        experiment_id=experiment_id,
        model_name="mine",
        source=DataSource(uri="grid.zip", checksum=digest.sha256_bytes(b"grid"), size=4),
        files=artifacts,
        artifacts={name: one.sha256 for name, one in artifacts.items()},
        output_path=main,
        status=status,
    )
    path = folder / "result.record.json"
    store.write(record, path)
    return path


def edited(path, **changes):
    """Change a record's fields and let its digest hold."""
    document = store.read_document(path) | changes
    store.write(document, path)
    return path


def test_an_experiment_lies_under_its_id_and_the_record_holds(dissmodel):
    made(**{"result.qml": b"style", "maps/a.png": b"map"})
    before = contents(".")

    said = dissmodel("push", "result.record.json", "--to", "shared")

    assert (0, "") == (said.code, said.err)
    assert "1 experiment, 4 objects sent" in said.out
    there = Path("shared/experiments", ID)
    assert {"output.bin", "output.qml", "maps/a.png", "record.json"} == set(contents(there))
    assert b"style" == (there / "output.qml").read_bytes()
    record = store.read(there / "record.json")
    assert f"{there.absolute().as_posix()}/output.bin" == record.output_path
    mine = store.read_document(Path("result.record.json"))
    assert mine["record_digest"] == digest.record_digest(store.read_document(there / "record.json"))
    assert before == {name: data for name, data in contents(".").items() if not name.startswith("shared/")}
    shutil.rmtree("maps")
    Path("result.bin").unlink()
    assert 0 == dissmodel("record", "verify", there / "record.json").code


def test_what_is_there_is_not_sent_again_and_what_is_missing_is(dissmodel):
    made(**{"note.txt": b"note"})
    dissmodel("push", "result.record.json", "--to", "shared")
    there = Path("shared/experiments", ID)
    inode = (there / "output.bin").stat().st_ino
    (there / "note.txt").unlink()

    said = dissmodel("push", "result.record.json", "--to", "shared", "--json")

    (one,) = said.json["experiments"]
    assert ["there", "sent", "there"] == [each["state"] for each in one["objects"]]
    assert (ID, f"{there.absolute().as_posix()}/record.json") == (one["experiment_id"], one["uri"])
    assert (inode, b"note") == ((there / "output.bin").stat().st_ino, (there / "note.txt").read_bytes())


def test_a_dry_run_lists_and_sends_nothing(dissmodel):
    made(**{"note.txt": b"note"})
    before = contents(".")

    new = dissmodel("push", "result.record.json", "--to", "shared", "--dry-run", "--with-input")

    assert 0 == new.code
    assert "dry run: 4 objects to send" in new.out
    to = Path("shared").absolute().as_posix()
    assert f"to send 4 bytes {to}/experiments/{ID}/note.txt" in " ".join(new.out.split())
    assert before == contents(".")
    assert not Path("shared").exists()
    dissmodel("push", "result.record.json", "--to", "shared")
    assert (
        "dry run: 2 objects to send"
        in dissmodel("push", "result.record.json", "--to", "shared", "--dry-run", "--with-input").out
    )


def test_an_input_is_pushed_once_and_noted(dissmodel):
    made("a")
    made("b", "cd" * 16)

    said = dissmodel(
        "push", "a/result.record.json", "b/result.record.json", "--to", "shared", "--with-input", "--json"
    )

    inputs = digest.sha256_bytes(b"grid")
    states = [
        each["state"]
        for one in said.json["experiments"]
        for each in one["objects"]
        if "/inputs/" in each["uri"]
    ]
    assert 0 == said.code
    assert 1 == states.count("sent")
    assert b"grid" == Path("shared/inputs", inputs, "grid.zip").read_bytes()
    uri = f"{Path('shared').absolute().as_posix()}/inputs/{inputs}/grid.zip"
    for one in (ID, "cd" * 16):
        assert uri == store.read(Path("shared/experiments", one, "record.json")).source.uri
    # Who pushes it again without the input takes the note not away.
    assert 0 == dissmodel("push", "a/result.record.json", "--to", "shared").code
    assert uri == store.read(Path("shared/experiments", ID, "record.json")).source.uri


def test_the_input_may_come_later(dissmodel):
    made()
    dissmodel("push", "result.record.json", "--to", "shared")

    said = dissmodel("push", "result.record.json", "--to", "shared", "--with-input", "--json")

    (one,) = said.json["experiments"]
    assert ["sent", "there", "sent"] == [each["state"] for each in one["objects"]]
    assert "/inputs/" in store.read(Path("shared/experiments", ID, "record.json")).source.uri


def test_another_experiment_of_that_id_is_refused(dissmodel):
    made("a")
    edited(made("b"), seed=7)
    dissmodel("push", "a/result.record.json", "--to", "shared")
    before = contents("shared")

    said = dissmodel("push", "b/result.record.json", "--to", "shared", "--json")

    assert (4, "experiment_exists") == (said.code, said.json["error"]["code"])
    assert before == contents("shared")


@pytest.mark.parametrize("name", ["output.bin", "note.txt", "record.json"])
def test_a_foreign_object_is_not_overwritten(dissmodel, name):
    made(**{"note.txt": b"note"})
    place = Path("shared/experiments", ID)
    place.mkdir(parents=True)
    (place / name).write_bytes(b"XXXX")

    said = dissmodel("push", "result.record.json", "--to", "shared", "--json")

    assert (4, "object_exists") == (said.code, said.json["error"]["code"])
    assert {name: b"XXXX"} == contents(place)


@pytest.mark.parametrize("file", ["result.bin", "note.txt"])
@pytest.mark.parametrize("how", ["changed", "gone", "folder"])
def test_what_does_not_hold_is_not_pushed(dissmodel, file, how):
    made(**{"note.txt": b"note"})
    Path(file).unlink()
    if how == "changed":
        Path(file).write_bytes(b"nota")
    if how == "folder":
        Path(file).mkdir()

    said = dissmodel("push", "result.record.json", "--to", "shared")

    assert 4 == said.code
    assert "is not pushed" in said.err
    assert not Path("shared").exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "failed"}, 2),
        ({"status": "running"}, 2),
        ({"status": "tainted"}, 2),
        ({"experiment_id": "../up"}, 3),
        ({"experiment_id": ""}, 3),
        ({"artifacts": {"output": "ab" * 32}}, 4),
        ({"artifacts": {"elsewhere": "ab" * 32}}, 3),
    ],
)
def test_a_record_that_is_not_fit_is_refused(dissmodel, changes, code):
    edited(made(), **changes)

    said = dissmodel("push", "result.record.json", "--to", "shared")

    assert code == said.code
    assert not Path("shared").exists()


def test_a_record_that_was_changed_is_refused(dissmodel):
    path = made()
    path.write_text(path.read_text().replace('"mine"', '"yours"'))

    said = dissmodel("push", path, "--to", "shared", "--json")

    assert (4, "record_changed") == (said.code, said.json["error"]["code"])


def test_an_input_that_changed_is_refused_only_if_it_is_to_be_pushed(dissmodel):
    made()
    Path("grid.zip").write_bytes(b"grip")

    assert 4 == dissmodel("push", "result.record.json", "--to", "shared", "--with-input").code
    assert not Path("shared").exists()
    assert 0 == dissmodel("push", "result.record.json", "--to", "shared").code


def test_one_bad_record_does_not_keep_the_others_back(dissmodel):
    paths = [made(name, name * 4) for name in ("aa", "bb", "cc")]
    Path("bb/result.bin").write_bytes(b"")

    said = dissmodel("push", *paths, "missing.record.json", "--to", "shared")

    assert 4 == said.code
    assert {"aa" * 4, "cc" * 4} == {path.name for path in Path("shared/experiments").iterdir()}
    assert "bb/result.record.json: its output" in said.err.replace(os.sep, "/")
    assert "missing.record.json: there is no such record" in said.err
    told = dissmodel("push", *paths, "--to", "shared", "--json").json
    assert (2, ["record_changed"]) == (len(told["experiments"]), [one["code"] for one in told["failures"]])


def test_a_file_outside_goes_by_its_name(dissmodel, tmp_path):
    elsewhere = tmp_path / "elsewhere" / "far.bin"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(b"far")
    path = made()
    document = store.read_document(path)
    document["files"]["far"] = {
        "path": str(elsewhere),
        "size": 3,
        "sha256": digest.sha256_bytes(b"far"),
        "external": True,
    }
    edited(path, files=document["files"])

    said = dissmodel("push", path, "--to", "shared")

    assert 0 == said.code
    assert b"far" == Path("shared/experiments", ID, "far.bin").read_bytes()
    assert 0 == dissmodel("record", "verify", Path("shared/experiments", ID, "record.json")).code


def test_a_record_of_the_public_dissmodel_is_pushed(dissmodel):
    Path("r.bin").write_bytes(b"old")
    record = {
        "experiment_id": ID,
        "model_name": "old",
        "status": "completed",
        "output_path": "/elsewhere/r.bin",
        "artifacts": {"output": digest.sha256_bytes(b"old")},
    }
    Path("r.record.json").write_text(json.dumps(record))

    said = dissmodel("push", "r.record.json", "--to", "shared")
    pulled = dissmodel("pull", "shared", "--to", "copies")

    assert (0, 0) == (said.code, pulled.code)
    assert b"old" == Path("copies", ID, "output.bin").read_bytes()
    assert (
        "ok           output" in dissmodel("record", "verify", Path("copies", ID, "output.record.json")).out
    )


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed")
def test_signatures_and_statements_go_along_and_hold(dissmodel):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me", "-f", "key"], check=True)
    path = made()
    Path("signers").write_text(f"me {Path('key.pub').read_text()}")
    assert 0 == dissmodel("record", "sign", path, "--key", "key").code
    statement = Path("result.attest-12345678.json")
    statement.write_text("{}")
    sign.signature_path(statement).write_bytes(sign.sign(b"{}", Path("key"), sign.STATEMENT))

    dissmodel("push", path, "--to", "shared")
    dissmodel("pull", "shared", "--to", "copies")

    for record in (Path("shared/experiments", ID, "record.json"), Path("copies", ID, "output.record.json")):
        said = dissmodel("record", "verify", record, "--allowed-signers", "signers")
        assert "ok           signature" in said.out
        assert "attestation" in said.out


@pytest.mark.parametrize(
    ("to", "code"),
    [("https://example.invalid/x", 2), ("ftp://x/y", 2), ("", 2), ("result.bin", 5), ("s3://Bad_Name/x", 5)],
)
def test_a_place_that_is_none_is_told(dissmodel, monkeypatch, to, code):
    for name, value in {"ENDPOINT": "127.0.0.1:1", "ACCESS_KEY": "a" * 8, "SECRET_KEY": "b" * 8}.items():
        monkeypatch.setenv(f"MINIO_{name}", value)
    made()

    said = dissmodel("push", "result.record.json", "--to", to)

    assert code == said.code
    assert said.err.startswith("error: ")


def test_an_input_that_is_gone_says_what_to_do(dissmodel):
    made()
    Path("grid.zip").unlink()

    said = dissmodel("push", "result.record.json", "--to", "shared", "--with-input")

    assert 3 == said.code
    assert "leave --with-input out" in said.err
    assert "--input FILE" not in said.err
    assert not Path("shared").exists()


def test_no_credentials_are_told_as_missing(dissmodel, monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(("AWS_", "MINIO_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    made()

    said = dissmodel("push", "result.record.json", "--json")

    assert (5, "credentials_missing") == (said.code, said.json["error"]["code"])


def test_quiet_says_nothing(dissmodel):
    made()

    said = dissmodel("push", "result.record.json", "--to", "shared", "-q")

    assert (0, "", "") == (said.code, said.out, said.err)
