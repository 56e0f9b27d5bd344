"""Bring a registry to this machine, or up to date: all of it or nothing."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from dissmodel.config import Remote
from dissmodel.errors import InvalidInput, StorageError, did_you_mean, disk_errors
from dissmodel.git import Repository
from dissmodel.locks import required
from dissmodel.progress import current
from dissmodel.record.digest import sha256_bytes, sha256_file
from dissmodel.record.git import checkout_of
from dissmodel.registry.catalog import MAX_BYTES as MAX_CATALOG
from dissmodel.registry.index import MOST, files_in, no_registry, refusal, twins
from dissmodel.registry.spec import MAX_BYTES
from dissmodel.registry.state import CATALOG, State, folder_of, is_intact, read_state, write_state

_PATIENCE_S = 60.0
_MOST_BYTES = 64 << 20
_SCRATCH = ".new-"
_FETCHED = "refs/heads/fetched"
_LINK = "120000"
_SUBMODULE = "160000"


@dataclass(frozen=True)
class Outcome:
    """What a sync found: the states before and after, and the names of models that differ."""

    registry: str
    url: str
    before: State | None
    after: State
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def sync(registry: str, remote: Remote, branch: str | None, data_dir: Path) -> Outcome:
    """Bring a registry's models to this machine.

    A folder is read where it is; only what was in it is noted. Without a branch it is the remote's own
    default.

    Raises
    ------
    StorageError
        If the remote can't be fetched, or the disk can't be written.
    InvalidInput
        If the remote is not a registry. After any error the copy of before is unchanged.
    """
    folder = folder_of(data_dir, registry)
    guard = folder.with_name(f".{registry}.lock")
    busy = f"The registry {registry} is being synced by another command."
    hint = "Check its rights and the space on the disk, or choose another folder with DISSMODEL_DATA."
    with disk_errors(f"{folder}: can't be written", hint):
        folder.mkdir(parents=True, exist_ok=True)
        with required(guard, busy, "Try again in a moment.", patience=_PATIENCE_S):
            before = read_state(folder)
            try:
                after = _brought(folder, remote, branch, before)
                write_state(folder, after)
            finally:
                with contextlib.suppress(OSError):
                    folder.rmdir()  # where nothing came, and nothing was
            _tidy(folder, {state.commit for state in (before, after) if state is not None})
    old: Mapping[str, str] = before.models if before is not None else {}
    new = after.models
    return Outcome(
        registry,
        remote.url,
        before,
        after,
        added=tuple(sorted(new.keys() - old.keys())),
        changed=tuple(sorted(name for name in new.keys() & old.keys() if new[name] != old[name])),
        removed=tuple(sorted(old.keys() - new.keys())),
    )


def _brought(folder: Path, remote: Remote, branch: str | None, before: State | None) -> State:
    if remote.folder is not None:
        return _from_folder(remote, remote.folder)
    for left in folder.glob(f"{_SCRATCH}*"):  # of a sync that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=folder, ignore_cleanup_errors=True) as scratch:
        repository = Repository(Path(scratch) / "git", remote.url, remote.secret, kind="registry")
        ref, head = _head(repository, branch)
        is_here = before is not None and not before.in_place and before.commit == head
        if before is not None and is_here and before.url == remote.url and is_intact(folder, before):
            return replace(before, branch=branch, synced_at=_now())
        repository.fetch(f"+{ref}:{_FETCHED}", largest=MAX_BYTES)
        commit = repository.commit(_FETCHED)
        models, refused = _read(repository)
        catalog = _catalog(repository)
        _put(models, catalog, Path(scratch), folder / commit)
    digests = {name: sha256_bytes(content) for name, content in models.items()}
    noted = sha256_bytes(catalog) if catalog is not None else ""
    return State(remote.url, branch, commit, _now(), digests, refused, catalog=noted)


def _from_folder(remote: Remote, folder: Path) -> State:
    models = folder / "models"
    digests, refused = {}, {}
    for file, why in files_in(models):
        if why:
            refused[_shown(file)] = why
        elif (models / file).is_file():
            digests[file.removesuffix(".toml")] = sha256_file(models / file)
    checkout = checkout_of(models)
    commit = checkout.commit if checkout is not None else None
    return State(remote.url, None, commit, _now(), digests, refused, in_place=True)


def _head(repository: Repository, branch: str | None) -> tuple[str, str]:
    """Return the name and the commit of the end of a branch; without one, of the remote's own default."""
    heads = repository.refs("HEAD", "refs/heads/*")
    ref = "HEAD" if branch is None else f"refs/heads/{branch}"
    if branch is None and ref not in heads and len(heads) == 1:  # its HEAD names a branch without a commit
        (ref,) = heads
    if ref not in heads:
        names = [head.removeprefix("refs/heads/") for head in heads if head != "HEAD"]
        what = "has no commit yet" if branch is None else f"has no branch {branch!r}"
        hint = did_you_mean(branch or "main", names)
        raise StorageError(
            f"{repository.url} {what}.", hint or "Commit the models there, and push.", code="registry_branch"
        )
    return ref, heads[ref]


def _read(repository: Repository) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the models of what was fetched, name → TOML; and what was not taken, file → why."""
    url = repository.url
    found = {path: (mode, name) for mode, name, path in repository.tree(_FETCHED, "models")}
    if not found or "models" in found:
        raise no_registry(url, "Check the URL and the branch.")
    files = {
        path.removeprefix("models/"): entry
        for path, entry in found.items()
        if path.count("/") == 1 and (path.endswith(".toml") or entry[0] == _SUBMODULE)
    }
    if len(files) > MOST:
        raise InvalidInput(f"{url}: more than {MOST} models.", code="registry_layout")
    sizes = repository.sizes()
    same = twins([*files])
    refused = {
        _shown(file): why
        for file, (mode, name) in files.items()
        if (why := _refusal(file, mode, sizes.get(name), is_twin=file in same))
    }
    taken = {file: name for file, (_, name) in files.items() if _shown(file) not in refused}
    if sum(sizes[name] for name in taken.values()) > _MOST_BYTES:
        raise InvalidInput(
            f"{url}: its models have more than {_MOST_BYTES >> 20} MiB.", code="registry_layout"
        )
    contents = repository.blobs(sorted(set(taken.values())))
    return {file.removesuffix(".toml"): contents[name] for file, name in sorted(taken.items())}, refused


def _catalog(repository: Repository) -> bytes | None:
    """Return the catalog of what was fetched; None if there is none, or none that may be taken."""
    for mode, name, path in repository.tree(_FETCHED, CATALOG):
        size = repository.sizes().get(name) if path == CATALOG and mode not in {_LINK, _SUBMODULE} else None
        if size is not None and size <= MAX_CATALOG:
            return repository.blobs([name])[name]
        why = f"it has to be a file of at most {MAX_CATALOG >> 10} KiB"
        current().warn(f"{repository.url}: {CATALOG} is ignored: {why}.")
        break
    return None


def _refusal(file: str, mode: str, size: int | None, *, is_twin: bool) -> str:
    if mode == _SUBMODULE:
        return "a registry holds files, and this is a submodule"
    is_larger = size is None or size > MAX_BYTES  # the remote leaves out what is too large
    why = refusal(file, is_link=mode == _LINK, is_twin=is_twin)
    return why or (
        f"a spec may have at most {MAX_BYTES >> 20} MiB, and this file is larger" if is_larger else ""
    )


def _put(models: Mapping[str, bytes], catalog: bytes | None, scratch: Path, target: Path) -> None:
    """Write a copy beside the one in use; only the name of the whole is given to it."""
    new = scratch / "tree"
    (new / "models").mkdir(parents=True)
    for name, content in models.items():
        (new / "models" / f"{name}.toml").write_bytes(content)
    if catalog is not None:
        (new / CATALOG).write_bytes(catalog)
    if target.exists():  # of a sync that was killed, or a file in it was changed
        target.rename(scratch / "old")
    new.rename(target)


def _tidy(folder: Path, kept: set[str | None]) -> None:
    """Remove all copies but the last two: a command that began before the sync may still read."""
    for path in folder.iterdir():
        if path.is_dir() and path.name not in kept:
            shutil.rmtree(path, ignore_errors=True)


def _shown(file: str) -> str:
    return file.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
