"""What a run left elsewhere, or read from there, is pulled, pushed, bundled and compared like any other."""

import zipfile
from pathlib import Path
from urllib.parse import unquote

import pytest

from dissmodel.record import store


@pytest.fixture
def uploaded(dissmodel, s3, model):
    """The command, the place, and the URI of the record of a run whose input and result are in a bucket."""
    s3.put(s3.folder / "grid.bin", s3.data)
    said = dissmodel("run", model, "-i", f"{s3.uri}/grid.bin", "-o", f"{s3.uri}/runs/r.bin")
    assert 0 == said.code, said.err
    return dissmodel, s3, f"{s3.uri}/runs/r.record.json"


def test_a_run_that_was_uploaded_is_pulled(uploaded, model):
    dissmodel, s3, uri = uploaded

    said = dissmodel("pull", uri, "--to", "copies", "--with-input", "--json")

    assert 0 == said.code, said.out
    (one,) = said.json["experiments"]
    assert uri == one["uri"]
    assert {s3.data} == {Path(one["files"][name]).read_bytes() for name in ("output", "input")}
    assert 0 == dissmodel("record", "verify", one["record_path"]).code
    assert 0 == dissmodel("reproduce", one["record_path"], "--model", model, "--offline").code
    assert 0 == dissmodel("push", one["record_path"], "--to", f"{s3.uri}/again").code


def test_what_is_signed_comes_along(uploaded):
    dissmodel, s3, uri = uploaded
    for name in ("r.record.json.sig", "r.attest-1a2b.json", "r.attest-1a2b.json.sig"):
        s3.put(s3.folder / "runs" / name, name.encode())

    said = dissmodel("pull", uri, "--to", "copies", "--json")

    folder = Path(said.json["experiments"][0]["record_path"]).parent
    for name in ("record.json.sig", "attest-1a2b.json", "attest-1a2b.json.sig"):
        assert f"r.{name}".encode() == (folder / f"output.{name}").read_bytes()


def test_a_record_that_is_not_there_or_lies(uploaded):
    dissmodel, s3, uri = uploaded
    path = s3.folder / "runs" / "r.record.json"
    text = path.read_bytes()

    missing = dissmodel("pull", uri.replace("r.record", "x.record"), "--json")
    s3.put(path, text.replace(b'"mine"', b'"your"'))
    changed = dissmodel("pull", uri, "--json")
    s3.put(path, text)
    s3.put(s3.folder / "runs" / "r.bin", b"other")
    other = dissmodel("pull", uri, "--json")

    assert [(3, "record_missing"), (4, "record_changed"), (4, "storage_differs")] == [
        (one.code, one.json["error"]["code"]) for one in (missing, changed, other)
    ]
    assert uri.rpartition("/")[0] in missing.json["error"]["message"]
    assert uri in changed.json["error"]["message"]
    assert not list(Path().glob("*/*.bin"))


@pytest.mark.fast_cases("a%20folder/a%20grid.bin")
@pytest.mark.parametrize("name", ["grid.bin", "grid.bin?id=5", "a%20folder/a%20grid.bin"])
def test_an_input_of_a_web_server_is_pulled_too(dissmodel, s3, web, model, name):
    path = web.root / unquote(name.partition("?")[0])
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(s3.data)
    assert 0 == dissmodel("run", model, "-i", f"{web.url}/{name}", "-o", "r.bin").code
    assert 0 == dissmodel("push", "r.record.json", "--to", s3.uri).code

    said = dissmodel("pull", s3.uri, "--to", "copies", "--with-input", "--json")

    assert 0 == said.code, said.out
    (one,) = said.json["experiments"]
    assert s3.data == Path(one["files"]["input"]).read_bytes()
    assert path.name == Path(one["files"]["input"]).name
    assert f"GET /{name}" == web.asked[-1]
    assert 0 == dissmodel("reproduce", one["record_path"], "--model", model, "--offline").code


@pytest.mark.fast_cases("ftp://host/grid.bin-3", "s3://NO/grid.bin-5", "http://me:pw-of-mine@HOST/grid.bin-3")
@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("s3://data/../grid.bin", 5),
        ("s3://data/a\x1b[31m/grid.bin", 5),
        (f"s3://data/{'a' * 2000}/grid.bin", 5),
        ("s3://NO/grid.bin", 5),
        ("ftp://host/grid.bin", 3),
        ("file:///etc/hostname", 3),
        ("http://me:pw-of-mine@HOST/grid.bin", 3),
        ("http://HOST/", 5),
    ],
)
def test_where_an_input_can_not_be_is_told_with_its_record(uploaded, web, place, code):
    dissmodel, s3, uri = uploaded
    path = s3.folder / "runs" / "r.record.json"
    document = store.read_document(path)
    document["source"]["uri"] = place.replace("HOST", web.netloc)  # the digest holds
    s3.put(path, store.dumps(document))

    said = dissmodel("pull", uri, "--with-input", "--json")

    assert code == said.code, said.out
    assert uri in said.json["error"]["message"]
    assert "pw-of-mine" not in said.out + said.err
    assert not web.asked
    assert not list(Path().glob("*/*.bin"))


def test_a_bundle_of_what_is_elsewhere(uploaded, model):
    dissmodel, s3, uri = uploaded
    dissmodel("run", model, "-i", f"{s3.uri}/grid.bin", "-o", "r.bin")

    for number, record in enumerate((uri, "r.record.json")):
        said = dissmodel("record", "bundle", record, "--output", f"{number}.zip")

        assert 0 == said.code, said.err
        with zipfile.ZipFile(f"{number}.zip") as bundle:
            assert s3.data == bundle.read("input/grid.bin") == bundle.read("r.bin")
        again = dissmodel("reproduce", f"{number}.zip", "--model", model, "--offline")
        assert 0 == again.code, again.err


def test_push_with_input_sends_what_was_read_elsewhere(uploaded, model):
    """An input that only this user can reach is none that others can reproduce from."""
    dissmodel, s3, _ = uploaded
    dissmodel("run", model, "-i", f"{s3.uri}/grid.bin", "-o", "r.bin")
    checksum = store.read(Path("r.record.json")).source.checksum

    said = dissmodel("push", "r.record.json", "--with-input", "--to", s3.uri, "--json")

    assert 0 == said.code, said.out
    uri = said.json["experiments"][0]["uri"]
    there = store.read(s3.folder / uri.removeprefix(f"{s3.uri}/"))
    assert f"s3://dissmodel-inputs/{checksum}/grid.bin" == there.source.uri
    assert s3.data == (s3.inputs / checksum / "grid.bin").read_bytes()
    s3.delete(s3.folder / "grid.bin")
    assert 0 == dissmodel("reproduce", uri, "--model", model).code


def test_push_with_input_where_it_became_another(uploaded, model):
    dissmodel, s3, _ = uploaded
    dissmodel("run", model, "-i", f"{s3.uri}/grid.bin", "-o", "r.bin")
    s3.put(s3.folder / "grid.bin", b"x" * len(s3.data))

    said = dissmodel("push", "r.record.json", "--with-input", "--to", f"{s3.uri}/other", "--json")

    assert (4, "input_changed") == (said.code, said.json["error"]["code"])
    assert not (s3.folder / "other").exists()


def test_diff_and_compare_take_urls(uploaded, model):
    dissmodel, s3, uri = uploaded
    dissmodel("run", model, "-i", f"{s3.uri}/grid.bin", "-o", "r.bin")
    result = f"{s3.uri}/runs/r.bin"
    s3.put(s3.folder / "other.bin", b"other")

    diff = dissmodel("record", "diff", uri, "r.record.json", "--json")
    same = dissmodel("compare", result, "r.bin", "--json")
    other = dissmodel("compare", "r.bin", f"{s3.uri}/other.bin")
    missing = dissmodel("record", "diff", "r.record.json", f"{s3.uri}/none.record.json")

    assert (0, uri, True) == (diff.code, diff.json["a"], diff.json["same"])
    assert (0, result, "identical-file") == (same.code, same.json["a"], same.json["verdict"])
    assert (4, 3) == (other.code, missing.code)
    assert f"{s3.uri}/other.bin" in other.out
    assert f"{s3.uri}/none.record.json" in missing.err


def test_what_has_to_lie_here_says_what_to_type(uploaded):
    dissmodel, _, uri = uploaded

    said = dissmodel("push", uri)

    assert 2 == said.code
    assert f"dissmodel pull {uri}" in said.err
