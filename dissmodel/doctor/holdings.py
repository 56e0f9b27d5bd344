"""What the user has: settings, registries, environments, room on the disks."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from dissmodel.config import UserSettings, load_settings
from dissmodel.config.files import project_file, read_settings, user_file
from dissmodel.environments import list_environments, store
from dissmodel.errors import DissmodelError
from dissmodel.executor.findings import Collector, Severity, nearest_folder
from dissmodel.inherited import current_folder
from dissmodel.printable import count
from dissmodel.progress import Heard, reporting
from dissmodel.registry import index
from dissmodel.registry.index import Registry

_OLD_DAYS = 30
LITTLE_ROOM = 1e9
_BUILDING_S = 3600.0


def look_at_settings(found: Collector) -> UserSettings | None:
    """Find out whether the settings can be read, each file for itself; return them if all can."""
    user = user_file(os.environ)
    project = project_file(current_folder())
    for path, is_project in ((user, False), (project, True)):
        if path is None or (is_project and path == user):
            continue
        try:
            known = len(read_settings(path, project=is_project))
        except DissmodelError as error:
            found.tell(error)
            continue
        found.add("ok", f"{path}: {known} set" if path.exists() else f"{path} does not exist: all defaults")
    if current_folder() is None:
        found.add("error", "The current folder was removed.", "Go to another: cd")
    try:
        return load_settings() if not found.failed else None
    except DissmodelError as error:  # a variable is wrong
        found.tell(error)
    return None


def look_at_registries(found: Collector, settings: UserSettings) -> None:
    """Find out how old each registry is, and whether all of its models can be used."""
    known = index.registries(settings)
    for registry in known:
        try:
            severity, message, hint = _registry(registry)
        except DissmodelError as error:
            severity, message, hint = "error", error.message, error.hint
        found.add(severity, f"{registry.name}: {message}", hint)
    if not known:
        found.add("ok", "none; to add a registry: dissmodel registry add NAME URL")


def look_at_environments(found: Collector, settings: UserSettings) -> None:
    """Find out which environments there are, their sizes, and the remains of others."""
    entries = list_environments(settings.data_dir)
    root = settings.data_dir / "environments"
    whole = {entry.environment.key for entry in entries}
    left = [path for path in (root.iterdir() if root.is_dir() else ()) if _is_left(path, whole)]
    if left:
        found.add("warning", f"{count(len(left), 'install')} left half done in {root}", "dissmodel env prune")
    old = sum(not entry.is_current for entry in entries)
    if old:
        found.add(
            "warning",
            f"{count(old, 'environment')} for another state of dissmodel, which no run uses",
            "dissmodel env prune --unused-for 0d",
        )
    size = sum(entry.size for entry in entries)
    found.add("ok", f"{len(entries)}, {size / 1e9:.1f} GB, in {root}" if entries else "none")


def look_at_room(found: Collector, folder: Path, severity: Severity, hint: str) -> None:
    """Find out whether a folder can be written and how much room it has.

    The folder need not exist yet. `severity` and `hint` are for a folder that can't be written.
    """
    there = nearest_folder(folder)
    try:
        with tempfile.TemporaryFile(dir=there, buffering=0) as probe:
            probe.write(b"x")  # on a full disk a file can still be made
        free = shutil.disk_usage(there).free
    except OSError as error:
        found.add(severity, f"{folder} can't be written: {error.strerror or error}", hint)
        return
    said = f"{folder}: {free / 1e9:,.1f} GB free"
    if free < LITTLE_ROOM:
        found.add("warning", said, "Make room, or see what the environments take: dissmodel env list")
    else:
        found.add("ok", said)


def _registry(registry: Registry) -> tuple[Severity, str, str]:
    sync = f"dissmodel registry sync {registry.name}"
    if registry.folder is None:
        if not registry.url:
            return "warning", "what was synced can't be read", f"{sync} --repo URL"
        return "warning", f"{registry.url} was never synced", sync
    with reporting(Heard()) as heard:
        entries = index.entries_of(registry)
    broken = [entry for entry in entries if entry.spec is None]
    if broken:
        message = f"{len(broken)} of {count(len(entries), 'model')} can't be used, first {broken[0].problem}"
        return "warning", message, broken[0].hint or "dissmodel registry list"
    models = count(len(entries), "model")
    if heard.warnings:
        return "warning", f"{models}; {heard.warnings[0]}", ""
    if registry.state is None or registry.in_place:
        return "ok", f"{models}, read in place from {registry.url}", ""
    try:
        days = (datetime.now(UTC) - datetime.fromisoformat(registry.state.synced_at)).days
    except (ValueError, TypeError):  # TypeError: without a time zone
        return "warning", f"{models}; when it was synced is unknown", sync
    when = f"{count(days, 'day')} ago" if days > 0 else "today"
    said = f"{models}, synced {when} from {registry.url}"
    return ("warning", said, sync) if days >= _OLD_DAYS else ("ok", said, "")


def _is_left(path: Path, whole: set[str]) -> bool:
    """Return whether a path among the environments is a leftover that no process seems to be making."""
    if path.name.startswith(store.REMOVING_PREFIX):
        return True
    key = store.unfinished_key(path, whole)
    if key is None:
        return False
    is_locked = path.with_name(f"{store.LOCK_PREFIX}{key}").exists()
    return not is_locked or time.time() - path.stat().st_mtime > _BUILDING_S
