"""Pulling: what comes arrives whole and checked, and nothing that a place says is believed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dissmodel import locks
from dissmodel.record import Artifact, DataSource, ExperimentRecord, digest, store
from support.files import contents

ID = "ab12cd34" * 4
OUTPUT = b"output" * 1000


@pytest.fixture(autouse=True)
def own_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("DISSMODEL_CONFIG", str(tmp_path / "config.toml"))


def made(folder, experiment_id=ID):
    folder = Path(folder)
    contents = {"result.bin": OUTPUT, "result.qml": b"style", "maps/a.png": b"map"}
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "grid.tif").write_bytes(b"grid")
    (folder / "grid.tif.msk").write_bytes(b"mask")
    names = {"result.bin": "output", "result.qml": "style", "maps/a.png": "a.png"}
    artifacts = {
        names[name]: Artifact(path=name, size=len(data), sha256=digest.sha256_bytes(data))
        for name, data in contents.items()
    }
    record = ExperimentRecord(
        experiment_id=experiment_id,
        model_name="mine",
        source=DataSource(
            uri="grid.tif",
            checksum=digest.sha256_bytes(b"grid"),
            size=4,
            sidecars={"grid.tif.msk": digest.sha256_bytes(b"mask")},
        ),
        files=artifacts,
        artifacts={name: one.sha256 for name, one in artifacts.items()},
        output_path="result.bin",
        status="completed",
    )
    store.write(record, folder / "result.record.json")
    return folder / "result.record.json"


@pytest.fixture
def shared(dissmodel):
    """An experiment that was pushed with its input, and the folder that it lies in."""
    path = made("mine")
    assert 0 == dissmodel("push", path, "--to", "shared", "--with-input", "-q").code
    shutil.rmtree("mine")
    return Path("shared/experiments", ID)


def lie(shared, **changes):
    """Let the record in the place say something else, and its digest hold."""
    document = store.read_document(shared / "record.json")
    for name, value in changes.items():
        table, _, last = name.rpartition("__")
        at = document
        for part in filter(None, table.split("__")):
            at = at[part]
        at[last] = value
    store.write(document, shared / "record.json")


@pytest.mark.parametrize(
    "named",
    ["shared", f"shared/experiments/{ID}", f"shared/experiments/{ID}/record.json", "shared/experiments"],
)
def test_what_was_pushed_comes_back_whole(dissmodel, shared, named):
    before = contents("shared")

    said = dissmodel("pull", named, "--to", "copies")

    assert (0, "") == (said.code, said.err)
    here = Path("copies", ID)
    assert {"output.bin": OUTPUT, "output.qml": b"style", "maps/a.png": b"map"} == {
        name: data for name, data in contents("copies" / Path(ID)).items() if name != "output.record.json"
    }
    assert [ID] == [path.name for path in Path("copies").iterdir()]
    assert "output.bin" == store.read(here / "output.record.json").output_path
    assert 0 == dissmodel("record", "verify", here / "output.record.json").code
    assert before == contents("shared")


def test_what_is_here_does_not_come_again(dissmodel, shared):
    first = dissmodel("pull", "shared", "--to", "copies", "--json")
    again = dissmodel("pull", "shared", "--to", "copies", "--json")
    Path("copies", ID, "output.qml").unlink()
    third = dissmodel("pull", "shared", "--to", "copies", "--json")

    sizes = [said.json["experiments"][0]["received"] for said in (first, again, third)]
    assert [len(OUTPUT) + 8, 0, 5] == sizes
    assert b"style" == Path("copies", ID, "output.qml").read_bytes()


def test_an_input_comes_with_its_sidecars_and_is_where_the_record_says(dissmodel, shared):
    dissmodel("pull", "shared", "--to", "copies")
    said = dissmodel("pull", "shared", "--to", "copies", "--with-input")

    here = Path("copies", ID)
    assert 0 == said.code
    assert {"grid.tif": b"grid", "grid.tif.msk": b"mask"} == contents(here / "inputs")
    verified = dissmodel("record", "verify", here / "output.record.json")
    assert (0, 2) == (verified.code, verified.out.count("ok           input"))
    # And it stays noted.
    dissmodel("pull", "shared", "--to", "copies")
    assert "inputs/grid.tif" == store.read(here / "output.record.json").source.uri


def test_what_was_pulled_is_pushed_again_as_it_was(dissmodel, shared):
    dissmodel("pull", "shared", "--to", "copies", "--with-input")

    said = dissmodel("push", f"copies/{ID}/output.record.json", "--to", "shared", "--with-input", "--json")

    assert {"there"} == {each["state"] for each in said.json["experiments"][0]["objects"]}


def test_several_come_at_once(dissmodel, shared):
    dissmodel("push", made("mine", "ee" * 16), "--to", "shared")

    said = dissmodel("pull", "shared", "--to", "copies")

    assert 0 == said.code
    assert {ID, "ee" * 16} == {path.name for path in Path("copies").iterdir()}


@pytest.mark.parametrize("name", ["output.bin", "maps/a.png", "output.record.json", "maps"])
def test_what_is_here_and_something_else_is_not_overwritten(dissmodel, shared, name):
    path = Path("copies", ID, name)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")

    said = dissmodel("pull", "shared", "--to", "copies", "--json")

    assert (4, "in_the_way") == (said.code, said.json["error"]["code"])
    assert {f"{ID}/{name}": b"mine"} == contents("copies")


def test_a_link_in_the_folder_is_not_followed(dissmodel, shared):
    Path("copies", ID).mkdir(parents=True)
    Path("elsewhere").mkdir()
    Path("copies", ID, "maps").symlink_to(Path("elsewhere").absolute())

    said = dissmodel("pull", "shared", "--to", "copies", "--json")

    assert (4, "in_the_way") == (said.code, said.json["error"]["code"])
    assert [] == list(Path("elsewhere").iterdir())


@pytest.mark.parametrize("how", [b"", OUTPUT[:-1], OUTPUT + b"x", OUTPUT[:-1] + b"x", None])
def test_a_file_that_is_not_the_recorded_one_is_refused_and_leaves_nothing(dissmodel, shared, how):
    (shared / "output.bin").unlink()
    if how is not None:
        (shared / "output.bin").write_bytes(how)

    said = dissmodel("pull", "shared", "--to", "copies")

    assert 4 == said.code
    assert "output.bin" in said.err
    assert {} == contents("copies")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"files__output__path": "../output.bin"}, 5),
        ({"files__output__path": "/etc/hostname"}, 5),
        ({"files__output__path": "s3://other/output.bin"}, 5),
        ({"files__output__path": "a\\b"}, 5),
        ({"files__output__path": "./output.bin"}, 5),
        ({"files__output__path": "maps"}, 5),
        ({"files__output__path": "output.qml"}, 5),
        ({"files__output__path": "OUTPUT.QML"}, 5),
        ({"files__output__path": "output.record.json"}, 5),
        ({"files__output__path": "inputs/grid.tif"}, 5),
        ({"files__output__path": ".dissmodel-x/y"}, 5),
        ({"files__output__size": -1}, 5),
        ({"files__output__size": 10**18}, 5),
        ({"files__output__size": 5}, 4),
        ({"files__output__size": len(OUTPUT) + 1}, 4),
        ({"files__output__sha256": "ab" * 32}, 5),
        ({"files__output__sha256": "nonsense", "artifacts__output": "nonsense"}, 5),
        ({"files__output__sha256": "ab" * 32, "artifacts__output": "ab" * 32}, 4),
        ({"status": "running"}, 3),
        ({"experiment_id": "../../up"}, 5),
        ({"experiment_id": "ee" * 16}, 4),
        ({"schema_version": 99}, 5),
        ({"files": []}, 5),
    ],
)
def test_a_record_that_lies_is_refused_and_leaves_nothing(dissmodel, shared, changes, code):
    lie(shared, **changes)

    said = dissmodel("pull", "shared", "--to", "copies")

    assert code == said.code, said.err
    assert "record.json" in said.err or "output.bin" in said.err or "room" in said.err
    assert {} == contents("copies") if Path("copies").exists() else True
    assert {"shared", "copies"} >= {path.name for path in Path().iterdir()}


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"experiment_id": 1}', b"\xff", b"x" * (17 << 20)])
def test_what_is_no_record_is_told_with_its_place(dissmodel, shared, data):
    (shared / "record.json").write_bytes(data)

    said = dissmodel("pull", "shared", "--to", "copies")

    assert 5 == said.code
    assert f"experiments/{ID}/record.json" in said.err
    assert "dissmodel-" not in said.err


def test_a_record_that_was_changed_is_refused(dissmodel, shared):
    path = shared / "record.json"
    path.write_text(path.read_text().replace('"mine"', '"yours"'))

    said = dissmodel("pull", "shared", "--to", "copies", "--json")

    assert (4, "record_changed") == (said.code, said.json["error"]["code"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"source__uri": "/etc/hostname", "source__checksum": digest.sha256_bytes(b"grid")}, 4),
        ({"source__uri": "a/.."}, 5),
        ({"source__checksum": "../../.."}, 3),
        ({"source__checksum": "ab" * 32}, 4),
        ({"source__size": 10**6}, 4),
        ({"source__sidecars": {"../x": "ab" * 32}}, 5),
        ({"source__sidecars": {"a/b": "ab" * 32}}, 5),
        ({"source__sidecars": {"none.msk": "ab" * 32}}, 4),
    ],
)
def test_an_input_that_is_not_the_recorded_one_does_not_come(dissmodel, shared, changes, code):
    lie(shared, **changes)

    said = dissmodel("pull", "shared", "--to", "copies", "--with-input")

    assert code == said.code, said.err
    assert {} == contents("copies") if Path("copies").exists() else True


def test_an_input_that_was_not_pushed_is_told(dissmodel):
    dissmodel("push", made("mine"), "--to", "shared")

    said = dissmodel("pull", "shared", "--to", "copies", "--with-input")

    assert 4 == said.code
    assert "grid.tif" in said.err


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ("nowhere/at/all", 3),
        ("s3://", 5),
        ("../", 3),
        ("ftp://x/y", 2),
        ("ab", 3),
        ("nowhere", 3),
        ("abcd", 5),
        ("a b", 3),
    ],
)
def test_what_is_no_experiment_is_told(dissmodel, monkeypatch, named, code):
    for name, value in {"ENDPOINT": "127.0.0.1:1", "ACCESS_KEY": "a" * 8, "SECRET_KEY": "b" * 8}.items():
        monkeypatch.setenv(f"MINIO_{name}", value)

    said = dissmodel("pull", named, "--to", "copies")

    assert code == said.code, said.err
    assert said.err.startswith("error: ")


def test_two_at_once_don_t_meet(dissmodel, shared):
    Path("copies").mkdir()
    with locks.held(Path("copies") / f".dissmodel-{ID}.lock") as held:
        assert held
        said = dissmodel("pull", "shared", "--to", "copies", "--json")

    assert (2, "output_busy") == (said.code, said.json["error"]["code"])


def test_a_pull_that_was_killed_goes_on_with_what_is_missing(dissmodel, shared):
    # The last object is a pipe in the middle of nothing: the first two are here when it is killed.
    (shared / "output.qml").unlink()
    scratch = Path("copies", f".dissmodel-{ID}")
    program = (
        "import os, signal, sys\n"
        "from dissmodel.storage.local import LocalStorage\n"
        "get = LocalStorage.get\n"
        "def killed(self, key, *words, **named):\n"
        "    if key.endswith('output.qml'): os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return get(self, key, *words, **named)\n"
        "LocalStorage.get = killed\n"
        "sys.argv = ['dissmodel', 'pull', 'shared', '--to', 'copies']\n"
        "from dissmodel.cli.app import main; main()\n"
    )
    assert -9 == subprocess.run([sys.executable, "-c", program], check=False).returncode
    assert not Path("copies", ID).exists()
    inode = (scratch / "new" / "output.bin").stat().st_ino
    (shared / "output.qml").write_bytes(b"style")

    said = dissmodel("pull", "shared", "--to", "copies")

    assert 0 == said.code
    assert inode == Path("copies", ID, "output.bin").stat().st_ino
    assert not scratch.exists()
    assert 0 == dissmodel("record", "verify", Path("copies", ID, "output.record.json")).code


def test_json_says_where_everything_lies(dissmodel, shared):
    said = dissmodel("pull", "shared", "--to", "copies", "--with-input", "--json")

    (one,) = said.json["experiments"]
    assert 1 == said.json["schema_version"]
    assert {"output", "style", "a.png", "input"} == set(one["files"])
    assert ID == json.loads(Path(one["record_path"]).read_text())["experiment_id"]
    assert "" == dissmodel("pull", "shared", "--to", "copies", "-q").out
