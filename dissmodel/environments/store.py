"""The environments on this machine: each is whole or missing, and is built once."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import platform
import re
import shutil
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

from packaging.version import Version

from dissmodel.environments import remote, wheel
from dissmodel.environments.build import build, python_of
from dissmodel.environments.requirement import OURS
from dissmodel.environments.resolved import Resolved
from dissmodel.errors import StorageError
from dissmodel.locks import held, required
from dissmodel.record.digest import sha256_bytes, sha256_file
from dissmodel.record.store import write_atomically

MARKER = "environment.json"
LOCK = "lock.txt"
KEY = re.compile(r"[a-z0-9][a-z0-9._+-]*")

BUILDING_PREFIX = ".building-"
LOCK_PREFIX = ".lock-"
REMOVING_PREFIX = ".removing-"

_USED = "used"
_FORM = 1
_PATIENCE_S = 3600.0
_SOURCES = ("pyproject.toml", "setup.py", "setup.cfg")


@dataclass(frozen=True)
class PackageEnvironment:
    """A separate Python with a model's package and the running dissmodel in it.

    - `path`: its folder; the name is package, version or commit, and a digest of all that makes environments
      differ.
    - `resolved`: what it was made for.
    - `packages`: every package in it, name → version.
    - `created_at`: when it was made, ISO 8601.
    - `is_new`: whether it was built just now.
    """

    path: Path
    resolved: Resolved
    packages: Mapping[str, str]
    created_at: str
    is_new: bool = False

    @property
    def key(self) -> str:
        """Its folder's name."""
        return self.path.name

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return python_of(self.path)

    @property
    def lock(self) -> str:
        """The exact versions, as requirements with the hashes that the index gave."""
        return (self.path / LOCK).read_text(encoding="utf-8")


def obtain(
    resolved: Resolved,
    data_dir: Path,
    *,
    consent: Callable[[Resolved], None],
    offline: bool = False,
    allow_build: bool = False,
) -> PackageEnvironment:
    """Return the environment of a package; build it if it is missing.

    For an existing environment, only a small file is read. `consent` raises `ConsentRequired` unless the
    user agrees, see `dissmodel.environments.trust.check`. It is called each time, for consent may have been
    revoked since the environment was built.

    Raises
    ------
    ConsentRequired
        From `consent`; nothing is installed then.
    RunFailed
        If the installation fails; nothing is left of it.
    InvalidInput
        If something in it needs another dissmodel.
    StorageError
        If the index, a repository or the disk fails.
    """
    consent(resolved)
    if not resolved.name:
        resolved = remote.looked_into(resolved)
    root = data_dir / "environments"
    key = key_of(resolved)
    found = _load(root / key)
    if found is not None:
        return found
    try:
        root.mkdir(parents=True, exist_ok=True)
        with required(
            root / f"{LOCK_PREFIX}{key}",
            f"{key}: another process has been building it for an hour.",
            "See what that process does, end it, and try again.",
            code="environment_busy",
            patience=_PATIENCE_S,
        ):
            found = _load(root / key)  # built while we waited
            if found is not None:
                return found
            _discard_leftovers(root, key)
            return _build(resolved, key, data_dir, offline=offline, allow_build=allow_build)
    except OSError as error:
        raise StorageError(
            f"{error.filename or root}: {error.strerror or error}.",
            "Free some space, or choose another data folder: DISSMODEL_DATA",
            code="environment_unwritable",
        ) from error


def key_of(resolved: Resolved) -> str:
    """Return the name of an environment, which ends with a digest of all that makes environments differ."""
    source: dict[str, str] = {}
    if resolved.kind == "path":  # what it needs may have changed; its code is used where it is
        folder = remote.folder_of(resolved.source)
        source = {name: sha256_file(folder / name) for name in _SOURCES if (folder / name).is_file()}
    identity = resolved.identity
    if resolved.kind == "index" and resolved.version:
        identity = f"{resolved.name}=={Version(resolved.version)}"
    document = {
        "form": _FORM,
        "identity": identity,
        "extras": resolved.extras,
        "source": source,
        "python": [platform.python_implementation(), platform.python_version(), sysconfig.get_platform()],
        "dissmodel": wheel.running().digest,
    }
    digest = sha256_bytes(json.dumps(document, sort_keys=True).encode())
    state = resolved.commit[:12] if resolved.kind == "git" and resolved.commit else resolved.version or "0"
    state = "path" if resolved.kind == "path" else re.sub(r"[^a-z0-9.+]", "-", state.lower())[:40]
    return f"{resolved.name[:60]}-{state}-{digest[:12]}"


def environments(data_dir: Path) -> tuple[PackageEnvironment, ...]:
    """Return the environments that are whole, the oldest first."""
    root = data_dir / "environments"
    names = sorted(path for path in root.iterdir() if KEY.fullmatch(path.name)) if root.is_dir() else []
    found = [environment for environment in map(_load, names) if environment is not None]
    return tuple(sorted(found, key=lambda environment: (environment.created_at, environment.key)))


def unfinished_key(path: Path, whole: set[str]) -> str | None:
    """Return the key of a half-built or broken environment; None if `path` is neither.

    `whole` are the keys of the environments that are whole.
    """
    if path.name.startswith(BUILDING_PREFIX):
        name = path.name.removeprefix(BUILDING_PREFIX)
        return name.rpartition(".")[0] or name
    return path.name if KEY.fullmatch(path.name) and path.name not in whole else None


def ready(data_dir: Path) -> Iterator[str]:
    """Yield the requirements, as specs have them, for which there is an environment with this dissmodel."""
    for environment in environments(data_dir):
        if environment.packages.get(OURS) == wheel.running().version:
            yield environment.resolved.requirement


@contextlib.contextmanager
def using(environment: PackageEnvironment, model: str) -> Iterator[None]:
    """Note that a model uses an environment, which can't be removed within the block.

    Where the folder can't be written to, nothing is noted and nothing can be removed either.

    Raises StorageError if it has been removed meanwhile.
    """
    folder = environment.path / _USED
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True)
            stack.enter_context(held(folder / f".{os.getpid()}-{uuid4().hex[:8]}"))
            (folder / quote(model, safe=" ")[:200]).touch()
        if not (environment.path / MARKER).is_file():
            raise StorageError(
                f"{environment.key} was removed just now.", "Run it again.", code="environment_removed"
            )
        yield


def uses(environment: PackageEnvironment) -> dict[str, datetime]:
    """Return the models that used it, name → when last (UTC)."""
    with contextlib.suppress(OSError):
        return {
            unquote(path.name): datetime.fromtimestamp(path.stat().st_mtime, UTC)
            for path in sorted((environment.path / _USED).iterdir())
            if not path.name.startswith(".")
        }
    return {}


def use_locks(environment: PackageEnvironment) -> tuple[Path, ...]:
    """Return the locks of the processes that use it, or were killed while they did."""
    return tuple((environment.path / _USED).glob(".[0-9]*"))


def _build(
    resolved: Resolved, key: str, data_dir: Path, *, offline: bool, allow_build: bool
) -> PackageEnvironment:
    """Build under another name; a rename gives the whole environment its name."""
    root = data_dir / "environments"
    folder = root / f"{BUILDING_PREFIX}{key}.{uuid4().hex[:8]}"
    try:
        lock, packages = build(resolved, folder, data_dir, offline=offline, allow_build=allow_build)
        created = datetime.now(UTC).isoformat(timespec="milliseconds")
        document = {
            "schema_version": _FORM,
            "key": key,
            "created_at": created,
            "dissmodel": wheel.running().version,
            "resolved": dataclasses.asdict(resolved),
            "packages": packages,
        }
        (folder / LOCK).write_text(lock, encoding="utf-8")
        write_atomically(folder / MARKER, json.dumps(document, indent=1).encode())
        if os.path.lexists(root / key):  # its interpreter is gone
            (root / key).rename(root / f"{BUILDING_PREFIX}{key}.{uuid4().hex[:8]}")
        folder.rename(root / key)
    finally:
        _discard_leftovers(root, key)
    return PackageEnvironment(root / key, resolved, packages, created, is_new=True)


def _load(folder: Path) -> PackageEnvironment | None:
    """Return the environment in a folder; None if there is no environment, or its interpreter is gone."""
    try:
        document: dict[str, Any] = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        if document["schema_version"] != _FORM or not python_of(folder).exists():
            return None
        resolved = Resolved.from_document(document["resolved"])
        return PackageEnvironment(folder, resolved, document["packages"], document["created_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _discard_leftovers(root: Path, key: str) -> None:
    """Remove what a killed builder of `key` left; call it with its lock."""
    for path in root.glob(f"{BUILDING_PREFIX}{key}.*"):
        shutil.rmtree(path, ignore_errors=True)
