"""How much room the environments take, which models use them, and how to remove them."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from dissmodel.environments import lock, store, wheel
from dissmodel.environments.store import PackageEnvironment
from dissmodel.errors import UsageError, did_you_mean, disk_errors
from dissmodel.locks import held, required

_STALE_S = 86400.0


@dataclass(frozen=True)
class EnvironmentUse:
    """An environment with its size and its use.

    `size` is in bytes, with files that the installer's cache has too; `own_size` is what a removal frees.
    `used` are the models and when each used it last (UTC), the latest first. `is_current` is false where the
    environment has another dissmodel than the running one: no run uses it.
    """

    environment: PackageEnvironment
    size: int
    own_size: int
    used: tuple[tuple[str, datetime], ...]
    is_current: bool

    @property
    def last_used(self) -> datetime:
        """When a model used it last; if none has, when it was made."""
        return self.used[0][1] if self.used else datetime.fromisoformat(self.environment.created_at)


@dataclass(frozen=True)
class Removed:
    """What was removed, and how many bytes that freed."""

    keys: tuple[str, ...]
    freed: int


def list_environments(data_dir: Path) -> tuple[EnvironmentUse, ...]:
    """Return the environments, the last used first."""
    found = [_entry(environment) for environment in store.environments(data_dir)]
    return tuple(sorted(found, key=lambda entry: entry.last_used, reverse=True))


def remove(what: str, data_dir: Path) -> Removed:
    """Remove one environment by its key, or all of a package by its name.

    Raises UsageError if there is no such environment, or a run is using it; StorageError if another process
    is building it, or the disk fails.
    """
    entries = list_environments(data_dir)
    meant = [entry for entry in entries if what in {entry.environment.key, entry.environment.resolved.name}]
    if not meant:
        known = {
            name for entry in entries for name in (entry.environment.key, entry.environment.resolved.name)
        }
        raise UsageError(
            f"There is no environment {what!r}.",
            f"{did_you_mean(what, known)} List them: dissmodel env list".strip(),
            code="no_environment",
        )
    for entry in meant:
        _remove(entry.environment)
    return Removed(tuple(entry.environment.key for entry in meant), sum(entry.own_size for entry in meant))


def prune(data_dir: Path, unused_for: timedelta) -> Removed:
    """Remove the environments that no model has used for this long, and the remains of killed processes.

    An environment that a run is using stays.
    """
    root = data_dir / "environments"
    now = datetime.now(UTC)
    gone, freed = [], 0
    for entry in list_environments(data_dir):
        if now - entry.last_used >= unused_for:
            with contextlib.suppress(UsageError):
                _remove(entry.environment)
                gone.append(entry.environment.key)
                freed += entry.own_size
    for path in _leftovers(root, data_dir):
        freed += _size(path)[1]
        _delete(path)
    return Removed(tuple(gone), freed)


def _remove(environment: PackageEnvironment) -> None:
    """Rename an environment, then delete it: half of an environment never has its name."""
    root = environment.path.parent
    guard = root / f"{store.LOCK_PREFIX}{environment.key}"
    busy = f"{environment.key}: another process is building or removing it."
    with disk_errors(f"{environment.path}: can't be removed", "Check the folder's rights."):
        with required(guard, busy, code="environment_busy"):
            if any(_is_held(path) for path in store.use_locks(environment)):
                raise UsageError(
                    f"{environment.key}: a model is running in it.",
                    "Wait until it has ended.",
                    code="environment_used",
                )
            aside = root / f"{store.REMOVING_PREFIX}{environment.key}.{uuid4().hex[:8]}"
            environment.path.rename(aside)
        _delete(aside)


def _is_held(path: Path) -> bool:
    with held(path) as was_free:
        return not was_free


def _leftovers(root: Path, data_dir: Path) -> Iterator[Path]:
    """Yield the remains that no process is making: half-built and broken environments, old wheels."""
    whole = {environment.key for environment in store.environments(data_dir)}
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if path.name.startswith(store.REMOVING_PREFIX):
            yield path
        elif key := store.unfinished_key(path, whole):
            with held(root / f"{store.LOCK_PREFIX}{key}") as is_ours:
                if is_ours:
                    yield path
    current = wheel.running().file_name
    folder = lock.wheels_folder(data_dir)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            if path.name != current and time.time() - path.stat().st_mtime > _STALE_S:
                yield path


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _entry(environment: PackageEnvironment) -> EnvironmentUse:
    size, own = _size(environment.path)
    used = sorted(store.uses(environment).items(), key=lambda one: one[1], reverse=True)
    is_current = environment.packages.get("dissmodel") == wheel.running().version
    return EnvironmentUse(environment, size, own, tuple(used), is_current)


def _size(path: Path) -> tuple[int, int]:
    """Return the bytes of all files below a path, and of those that have no other name elsewhere."""
    if not path.is_dir():
        size = path.lstat().st_size
        return size, size
    size = own = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                found = (Path(folder) / name).lstat()
                size += found.st_size
                own += found.st_size if found.st_nlink == 1 else 0
    return size, own
