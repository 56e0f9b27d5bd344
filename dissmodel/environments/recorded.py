"""The packages of a record, to be installed again."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from dissmodel.environments import lock, uv
from dissmodel.environments.requirement import OURS, Requirement
from dissmodel.environments.resolved import Resolved
from dissmodel.errors import DissmodelError, DissmodelWarning, InvalidInput, UsageError
from dissmodel.record.digest import sha256_bytes
from dissmodel.record.schema import Code, ExperimentRecord, Package

# They install others and take no part in a run; each environment has what it needs.
_INSTALLERS = frozenset({"pip", "uv", "setuptools", "wheel"})
_MAX = 2000


def recorded(record: ExperimentRecord, record_lock: str | None = None) -> Resolved:
    """Return the set of packages that a record names, to be given to `dissmodel.environments.obtain`.

    Index packages are pinned to their versions, git packages to their commits. dissmodel itself is left out:
    the running dissmodel is taken. A package that was used from a folder is left out with a warning, unless
    it is the model's own and its checkout had no changes: then its commit is installed.

    The record is not trusted. For a package in `record_lock`, only files with its hashes are accepted.

    Raises InvalidInput if the record names no packages, or if a package can't be installed again; all of
    these are listed in one error.
    """
    runtime = record.runtime
    if runtime is None or not runtime.packages:
        raise InvalidInput(
            "The record names no packages.",
            "Reproduce the run with the installed packages: leave --env recorded out.",
            code="no_packages",
        )
    if len(runtime.packages) > _MAX:
        raise InvalidInput(f"The record names more than {_MAX} packages.", code="no_packages")
    code = record.code or Code()
    hashes = {(locked.name, locked.version): locked.hashes for locked in lock.parse(record_lock or "")}
    pins: list[str] = []
    lost: list[str] = []
    left_out: list[str] = []
    for name, package in sorted(runtime.packages.items()):
        if name == OURS or name in _INSTALLERS:
            continue
        try:
            pins.append(_pin(name, package, code, hashes))
        except UsageError as error:
            is_own = _is_own(name, code)
            is_folder = (package.url or "").startswith("file:")
            (left_out if is_folder and not is_own else lost).append(
                f"{name} {package.version}: {error.message}"
            )
    if lost:
        raise can_not_be_had(lost)
    if left_out:
        warnings.warn(
            f"Left out, the record has only a folder of another machine for them: {'; '.join(left_out)}",
            DissmodelWarning,
            stacklevel=2,
        )
    digest = sha256_bytes("\n".join(pins).encode())
    return Resolved(
        "record", "recorded", digest, None, ", ".join(uv.indexes()), "the record's packages", pins=tuple(pins)
    )


def missing(resolved: Resolved, installer: lock.Installer) -> DissmodelError | None:
    """Return an error that lists every package of a record that can't be installed; None if each can.

    Each package is resolved alone: this is for when the installation of all of them has failed.
    """
    lost = []
    for pin in resolved.lines:
        built = tuple(name for name in resolved.built if pin.startswith(f"{name} @ "))
        try:
            replace(installer, doing=pin, built=built).lock((pin,), alone=True)
        except DissmodelError as error:
            lost.append(error.message)
    return can_not_be_had(lost) if lost else None


def _pin(
    name: str, package: Package, code: Code, hashes: Mapping[tuple[str, str | None], tuple[str, ...]]
) -> str:
    """Return a package as a requirement; the record is not trusted: its text is parsed as a spec's."""
    url, commit = package.url, package.commit
    if _is_own(name, code) and code.commit and code.repository and code.dirty is False:
        url, commit = code.repository, code.commit
    if url is None:
        try:
            version = str(Version(package.version))
        except InvalidVersion:
            raise UsageError(f"{package.version!r} is not a version.") from None
        requirement = Requirement.parse(f"{name}=={version}")
        known = hashes.get((requirement.name or "", version), ())
        return " ".join([f"{requirement.name}=={version}", *(f"--hash={digest}" for digest in known)])
    if commit is None:
        raise UsageError(f"it was installed from {url}")
    requirement = Requirement.parse(f"{name} @ git+{url.removeprefix('git+')}@{commit}")
    if requirement.ref != commit:
        raise UsageError(f"{commit!r} is not a commit.")
    return f"{requirement.name} @ git+{requirement.url}@{requirement.ref}"


def _is_own(name: str, code: Code) -> bool:
    return code.package is not None and canonicalize_name(code.package) == canonicalize_name(name)


def can_not_be_had(lost: Sequence[str]) -> InvalidInput:
    """Return the error that lists what of a record can't be installed again."""
    return InvalidInput(
        f"These packages of the record can't be installed: {'; '.join(lost)}",
        "Reproduce the run with the installed packages: leave --env recorded out.",
        code="packages_lost",
    )
