import hashlib

import pytest

from dissmodel.record.git import checkout_of, without_credentials
from support.git import git


@pytest.fixture
def repository(tmp_path):
    package = tmp_path / "coast"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "model.py").write_text("RATE = 1\n")
    (tmp_path / "notes.txt").write_text("one\n")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_a_clean_checkout(repository):
    found = checkout_of(repository / "coast")

    assert git(repository, "rev-parse", "HEAD") == found.commit
    assert (False, None, None) == (found.dirty, found.diff_digest, found.repository)
    assert found == checkout_of(repository / "coast" / "model.py")


def test_a_change_is_told_and_the_same_change_again(repository):
    model = repository / "coast" / "model.py"
    model.write_text("RATE = 2\n")
    first = checkout_of(repository / "coast")
    model.write_text("RATE = 3\n")
    other = checkout_of(repository / "coast")
    git(repository, "config", "diff.noprefix", "true")
    git(repository, "config", "diff.context", "0")
    model.write_text("RATE = 2\n")

    assert first.dirty is True
    assert first.diff_digest != other.diff_digest
    assert first == checkout_of(repository / "coast")


def test_a_module_that_git_does_not_track_counts_and_a_result_does_not(repository):
    (repository / "result.tif").write_bytes(b"II*\0")
    (repository / "coast" / "result.tif").write_bytes(b"II*\0")

    assert checkout_of(repository / "coast").dirty is False

    (repository / "coast" / "extra.py").write_text("X = 1\n")
    found = checkout_of(repository / "coast")
    line = f"extra.py\0{hashlib.sha256(b'X = 1' + bytes([10])).hexdigest()}\n"

    assert found.dirty is True
    assert hashlib.sha256(line.encode()).hexdigest() == found.diff_digest


def test_code_that_git_does_not_track_has_no_commit(repository):
    (repository / "loose.py").write_text("")
    (repository / ".gitignore").write_text("venv/\n")
    (repository / "venv" / "lib").mkdir(parents=True)
    (repository / "venv" / "lib" / "a.py").write_text("")

    assert checkout_of(repository / "loose.py") is None
    assert checkout_of(repository / "venv" / "lib") is None


def test_no_checkout(tmp_path):
    (tmp_path / "a.py").write_text("")

    assert checkout_of(tmp_path / "a.py") is None


def test_a_repository_without_a_commit(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("")
    git(tmp_path, "add", "a.py")

    assert checkout_of(tmp_path / "a.py") is None


def test_no_git(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")

    assert checkout_of(repository / "coast") is None


def test_another_repositorys_variables_do_not_lead_astray(repository, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "-q")
    expected = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))

    assert expected == checkout_of(repository / "coast").commit


def test_nothing_of_the_repositorys_settings_is_started(repository):
    started = repository / "started"
    script = repository / "run.sh"
    script.write_text(f"#!/bin/sh\ntouch '{started}'\n")
    script.chmod(0o755)
    (repository / ".gitattributes").write_text("*.py diff=mine\n")
    for name in ("core.fsmonitor", "diff.external", "diff.mine.textconv", "diff.mine.command", "core.pager"):
        git(repository, "config", name, str(script))
    (repository / "coast" / "model.py").write_text("RATE = 2\n")
    found = checkout_of(repository / "coast")

    assert found.dirty is True
    assert not started.exists()


def test_the_remote_without_its_credentials(repository):
    git(repository, "remote", "add", "origin", "https://ana:t0ken@example.org/coast.git")

    assert "https://example.org/coast.git" == checkout_of(repository / "coast").repository


def test_an_ssh_user_is_no_secret():
    assert "ssh://git@example.org/coast.git" == without_credentials("ssh://git@example.org/coast.git")
