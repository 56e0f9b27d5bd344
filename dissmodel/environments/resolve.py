"""From what a spec asks for to exactly what would be installed; nothing is installed or run here."""

from __future__ import annotations

import warnings
from pathlib import Path

from packaging.version import Version

from dissmodel.environments import lock, remote, store, uv
from dissmodel.environments.requirement import Requirement, refuse_ours
from dissmodel.environments.resolved import Resolved
from dissmodel.errors import DissmodelWarning, StorageError, UsageError
from dissmodel.record.git import head_of

_NAME_IT = 'Say its name in the spec: package = "NAME @ {0}"'


def resolve(
    requirement: Requirement,
    *,
    data_dir: Path,
    offline: bool = False,
    allow_build: bool = False,
) -> Resolved:
    """Return what would be installed for a requirement now.

    An exact version and a full commit are taken as they are, without asking anyone; for a range the index is
    asked, for a tag or a branch the repository. If that can't be reached, the answer stands
    that was installed last, with a warning.

    Parameters
    ----------
    requirement : Requirement
        What a spec asks for.
    data_dir : Path
        The user's data folder: what was installed before is there.
    offline : bool
        Whether nobody is to be asked.
    allow_build : bool
        Whether an index package may be one that has to be built.

    Raises
    ------
    UsageError
        If there is no such folder, tag or branch, or if the package calls itself dissmodel.
    StorageError
        If an index or a repository can't be reached.
    RunFailed
        If no version fits.
    """
    if requirement.kind == "path":
        return _folder(requirement)
    known = tuple(one.resolved for one in store.environments(data_dir))
    earlier = [one for one in known if one.requirement == requirement.text]
    try:
        if requirement.kind == "git":
            return _repository(requirement, known, offline=offline)
        return _index(requirement, data_dir, offline=offline, allow_build=allow_build)
    except StorageError as error:
        if not earlier:
            raise
        if not offline:
            warnings.warn(
                f"{error.message} {earlier[-1].identity} is taken, as before.", DissmodelWarning, stacklevel=2
            )
        return earlier[-1]


def _index(requirement: Requirement, data_dir: Path, *, offline: bool, allow_build: bool) -> Resolved:
    name = requirement.name or ""
    version = requirement.exact
    if version is None:
        extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
        line = f"{name}{extras}{requirement.specifier}"
        made = lock.compile_lock(
            (line,),
            data_dir,
            doing=f"Resolving {requirement.text}",
            extras=lock.ALWAYS,
            offline=offline,
            allow_build=allow_build,
        )
        version = next(one.version for one in lock.parse(made) if one.name == name)
    version = str(Version(version)) if version else None
    return Resolved(
        "index", name, version, None, ", ".join(uv.indexes()), requirement.text, requirement.extras
    )


def _repository(requirement: Requirement, known: tuple[Resolved, ...], *, offline: bool) -> Resolved:
    url, ref, subdirectory = requirement.url or "", requirement.ref, requirement.subdirectory
    if offline and not (ref and remote.COMMIT.fullmatch(ref)):
        raise StorageError(
            f"{requirement.text}: which commit this is can't be asked offline.",
            "Give the commit instead of the tag, or connect.",
            code="repository_unreachable",
        )
    commit = remote.commit_of(url, ref)
    for one in known:
        if (one.kind, one.source, one.commit, one.subdirectory) == ("git", url, commit, subdirectory):
            name, version = one.name, one.version
            break
    else:
        if offline:
            raise StorageError(
                f"{requirement.text} can't be fetched offline.", "Connect.", code="repository_unreachable"
            )
        project = remote.project_at(url, ref, commit, subdirectory)
        name, version = _named(requirement, project.name), project.version
    return Resolved("git", name, version, commit, url, requirement.text, requirement.extras, subdirectory)


def _folder(requirement: Requirement) -> Resolved:
    folder = requirement.path
    assert folder is not None
    try:
        with (folder / "pyproject.toml").open("rb") as stream:
            data = stream.read(remote.MAX_PYPROJECT)
    except OSError as error:
        why = "there is no such folder" if not folder.is_dir() else f"pyproject.toml: {error.strerror}"
        raise UsageError(
            f"package {requirement.text!r}: {folder}: {why}.",
            "Give the folder of a Python project, relative to the spec.",
            code="no_pyproject",
        ) from error
    project = remote.project_in(data, str(folder / "pyproject.toml"))
    name = _named(requirement, project.name)
    return Resolved(
        kind="path",
        name=name,
        version=project.version,
        commit=head_of(folder),
        source=folder.as_uri(),
        requirement=requirement.text,
    )


def _named(requirement: Requirement, found: str | None) -> str:
    """Return the package's name: its own, which has to be the one that was asked for, if any was."""
    if found is not None and requirement.name not in {None, found}:
        raise UsageError(
            f"{requirement.text}: the package calls itself {found}.",
            f"Write {found} instead of {requirement.name}.",
            code="other_package",
        )
    name = found or requirement.name
    if name is None:
        raise UsageError(
            f"{requirement.text}: its pyproject.toml says no name.",
            _NAME_IT.format(requirement.text),
            code="no_pyproject",
        )
    refuse_ours(name, requirement.text)
    return name
