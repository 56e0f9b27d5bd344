"""One virtual environment: made, filled, and looked at before anyone may use it."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

import dissmodel
from dissmodel.config.level import API_LEVEL, is_met
from dissmodel.environments import lock, recorded, uv
from dissmodel.environments.requirement import OURS
from dissmodel.environments.resolved import Resolved
from dissmodel.errors import DissmodelError, InvalidInput, RunFailed


def build(
    resolved: Resolved, folder: Path, data_dir: Path, *, offline: bool, allow_build: bool
) -> tuple[str, Mapping[str, str]]:
    """Make a virtual environment in `folder` with a package, all that it needs, and the running dissmodel.

    Returns
    -------
    lock : str
        Its exact versions.
    packages : Mapping of str to str
        What is in it, name → version.

    Raises
    ------
    RunFailed, StorageError
        If the installer fails.
    InvalidInput
        If a package in it needs a dissmodel that neither our version nor the API level is.
    """
    doing = f"Installing {resolved.requirement}"
    overrides, built = (resolved.lines if resolved.kind == "record" else ()), resolved.built

    def compiled(extras: Sequence[str]) -> str:
        made = lock.compile_lock(
            resolved.lines,
            data_dir,
            doing=doing,
            built=built,
            extras=extras,
            overrides=overrides,
            offline=offline,
            allow_build=allow_build,
        )
        tight, others = lock.with_hashes(made, resolved.pins)
        if others:
            raise recorded.can_not_be_had(others)
        return tight

    def installed(made: str) -> None:
        lock.install(
            made, python, data_dir, doing=doing, built=built, offline=offline, allow_build=allow_build
        )

    # A recorded environment is what it was; every other has what packages import without declaring it.
    always = () if resolved.kind == "record" else lock.ALWAYS
    try:
        made = compiled(always)
    except DissmodelError as error:
        if resolved.kind == "record":
            told = recorded.missing(resolved, data_dir, offline=offline, allow_build=allow_build)
            raise told or error from error
        raise
    uv.run(
        ["venv", "--relocatable", "--no-project", "--python", sys.executable, str(folder)],
        doing=doing,
        folder=folder.parent,
        offline=offline,
    )
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    installed(made)
    extras = {*always, *_check_dissmodel(resolved, folder)}
    if extras > set(
        always
    ):  # the override that puts ours in place of what they ask for takes their extras away
        made = compiled(sorted(extras))
        installed(made)
    packages = {
        canonicalize_name(dist.metadata["Name"]): dist.metadata["Version"] for dist in _distributions(folder)
    }
    if resolved.kind != "record" and resolved.name not in packages:
        raise RunFailed(
            f"{doing} installed no {resolved.name}, only {', '.join(sorted(packages))}.",
            "Ask the package's author.",
            code="install_failed",
        )
    return made, dict(sorted(packages.items()))


def _check_dissmodel(resolved: Resolved, folder: Path) -> set[str]:
    """Return which optional parts of ours the packages ask for; refuse one that needs another dissmodel."""
    extras: set[str] = set()
    for dist in _distributions(folder):
        for text in dist.requires or ():
            try:
                one = Requirement(text)
            except InvalidRequirement:
                continue
            if canonicalize_name(one.name) != OURS or (one.marker and not one.marker.evaluate({"extra": ""})):
                continue
            name = dist.metadata["Name"]
            if not is_met(one.specifier):
                raise InvalidInput(
                    f"{resolved.requirement}: {name} {dist.metadata['Version']} needs dissmodel "
                    f"{one.specifier}; this is {dissmodel.__version__} (API level {API_LEVEL}).",
                    "Upgrade dissmodel, or take a version of the package that fits.",
                    code="needs_other_dissmodel",
                )
            if canonicalize_name(name) != OURS:
                extras |= {canonicalize_name(extra) for extra in one.extras}
    offered = importlib.metadata.metadata(OURS).get_all("Provides-Extra") or ()
    return extras & {canonicalize_name(extra) for extra in offered}


def _distributions(folder: Path) -> Iterator[importlib.metadata.Distribution]:
    site = folder / "Lib" / "site-packages"
    if sys.platform != "win32":
        site = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    yield from importlib.metadata.distributions(path=[str(site)])
