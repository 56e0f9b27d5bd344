"""A server that only a record names is not asked before the user agrees."""

import json
from pathlib import Path

import pytest

from dissmodel.record import store


@pytest.fixture
def planted(input_elsewhere, model):
    return ("reproduce", "r.record.json", "--model", model, "--check")


def test_it_is_asked_with_the_user_s_word_only_and_once(dissmodel, web, planted):
    refused = dissmodel(*planted, "--json")
    asked = list(web.asked)
    agreed = dissmodel(*planted, "--yes")
    again = dissmodel(*planted)
    listed = dissmodel("registry", "trust", "--json").json["approved"]
    assert 0 == dissmodel("registry", "trust", "--revoke", web.url).code

    assert (2, "consent_required", []) == (refused.code, refused.json["error"]["code"], asked)
    assert all(text in refused.json["error"]["message"] for text in (web.url, "r.record.json", "grid.bin"))
    assert "--yes" in refused.json["error"]["hint"]
    assert (0, 0) == (agreed.code, again.code), agreed.err + again.err
    assert all(f"requested from {web.url}." in one.err for one in (agreed, again))
    assert [web.url] == [one["what"] for one in listed]
    assert 2 == dissmodel(*planted).code


@pytest.mark.fast_cases("input", "endpoint")
@pytest.mark.parametrize("how", ["input", "registry", "endpoint", "an earlier run"])
def test_what_the_user_named_is_asked(dissmodel, web, planted, how, model):
    words = planted
    if how == "input":
        words = (*planted, "--input", f"{web.url}/grid.bin")
    elif how == "registry":
        dissmodel("registry", "add", "mine", f"{web.url}/models.git")
    elif how == "endpoint":
        dissmodel("config", "set", "storage.endpoint", web.netloc)
    else:
        dissmodel("run", model, "-i", f"{web.url}/grid.bin", "-o", "other.bin")

    assert 0 == dissmodel(*words).code


def test_another_port_is_another_server(dissmodel, web, planted):
    dissmodel("registry", "add", "mine", "http://127.0.0.1:1/models.git")

    assert 2 == dissmodel(*planted).code
    assert [] == web.asked


def test_a_record_that_lies_there_itself(dissmodel, web, planted):
    for name in ("r.record.json", "r.bin"):
        (web.root / name).write_bytes(Path(name).read_bytes())
    there = ("reproduce", f"{web.url}/r.record.json", *planted[2:])

    assert 0 == dissmodel(*there).code


def test_a_redirect_leads_to_no_other_server(dissmodel, web, planted):
    web.to = "http://127.0.0.1:1/x"
    said = dissmodel(*planted, "--yes", "--json")

    assert (5, "storage_redirected") == (said.code, said.json["error"]["code"])


def test_pull_asks_too(dissmodel, web, planted, input_elsewhere, s3):
    assert 0 == dissmodel("push", "r.record.json", "--to", s3.uri).code
    (path,) = s3.folder.rglob("record.json")
    document = store.read_document(path)
    document["source"]["uri"] = f"{web.url}/grid.bin"
    s3.put(path, store.dumps(document))
    words = ("pull", s3.uri, "--to", "copies", "--with-input", "--json")

    refused = dissmodel(*words)
    asked = list(web.asked)
    agreed = dissmodel(*words, "--yes")

    assert (2, "consent_required", []) == (refused.code, refused.json["error"]["code"], asked)
    assert web.url in refused.json["error"]["message"]
    assert 0 == agreed.code, agreed.out
    assert f"requested from {web.url}." in agreed.err
    assert [input_elsewhere] == [one.read_bytes() for one in Path("copies").rglob("inputs/grid.bin")]


def test_verify_does_not_check_it(dissmodel, web, planted, s3):
    assert 0 == dissmodel("push", "r.record.json", "--to", s3.uri).code
    (path,) = s3.folder.rglob("record.json")
    document = store.read_document(path)
    document["source"]["uri"] = f"{web.url}/grid.bin"
    s3.put(path, store.dumps(document))
    uri = f"{s3.uri}/{path.relative_to(s3.folder).as_posix()}"
    said = dissmodel("record", "verify", uri, "--json")
    asked = list(web.asked)
    dissmodel("registry", "add", "mine", f"{web.url}/models.git")
    named = dissmodel("record", "verify", uri, "--json")

    (found,) = [one for one in said.json["checks"] if one["name"] == "input"]
    assert (0, "not checked", []) == (said.code, found["verdict"], asked)
    assert "not named" in found["found"]
    assert ["ok"] == [one["verdict"] for one in named.json["checks"] if one["name"] == "input"]


@pytest.mark.parametrize("how", ["bundle", "push"])
def test_what_sends_the_input_on_asks_too(dissmodel, web, planted, how):
    words = {
        "bundle": ("record", "bundle", "r.record.json", "-o", "r.zip", "--json"),
        "push": ("push", "r.record.json", "--to", "there", "--with-input", "--json"),
    }[how]

    refused = dissmodel(*words)
    asked, left = list(web.asked), sorted(Path("there").rglob("*.json")) + sorted(Path().glob("*.zip"))
    agreed = dissmodel(*words, "--yes")
    again = dissmodel("registry", "trust", "--json").json["approved"]

    assert (2, "consent_required", []) == (refused.code, refused.json["error"]["code"], asked)
    assert all(text in refused.json["error"]["message"] for text in (web.url, "r.record.json"))
    assert [] == left
    assert 0 == agreed.code, agreed.out
    assert f"requested from {web.url}." in agreed.err
    assert "GET /grid.bin" in web.asked
    assert [web.url] == [one["what"] for one in again]


@pytest.mark.slow
def test_a_picture_asks_no_server_that_only_the_record_names(dissmodel, web, make_coast):
    make_coast.main(["--rows", "20", "--cols", "30", "--output", "coast.zip"])
    words = ("run", "coastal_raster", "-i", "coast.zip", "-o", "r.tif", "-p", "end_time=2013")
    assert 0 == dissmodel(*words).code
    (web.root / "coast.zip").write_bytes(Path("coast.zip").read_bytes())
    Path("coast.zip").unlink()
    document = json.loads(Path("r.record.json").read_text())
    document["source"]["uri"] = f"{web.url}/coast.zip"
    Path("r.record.json").write_text(json.dumps(document))

    said = dissmodel("record", "show", "r.record.json", "--preview")
    asked = list(web.asked)
    dissmodel("registry", "add", "mine", f"{web.url}/models.git")
    named = dissmodel("record", "show", "r.record.json", "--preview")

    assert (0, []) == (said.code, asked)
    assert f"names an input at {web.url}, which you have not named" in " ".join(said.err.split())
    assert 0 == named.code, named.err
    assert "GET /coast.zip" in web.asked
