"""Records by URL, read on a machine that has nothing else; what they say is not believed."""

import hashlib
import json
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from dissmodel.record import digest, store

DATA = b"grid" * 1000


@pytest.fixture
def pushed(dissmodel, s3, model):
    """An experiment in the bucket, with its input, and nothing of it here: its URI and its folder."""
    Path("grid.tif").write_bytes(s3.data)
    Path("grid.tif.aux.xml").write_text("<PAMDataset/>")
    assert 0 == dissmodel("run", model, "-i", "grid.tif", "-o", "r.bin", "-q").code
    assert 0 == dissmodel("push", "r.record.json", "--to", s3.uri, "--with-input", "-q").code
    for path in Path().iterdir():
        path.unlink()
    (folder,) = (s3.folder / "experiments").iterdir()
    return f"{s3.uri}/experiments/{folder.name}/record.json", folder


@pytest.fixture
def plant(pushed, s3):
    """Change the record in the bucket; an honest one has the digest of what it says now."""

    def change(how, *, honest=True):
        path = pushed[1] / "record.json"
        document = json.loads(path.read_text())
        how(document)
        if honest:
            document["record_digest"] = digest.record_digest(document)
        s3.put(path, store.dumps(document))

    return change


def test_it_is_shown(dissmodel, pushed):
    uri, _ = pushed

    said, as_json = dissmodel("record", "show", uri), dissmodel("record", "show", uri, "--json")

    assert (0, 0) == (said.code, as_json.code)
    assert said.out.startswith(f"mine: completed  ({uri})")
    assert "mine" == as_json.json["record"]["model_name"]
    assert [] == list(Path().iterdir())


def test_it_is_verified(dissmodel, pushed, s3):
    uri, folder = pushed

    good = dissmodel("record", "verify", uri, "--json")
    s3.put(folder / "output.bin", b"x" * 4000)
    bad = dissmodel("record", "verify", uri)
    s3.put(folder / "output.bin", b"x" * 1_000_000)
    larger = dissmodel("record", "verify", uri)
    s3.delete(folder / "output.bin")
    gone = dissmodel("record", "verify", uri)

    assert (0, True) == (good.code, good.json["ok"]), good.out
    assert {"record", "output", "input"} <= {one["name"] for one in good.json["checks"]}
    assert {"ok"} == {one["verdict"] for one in good.json["checks"]}
    assert {uri} == {one["record"] for one in good.json["checks"]}
    assert (4, 4, 4) == (bad.code, larger.code, gone.code)
    assert f"differs      output    {uri.replace('record.json', 'output.bin')}" in bad.out
    assert hashlib.sha256(b"x" * 4000).hexdigest() in bad.out
    assert "more than the 4,000 bytes" in larger.out
    assert "missing      output" in gone.out
    assert [] == list(Path().iterdir())


def test_a_changed_input_is_found(dissmodel, pushed, s3):
    place = s3.inputs / hashlib.sha256(s3.data).hexdigest() / "grid.tif"
    s3.put(place, b"x" * len(s3.data))

    said = dissmodel("record", "verify", pushed[0])

    assert 4 == said.code
    assert "input" in said.out


def test_it_is_reproduced_in_an_empty_folder(dissmodel, pushed, model, s3):
    uri, _ = pushed

    said = dissmodel("reproduce", uri, "--model", model, "--json")

    assert (0, "identical-file", uri) == (said.code, said.json["verdict"], said.json["recorded_path"]), (
        said.out
    )
    names = sorted(path.name for path in Path().iterdir())
    assert 3 == len(names)
    assert all(name.startswith("output.repro-") for name in names)
    source = said.json["record"]["source"]
    assert ("s3", hashlib.sha256(s3.data).hexdigest()) == (source["type"], source["checksum"])
    assert source["uri"].startswith("s3://dissmodel-inputs/")
    assert ["grid.tif.aux.xml"] == list(source["sidecars"])


def test_an_input_that_only_the_bucket_of_inputs_has(dissmodel, pushed, plant, model):
    plant(lambda record: record["source"].update(uri="/home/ana/grid.tif"))

    said = dissmodel("reproduce", pushed[0], "--model", model, "--check")

    assert 0 == said.code, said.err


def test_on_a_web_server_it_is_the_same(dissmodel, pushed, model, web, monkeypatch, s3):
    _, folder = pushed
    shutil.copytree(folder, web.root / "e")
    Path("grid.tif").write_bytes(s3.data)
    Path("grid.tif.aux.xml").write_text("<PAMDataset/>")
    uri = f"{web.url}/e/record.json"
    monkeypatch.delenv("MINIO_ENDPOINT")

    shown = dissmodel("record", "show", uri)
    verified = dissmodel("record", "verify", f"{uri}?token=planted")
    again = dissmodel("reproduce", uri, "--model", model, "--input", "grid.tif")

    assert (0, 0, 0) == (shown.code, verified.code, again.code), verified.out + again.err
    assert "planted" not in verified.out + verified.err
    assert any("GET /e/output.bin?token=planted" == one for one in web.asked)
    assert "not checked  input" in verified.out


def test_a_bundle_on_a_web_server(dissmodel, model, web):
    Path("grid.tif").write_bytes(DATA)
    dissmodel("run", model, "-i", "grid.tif", "-o", "r.bin", "-q")
    dissmodel("record", "bundle", "r.record.json", "-o", str(web.root / "r.zip"))
    for path in Path().iterdir():
        path.unlink()
    uri = f"{web.url}/r.zip"

    shown = dissmodel("record", "show", uri)
    verified = dissmodel("record", "verify", uri)
    again = dissmodel("reproduce", uri, "--model", model)

    assert (0, 0, 0) == (shown.code, verified.code, again.code), verified.out + again.err
    assert f"{uri}/r.bin" in verified.out
    assert 3 == len(list(Path().iterdir()))


def elsewhere(path):
    return lambda record: record["files"]["output"].update(path=path)


LYING = {
    "above": (elsewhere("../../../secret.bin"), True, 5, "artifact_path"),
    "absolute": (elsewhere("/etc/passwd"), True, 5, "artifact_path"),
    "file": (elsewhere("file:///etc/passwd"), True, 5, "artifact_path"),
    "other host": (elsewhere("http://127.0.0.1:1/x"), True, 5, "artifact_path"),
    "external": (
        lambda r: r["files"]["output"].update(path="/etc/passwd", external=True),
        True,
        5,
        "artifact_path",
    ),
    "the record itself": (elsewhere("record.json"), True, 5, "artifact_path"),
    "changed": (lambda r: r["parameters"].update(x=1), False, 4, "record_changed"),
    "no digest": (lambda r: r.pop("record_digest"), False, 4, "record_changed"),
    "other input": (
        lambda r: r["source"].update(checksum="0" * 64, uri="/etc/hostname", size=None),
        True,
        4,
        "input_changed",
    ),
    "huge": (lambda r: r["files"]["output"].update(size=1 << 60), True, 5, "disk_full"),
}


@pytest.mark.fast_cases("absolute", "above", "other input", "no digest")
@pytest.mark.parametrize(("how", "honest", "code", "why"), LYING.values(), ids=LYING)
def test_a_record_that_lies_runs_nothing(dissmodel, pushed, plant, model, how, honest, code, why):
    model.write_text(model.read_text() + "\nPath('imported').touch()\n")
    plant(how, honest=honest)

    said = dissmodel("reproduce", pushed[0], "--model", model, "--json")

    assert (code, why) == (said.code, said.json["error"]["code"]), said.out
    assert [] == list(Path().iterdir())


@pytest.mark.fast_cases("other host", "above")
@pytest.mark.parametrize("where", ["above", "absolute", "file", "other host", "external"])
def test_what_points_elsewhere_is_not_verified(dissmodel, pushed, plant, where, monkeypatch):
    plant(LYING[where][0])
    opened = []
    connect = socket.socket.connect

    def noting(self, address):
        opened.append(address[1])
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noting)

    said = dissmodel("record", "verify", pushed[0], "--json")

    assert (5, "artifact_path") == (said.code, said.json["error"]["code"])
    assert 1 not in opened


def test_a_recorded_input_of_this_machine_is_not_told_by_verify(dissmodel, pushed, plant):
    plant(lambda r: r["source"].update(uri="/etc/hostname"))

    said = dissmodel("record", "verify", pushed[0])

    assert hashlib.sha256(Path("/etc/hostname").read_bytes()).hexdigest() not in said.out


NO_RECORD = {
    "gone": (None, 3, "record_missing"),
    "no JSON": (b"<html>", 5, "not_a_record"),
    "too large": (b" " * (16 << 20) + b"{}", 5, "object_too_large"),
    "other JSON": (b"{}", 5, "not_a_record"),
    "newer": (b'{"experiment_id": "x", "schema_version": 99}', 5, "record_newer"),
}


@pytest.mark.fast_cases("newer", "gone")
@pytest.mark.parametrize(("content", "code", "why"), NO_RECORD.values(), ids=NO_RECORD)
def test_what_is_no_record_is_told(dissmodel, pushed, s3, content, code, why):
    uri, folder = pushed
    s3.delete(folder / "record.json")
    if content is not None:
        s3.put(folder / "record.json", content)

    for words in (["record", "show", uri], ["record", "verify", uri], ["reproduce", uri]):
        said = dissmodel(*words, "--json")
        assert (code, why) == (said.code, said.json["error"]["code"]), said.out
        assert uri in said.json["error"]["message"]


def test_endless_data_ends(dissmodel, web):
    (web.root / "record.json").write_bytes(b"{")
    web.extra = b" " * (40 << 20)

    said = dissmodel("record", "show", f"{web.url}/record.json", "--json")

    assert (5, "object_too_large") == (said.code, said.json["error"]["code"])


def test_what_needs_a_folder_says_so(dissmodel, pushed, model, tmp_path):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    uri, _ = pushed

    for words in (
        ["record", "show", uri, "--lineage"],
        ["record", "show", uri, "--preview"],
        ["reproduce", uri, "--model", model, "--attest", "--key", key],
        ["reproduce", uri, "--model", model, "--offline"],
    ):
        said = dissmodel(*words)
        assert (2, True) == (said.code, uri in said.err), said.err
    assert [] == list(Path().iterdir())


def test_a_signature_there_is_checked(dissmodel, s3, model, tmp_path):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ana", "-f", str(key)], check=True)
    signers = tmp_path / "signers"
    signers.write_text(f"ana {key.with_suffix('.pub').read_text()}")
    Path("grid.tif").write_bytes(DATA)
    dissmodel("run", model, "-i", "grid.tif", "-o", "r.bin", "-q")
    assert 0 == dissmodel("record", "sign", "r.record.json", "--key", key).code
    dissmodel("push", "r.record.json", "--to", s3.uri, "-q")
    (folder,) = (s3.folder / "experiments").iterdir()
    uri = f"{s3.uri}/experiments/{folder.name}/record.json"

    said = dissmodel("record", "verify", uri, "--allowed-signers", signers)

    assert 0 == said.code, said.out
    assert f"ok           signature  {uri}.sig  (ana)" in said.out
