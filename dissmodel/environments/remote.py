"""The content of a remote git repository, read without running any of its code."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.utils import canonicalize_name

from dissmodel import temporary
from dissmodel.config import toml
from dissmodel.environments.requirement import Requirement, refuse_ours
from dissmodel.environments.resolved import LOCAL, Resolved
from dissmodel.errors import RunFailed, StorageError, UsageError, disk_errors
from dissmodel.git import Repository
from dissmodel.record import git_folder

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
MAX_PYPROJECT = 1 << 20


def commit_of(url: str, ref: str | None) -> str:
    """Return the commit that a repository has under a tag or a branch now.

    A full commit is returned as it is, without asking. Git is not started for a repository on this machine:
    it would run in a folder before consent. For an annotated tag that only a pack holds, such a folder
    gives only the tag's own id.

    Raises StorageError if the repository can't be reached within 10 seconds; UsageError if it has no such tag
    or branch, or if only git can read its refs.
    """
    if ref is not None and COMMIT.fullmatch(ref):
        return ref
    names = [f"refs/tags/{ref}", f"refs/heads/{ref}"] if ref else ["HEAD"]
    found = _local_refs(url, names) if url.startswith(LOCAL) else _remote_refs(url, names)
    for name in names:
        if COMMIT.fullmatch(found.get(name) or ""):
            return found[name]
    if ref is None:
        raise UsageError(f"{url} has no commit yet.", "Push a commit.", code="no_such_ref")
    near = "A short commit is not enough: give all 40 digits." if re.fullmatch(r"[0-9a-f]{7,39}", ref) else ""
    raise UsageError(
        f"{url} has no tag and no branch {ref!r}.",
        near or f"List its tags and branches: git ls-remote {url}",
        code="no_such_ref",
    )


def _remote_refs(url: str, names: list[str]) -> dict[str, str]:
    with _repository(url) as repository:
        found = repository.refs(*names, *(f"{name}^{{}}" for name in names))
    return {name: found.get(f"{name}^{{}}") or found.get(name, "") for name in names}


def _local_refs(url: str, names: list[str]) -> dict[str, str]:
    with disk_errors(f"{url}: can't be read", "Check its rights.", code="repository_unreadable"):
        folder = git_folder.served(folder_of(url))
        found = {name: folder.commit(name) or "" for name in names} if folder is not None else {}
    if folder is None:
        raise StorageError(
            f"{url}: there is no git repository.", "Check the path.", code="repository_missing"
        )
    if folder.has_reftable:
        raise UsageError(
            f"{url} keeps its refs as a reftable, which only git reads, and git is not started in a folder "
            "before you consent.",
            "Give the commit, all of its digits, instead of a tag or a branch.",
            code="no_such_ref",
        )
    return found


def looked_into(resolved: Resolved) -> Resolved:
    """Return a git package with the name and the version that its ``pyproject.toml`` gives.

    The commit is fetched; it is not checked out and nothing in it is run. Of a repository on this machine,
    git is started in its folder.

    Raises StorageError if the repository can't be reached; RunFailed if it doesn't have the commit;
    UsageError if the commit has no such file, or the file can't be used, or belongs to another package.
    """
    requirement = Requirement.parse(resolved.requirement)
    commit = resolved.commit or ""
    with _repository(resolved.source) as repository:
        try:
            repository.fetch(requirement.ref or "HEAD", largest=MAX_PYPROJECT)
            commit = repository.commit(commit)
        except StorageError as error:
            if error.code != "repository_git":
                raise
            # The ref has moved on, or the host gives no commit by its name: all of it then.
            repository.fetch("+refs/*:refs/fetched/*", largest=MAX_PYPROJECT, past=True)
            commit = _checked_commit(repository, commit)
        data = _pyproject(repository, commit, resolved.subdirectory)
    found, version = project_in(data, f"pyproject.toml of {resolved.source}")
    return replace(resolved, name=package_name(requirement, found), version=version, commit=commit)


def package_name(requirement: Requirement, found: str | None) -> str:
    """Return the name in ``pyproject.toml``, or else the name that was asked for; they may not differ.

    Raises UsageError if it has no name or another name, or the name dissmodel.
    """
    if found is not None and requirement.name not in {None, found}:
        raise UsageError(
            f"{requirement.text}: the package calls itself {found}.",
            f"Write {found} instead of {requirement.name}.",
            code="other_package",
        )
    name = found or requirement.name
    if name is None:
        raise UsageError(
            f"{requirement.text}: its pyproject.toml has no name.",
            f'Give its name in the spec: package = "NAME @ {requirement.text}"',
            code="no_pyproject",
        )
    refuse_ours(name, requirement.text)
    return name


def project_in(data: bytes, place: str) -> tuple[str | None, str | None]:
    r"""Return name and version in a ``pyproject.toml``; no version where it is only known once built.

    >>> project_in(b'[project]\nname = "Coastal_Flood"', "pyproject.toml")
    ('coastal-flood', None)

    Raises UsageError if it is not TOML.
    """
    try:
        document = toml.parse(data)
    except toml.NotToml as error:
        raise UsageError(f"{place} is not valid TOML: {error}.", "Fix it.", code="bad_pyproject") from error
    tool = document.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    tables: list[Any] = [document.get("project"), poetry]
    for table in tables:
        if isinstance(table, dict) and isinstance(table.get("name"), str):
            version = table.get("version")
            return canonicalize_name(table["name"]), version if isinstance(version, str) else None
    return None, None


def folder_of(url: str) -> Path:
    """Return the folder that a ``file://`` URL names."""
    return Path(url2pathname(urlsplit(url).path))


@contextlib.contextmanager
def _repository(url: str) -> Iterator[Repository]:
    with temporary.new_folder() as folder:
        yield Repository(folder / "git", url)


def _checked_commit(repository: Repository, commit: str) -> str:
    try:
        return repository.commit(commit)
    except StorageError as error:
        raise RunFailed(
            f"{repository.url} has no commit {commit}.",
            f"List its tags and branches: git ls-remote {repository.url}",
            code="fetch_failed",
        ) from error


def _pyproject(repository: Repository, commit: str, subdirectory: str | None) -> bytes:
    name = f"{subdirectory}/pyproject.toml" if subdirectory else "pyproject.toml"
    found = [(mode, blob) for mode, blob, path in repository.tree(commit, name) if path == name]
    if not found or not found[0][0].startswith("100"):  # a link or a submodule is not a file
        raise UsageError(
            f"{repository.url} has no {name} at commit {commit[:12]}.",
            "A model's package has one; if it is in a subfolder, add #subdirectory=FOLDER.",
            code="no_pyproject",
        )
    blob = found[0][1]
    # The remote leaves out what is larger.
    if repository.sizes().get(blob, MAX_PYPROJECT + 1) > MAX_PYPROJECT:
        raise UsageError(
            f"{name} of {repository.url} is larger than 1 MiB.", "Fix the package.", code="bad_pyproject"
        )
    return repository.blobs([blob])[blob]
