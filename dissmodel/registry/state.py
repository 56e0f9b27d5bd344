"""What the last sync of a registry left on this machine."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dissmodel.record.digest import sha256_file
from dissmodel.record.store import write_atomically

MAX_BYTES = 16 << 20
CATALOG = "catalog.yaml"
_NAME = "state.json"
_VERSION = 1


@dataclass(frozen=True)
class State:
    """A registry as it was synced.

    The URL has no secret; of a folder that is read in place it is the path. `branch` is what was asked for,
    `commit` what was found (None for a folder that git doesn't know), `synced_at` UTC in ISO 8601. `models`
    are name → sha256 of the TOML, `refused` are file → why it was not taken. `catalog` is the sha256 of the
    catalog, empty if there is none, and None in what older versions left.
    """

    url: str
    branch: str | None
    commit: str | None
    synced_at: str
    models: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    in_place: bool = False
    catalog: str | None = None


def folder_of(data_dir: Path, registry: str) -> Path:
    """Return the folder that belongs to a registry."""
    return data_dir / "registries" / registry


def synced_names(data_dir: Path) -> tuple[str, ...]:
    """Return the names of the registries that were synced."""
    try:
        return tuple(
            sorted(path.parent.name for path in (data_dir / "registries").glob(f"[a-z0-9]*/{_NAME}"))
        )
    except OSError:
        return ()


def snapshot_of(folder: Path, state: State) -> Path:
    """Return the folder that holds ``models/``."""
    return Path(state.url) if state.in_place or state.commit is None else folder / state.commit


def is_intact(folder: Path, state: State) -> bool:
    """Return whether the copy of a registry is what was fetched, file for file."""
    models = snapshot_of(folder, state) / "models"
    return _catalog_of(models.parent) == state.catalog and all(
        is_fetched(models / f"{name}.toml", state) for name in state.models
    )


def is_fetched(path: Path, state: State) -> bool:
    """Return whether the copy of a model's TOML is what was fetched."""
    with contextlib.suppress(OSError):
        return sha256_file(path) == state.models.get(path.stem)
    return False


def has_fetched_catalog(folder: Path, state: State) -> bool:
    """Return whether the copy of a registry has a catalog, and it is what was fetched."""
    return bool(state.catalog) and _catalog_of(folder) == state.catalog


def _catalog_of(folder: Path) -> str | None:
    try:
        return sha256_file(folder / CATALOG)
    except FileNotFoundError:
        return ""
    except OSError:
        return None


def read_state(folder: Path) -> State | None:
    """Return what the last sync left; None if there was no sync, or its file can't be read."""
    try:
        with (folder / _NAME).open("rb") as stream:
            document = json.loads(stream.read(MAX_BYTES))
        if document.pop("version") != _VERSION:
            return None
        state = State(**document)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    texts = (state.url, state.branch or "", state.commit or "", state.synced_at, state.catalog or "")
    maps = (state.models, state.refused)
    if not all(isinstance(one, str) for one in texts) or not all(isinstance(one, dict) for one in maps):
        return None
    return state


def write_state(folder: Path, state: State) -> None:
    """Write it, whole or not at all.

    Raises
    ------
    StorageError
        If it can't be written.
    """
    document = {"version": _VERSION, **asdict(state)}
    write_atomically(folder / _NAME, f"{json.dumps(document, indent=1)}\n".encode())
