"""From a published registry to models on this machine."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.git import Backend

TOKEN = "t0ken-that-nobody-may-see"


def test_the_first_sync_brings_all_and_the_next_what_is_new(dissmodel, published):
    first = published.git("rev-parse", "HEAD")
    said = dissmodel("registry", "sync", "--repo", published.url)

    assert (0, "") == (said.code, said.err)
    assert f"none → {first[:12]}, 2 models" in said.out
    assert "added    flood, growth" in said.out

    published.write("tide")
    published.write("flood", published.spec("flood", "end_time = 3\n"))
    (published.folder / "models" / "growth.toml").unlink()
    second = published.commit()
    said = dissmodel("registry", "sync")

    assert f"{first[:12]} → {second[:12]}, 2 models" in said.out
    for line in ("added    tide", "changed  flood", "removed  growth"):
        assert line in said.out
    assert "nothing new" in dissmodel("registry", "sync").out


@pytest.mark.slow
def test_it_follows_a_history_that_was_written_anew(dissmodel, published):
    dissmodel("registry", "sync", "--repo", published.url)
    published.write("tide")
    commit = published.commit("--amend", "--allow-empty")

    (row,) = dissmodel("registry", "sync", "--json").json["registries"]

    assert (commit, ["tide"], []) == (row["commit"], row["added"], row["removed"])


@pytest.mark.slow
def test_a_branch_is_followed_until_another_is_asked_for(dissmodel, published):
    published.git("checkout", "--quiet", "-b", "next")
    published.write("tide")
    commit = published.commit()
    published.git("checkout", "--quiet", "main")

    assert (
        2 == dissmodel("registry", "sync", "--repo", published.url, "--json").json["registries"][0]["models"]
    )
    for words in (["--branch", "next"], []):
        (row,) = dissmodel("registry", "sync", *words, "--json").json["registries"]
        assert (commit, "next", 3) == (row["commit"], row["branch"], row["models"])
    said = dissmodel("registry", "sync", "--branch", "nxt")
    assert 5 == said.code
    assert "has no branch 'nxt'" in said.err
    assert "Did you mean 'next'?" in said.err


def test_all_but_sync_works_without_the_remote(dissmodel, published):
    dissmodel("registry", "sync", "--repo", published.url)
    shutil.rmtree(published.folder)

    assert 5 == dissmodel("registry", "sync").code
    assert ["flood", "growth"] == [
        row["name"] for row in dissmodel("registry", "list", "--json").json["models"]
    ]
    assert 0 == dissmodel("registry", "show", "flood").code
    assert Path(dissmodel("registry", "path").out.strip(), "models", "flood.toml").is_file()


@pytest.mark.slow
def test_smart_http(dissmodel, published, served):
    url = served().url
    said = dissmodel("registry", "sync", "--repo", url)
    assert (0, "") == (said.code, said.err)

    published.write("tide")
    published.commit("--amend")

    assert "added    tide" in dissmodel("registry", "sync").out


@pytest.mark.fast_cases("a#b?c=d")
@pytest.mark.parametrize("name", ["a b", "café", "100%", "a#b?c=d", "%20"])
def test_a_repository_in_a_folder_of_any_name(dissmodel, published, name):
    bare = published.folder.with_name(name)
    published.git("clone", "--quiet", "--bare", str(published.folder), str(bare))

    assert 0 == dissmodel("registry", "sync", "--repo", str(bare)).code
    assert 0 == dissmodel("registry", "sync", "--repo", bare.as_uri()).code
    if name != "%20":  # which a URL takes for a blank
        assert 0 == dissmodel("registry", "sync", "--repo", f"file://{bare}").code


def test_a_password_that_nobody_gave_is_not_waited_for(dissmodel, served):
    said = dissmodel("registry", "sync", "--repo", served(user="ana:secret").url, "--json")

    assert (5, "registry_auth") == (said.code, said.json["error"]["code"])
    assert "credential.helper" in said.json["error"]["hint"]


def test_gits_own_credentials_are_used(dissmodel, home, served):
    server = served(user="ana:secret")
    (home / "credentials").write_text(f"http://ana:secret@{server.host}\n")
    (home / "gitconfig").write_text(f"[credential]\n\thelper = store --file={home / 'credentials'}\n")

    assert 0 == dissmodel("registry", "sync", "--repo", server.url).code


@pytest.mark.fast_cases("ana:t0ken-that-nobody-may-see")
@pytest.mark.parametrize("user", [f"ana:{TOKEN}", TOKEN])
def test_a_token_is_used_once_and_never_seen(dissmodel, home, kept, served, monkeypatch, tmp_path, user):
    git_program = shutil.which("git")
    (tmp_path / "bin").mkdir()
    wrapper = tmp_path / "bin" / "git"
    wrapper.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {home}/argv.txt\nexec {git_program} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    server = served(user=user if ":" in user else f"{user}:")

    said = dissmodel("registry", "sync", "--repo", f"http://{user}@{server.host}/published/.git", "--json")

    assert 0 == said.code
    assert server.url == said.json["registries"][0]["url"]
    assert "ls-remote" in kept()
    assert TOKEN not in kept() + said.out + said.err
    said = dissmodel("registry", "sync")
    assert (5, True) == (said.code, "asks for a user" in said.err)
    wrong = dissmodel("registry", "sync", "--repo", f"http://{TOKEN}x@{server.host}/published/.git")
    assert 5 == wrong.code
    assert TOKEN not in wrong.out + wrong.err


def test_a_token_in_the_environment_is_not_shown_either(dissmodel, kept, served, monkeypatch):
    server = served(user=f"ana:{TOKEN}")
    monkeypatch.setenv("DISSMODEL_REGISTRY", f"http://ana:{TOKEN}@{server.host}/published/.git")

    said = [dissmodel(*words.split()) for words in ("registry sync", "config show", "registry list")]

    assert [0, 0, 0] == [one.code for one in said]
    assert TOKEN not in "".join(one.out + one.err for one in said) + kept()


def test_a_token_is_not_told_to_whom_the_server_sends_us(dissmodel, served):
    target = served()

    class Elsewhere(Backend):
        def _serve(self, body):
            self.send_response(302)
            self.send_header("Location", f"http://{target.host}{self.path}")
            self.end_headers()

    server = served()
    server.RequestHandlerClass = Elsewhere

    assert 0 == dissmodel("registry", "sync", "--repo", server.url).code
    asked = len(target.asked)
    assert asked > 0
    assert 5 == dissmodel("registry", "sync", "--repo", f"http://{TOKEN}@{server.host}/published/.git").code
    assert asked == len(target.asked)


@pytest.mark.slow
def test_a_remote_that_never_answers(dissmodel, silent_url):
    said = dissmodel("registry", "sync", "--repo", silent_url, "--json")

    assert (5, "registry_timeout") == (said.code, said.json["error"]["code"])


@pytest.mark.slow
def test_a_remote_that_stops_answering(dissmodel, published, served):
    dissmodel("registry", "sync", "--repo", published.url)
    said = dissmodel("registry", "sync", "--repo", served(stalls="git-upload-pack").url, "--json")

    assert (5, "registry_timeout") == (said.code, said.json["error"]["code"])
    assert 2 == len(dissmodel("registry", "list", "--json").json["models"])


def group_of_git(host):
    """Return the processes that talk to a server, as Linux knows them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().decode(errors="replace")
            if "git" in words and host in words and "dissmodel\0registry" not in words:
                found.append(path.parent.name)
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_sync_that_is_killed_leaves_the_last_one(dissmodel, home, published, served):
    dissmodel("registry", "sync", "--repo", published.url)
    published.write("tide")
    published.commit()
    server = served(stalls="git-upload-pack")
    words = [sys.executable, "-m", "dissmodel", "registry", "sync", "--repo", server.url]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        assert server.stalled.wait(20)
        started = group_of_git(server.host)
        process.send_signal(signal.SIGKILL)
    until = time.monotonic() + 10
    while group_of_git(server.host) and time.monotonic() < until:
        time.sleep(0.05)
    still_running = group_of_git(server.host)
    server.over.set()

    assert (True, []) == (sys.platform != "linux" or bool(started), still_running)
    assert ["flood", "growth"] == [
        row["name"] for row in dissmodel("registry", "list", "--json").json["models"]
    ]
    assert list((home / "data" / "registries" / "default").glob(".new-*"))
    assert "added    tide" in dissmodel("registry", "sync").out
    assert not list((home / "data" / "registries" / "default").glob(".new-*"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals to a process group")
def test_a_sync_that_is_interrupted_ends_at_once_and_leaves_nothing(home, served):
    server = served(stalls="git-upload-pack")
    words = [sys.executable, "-m", "dissmodel", "registry", "sync", "--repo", server.url]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert server.stalled.wait(20)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)  # half of the time for which the server stalls

    assert 130 == process.returncode
    assert [] == list((home / "data" / "registries").iterdir())


@pytest.mark.slow
def test_two_syncs_at_once_both_end_well(home, published):
    words = [sys.executable, "-m", "dissmodel", "registry", "sync", "--repo", published.url, "--json"]
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]

    assert [0, 0] == [process.returncode for process in both]
    assert [0, 2] == sorted(len(json.loads(out)["registries"][0]["added"]) for out, _ in said)


def test_what_somebody_changed_in_the_copy_is_not_used_and_comes_back(dissmodel, published):
    dissmodel("registry", "sync", "--repo", published.url)
    path = Path(dissmodel("registry", "path").out.strip(), "models", "flood.toml")
    path.write_text(published.spec("flood", "end_time = 99\n"))

    said = dissmodel("registry", "show", "flood")
    assert (3, True) == (said.code, "not what the last sync fetched" in said.err)
    dissmodel("registry", "sync")
    assert 0 == dissmodel("registry", "show", "flood").code


def test_git_that_is_not_there(dissmodel, published, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    said = dissmodel("registry", "sync", "--repo", published.url, "--json")

    assert (5, "git_missing") == (said.code, said.json["error"]["code"])


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:9/models.git", "registry_unreachable"),
        ("http://no-such-host.invalid/models.git", "registry_unreachable"),
        ("file:///no/such/repository.git", "registry_missing"),
        ("/no/such/folder", "registry_layout"),
    ],
)
def test_a_place_where_nothing_is(dissmodel, home, url, code):
    said = dissmodel("registry", "sync", "--repo", url, "--json")

    assert code == said.json["error"]["code"]
    assert [] == list((home / "data" / "registries").iterdir())


def test_one_registry_that_fails_leaves_the_others_to_be_synced(dissmodel, published):
    dissmodel("registry", "add", "away", "file:///no/such/repository.git")
    dissmodel("registry", "add", "coast", published.url)

    said = dissmodel("registry", "sync")

    assert 5 == said.code
    assert "coast: none → " in said.out
    assert "error: away: " in said.err


def test_watching_goes_on_when_the_remote_is_away(published, dissmodel, monkeypatch):
    from dissmodel.registries.sources import SyncRequest, watch

    rounds = watch(SyncRequest(repo=published.url), 900, wait=lambda seconds: None)
    assert {"default"} == {one.registry for one in next(rounds).outcomes}
    moved = published.folder.rename(published.folder.with_name("away"))
    assert "registry_missing" == next(rounds).failures["default"].code
    moved.rename(published.folder)
    assert () == next(rounds).outcomes[0].added
    assert 2 == dissmodel("registry", "sync", "--watch", "1s").code
    assert 2 == dissmodel("registry", "sync", "--watch", "often").code
