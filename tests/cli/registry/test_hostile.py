"""Registries whose authors mean no good, or made a mistake: nothing outside is touched, the rest works."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.cases import mostly_slow


@pytest.fixture
def synced(dissmodel, published):
    """Return a function that commits, syncs and gives the list: model → what is wrong with it."""

    def sync():
        published.commit("--allow-empty")
        said = dissmodel("registry", "sync", "--repo", published.url)
        assert (0, "") == (said.code, said.err)
        rows = dissmodel("registry", "list", "--json").json["models"]
        return {row["name"]: row["problem"] for row in rows}

    return sync


def test_a_symbolic_link_is_refused(synced, published, home):
    (home / "secret.toml").write_text(published.spec("evil"))
    (published.folder / "models" / "evil.toml").symlink_to(home / "secret.toml")

    found = synced()

    assert "symbolic link" in found.pop("evil")
    assert {"flood": "", "growth": ""} == found


def test_models_itself_may_be_no_link(dissmodel, published, tmp_path):
    shutil.move(published.folder / "models", tmp_path / "elsewhere")
    (published.folder / "models").symlink_to(tmp_path / "elsewhere")
    published.commit()

    said = dissmodel("registry", "sync", "--repo", published.url)

    assert (3, True) == (said.code, "no folder models" in said.err)


def test_a_submodule_is_refused_and_not_fetched(synced, published, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(published.folder, other)
    published.git("-c", "protocol.file.allow=always", "submodule", "add", f"file://{other}", "models/inner")

    assert {"flood": "", "growth": ""} == {name: why for name, why in synced().items() if name != "inner"}
    assert "submodule" in synced()["inner"]


@pytest.mark.skipif(sys.platform == "win32", reason="hooks are shell scripts")
def test_neither_a_hook_nor_a_filter_runs(dissmodel, published, home):
    hooks = home / "hooks"
    hooks.mkdir()
    for name in ("reference-transaction", "post-checkout", "post-merge"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {home}/ran-{name}\n")
        (hooks / name).chmod(0o755)
    (published.folder / ".gitattributes").write_text("*.toml filter=evil\n")
    published.commit()
    (home / "gitconfig").write_text(
        f"[core]\n\thooksPath = {hooks}\n\tfsmonitor = touch {home}/ran-monitor\n"
        f'[filter "evil"]\n\tsmudge = touch {home}/ran-filter\n'
    )

    assert 0 == dissmodel("registry", "sync", "--repo", published.url).code
    assert [] == [path.name for path in home.glob("ran-*")]


def test_settings_of_the_folder_around_are_not_read(dissmodel, published, home, tmp_path, monkeypatch):
    around = tmp_path / "downloaded"
    around.mkdir()
    subprocess.run(["git", "init", "--quiet", str(around)], check=True)
    key = f"url.file://{tmp_path}/nowhere.insteadOf"
    subprocess.run(["git", "-C", str(around), "config", key, published.url], check=True)
    monkeypatch.chdir(around)
    monkeypatch.setenv("GIT_DIR", str(around / ".git"))
    monkeypatch.setenv("DISSMODEL_DATA", str(around / "data"))

    assert 0 == dissmodel("registry", "sync", "--repo", published.url).code


@pytest.mark.slow
@pytest.mark.parametrize("filters", mostly_slow(["true", "false"], "true"))
def test_a_hundred_megabytes_of_toml(synced, published, home, filters):
    published.git("config", "uploadpack.allowFilter", filters)
    path = published.write("huge", "")
    with path.open("wb") as stream:
        stream.truncate(100 << 20)
    published.git("config", "core.compression", "1")

    found = synced()

    assert "may have at most 1 MiB" in found.pop("huge")
    assert {"flood": "", "growth": ""} == found
    assert 100_000 > sum(one.stat().st_size for one in home.rglob("*") if one.is_file())


@pytest.mark.fast_cases("3", "9")
@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("evil", '[model]\nname = "../../evil"\n', "its name is '../../evil'"),
        ("cut", '[model\nname = "cut"\n', "not valid TOML"),
        ("empty", "", "no [model] section"),
        ("newer", '[model]\nname = "newer"\ndissmodel = ">=99"\n', "needs dissmodel >=99"),
        ("typed", '[model]\nname = "typed"\npackage = 3\n', "package in [model] has to be text"),
        ("deep", "x = " + "[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("dot.ted", '[model]\nname = "dot.ted"\n', "letters, digits"),
        ("-o", '[model]\nname = "-o"\n', "letters, digits"),
        ("FLOOD", '[model]\nname = "FLOOD"\n', "capital letters only"),
        ("new\nline\x1b[2J", "", "letters, digits"),
    ],
    ids=range(10),  # one of the texts is longer than a variable of the environment may be
)
def test_a_model_that_cannot_be_used_is_listed_and_the_others_work(
    dissmodel, synced, published, file, text, said
):
    published.write(file, text)

    found = synced()

    assert said in found[file]
    assert "" == found["growth"]
    shown = dissmodel("registry", "list")
    assert (0, "") == (shown.code, shown.err)
    assert "\x1b" not in shown.out
    assert 1 + len(found) == len(shown.out.splitlines())


def tree(published, *entries):
    """Write a tree object as no git client would, and return its name."""
    raw = b"".join(mode + b" " + name + b"\0" + bytes.fromhex(blob) for mode, name, blob in entries)
    words = ["git", "-C", str(published.folder), "hash-object", "-t", "tree", "--literally", "-w", "--stdin"]
    return subprocess.run(words, input=raw, check=True, capture_output=True).stdout.decode().strip()


@pytest.mark.fast_cases("a/../../escaped.toml", "..")
@pytest.mark.parametrize(
    "name", [b"../../../../escaped.toml", b"..", b"a/../../escaped.toml", b"\\..\\x.toml"]
)
def test_names_that_lead_out_of_the_folder(dissmodel, published, home, name):
    blob = published.git("rev-parse", "HEAD:models/flood.toml")
    models = tree(published, (b"100644", name, blob), (b"100644", b"flood.toml", blob))
    commit = published.git("commit-tree", "-m", "x", tree(published, (b"40000", b"models", models)))
    published.git("update-ref", "refs/heads/main", commit)

    said = dissmodel("registry", "sync", "--repo", published.url)

    assert (0, ["flood.toml"]) == (said.code, [path.name for path in home.rglob("*.toml")])


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=touch ran",
        "-oProxyCommand=touch ran",
        "ext::sh -c touch% ran",
        "fd::17",
        "ssh://-oProxyCommand=touch%20ran/x",
        "ssh://-o@host/x",
        "ssh://ana:secret@host/x",
        "git://127.0.0.1:9/x",
        "ftp://127.0.0.1:9/x",
        "https://",
        "https://host:port/x",
        "https://host/x?private_token=secret",
        "https://host/a b",
        "file://host/x",
        "host\n:x",
        "",
    ],
)
def test_a_url_that_is_more_than_a_place(dissmodel, url):
    said = [dissmodel("registry", "sync", f"--repo={url}"), dissmodel("registry", "add", "x", "--", url)]

    assert [2, 2] == [one.code for one in said]
    assert "secret" not in "".join(one.out + one.err.replace("settings are", "") for one in said)
    assert not Path("ran").exists()


def test_a_rewritten_url_starts_no_program(dissmodel, home, published):
    (home / "gitconfig").write_text(f'[url "ext::touch {home}/ran "]\n\tinsteadOf = {published.url}\n')

    assert 5 == dissmodel("registry", "sync", "--repo", published.url).code
    assert not (home / "ran").exists()


@pytest.mark.fast_cases("--upload-pack=touch ran")
@pytest.mark.parametrize("branch", ["--upload-pack=touch ran", "main:refs/heads/x", "*", "..", "HEAD"])
def test_a_branch_that_is_more_than_a_name(dissmodel, published, branch):
    said = dissmodel("registry", "sync", "--repo", published.url, f"--branch={branch}")

    assert (5, True) == (said.code, "has no branch" in said.err)


@pytest.mark.parametrize(
    "name", ["..", "../x", "a/b", "builtin", "default", "Coast", "-x", "", "x" * 80, "a.b"]
)
def test_a_registry_gets_a_name_that_is_one(dissmodel, published, name):
    assert 2 == dissmodel("registry", "add", "--", name, published.url).code
    if name != "default":
        assert 2 == dissmodel("registry", "sync", "--repo", published.url, "--", name).code


def test_a_repository_that_is_no_registry(dissmodel, published, home):
    published.git("rm", "-r", "--quiet", "models")
    published.commit("--allow-empty")
    said = dissmodel("registry", "sync", "--repo", published.url)

    assert (3, True) == (said.code, "no folder models" in said.err)
    assert [] == list((home / "data" / "registries").iterdir())


def test_a_disk_that_cannot_be_written(dissmodel, published, monkeypatch):
    Path("file").touch()
    monkeypatch.setenv("DISSMODEL_DATA", str(Path("file/data").absolute()))

    said = dissmodel("registry", "sync", "--repo", str(published.folder))

    assert (5, True) == (said.code, "can't be written" in said.err), said.err
