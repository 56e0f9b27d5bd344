"""What a git repository elsewhere has, looked at without running anything of it."""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from packaging.utils import canonicalize_name

from dissmodel import temporary
from dissmodel.errors import RunFailed, StorageError, UsageError
from dissmodel.git import Repository

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
MAX_PYPROJECT = 1 << 20


@dataclass(frozen=True)
class Project:
    """What a ``pyproject.toml`` says of itself; the version is None where it is only known once built."""

    name: str | None
    version: str | None


def commit_of(url: str, ref: str | None) -> str:
    """Return the commit that a repository has under a tag or a branch now.

    A full commit is returned as it is, without asking.

    Raises
    ------
    StorageError
        If the repository can't be reached within 10 seconds.
    UsageError
        If it has no such tag or branch.
    """
    if ref is not None and COMMIT.fullmatch(ref):
        return ref
    patterns = [f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", f"refs/heads/{ref}"] if ref else ["HEAD"]
    with _repository(url) as repository:
        found = repository.refs(*patterns)
    for name in patterns:
        if COMMIT.fullmatch(found.get(name, "")):
            return found[name]
    if ref is None:
        raise UsageError(f"{url} has no commit yet.", "Push one.", code="no_such_ref")
    near = "A short commit is not enough: give all 40 digits." if re.fullmatch(r"[0-9a-f]{7,39}", ref) else ""
    raise UsageError(
        f"{url} has no tag and no branch {ref!r}.",
        near or f"See what it has: git ls-remote {url}",
        code="no_such_ref",
    )


def project_at(url: str, ref: str | None, commit: str, subdirectory: str | None) -> Project:
    """Return what the ``pyproject.toml`` of a commit says; it is fetched, not checked out and not run.

    Raises
    ------
    StorageError
        If the repository can't be reached.
    RunFailed
        If it doesn't have the commit.
    UsageError
        If the commit has no such file, or it can't be used.
    """
    with _repository(url) as repository:
        try:
            repository.fetch(ref or "HEAD", largest=MAX_PYPROJECT)
            repository.commit(commit)
        except StorageError as error:
            if error.code != "repository_git":
                raise
            # The ref has moved on, or the host gives no commit by its name: all of it then.
            repository.fetch("+refs/*:refs/fetched/*", largest=MAX_PYPROJECT, past=True)
            _check_commit(repository, commit)
        data = _pyproject(repository, commit, subdirectory)
    return project_in(data, f"pyproject.toml of {url}")


def project_in(data: bytes, place: str) -> Project:
    r"""Return what the text of a ``pyproject.toml`` says.

    >>> project_in(b'[project]\nname = "Coastal_Flood"', "pyproject.toml")
    Project(name='coastal-flood', version=None)

    Raises
    ------
    UsageError
        If it is no TOML.
    """
    try:
        document = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{place} is no valid TOML: {error or 'it is nested too deeply'}.",
            "Mend it.",
            code="bad_pyproject",
        ) from error
    tool = document.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    tables: list[Any] = [document.get("project"), poetry]
    for table in tables:
        if isinstance(table, dict) and isinstance(table.get("name"), str):
            version = table.get("version")
            return Project(canonicalize_name(table["name"]), version if isinstance(version, str) else None)
    return Project(None, None)


@contextlib.contextmanager
def _repository(url: str) -> Iterator[Repository]:
    with temporary.new_folder() as folder:
        yield Repository(folder / "git", url)


def _check_commit(repository: Repository, commit: str) -> None:
    try:
        repository.commit(commit)
    except StorageError as error:
        raise RunFailed(
            f"{repository.url} has no commit {commit}.",
            f"See what it has: git ls-remote {repository.url}",
            code="fetch_failed",
        ) from error


def _pyproject(repository: Repository, commit: str, subdirectory: str | None) -> bytes:
    name = f"{subdirectory}/pyproject.toml" if subdirectory else "pyproject.toml"
    found = [(mode, blob) for mode, blob, path in repository.tree(commit, name) if path == name]
    if not found or not found[0][0].startswith("100"):  # a link or a submodule is none
        raise UsageError(
            f"{repository.url} has no {name} at commit {commit[:12]}.",
            "A model's package has one; where it lies deeper, add #subdirectory=FOLDER.",
            code="no_pyproject",
        )
    blob = found[0][1]
    if (
        repository.sizes().get(blob, MAX_PYPROJECT + 1) > MAX_PYPROJECT
    ):  # the remote leaves out what is larger
        raise UsageError(
            f"{name} of {repository.url} is larger than 1 MiB.", "Mend the package.", code="bad_pyproject"
        )
    return repository.blobs([blob])[blob]
