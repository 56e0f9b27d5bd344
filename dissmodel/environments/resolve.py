"""From what a spec asks for to exactly what would be installed; nothing is installed or run here."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from pathlib import Path

from packaging.version import Version

from dissmodel.environments import lock, remote, store, uv
from dissmodel.environments.requirement import Requirement
from dissmodel.environments.resolved import Resolved
from dissmodel.errors import DissmodelWarning, StorageError, UsageError
from dissmodel.record.git import head_of
from dissmodel.record.git_folder import contents


def resolve(
    requirement: Requirement,
    *,
    data_dir: Path,
    offline: bool = False,
    allow_build: bool = False,
) -> Resolved:
    """Return what would be installed for a requirement now.

    An exact version and a full commit are taken as they are, without a request; for a range the index is
    asked, for a tag or a branch the repository. If that can't be reached, the answer of the last
    installation is used, with a warning. A git repository on this machine is read without git, so its
    package has no name yet: `dissmodel.environments.obtain` reads it after consent.

    With `offline` there are no requests; with `allow_build` an index package may be one that has to be built.

    Raises UsageError if there is no such folder, tag or branch, or if the package calls itself dissmodel;
    StorageError if an index or a repository can't be reached; RunFailed if no version fits.
    """
    if requirement.kind == "path":
        return _folder(requirement)
    known = tuple(environment.resolved for environment in store.environments(data_dir))
    earlier = [resolved for resolved in known if resolved.requirement == requirement.text]
    try:
        if requirement.kind == "git":
            return _repository(requirement, known, offline=offline)
        return _index(requirement, data_dir, offline=offline, allow_build=allow_build)
    except StorageError as error:
        if not earlier:
            raise
        if not offline:
            warnings.warn(
                f"{error.message} {earlier[-1].identity} is used, as before.", DissmodelWarning, stacklevel=2
            )
        return earlier[-1]


def _index(requirement: Requirement, data_dir: Path, *, offline: bool, allow_build: bool) -> Resolved:
    name = requirement.name or ""
    version = requirement.exact
    if version is None:
        extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
        line = f"{name}{extras}{requirement.specifier}"
        installer = lock.Installer(
            data_dir, f"Resolving {requirement.text}", offline=offline, allow_build=allow_build
        )
        made = installer.lock((line,), extras=lock.ALWAYS)
        version = next(locked.version for locked in lock.parse(made) if locked.name == name)
    version = str(Version(version)) if version else None
    return Resolved(
        "index", name, version, None, ", ".join(uv.indexes()), requirement.text, requirement.extras
    )


def _repository(requirement: Requirement, known: tuple[Resolved, ...], *, offline: bool) -> Resolved:
    url, ref, subdirectory = requirement.url or "", requirement.ref, requirement.subdirectory
    if offline and not (ref and remote.COMMIT.fullmatch(ref)):
        raise StorageError(
            f"{requirement.text}: the commit can't be looked up offline.",
            "Give the commit instead of the tag, or connect.",
            code="repository_unreachable",
        )
    commit = remote.commit_of(url, ref)
    found = Resolved("git", "", None, commit, url, requirement.text, requirement.extras, subdirectory)
    for resolved in known:
        if (resolved.kind, resolved.identity) == ("git", found.identity):
            return replace(found, name=resolved.name, version=resolved.version)
    if offline:
        raise StorageError(
            f"{requirement.text} can't be fetched offline.", "Connect.", code="repository_unreachable"
        )
    return found if found.is_local else remote.looked_into(found)


def _folder(requirement: Requirement) -> Resolved:
    folder = requirement.path
    assert folder is not None
    place = folder / "pyproject.toml"
    data = contents(place, remote.MAX_PYPROJECT)
    if not data:
        why = "there is no pyproject.toml" if folder.is_dir() else "there is no such folder"
        if os.path.lexists(place):
            why = "its pyproject.toml is empty, no regular file, larger than 1 MiB, or can't be read"
        raise UsageError(
            f"package {requirement.text!r}: {folder}: {why}.",
            "Give the folder of a Python project, relative to the spec.",
            code="no_pyproject",
        )
    found, version = remote.project_in(data, str(place))
    return Resolved(
        kind="path",
        name=remote.package_name(requirement, found),
        version=version,
        commit=head_of(folder),
        source=folder.as_uri(),
        requirement=requirement.text,
    )
