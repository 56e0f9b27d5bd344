"""A virtual environment: made, filled and checked before its first use."""

from __future__ import annotations

import importlib.metadata
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

import dissmodel
from dissmodel.config.level import API_LEVEL, is_met
from dissmodel.environments import lock, recorded
from dissmodel.environments.requirement import OURS
from dissmodel.environments.resolved import Resolved
from dissmodel.errors import DissmodelError, InvalidInput, RunFailed


def build(
    resolved: Resolved, folder: Path, data_dir: Path, *, offline: bool, allow_build: bool
) -> tuple[str, Mapping[str, str]]:
    """Make a virtual environment in `folder` with a package, all that it needs, and the running dissmodel.

    Return the lock, with its exact versions, and the packages in it, name → version.

    Raises RunFailed or StorageError if the installer fails; InvalidInput if a package in it needs another
    version or API level of dissmodel.
    """
    is_record = resolved.kind == "record"
    doing = f"Installing {resolved.requirement}"
    installer = lock.Installer(data_dir, doing, resolved.built, offline, allow_build)
    python = python_of(folder)
    # A recorded environment is what it was; every other has what packages import without declaring it.
    always = () if is_record else lock.ALWAYS

    def compiled(extras: Sequence[str]) -> str:
        overrides = resolved.lines if is_record else ()
        made = installer.lock(resolved.lines, extras=extras, overrides=overrides)
        tight, others = lock.with_hashes(made, resolved.pins)
        if others:
            raise recorded.can_not_be_had(others)
        return tight

    try:
        made = compiled(always)
    except DissmodelError as error:
        raise (recorded.missing(resolved, installer) if is_record else None) or error from error
    installer.run(
        ["venv", "--relocatable", "--no-project", "--python", sys.executable, str(folder)], folder.parent
    )
    installer.install(made, python)
    extras = {*always, *_check_dissmodel(resolved, folder)}
    # The override that puts ours in place of what they ask for takes their extras away.
    if extras > set(always):
        made = compiled(sorted(extras))
        installer.install(made, python)
    packages = {
        canonicalize_name(dist.metadata["Name"]): dist.metadata["Version"] for dist in _distributions(folder)
    }
    if not is_record and resolved.name not in packages:
        raise RunFailed(
            f"{doing} installed no {resolved.name}, only {', '.join(sorted(packages))}.",
            "Ask the package's author.",
            code="install_failed",
        )
    return made, dict(sorted(packages.items()))


def python_of(folder: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return _part(folder, "scripts") / ("python.exe" if sys.platform == "win32" else "python")


def _check_dissmodel(resolved: Resolved, folder: Path) -> set[str]:
    """Return which optional parts of ours the packages ask for; refuse one that needs another dissmodel."""
    extras: set[str] = set()
    for dist in _distributions(folder):
        for text in dist.requires or ():
            try:
                needed = Requirement(text)
            except InvalidRequirement:
                continue
            if canonicalize_name(needed.name) != OURS or (
                needed.marker and not needed.marker.evaluate({"extra": ""})
            ):
                continue
            name = dist.metadata["Name"]
            if not is_met(needed.specifier):
                raise InvalidInput(
                    f"{resolved.requirement}: {name} {dist.metadata['Version']} needs dissmodel "
                    f"{needed.specifier}; this is {dissmodel.__version__} (API level {API_LEVEL}).",
                    "Upgrade dissmodel, or take a version of the package that fits.",
                    code="needs_other_dissmodel",
                )
            if canonicalize_name(name) != OURS:
                extras |= {canonicalize_name(extra) for extra in needed.extras}
    offered = importlib.metadata.metadata(OURS).get_all("Provides-Extra") or ()
    return extras & {canonicalize_name(extra) for extra in offered}


def _distributions(folder: Path) -> Iterator[importlib.metadata.Distribution]:
    yield from importlib.metadata.distributions(path=[str(_part(folder, "purelib"))])


def _part(folder: Path, name: str) -> Path:
    return Path(sysconfig.get_path(name, "venv", {"base": str(folder), "platbase": str(folder)}))
