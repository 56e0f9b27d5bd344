"""What works on this machine and what doesn't: each with the command that fixes it."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dissmodel.config import UserSettings
from dissmodel.doctor import engine, holdings, interpreter, libraries, network, programs
from dissmodel.doctor import server as servers
from dissmodel.environments import uv
from dissmodel.errors import DissmodelError
from dissmodel.executor.findings import Collector, Finding, Severity
from dissmodel.inherited import current_folder
from dissmodel.record.redact import redact

_MODELS_S = 60.0
_NETWORK_S = network.SECONDS + 0.5
_ENGINE_S = 45.0  # a cluster without workers is given up after 30 s
_MOST_INDEXES = 8


@dataclass(frozen=True)
class TimedCheck:
    """A check: `look` adds its findings to the collector; it may take `patience` seconds."""

    subject: str
    look: Callable[[Collector], None]
    patience: float = 45.0


@dataclass(frozen=True)
class Diagnosis:
    """Every finding, without secrets."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether no error was found."""
        return all(finding.severity != "error" for finding in self.findings)


def doctor(*, offline: bool = False, server: str | None = None) -> Diagnosis:
    """Look at all that dissmodel needs on this machine, at once; change nothing.

    With `offline` no request is sent to the network; where a `server` is named, only that is looked at.

    What is broken is a finding, and so is a check without an answer in time.

    Raises
    ------
    UsageError
        If `server` is not the URL of a service.
    """
    if server is not None:
        url = servers.check_url(server)
        looks = {url: servers.look_at_health, f"{url}/ready": servers.look_at_readiness}
        patience = servers.SECONDS + 1
        return _diagnosis(
            [TimedCheck(what, partial(look, url=url), patience) for what, look in looks.items()]
        )
    at_settings = Collector("settings")
    settings = holdings.look_at_settings(at_settings)
    if settings is None:
        at_settings.add("warning", "registries, environments and storage were not looked at")
    checks = [
        TimedCheck("Python", interpreter.look_at_python),
        TimedCheck("dissmodel", interpreter.look_at_dissmodel),
        TimedCheck("packages", interpreter.look_at_packages),
        *(TimedCheck(name, libraries.look_at_library) for name in ("rasterio", "pyproj", "pyogrio", "numba")),
        TimedCheck("numba cache", libraries.look_at_numba_cache),
        TimedCheck("models", libraries.look_at_models, _MODELS_S),
        TimedCheck("git", programs.look_at_git),
        TimedCheck("ssh-keygen", programs.look_at_ssh_keygen),
        TimedCheck("uv", programs.look_at_uv),
        TimedCheck("settings", lambda found: found.findings.extend(at_settings.findings)),
        *_places(settings),
        *_network(settings, offline=offline),
    ]
    return _diagnosis(checks)


def _diagnosis(checks: Sequence[TimedCheck]) -> Diagnosis:
    return Diagnosis(tuple(
        Finding(finding.severity, redact(finding.subject), redact(finding.message), redact(finding.hint))
        for finding in findings_of(checks)
    ))  # fmt: skip


def _places(settings: UserSettings | None) -> list[TimedCheck]:
    """Return the checks of the files on the disks."""
    checks = []
    if settings is not None:
        data = "Choose another: dissmodel config set data_dir FOLDER, or DISSMODEL_DATA"
        cache = "Choose another: dissmodel config set cache_dir FOLDER, or DISSMODEL_CACHE"
        checks += [
            TimedCheck("registries", partial(holdings.look_at_registries, settings=settings)),
            TimedCheck("environments", partial(holdings.look_at_environments, settings=settings)),
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


def _network(settings: UserSettings | None, *, offline: bool) -> list[TimedCheck]:
    if offline:
        return [TimedCheck("network", lambda found: found.add("ok", "not asked"))]
    checks = _indexes()
    if settings is not None:
        storage = partial(network.look_at_storage, settings=settings)
        checks.append(TimedCheck("storage", storage, 2 * _NETWORK_S))
        if settings.text("service.engine"):
            checks.append(TimedCheck("engine", partial(engine.look_at_engine, settings=settings), _ENGINE_S))
    return checks


def _indexes() -> list[TimedCheck]:
    try:
        places = dict.fromkeys(uv.indexes()[:_MOST_INDEXES])
    except ValueError as error:  # a malformed URL in pip's settings
        said = f"pip's settings can't be understood: {error}"
        return [TimedCheck("index", lambda found: found.add("warning", said, "python -m pip config list"))]
    if not places:
        return [
            TimedCheck("index", lambda found: found.add("ok", "none is set: packages are not looked for"))
        ]
    return [
        TimedCheck(f"index {place}", partial(network.look_at_index, place=place), _NETWORK_S)
        for place in places
    ]


def _room(subject: str, folder: Path, severity: Severity, hint: str) -> TimedCheck:
    look = partial(holdings.look_at_room, folder=folder, severity=severity, hint=hint)
    return TimedCheck(subject, look)


def _temporary_folder() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:  # none can be written to
        return Path(os.environ.get("TMPDIR", "/tmp"))  # noqa: S108  (named, not used)


def findings_of(checks: Sequence[TimedCheck]) -> tuple[Finding, ...]:
    """Carry out all checks at once and return what they found, in their order.

    A check that raises a `DissmodelError` or an ``OSError`` has that error as its finding; a check that
    takes too long is left behind, and that is its finding.

    >>> quick = TimedCheck("git", lambda found: found.add("ok", "2.39"))
    >>> slow = TimedCheck("disk", lambda found: time.sleep(1), patience=0.01)
    >>> [(one.severity, one.subject, one.message) for one in findings_of([quick, slow])]
    [('ok', 'git', '2.39'), ('warning', 'disk', 'no answer within 0.01 s')]
    """
    bugs: list[Exception] = []
    begun = {}
    for check in sorted(checks, key=lambda check: -check.patience):  # what takes longest begins first
        collector = Collector(check.subject)
        # The end of the process does not wait for it.
        thread = threading.Thread(target=_look, args=(check, collector, bugs), daemon=True)
        begun[check] = collector, thread, time.monotonic() + check.patience
        try:
            thread.start()
        except RuntimeError:  # the system refuses threads: this one waits until the check is done
            _look(check, collector, bugs)
    found: list[Finding] = []
    for check in checks:
        collector, thread, until = begun[check]
        if thread.ident is not None:
            thread.join(max(0.0, until - time.monotonic()))
        if thread.is_alive():
            collector.add("warning", f"no answer within {check.patience:g} s")
        found += collector.findings
        if bugs:
            raise bugs[0]
    return tuple(found)


def _look(check: TimedCheck, collector: Collector, bugs: list[Exception]) -> None:
    try:
        check.look(collector)
    except DissmodelError as error:
        collector.tell(error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        collector.add("error", f"{where}{error.strerror or error}")
    except Exception as error:  # noqa: BLE001  (raised again by `findings_of`)
        bugs.append(error)
