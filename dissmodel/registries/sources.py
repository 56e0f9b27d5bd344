"""Registries: bring them here, add and remove them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dissmodel.config import (
    RegistrySetting,
    Remote,
    UserSettings,
    check_registry_name,
    load_settings,
    parse_remote,
)
from dissmodel.config.files import read_settings, user_file
from dissmodel.config.keys import DEFAULT, from_toml, key_of
from dissmodel.errors import DissmodelError, UsageError, did_you_mean, disk_errors
from dissmodel.registry import index
from dissmodel.registry.state import folder_of
from dissmodel.registry.sync import Synced
from dissmodel.registry.sync import sync as sync_registry
from dissmodel.running.show import note_names
from dissmodel.settings import change_settings

_LEAST_S = 10.0
NONE_KNOWN = "Add one: dissmodel registry add NAME URL, or: dissmodel registry sync --repo URL"


@dataclass(frozen=True)
class SyncRequest:
    """Which registry to sync; by default all that are known, or ``default`` where `repo` is given.

    `repo` and `branch` stand instead of what is set; `repo` may hold a token.
    """

    name: str | None = None
    repo: str | None = field(default=None, repr=False)
    branch: str | None = None


@dataclass(frozen=True)
class SyncReport:
    """What was fetched, and what could not be: name → error."""

    outcomes: tuple[Synced, ...]
    failures: Mapping[str, DissmodelError]


def sync(request: SyncRequest) -> SyncReport:
    """Bring registries up to date; a registry that fails stays as it was, and the others are synced.

    Raises DissmodelError if no registry is known, or the only requested registry can't be fetched.
    """
    report = _sync(request)
    if not report.outcomes and len(report.failures) == 1:
        raise next(iter(report.failures.values()))
    return report


def watch(
    request: SyncRequest, seconds: float, wait: Callable[[float], object] = time.sleep
) -> Iterator[SyncReport]:
    """Sync again and again; a remote that can't be reached does not end it.

    Raises DissmodelError if it is to be more often than every 10 seconds, or no registry is known.
    """
    if seconds < _LEAST_S:
        raise UsageError(f"Every {seconds:g} seconds is too often.", "Write it as --watch 15m.")
    while True:
        yield _sync(request)
        wait(seconds)


def registry_path(name: str | None) -> Path:
    """Return the folder in which a registry's ``models/`` is; without a name, that of the only one.

    Raises UsageError if no registry has that name, no name is given and there are several, or it was never
    synced.
    """
    known = _known(name, load_settings())
    if name is None and len(known) > 1:
        raise UsageError(
            f"There are {len(known)} registries: {', '.join(known)}.",
            "Give its name: dissmodel registry path NAME",
        )
    registry = known[name or next(iter(known))]
    if registry.folder is None:
        raise UsageError(
            f"The registry {registry.name} was never synced.",
            f"Fetch it: dissmodel registry sync {registry.name}",
            code="registry_not_synced",
        )
    return registry.folder


def add_registry(name: str, url: str, branch: str | None) -> RegistrySetting:
    """Write a registry into the user's settings; it is fetched by the next sync.

    Raises UsageError if the name is not fit or taken, or the URL is not the place of a registry, or holds a
    secret.
    """
    check_registry_name(name)
    if name in load_settings().registries:
        raise UsageError(
            f"There is a registry {name} already.",
            f"Give another name, or first remove it: dissmodel registry remove {name}",
            code="registry_exists",
        )
    remote = parse_remote(url)
    key = key_of(f"registries.{name}.url")
    place = str(from_toml(key, url if "://" in url else remote.url))
    if remote.folder is not None and not remote.folder.is_dir():
        raise UsageError(f"{remote.folder}: there is no such folder.", "Check the path.", code="registry_url")
    _check_branch(remote, branch)
    changes = {key.name: place}
    if branch is not None:
        changes[f"registries.{name}.branch"] = str(from_toml(key_of(f"registries.{name}.branch"), branch))
    change_settings(changes)
    return RegistrySetting(name, place, branch)


def remove_registry(name: str) -> Path:
    """Take a registry out of the user's settings, and what was synced of it off this machine.

    A folder that is read in place is left as it is.

    Raises UsageError if no registry has that name, or the user's file is not what sets it; StorageError if it
    can't be removed.
    """
    settings = load_settings()
    _known(name, settings)
    names = (
        ["registry.default"] if name == DEFAULT else [f"registries.{name}.url", f"registries.{name}.branch"]
    )
    for key in names:
        found = settings.settings.get(key)
        if found is not None and found.value is not None and found.origin != "user file":
            raise UsageError(
                f"The registry {name} is set by the {found.origin} ({found.where}).",
                "Remove it there.",
                code="registry_set_elsewhere",
            )
    mine = read_settings(user_file(os.environ), project=False)
    changes = {key: None for key in names if key in mine}
    if changes:
        change_settings(changes)
    folder = folder_of(settings.data_dir, name)
    with disk_errors(f"{folder}: can't be removed"):
        if folder.exists():
            shutil.rmtree(folder)
    return folder


def _sync(request: SyncRequest) -> SyncReport:
    settings = load_settings()
    outcomes, failures = [], {}
    for target in _targets(request, settings):
        try:
            remote = parse_remote(target.url)
            _check_branch(remote, target.branch)
            outcomes.append(sync_registry(target.name, remote, target.branch, settings.data_dir))
        except DissmodelError as error:
            failures[target.name] = error
    note_names()
    return SyncReport(tuple(outcomes), failures)


def _targets(request: SyncRequest, settings: UserSettings) -> list[RegistrySetting]:
    if request.repo is not None:
        name = DEFAULT if request.name in {None, DEFAULT} else check_registry_name(request.name)
        return [RegistrySetting(name, request.repo, request.branch)]
    known = _known(request.name, settings)
    names = [request.name] if request.name is not None else [*known]
    if request.branch is not None and len(names) > 1:
        raise UsageError(
            f"--branch is for one registry, and there are {len(names)}: {', '.join(names)}.",
            f"Choose one: dissmodel registry sync {names[0]} --branch {request.branch}",
        )
    return [_target(known[name], settings.registries.get(name), request.branch) for name in names]


def _target(known: index.Registry, setting: RegistrySetting | None, branch: str | None) -> RegistrySetting:
    url = setting.url if setting is not None else known.url
    if not url:
        raise UsageError(
            f"What was synced of {known.name} can't be read, so its URL is unknown.",
            f"Give the URL: dissmodel registry sync {known.name} --repo URL",
            code="unknown_registry",
        )
    branch = branch or (setting.branch if setting is not None else None)
    if branch is None and parse_remote(url).url == known.url:  # the branch that was asked for last
        branch = known.branch
    return RegistrySetting(known.name, url, branch)


def _check_branch(remote: Remote, branch: str | None) -> None:
    if remote.folder is not None and branch is not None:
        raise UsageError(
            f"{remote.folder}: a folder is read as it is; it has no branch to choose.",
            "Leave --branch out, or give the repository as a file:// URL.",
        )


def _known(name: str | None, settings: UserSettings) -> Mapping[str, index.Registry]:
    """Return the registries by name, if there are any, and `name` is one of them where it is given."""
    known = {registry.name: registry for registry in index.registries(settings)}
    if name is not None and name not in known:
        hint = did_you_mean(name, known) or NONE_KNOWN
        raise UsageError(f"There is no registry {name[:80]!r}.", hint, code="unknown_registry")
    if not known:
        raise UsageError("No registry is known.", NONE_KNOWN, code="unknown_registry")
    return known
