"""What works on this machine and what doesn't: each with the command that fixes it."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dissmodel.config import Settings
from dissmodel.doctor import holdings, interpreter, libraries, network, programs
from dissmodel.doctor.checkup import Check, findings_of
from dissmodel.environments import uv
from dissmodel.executor.findings import Collector, Finding, Severity
from dissmodel.inherited import current_folder
from dissmodel.record.redact import redact

_MODELS_S = 60.0
_NETWORK_S = network.SECONDS + 0.5
_MOST_INDEXES = 8


@dataclass(frozen=True)
class DoctorRequest:
    """How to look.

    Attributes
    ----------
    offline : bool
        Ask nothing of the network.
    """

    offline: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """Every finding, without secrets."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether no error was found."""
        return all(finding.severity != "error" for finding in self.findings)


def doctor(request: DoctorRequest) -> Diagnosis:
    """Look at all that dissmodel needs on this machine, at once; change nothing.

    What is broken is a finding, and so is what gives no answer in its time.
    """
    at_settings = Collector("settings")
    settings = holdings.look_at_settings(at_settings)
    if settings is None:
        at_settings.add("warning", "registries, environments and storage were not looked at")
    checks = [
        Check("Python", interpreter.look_at_python),
        Check("dissmodel", interpreter.look_at_dissmodel),
        Check("packages", interpreter.look_at_packages),
        *(Check(name, libraries.look_at_library) for name in ("rasterio", "pyproj", "pyogrio", "numba")),
        Check("numba cache", libraries.look_at_numba_cache),
        Check("models", libraries.look_at_models, _MODELS_S),
        Check("git", programs.look_at_git),
        Check("ssh-keygen", programs.look_at_ssh_keygen),
        Check("uv", programs.look_at_uv),
        Check("settings", lambda found: found.findings.extend(at_settings.findings)),
        *_places(settings),
        *_network(settings, request),
    ]
    return Diagnosis(tuple(
        Finding(one.severity, redact(one.subject), redact(one.message), redact(one.hint))
        for one in findings_of(checks)
    ))  # fmt: skip


def _places(settings: Settings | None) -> list[Check]:
    """Return the checks of what lies on the disks."""
    checks = []
    if settings is not None:
        data = "Choose another: dissmodel config set data_dir FOLDER, or DISSMODEL_DATA"
        cache = "Choose another: dissmodel config set cache_dir FOLDER, or DISSMODEL_CACHE"
        checks += [
            Check("registries", partial(holdings.look_at_registries, settings=settings)),
            Check("environments", partial(holdings.look_at_environments, settings=settings)),
            _room("data folder", settings.data_dir, "error", data),
            _room("cache folder", settings.cache_dir, "warning", cache),
        ]
    temporary = "Set TMPDIR to a folder that can be written."
    here = "Results go elsewhere with --output."
    return [
        *checks,
        _room("temporary folder", _temporary_folder(), "error", temporary),
        _room("current folder", current_folder() or Path(os.curdir), "warning", here),
    ]


def _network(settings: Settings | None, request: DoctorRequest) -> list[Check]:
    if request.offline:
        return [Check("network", lambda found: found.add("ok", "not asked"))]
    checks = _indexes()
    if settings is not None:
        storage = partial(network.look_at_storage, settings=settings)
        checks.append(Check("storage", storage, 2 * _NETWORK_S))
    return checks


def _indexes() -> list[Check]:
    try:
        places = dict.fromkeys(uv.indexes()[:_MOST_INDEXES])
    except ValueError as error:  # a malformed URL in pip's settings
        said = f"pip's settings can't be understood: {error}"
        return [Check("index", lambda found: found.add("warning", said, "python -m pip config list"))]
    if not places:
        return [Check("index", lambda found: found.add("ok", "none is set: packages are not looked for"))]
    return [
        Check(f"index {place}", partial(network.look_at_index, place=place), _NETWORK_S) for place in places
    ]


def _room(subject: str, folder: Path, severity: Severity, hint: str) -> Check:
    look = partial(holdings.look_at_room, folder=folder, severity=severity, hint=hint)
    return Check(subject, look)


def _temporary_folder() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:  # none can be written to
        return Path(os.environ.get("TMPDIR", "/tmp"))  # noqa: S108  (named, not used)
