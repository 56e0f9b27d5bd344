"""The models of all registries, as they are on this machine; nothing here asks the network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dissmodel.config import UserSettings, load_settings, parse_remote
from dissmodel.errors import DissmodelError, InvalidInput, UsageError, did_you_mean
from dissmodel.progress import current
from dissmodel.record.git import checkout_of
from dissmodel.registry import plugins
from dissmodel.registry.spec import Spec, load_spec
from dissmodel.registry.state import (
    State,
    folder_of,
    has_fetched_catalog,
    is_fetched,
    read_state,
    snapshot_of,
    synced_names,
)

if TYPE_CHECKING:
    from dissmodel.registry.catalog import Catalog

MOST = 10_000
"""How many models a registry may have."""

_LINK = "a registry holds files, and this is a symbolic link"
_SHOWN = 80
_MODEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True)
class Registry:
    """A registry that is set or was synced.

    The URL has no secret; of a folder that is read in place it is the path. `branch` is None for the remote's
    own default. `folder` holds ``models/``; it and `state`, what the last sync left, are None before the
    first sync.
    """

    name: str
    url: str
    branch: str | None = None
    folder: Path | None = None
    state: State | None = field(default=None, repr=False)
    in_place: bool = False


@dataclass(frozen=True)
class RegistryEntry:
    """A model of a registry, with its TOML at `path`.

    `commit` is the registry's, ``-dirty`` with changes that are in no commit, ``-unknown`` where that is
    unknown; None for a folder that git doesn't know. `spec` is None if the TOML can't be used: `problem` and
    `hint` say why. `warning` is for the author of a TOML that can be used. `in_place` is true in a folder of
    the user's.
    """

    registry: str
    name: str
    path: Path
    commit: str | None = None
    spec: Spec | None = None
    problem: str = ""
    hint: str = ""
    in_place: bool = False
    warning: str = ""

    @property
    def qualified(self) -> str:
        """The name that nothing else has, such as ``coast/flood``."""
        return f"{self.registry}/{self.name}"


def registries(settings: UserSettings | None = None) -> tuple[Registry, ...]:
    """Return every registry that is set or was synced, by name.

    Raises DissmodelError if the settings can't be read.
    """
    settings = settings or load_settings()
    names = {*settings.registries, *synced_names(settings.data_dir)}
    return tuple(_registry(name, settings) for name in sorted(names))


def entries(settings: UserSettings | None = None) -> tuple[RegistryEntry, ...]:
    """Return every model of every registry, also those that can't be used; nothing is imported.

    Raises DissmodelError if the settings can't be read.
    """
    return tuple(entry for registry in registries(settings) for entry in entries_of(registry))


def names() -> Iterator[str]:
    """Yield the name of every model of every registry, such as ``coast/flood``; its TOML is not read.

    Raises DissmodelError if the settings, or a folder that is read in place, can't be read.
    """
    for registry in registries():
        if registry.in_place and registry.folder is not None:
            found = [
                file.removesuffix(".toml") for file, why in files_in(registry.folder / "models") if not why
            ]
        else:
            found = list(registry.state.models) if registry.state is not None else []
        yield from (f"{registry.name}/{name}" for name in found)


def entries_of(registry: Registry) -> tuple[RegistryEntry, ...]:
    """Return the models of one registry, by name, also those that can't be used."""
    if registry.folder is None:
        return ()
    models = registry.folder / "models"
    if registry.in_place:
        commit = _commit_of(models)
        found = [_entry(registry, file, commit, why) for file, why in files_in(models)]
    else:
        state = registry.state
        assert state is not None
        files = {**dict.fromkeys((f"{name}.toml" for name in state.models), ""), **state.refused}
        found = [_entry(registry, file, state.commit, why) for file, why in files.items()]
    return tuple(sorted(found, key=lambda entry: entry.name))


def catalog_of(registry: Registry) -> Catalog:
    """Return what the registry's ``catalog.yaml`` says about its models; it never fails."""
    from dissmodel.registry.catalog import Catalog, read_catalog  # noqa: PLC0415  (a run reads none)

    if registry.folder is None:
        return Catalog()
    if not registry.in_place and (
        registry.state is None or not has_fetched_catalog(registry.folder, registry.state)
    ):
        return Catalog()
    return read_catalog(registry.folder)


def find(text: str, settings: UserSettings | None = None, *, packages: bool = True) -> RegistryEntry | None:
    """Return the model of a registry that `text` names: ``name`` or ``registry/name``; None if none does.

    Only the files that it may mean are read.

    Only a model of these `settings` is meant, by default of those that a command started here knows. With
    `packages`, a model of an installed package is another of that name.

    Raises UsageError if more than one registry or package offers it (``"ambiguous_model"``), or the registry
    that is named has no such model (``"unknown_model"``); InvalidInput if its TOML can't be used.
    """
    known = {registry.name: registry for registry in registries(settings)}
    origin, _, name = text.rpartition("/")
    if origin and origin not in known:
        return None
    matching = [registry for registry in known.values() if not origin or registry.name == origin]
    found = [entry for registry in matching if (entry := _one(registry, name)) is not None]
    offers = plugins.offers() if packages else ()
    offered = [offer for offer in offers if text in {offer.name, offer.qualified}]
    if len(found) + len(offered) > 1:
        names = sorted([entry.qualified for entry in found] + [offer.qualified for offer in offered])
        hint = f"Choose one: dissmodel run {names[0]} ..."
        if len(set(names)) == 1:
            hint = "Give the registry another name: dissmodel registry add NAME URL"
        raise UsageError(
            f"{text}: more than one package or registry offers this model: {', '.join(names)}.",
            hint,
            code="ambiguous_model",
        )
    if not found and origin:
        names = [entry.name for entry in entries_of(known[origin])]
        raise UsageError(
            f"The registry {origin} has no model {name!r}.",
            f"{near(name, names)} Update the registry: dissmodel registry sync {origin}".strip(),
            code="unknown_model",
        )
    if found and found[0].spec is None:
        raise InvalidInput(found[0].problem, found[0].hint, code="spec_unusable")
    if found and found[0].warning:
        current().warn(found[0].warning)
    return found[0] if found else None


def near(name: str, names: list[str]) -> str:
    """Return a sentence with the nearest names; empty where none is near, for there may be hundreds."""
    said = did_you_mean(name, names)
    return said if said.startswith("Did") else ""


def file_problem(file: str) -> str:
    """Return why a file below ``models/`` can't be a model's; empty if it can.

    >>> file_problem("flood.toml")
    ''
    >>> file_problem("...toml")
    "a model's name has letters, digits, - and _ only"
    """
    name = file.removesuffix(".toml")
    return "" if _MODEL.fullmatch(name) else "a model's name has letters, digits, - and _ only"


def refusal(file: str, *, is_link: bool, is_twin: bool) -> str:
    """Return why a file below ``models/`` is not taken; empty if it is.

    `is_twin` says that some file systems can't tell its name from that of another file.
    """
    if is_link:
        return _LINK
    return "the names of two files differ in capital letters only" if is_twin else file_problem(file)


def no_registry(place: str, hint: str = "") -> InvalidInput:
    """Return the error about a place without a folder ``models``."""
    return InvalidInput(
        f"{place}: there is no folder models in it, so it is not a registry.",
        f"A registry has its models in models/NAME.toml. {hint}".rstrip(),
        code="registry_layout",
    )


def twins(files: list[str]) -> set[str]:
    """Return those of the names that some file systems can't tell apart."""
    seen: dict[str, list[str]] = {}
    for file in files:
        seen.setdefault(file.casefold(), []).append(file)
    return {file for same in seen.values() if len(same) > 1 for file in same}


def files_in(models: Path) -> Iterator[tuple[str, str]]:
    """Yield the files of a folder ``models``, and what is wrong with each; nothing, where it may be read.

    Raises InvalidInput if there is no such folder, or it holds more than a registry may (code
    ``"registry_layout"``).
    """
    if models.is_symlink() or not models.is_dir():
        raise no_registry(str(models.parent))
    files = sorted(path.name for path in models.glob("*.toml"))
    if len(files) > MOST:
        raise InvalidInput(f"{models}: more than {MOST} models.", code="registry_layout")
    same = twins(files)
    for file in files:
        yield file, refusal(file, is_link=(models / file).is_symlink(), is_twin=file in same)


def _registry(name: str, settings: UserSettings) -> Registry:
    setting = settings.registries.get(name)
    home = folder_of(settings.data_dir, name)
    state = read_state(home)
    if setting is not None:
        remote = parse_remote(setting.url)
        if remote.folder is not None:
            return Registry(name, remote.url, None, remote.folder, None, in_place=True)
        if state is None or state.in_place:
            return Registry(name, remote.url, setting.branch)
    if state is None:
        return Registry(name, "")
    return Registry(name, state.url, state.branch, snapshot_of(home, state), state, state.in_place)


def _one(registry: Registry, name: str) -> RegistryEntry | None:
    if registry.folder is None or not _MODEL.fullmatch(name):
        return None
    file = f"{name}.toml"
    path = registry.folder / "models" / file
    if registry.in_place:
        is_link = path.is_symlink() or path.parent.is_symlink()
        return _entry(registry, file, _commit_of(path), _LINK if is_link else "") if path.is_file() else None
    assert registry.state is not None
    why = registry.state.refused.get(file, "")
    known = why or name in registry.state.models
    return _entry(registry, file, registry.state.commit, why) if known else None


def _entry(registry: Registry, file: str, commit: str | None, why: str) -> RegistryEntry:
    assert registry.folder is not None
    name, path = file.removesuffix(".toml"), registry.folder / "models" / file
    if why:
        return RegistryEntry(registry.name, name, path, commit, problem=f"{path}: {why}.")
    try:
        if registry.state is not None and not registry.in_place and not is_fetched(path, registry.state):
            raise InvalidInput(
                f"{path}: this is not what the last sync fetched.",
                f"Fetch it again: dissmodel registry sync {registry.name}",
            )
        spec = load_spec(path)
        called = spec.model.get("name", name)
        if not _MODEL.fullmatch(called):
            raise InvalidInput(
                f"{path}: its name is {called[:_SHOWN]!r}, which is not a valid model name.",
                f'Write name = "{name}"; a model\'s name has letters, digits, - and _ only.',
            )
    except DissmodelError as error:
        return RegistryEntry(registry.name, name, path, commit, None, error.message, error.hint)
    warning = "" if called == name else f"{path}: its name in the file is {called!r}; it is used as {name}."
    return RegistryEntry(registry.name, name, path, commit, spec, in_place=registry.in_place, warning=warning)


def _commit_of(path: Path) -> str | None:
    checkout = checkout_of(path)
    if checkout is None:
        return None
    if checkout.problem:
        current().warn(f"{checkout.problem} {checkout.hint}".rstrip())
    return checkout.name
