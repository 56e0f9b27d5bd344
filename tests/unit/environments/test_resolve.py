import os
import socket
import sys
import threading
import warnings

import pytest

from dissmodel.environments import Requirement, resolve
from dissmodel.environments.remote import looked_into
from dissmodel.errors import DissmodelWarning, RunFailed, StorageError, UsageError
from support.git import Backend, GitServer, git
from support.packages import commit, make_project, make_wheel


@pytest.fixture
def repository(tmp_path):
    return make_project(tmp_path / "repo")


def ask(text, data_dir, **options):
    return resolve(Requirement.parse(text), data_dir=data_dir, **options)


def look(text, data_dir):
    """Resolve a package in a local repository and, as after consent, let git look into it."""
    return looked_into(ask(text, data_dir))


@pytest.fixture
def no_git(tmp_path, monkeypatch):
    """Return two functions: PATH leads to a git that only notes its calls; these calls."""
    called, folder = tmp_path / "called", tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\necho \"$PWD $*\" >> '{called}'\nexit 1\n")
    (folder / "git").chmod(0o755)

    def calls():
        return called.read_text() if called.exists() else ""

    with monkeypatch.context() as patch:
        yield lambda: patch.setenv("PATH", str(folder), prepend=os.pathsep), calls


def test_an_exact_version_is_taken_without_asking(data_dir, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")

    found = ask("Coastal_Flood[maps]==0.1.0", data_dir)

    assert "coastal-flood==0.1.0" == found.identity
    assert ("coastal-flood[maps]==0.1.0",) == found.lines
    assert not data_dir.exists()


def test_a_range_is_the_newest_version_that_goes_with_all_else(index, data_dir):
    for version in ("0.1.0", "0.2.0", "0.3.0"):
        make_wheel(index, "coastal-flood", version, ["numpy<1"] if version == "0.3.0" else [])
    make_wheel(index, "coastal-flood", "0.4.0rc1")

    assert "0.2.0" == ask("coastal-flood>=0.1", data_dir).version


def test_tags_branches_and_commits(repository, data_dir):
    first = commit(repository, "v1")
    git(repository, "tag", "light")
    git(repository, "branch", "old/one")
    second = commit(repository)
    url = f"git+{repository.as_uri()}"

    for ref, expected in (
        ("v1", first),
        ("light", first),
        ("old/one", first),
        (first, first),
        ("main", second),
    ):
        assert expected == ask(f"{url}@{ref}", data_dir).commit
    assert second == ask(url, data_dir).commit


def test_a_tag_comes_before_a_branch_of_that_name(repository, data_dir):
    first = commit(repository, "v1")
    commit(repository)
    git(repository, "branch", "v1")

    assert first == ask(f"git+{repository.as_uri()}@v1", data_dir).commit


def bare(folder):
    git(folder.parent, "clone", "-q", "--bare", str(folder), "bare.git")
    return folder.parent / "bare.git"


def bare_without_its_suffix(folder):
    return bare(folder).with_suffix("")


def worktree(folder):
    git(folder, "branch", "side")
    git(folder, "worktree", "add", "-q", "../side", "side")
    return folder.parent / "side"


def packed(folder):
    git(folder, "gc", "-q")
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
@pytest.mark.parametrize("form", [lambda one: one, bare, bare_without_its_suffix, worktree, packed])
def test_refs_of_a_folder_are_read_without_git(repository, data_dir, form, no_git):
    first = commit(repository, "v1")
    git(repository, "tag", "light")
    git(repository, "tag", "-a", "nested", "-m", "a tag of a tag", "v1")
    folder = form(repository)
    begin, calls = no_git
    begin()

    for ref in ("@v1", "@light", "@nested", "@main", ""):
        assert first == ask(f"git+{folder.as_uri()}{ref}", data_dir).commit
    assert "" == calls()


def test_a_tag_whose_object_is_packed_is_its_own_id_until_git_may_look(repository, data_dir):
    state = commit(repository, "v1")
    tag = git(repository, "rev-parse", "v1")
    git(repository, "repack", "-a", "-d", "-q")

    found = ask(f"git+{repository.as_uri()}@v1", data_dir)

    assert tag == found.commit != state
    assert state == looked_into(found).commit


@pytest.mark.parametrize("name", ["refs/tags/v1", "refs/tags", "HEAD", "packed-refs"])
def test_a_ref_that_is_a_link_is_not_followed(repository, data_dir, tmp_path, name):
    state = commit(repository)
    inside = repository / ".git" / name
    if inside.is_dir():
        inside.rmdir()
    inside.unlink(missing_ok=True)
    (tmp_path / "secrets").mkdir()
    for file in ("secrets/v1", "secret"):
        text = f"{state} refs/tags/v1\n" if name == "packed-refs" else f"{state}\n"
        (tmp_path / file).write_text(text)
    inside.symlink_to(tmp_path / ("secrets" if name == "refs/tags" else "secret"))

    with pytest.raises(UsageError) as caught:
        ask(f"git+{repository.as_uri()}" + ("" if name == "HEAD" else "@v1"), data_dir)

    assert "no_such_ref" == caught.value.code


@pytest.mark.parametrize(
    "content",
    [
        "ref: refs/heads/../../../secret",
        "ref: /etc/hostname",
        "ref: refs/heads/main" * 300,
        "\0" * 40,
        "z" * 40,
    ],
)
def test_a_ref_that_leads_elsewhere_is_none(repository, data_dir, content):
    commit(repository)
    (repository / ".git" / "HEAD").write_text(f"{content}\n")

    with pytest.raises(UsageError):
        ask(f"git+{repository.as_uri()}", data_dir)


def test_refs_that_only_git_reads_ask_for_the_commit(repository, data_dir):
    state = commit(repository, "v1")
    (repository / ".git" / "reftable").mkdir()

    with pytest.raises(UsageError, match="reftable") as caught:
        ask(f"git+{repository.as_uri()}@v1", data_dir)

    assert "Give the commit" in caught.value.hint
    assert state == ask(f"git+{repository.as_uri()}@{state}", data_dir).commit


def test_a_repository_elsewhere_is_asked(repository, data_dir, monkeypatch):
    state = commit(repository, "v1")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    server = GitServer(Backend, repository.parent, repository.name)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        found = [ask(f"git+{server.url}{ref}", data_dir) for ref in ("@v1", "@main", "")]
        with pytest.raises(UsageError) as caught:
            ask(f"git+{server.url}@v9", data_dir)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert [("coastal-flood", "0.1.0", state)] * 3 == [(one.name, one.version, one.commit) for one in found]
    assert "no_such_ref" == caught.value.code


def test_what_is_shown_of_a_git_package(repository, data_dir):
    state = commit(repository, "v1")

    found = ask(f"git+{repository.as_uri()}@v1", data_dir)
    seen = looked_into(found)

    assert ("", None) == (found.name, found.version)
    assert ("coastal-flood", "0.1.0", found.identity) == (seen.name, seen.version, seen.identity)
    assert f"git+{repository.as_uri()}@{state}" == found.identity


@pytest.mark.parametrize("ref", ["v9", "abcdef0", "mai", "refs/heads/mai"])
def test_a_ref_that_is_not_there(repository, data_dir, ref):
    commit(repository, "v1")

    with pytest.raises(UsageError) as caught:
        ask(f"git+{repository.as_uri()}@{ref}", data_dir)

    assert "no_such_ref" == caught.value.code
    assert ref in caught.value.message


def test_an_empty_repository_and_none_at_all(tmp_path, data_dir):
    git(tmp_path, "init", "-q", "empty")

    with pytest.raises(UsageError) as empty:
        ask(f"git+{(tmp_path / 'empty').as_uri()}", data_dir)
    with pytest.raises(StorageError) as none:
        ask(f"git+{(tmp_path / 'none').as_uri()}", data_dir)

    assert "no commit yet" in empty.value.message
    assert "there is no git repository" in none.value.message


def test_a_commit_that_is_not_there(repository, data_dir):
    commit(repository)

    with pytest.raises(RunFailed) as caught:
        look(f"git+{repository.as_uri()}@{'1' * 40}", data_dir)

    assert "fetch_failed" == caught.value.code


@pytest.mark.fast_cases("broken")
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "no_pyproject"),
        ("[project", "bad_pyproject"),
        ("[tool.x]", "no_pyproject"),
        ("#" * 2**20 + "#", "bad_pyproject"),
    ],
    ids=["none", "broken", "nameless", "huge"],
)
def test_a_repository_without_a_usable_pyproject(repository, data_dir, content, code):
    (repository / "pyproject.toml").unlink()
    if content is not None:
        (repository / "pyproject.toml").write_text(content, encoding="utf-8")
    commit(repository)

    with pytest.raises(UsageError) as caught:
        look(f"git+{repository.as_uri()}", data_dir)

    assert code == caught.value.code


def test_a_pyproject_that_is_a_link_is_none(repository, data_dir):
    (repository / "pyproject.toml").unlink()
    (repository / "pyproject.toml").symlink_to("/etc/hostname")
    commit(repository)

    with pytest.raises(UsageError) as caught:
        look(f"git+{repository.as_uri()}", data_dir)

    assert "no_pyproject" == caught.value.code


def test_looking_runs_nothing_of_the_repository(repository, data_dir, tmp_path):
    make_project(repository, hook=f"open({str(tmp_path / 'ran')!r}, 'w')")
    commit(repository)
    hooks = repository / ".git" / "hooks"
    for name in ("post-checkout", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
        (hooks / name).chmod(0o755)

    look(f"git+{repository.as_uri()}", data_dir)

    assert not (tmp_path / "ran").exists()


def test_a_folder_with_its_checkout(repository, data_dir):
    state = commit(repository)

    clean = ask(str(repository), data_dir)
    (repository / "coastal_flood" / "__init__.py").write_text("changed = 1\n", encoding="utf-8")
    dirty = ask(str(repository), data_dir)

    assert (state, "coastal-flood") == (clean.commit, clean.name)
    assert state == dirty.commit
    assert (f"-e {repository.as_uri()}",) == clean.lines


@pytest.mark.parametrize("name", ["none", "empty", "pipe", "huge"])
def test_a_folder_that_is_no_project(tmp_path, data_dir, name):
    for folder in ("empty", "pipe", "huge"):
        (tmp_path / folder).mkdir()
    if hasattr(os, "mkfifo"):  # one that is opened would be waited for
        os.mkfifo(tmp_path / "pipe" / "pyproject.toml")
    (tmp_path / "huge" / "pyproject.toml").write_text("[project]\nname = 'huge'\n" + "#" * 2**20)

    with pytest.raises(UsageError) as caught:
        ask(str(tmp_path / name), data_dir)

    assert str(tmp_path / name) in caught.value.message


@pytest.mark.slow
def test_what_was_installed_last_stands_where_nobody_answers(index, install, data_dir, repository, tmp_path):
    state = commit(repository)
    text = f"git+{repository.as_uri()}@main"
    install(text)
    repository.rename(tmp_path / "away")

    with pytest.warns(DissmodelWarning, match="as before"):
        found = ask(text, data_dir)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        offline = ask(text, data_dir, offline=True)

    assert (state, state) == (found.commit, offline.commit)


def test_offline_a_tag_that_was_never_installed_is_not_known(data_dir, repository):
    commit(repository)

    with pytest.raises(StorageError) as caught:
        ask(f"git+{repository.as_uri()}@main", data_dir, offline=True)

    assert "offline" in caught.value.message


@pytest.mark.slow
def test_a_remote_that_never_answers(data_dir, monkeypatch):
    monkeypatch.setattr("dissmodel.git.ANSWER_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted = []
        thread = threading.Thread(target=lambda: accepted.append(server.accept()), daemon=True)
        thread.start()

        with pytest.raises(StorageError) as caught:
            ask(f"git+http://127.0.0.1:{server.getsockname()[1]}/org/repo@v1", data_dir)

        thread.join(5)
        accepted[0][0].close()
    assert "no answer in 1 seconds" in caught.value.message
