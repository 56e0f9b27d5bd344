"""Records from anyone, given to every command that reads one: refused; nothing run, fetched or installed."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dissmodel.record import store
from support import files
from support.cases import mostly_slow

MEGABYTE = 10**6


@pytest.fixture
def done(dissmodel, make_coast, prepared):
    """The command, with a run's r.tif and its record."""

    def fill():
        make_coast.main(["--rows", "12", "--cols", "14", "--output", "grid.zip"])
        words = ("-i", "grid.zip", "-o", "r.tif", "-p", "end_time=2", "-q")
        assert 0 == dissmodel("run", "coastal_raster", *words).code

    prepared(fill)
    return dissmodel


@pytest.fixture
def ran(done, monkeypatch):
    """The same, where no process and no connection can be started."""

    def refuse(*_words, **_options):
        raise AssertionError("something was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(os, "system", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return done


def document():
    return files.document("r.record.json")


def nested(opening, depth, closing, core="1"):
    return f'{{"experiment_id": "a", "parameters": {opening * depth}{core}{closing * depth}}}'.encode()


UNREADABLE = {
    "empty": lambda raw: b"",
    "truncated": lambda raw: raw[: len(raw) // 2],
    "no JSON": lambda raw: b"hello",
    "binary": lambda raw: bytes(range(256)),
    "UTF-16": lambda raw: raw.decode().encode("utf-16"),
    "a list": lambda raw: b"[" + raw + b"]",
    "100 MB": lambda raw: b'{"experiment_id": "' + b"a" * (100 * MEGABYTE) + b'"}',
    "lists 10,000 deep": lambda raw: nested("[", 10_000, "]"),
    "objects 10,000 deep": lambda raw: nested('{"a":', 10_000, "}"),
    "objects 101 deep": lambda raw: nested('{"a":', 101, "}"),
    "a key twice": lambda raw: raw.replace(b"{", b'{"status": "failed",', 1),
    "half a pair": lambda raw: raw.replace(b"coastal_raster", b"\\ud800"),
    "5,000 digits": lambda raw: raw.replace(b'"seed": null', b'"seed": ' + b"9" * 5000),
    "parameters in a list": lambda raw: raw.replace(b'"parameters": {', b'"parameters": [], "x": {'),
    "a newer schema": lambda raw: raw.replace(b'"schema_version": 1', b'"schema_version": 2'),
    "a schema below 0": lambda raw: raw.replace(b'"schema_version": 1', b'"schema_version": -1'),
    "a schema as text": lambda raw: raw.replace(b'"schema_version": 1', b'"schema_version": "1"'),
}
COMMANDS = {
    "reproduce": ("reproduce", "@", "--check"),
    "show": ("record", "show", "@"),
    "lineage": ("record", "show", "@", "--lineage"),
    "diff A": ("record", "diff", "@", "r.record.json"),
    "diff B": ("record", "diff", "r.record.json", "@"),
    "sign": ("record", "sign", "@", "--key", "key"),
}


@pytest.mark.parametrize("how", mostly_slow(UNREADABLE, *(UNREADABLE.keys() - {"100 MB"})))
def test_what_is_no_record_is_refused_by_every_command(ran, refused, how):
    raw = Path("r.record.json").read_bytes()
    Path("bad.record.json").write_bytes(how(raw))
    Path("key").write_text("no key")
    assert raw != Path("bad.record.json").read_bytes()

    for words in COMMANDS.values():
        said = refused(*[word.replace("@", "bad.record.json") for word in words], code=3)
        assert "bad.record.json" in said.message
        assert [] == said.warnings
    verified = ran("record", "verify", "bad.record.json")
    assert (4, "differs") == (verified.code, verified.out.split()[0])
    listed = ran("record", "list", "--json")
    assert (0, ["completed"]) == (listed.code, [one["status"] for one in listed.json["records"]])
    (why,) = listed.json["unreadable"]
    assert why.startswith("bad.record.json: ")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize(("kind", "code"), [("pipe", 3), ("folder", 3), ("circle", 5), ("nothing", 3)])
def test_what_is_no_file_is_refused_by_every_command(ran, kind, code):
    make = {
        "pipe": os.mkfifo,
        "folder": os.mkdir,
        "circle": lambda name: Path(name).symlink_to(name),
        "nothing": lambda name: None,
    }
    make[kind]("bad.record.json")

    for words in COMMANDS.values():
        said = ran(*[word.replace("@", "bad.record.json") for word in words])
        assert (code, "") == (said.code, said.out)
        assert said.err.startswith("error: ")
    assert ran("record", "verify", "bad.record.json").code in {code, 4}
    assert 0 == ran("record", "list").code


OUTSIDE = [
    "/etc/hostname",
    "../secret.tif",
    "x/../../secret.tif",
    "https://example.org/r.tif",
    "s3://b/r.tif",
]


@pytest.mark.parametrize("which", ["output", "style"])
@pytest.mark.parametrize("path", [*OUTSIDE, "..\\secret.tif", "C:\\secret.tif", "r\0.tif", "", "."])
def test_no_file_outside_the_folder_is_looked_at(ran, refused, which, path):
    """The file is there and has the recorded bytes, which nobody may find out."""
    shutil.copy(document()["files"][which]["path"], "../secret.tif")
    changed = document()
    changed["files"][which]["path"] = path
    store.write(changed, Path("bad.record.json"))
    verified = ran("record", "verify", "bad.record.json", "--json")
    said = refused("reproduce", "bad.record.json", code=3)

    assert 4 == verified.code
    assert {which: "differs"} == {
        one["name"]: one["verdict"] for one in verified.json["checks"] if one["name"] == which
    }
    assert "names a file outside its folder" in said.message
    Path("../secret.tif").unlink()


PACKAGES = {
    "an option": "-e .",
    "an index": "flood --index-url=https://example.org",
    "help": "--help",
    "a shell": "$(touch touched)",
    "backticks": "`touch touched`",
    "a pipe": "flood | sh",
    "an and": "flood && touch touched",
    "two lines": "flood\n-e .",
    "an archive": "https://example.org/x.whl -f",
    "a number": 5,
    "a list": ["-e", "."],
    "a table": {"name": "flood"},
}


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_no_package_is_what_an_installer_or_a_shell_would_act_on(ran, refused, package):
    changed = document()
    changed["resolved_spec"] = {"model": {"name": "coastal_raster", "package": package}}
    store.write(changed, Path("bad.record.json"))
    said = refused("reproduce", "bad.record.json", code=3)

    assert "names no package" in said.message
    assert "name==version" in said.hint
    assert not Path("touched").exists()


@pytest.mark.fast_cases(
    "https://ana:pw@example.org/grid.zip?token=t0p",
    "/vsicurl/https://example.org/grid.zip",
    "s3://bucket/grid.zip",
    "file:///nowhere/other.zip",
)
@pytest.mark.parametrize(
    "uri",
    [
        "https://ana:pw@example.org/grid.zip?token=t0p",
        "s3://bucket/grid.zip",
        "/vsicurl/https://example.org/grid.zip",
        "gopher://example.org/grid.zip",
        "\\\\host\\share\\other.zip",
        "file:///nowhere/other.zip",
        "nowhere/other.zip",
        "in\0.zip",
    ],
)
def test_an_input_that_is_not_here_is_not_fetched_and_its_sha256_is_told(done, refused, monkeypatch, uri):
    changed = document()
    changed["source"]["uri"] = uri
    store.write(changed, Path("bad.record.json"))
    Path("grid.zip").rename("moved.zip")
    with monkeypatch.context() as fence:
        fence.setattr(socket, "getaddrinfo", None)
        fence.setattr(socket.socket, "connect", None)
        said = refused("reproduce", "bad.record.json", code=3)

    assert changed["source"]["checksum"] in said.hint
    assert "--input FILE" in said.hint
    assert "pw" not in said.text
    assert "t0p" not in said.text
    assert 0 == done("reproduce", "bad.record.json", "--input", "moved.zip", "--check", "-q").code


def test_a_record_may_name_any_input_but_only_its_bytes_are_used(ran, refused):
    changed = document()
    changed["source"].update(uri=str(Path("/etc/hosts").resolve()), size=None)
    store.write(changed, Path("bad.record.json"))
    Path("grid.zip").unlink()
    said = refused("reproduce", "bad.record.json", code=4)

    assert changed["source"]["checksum"] in said.hint


def test_records_do_not_speak_to_the_terminal(ran):
    changed = document()
    evil = "\x1b[2J\x1b]0;x\x07\u202e\nok"
    changed.update(model_name=evil, status=evil, seed=None, code_version=evil, logs=[evil])
    changed["source"].update(uri=evil, layer=evil)
    changed["parameters"][evil] = evil
    store.write(changed, Path("bad.record.json"))

    for words in COMMANDS.values():
        said = ran(*[word.replace("@", "bad.record.json") for word in words])
        text = said.out + said.err
        assert not [sign for sign in "\x1b\x07\u202e" if sign in text]
        assert "ok" not in text.splitlines()


@pytest.mark.parametrize("path", ["/etc/hostname", "../r.tif", "https://example.org/r.tif"])
def test_an_output_path_that_leads_elsewhere_is_refused(ran, refused, path):
    changed = document()
    changed["output_path"] = path
    store.write(changed, Path("x.record.json"))
    said = refused("reproduce", "x.record.json", "--check", code=3)

    assert "outside its folder" in said.message


@pytest.mark.parametrize("commit", [None, "1f" * 20])
def test_no_repository_is_asked_because_a_record_names_it(ran, refused, commit):
    changed = document()
    changed["resolved_spec"] = {
        "model": {"class": "coastal_raster", "package": "git+https://example.org/c@v1"}
    }
    changed["code"].update(package="c", version="1.0", commit=commit)
    store.write(changed, Path("x.record.json"))
    said = refused("reproduce", "x.record.json", "--check", code=2)

    assert "https://example.org/c" in said.message
    assert "--yes" in said.hint
