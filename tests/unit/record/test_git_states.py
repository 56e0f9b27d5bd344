"""Whether a checkout has changes, as git itself says it in a repository that it trusts."""

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from dissmodel.environments.remote import commit_of
from dissmodel.errors import StorageError
from dissmodel.record import git_folder
from dissmodel.record.git import checkout_of, head_of
from support.git import git

NOBODY = 65534


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A user without settings of git."""
    home = tmp_path / "home"
    home.mkdir()
    for name in [one for one in os.environ if one.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return home


@pytest.fixture
def make(tmp_path):
    """Return a function that commits files, name → bytes, into a new repository."""

    def make(files, *options, name="coast", attributes=""):
        folder = tmp_path / name
        git(tmp_path, "init", "-q", "-b", "main", *options, str(folder))
        if attributes:
            (folder / ".gitattributes").write_text(attributes)
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        commit(folder)
        return folder

    return make


def commit(folder):
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", "a commit")
    return git(folder, "rev-parse", "HEAD")


def anew(folder, *settings):
    """Check all files out again, under other settings."""
    for name, value in settings:
        git(folder, "config", name, value)
    for path in folder.glob("*.py"):
        path.unlink()
    git(folder, "checkout", "-q", "--", ".")


LINES = b"A = 1\nB = 2\n"


@pytest.mark.parametrize(
    ("attributes", "settings", "worked"),
    [
        ("", [("core.autocrlf", "true")], b"A = 1\r\nB = 2\r\n"),
        ("* text=auto\n", [("core.eol", "crlf")], b"A = 1\r\nB = 2\r\n"),
        ("*.py text eol=crlf\n", [], b"A = 1\r\nB = 2\r\n"),
        ("[attr]dos text eol=crlf\n*.py dos\n", [], b"A = 1\r\nB = 2\r\n"),
        ("*.py text working-tree-encoding=UTF-16LE\n", [], LINES.decode().encode("utf-16-le")),
        ("*.py ident\n", [], b"A = 1\nB = 2\n"),
    ],
)
@pytest.mark.parametrize("where", ["theirs", "user's"])
def test_what_git_converts_is_no_change(make, attributes, settings, worked, where):
    folder = make({"a.py": worked if "UTF" in attributes else LINES}, attributes=attributes)
    if where == "theirs":
        anew(folder, *settings)
    else:
        anew(folder)
        for name, value in settings:
            git(folder, "config", "--global", name, value)
        anew(folder)
    os.utime(folder / "a.py", (1, 1))  # git has to look at its content

    assert worked == (folder / "a.py").read_bytes()
    assert "" == git(folder, "status", "--porcelain")
    os.utime(folder / "a.py", (2, 2))
    assert checkout_of(folder / "a.py").dirty is False

    (folder / "a.py").write_bytes(worked.replace(b"1", b"7"))
    assert checkout_of(folder / "a.py").dirty is True


def test_an_ident_is_no_change(make):
    folder = make({"a.py": b"# $Id$\n"}, attributes="*.py ident\n")
    anew(folder)

    assert b"$Id: " in (folder / "a.py").read_bytes()
    assert checkout_of(folder / "a.py").dirty is False


def test_attributes_beside_the_repository_are_git_s_too(make, home):
    folder = make({"a.py": LINES})
    (folder / "a.py").write_bytes(LINES.replace(b"\n", b"\r\n"))
    assert checkout_of(folder / "a.py").dirty is True

    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "attributes").write_text("*.py text\n")
    assert checkout_of(folder / "a.py").dirty is False

    (folder / ".git" / "info" / "attributes").unlink()
    (home / "config" / "git").mkdir(parents=True)
    (home / "config" / "git" / "attributes").write_text("*.py text\n")
    assert checkout_of(folder / "a.py").dirty is False

    (home / "config" / "git" / "attributes").unlink()
    (home / "mine").write_text("*.py text\n")
    git(folder, "config", "--global", "core.attributesFile", "~/mine")
    assert checkout_of(folder / "a.py").dirty is False


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bit")
@pytest.mark.parametrize(("counts", "dirty"), [("true", True), ("false", False)])
def test_a_file_s_mode_counts_where_git_counts_it(make, counts, dirty):
    folder = make({"a.py": LINES})
    git(folder, "config", "core.fileMode", counts)
    (folder / "a.py").chmod(0o755)

    assert dirty is checkout_of(folder / "a.py").dirty


def test_what_the_user_ignores_is_not_counted(make, home):
    folder = make({"pkg/a.py": LINES})
    (folder / "pkg" / "new.py").write_text("")
    assert checkout_of(folder / "pkg").dirty is True

    (home / "config" / "git").mkdir(parents=True)
    (home / "config" / "git" / "ignore").write_text("new.py\n")
    assert checkout_of(folder / "pkg").dirty is False


@pytest.mark.parametrize("how", ["assume-unchanged", "skip-worktree"])
def test_what_git_was_told_not_to_look_at_counts(make, how):
    folder = make({"a.py": LINES, "b.py": LINES})
    git(folder, "update-index", f"--{how}", "a.py")
    assert checkout_of(folder / "b.py").dirty is False

    (folder / "a.py").write_bytes(LINES.replace(b"1", b"3"))
    found = checkout_of(folder / "b.py")
    git(folder, "update-index", f"--no-{how}", "a.py")

    assert found.dirty is True
    assert found == checkout_of(folder / "b.py")
    assert " M a.py" == git(folder, "status", "--porcelain").rjust(7)


@pytest.mark.parametrize("index", ["--no-sparse-index", "--sparse-index"])
def test_a_sparse_checkout_has_no_changes_until_something_lies_there(make, index):
    folder = make({"pkg/a.py": LINES, "data/b.py": LINES})
    git(folder, "sparse-checkout", "init", "--cone", index)
    git(folder, "sparse-checkout", "set", "pkg")
    assert not (folder / "data").exists()
    assert checkout_of(folder / "pkg").dirty is False

    (folder / "data").mkdir()
    (folder / "data" / "b.py").write_text("B = 3\n")
    assert checkout_of(folder / "pkg").dirty is True


def test_a_split_index(make):
    folder = make({"a.py": LINES})
    git(folder, "update-index", "--split-index")
    assert any((folder / ".git").glob("sharedindex.*"))

    assert checkout_of(folder / "a.py").dirty is False
    (folder / "a.py").write_text("")
    assert checkout_of(folder / "a.py").dirty is True


def test_a_linked_worktree(make, tmp_path):
    folder = make({"a.py": LINES})
    linked = tmp_path / "linked"
    git(folder, "worktree", "add", "-q", "-b", "other", str(linked))
    (linked / "a.py").write_text("A = 2\n")
    head = commit(linked)
    git(folder, "pack-refs", "--all")

    assert (head, False) == (checkout_of(linked / "a.py").commit, checkout_of(linked / "a.py").dirty)
    assert head != checkout_of(folder / "a.py").commit


def test_a_submodule(make):
    inner = make({"b.py": LINES}, name="inner")
    folder = make({"a.py": LINES})
    git(folder, "submodule", "add", "-q", str(inner), "sub")
    head = commit(folder)

    assert (head, False) == (checkout_of(folder / "a.py").commit, checkout_of(folder / "a.py").dirty)
    assert git(inner, "rev-parse", "HEAD") == checkout_of(folder / "sub" / "b.py").commit

    (folder / "sub" / "b.py").write_text("B = 3\n")
    first = checkout_of(folder / "a.py")
    (folder / "sub" / "b.py").write_text("B = 4\n")
    assert (True, True) == (first.dirty, checkout_of(folder / "sub" / "b.py").dirty)
    assert first.diff_digest != checkout_of(folder / "a.py").diff_digest

    commit(folder / "sub")
    assert checkout_of(folder / "a.py").dirty is True
    assert checkout_of(folder / "sub" / "b.py").dirty is False


def test_a_repository_of_sha256(make):
    folder = make({"a.py": LINES}, "--object-format=sha256")

    assert 64 == len(checkout_of(folder / "a.py").commit)
    assert checkout_of(folder / "a.py").dirty is False
    (folder / "a.py").write_text("")
    assert checkout_of(folder / "a.py").dirty is True


def test_objects_that_lie_elsewhere(make, tmp_path):
    make({"a.py": LINES})
    git(tmp_path, "clone", "-q", "--shared", "coast", "borrowed")

    assert checkout_of(tmp_path / "borrowed" / "a.py").dirty is False


def test_a_changed_file_within_the_second_of_the_index(make):
    folder = make({"a.py": LINES})
    index = (folder / ".git" / "index").stat()
    (folder / "a.py").write_bytes(LINES.replace(b"1", b"3"))  # as many bytes
    os.utime(folder / "a.py", ns=(index.st_mtime_ns, index.st_mtime_ns))

    assert checkout_of(folder / "a.py").dirty is True


@pytest.mark.parametrize("name", ["evil", "lfs"])
def test_a_file_that_needs_a_program_makes_the_state_unknown(make, name):
    folder = make({"a.py": LINES, "big.tif": b"version"}, attributes=f"*.tif filter={name} -text\n")
    found = checkout_of(folder / "a.py")

    assert (None, None) == (found.dirty, found.diff_digest)
    assert f"big.tif (filter={name})" in found.problem
    assert f"{found.commit}-unknown" == found.name

    (folder / "a.py").write_text("")
    found = checkout_of(folder / "a.py")
    assert (True, None) == (found.dirty, found.diff_digest)


def test_a_repository_that_can_t_be_read_is_unknown_and_no_crash(make):
    folder = make({"a.py": LINES})
    (folder / "a.py").write_text("A = 2\n")
    blob = git(folder, "rev-parse", "HEAD:a.py")
    (folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    found = checkout_of(folder / "a.py")

    assert (git(folder, "rev-parse", "HEAD"), None) == (found.commit, found.dirty)
    assert "unknown" in found.problem

    (folder / ".git" / "index").write_bytes(b"DIRC")
    found = checkout_of(folder / "a.py")
    assert found.commit is None
    assert "its commit is unknown" in found.problem


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HEAD", "ref: ../../secret\n"),
        ("HEAD", "ref: refs/heads/../../../secret\n"),
        ("HEAD", "nonsense\n"),
        ("HEAD", "ref: refs/heads/none\n"),
    ],
)
def test_a_head_that_leads_nowhere(make, tmp_path, name, text):
    folder = make({"a.py": LINES})
    (tmp_path / "secret").write_text("0" * 40 + "\n")
    (folder / ".git" / name).write_text(text)

    assert checkout_of(folder / "a.py") is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes with a name")
@pytest.mark.parametrize("name", ["config", "packed-refs", "info/attributes", "config.worktree"])
def test_a_pipe_in_the_place_of_a_file_holds_nothing_up(make, name):
    folder = make({"a.py": LINES})
    path = folder / ".git" / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)

    assert checkout_of(folder / "a.py").dirty is False


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_packed_ref_is_its_commit_and_no_longer_name(make, ends):
    folder = make({"a.py": LINES})
    lines = ["# pack-refs with: refs/tags/v1", "1" * 40 + " refs/tags/v1.0", "2" * 40 + " refs/tags/v1"]
    lines += ["3" * 40 + " refs/tags/v2", "^" + "4" * 40, "5" * 40 + " refs/tags/last"]
    (folder / ".git" / "packed-refs").write_bytes(ends.join(lines).encode())
    found = git_folder.find(folder)

    assert ["2" * 40, "1" * 40, "4" * 40, "5" * 40, None] == [
        found.commit(f"refs/tags/{name}") for name in ("v1", "v1.0", "v2", "last", "v")
    ]


def test_packed_refs_of_empty_lines_cost_no_more_than_their_size(make, monkeypatch):
    folder = make({"a.py": LINES})
    size = 4 << 20
    monkeypatch.setattr(git_folder, "_MAX_REFS", size)
    (folder / ".git" / "packed-refs").write_bytes(b"\n" * size)
    found = git_folder.find(folder)
    tracemalloc.start()

    assert found.commit("refs/tags/v1") is None
    assert tracemalloc.get_traced_memory()[1] < 3 * size

    tracemalloc.stop()


def test_settings_of_a_folder_that_name_a_pipe_hold_nothing_up(make, tmp_path):
    folder = make({"a.py": LINES})
    os.mkfifo(tmp_path / "pipe")
    for name in ("core.attributesFile", "core.excludesFile", "include.path"):
        git(folder, "config", name, "/dev/null")  # git itself would wait for the pipe
    text = (folder / ".git" / "config").read_text().replace("/dev/null", str(tmp_path / "pipe"))
    (folder / ".git" / "config").write_text(text)

    assert checkout_of(folder / "a.py").dirty is False


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_checkout_of_another_user_is_told_with_the_command(make):
    folder = make({"a.py": LINES})
    head = git(folder, "rev-parse", "HEAD")
    os.chown(folder, NOBODY, NOBODY)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        git(folder, "status")
    found = checkout_of(folder / "a.py")

    assert b"dubious ownership" in refused.value.stderr.encode()
    assert (None, None) == (found.commit, found.dirty)
    assert "dubious" in found.problem
    assert f"git config --global --add safe.directory {folder}" in found.hint
    assert head == head_of(folder)

    for value in (str(folder), "*", f"{folder.parent}/*"):
        git(folder.parent, "config", "--global", "--replace-all", "safe.directory", value)
        assert head == checkout_of(folder / "a.py").commit
    git(folder.parent, "config", "--global", "--add", "safe.directory", "")
    assert checkout_of(folder / "a.py").commit is None


def test_a_checkout_is_looked_for_no_further_than_the_user_wants(make, monkeypatch):
    folder = make({"pkg/a.py": LINES})
    assert checkout_of(folder / "pkg" / "a.py") is not None

    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder))
    assert checkout_of(folder / "pkg" / "a.py") is None


def test_few_processes(make, monkeypatch):
    started = []
    run = subprocess.run
    monkeypatch.setattr("subprocess.run", lambda *a, **k: (started.append(a), run(*a, **k))[1])
    folder = make({"pkg/a.py": LINES})

    for path, most in ((folder / "pkg" / "a.py", 5), (folder / "pkg", 6)):
        started.clear()
        assert checkout_of(path).dirty is False
        assert len(started) <= most


def test_no_git_is_started_for_the_head_alone(make, monkeypatch):
    folder = make({"pkg/a.py": LINES})
    head = git(folder, "rev-parse", "HEAD")
    monkeypatch.setenv("PATH", "")

    assert head == head_of(folder / "pkg")
    assert head_of(Path(folder.anchor)) is None


@pytest.mark.parametrize("name", ["gitdir", "commondir"])
def test_a_path_with_a_nul_in_it_leads_to_no_repository(make, name):
    folder = make({"a.py": LINES})
    if name == "gitdir":
        (folder / ".git").rename(folder / "elsewhere")
        (folder / ".git").write_bytes(b"gitdir: else\0where\n")
    else:
        (folder / ".git" / "commondir").write_bytes(b"..\0/\n")
        (folder / ".git" / "objects").rename(folder / "objects")

    assert head_of(folder) is None
    with pytest.raises(StorageError) as raised:
        commit_of(folder.as_uri(), "v1")
    assert raised.value.code == "repository_missing"
