"""The models of registries: a list, and the entry of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dissmodel import environments
from dissmodel.config import load_settings
from dissmodel.errors import InvalidInput, UsageError
from dissmodel.record.redact import redact, redact_document
from dissmodel.registries.sources import NONE_KNOWN
from dissmodel.registry import index, plugins
from dissmodel.registry.catalog import CatalogEntry
from dissmodel.registry.spec import Spec
from dissmodel.registry.state import CATALOG


@dataclass(frozen=True)
class RegistryModel:
    """One line of the list; `problem` says why a model can't be used, or what is odd about a usable one.

    `title` and `group` are those of the registry's catalog, as is `description` if the catalog has one.
    """

    name: str
    registry: str
    substrate: str
    package: str
    description: str
    installed: bool
    problem: str
    usable: bool
    title: str = ""
    group: str = ""


@dataclass(frozen=True)
class RegistryModels:
    """The models of all registries, and the registries that gave none, each with what to do about it."""

    models: tuple[RegistryModel, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class RegistryModelView:
    """A model of a registry: where its spec is from, what it says, its parameters."""

    row: RegistryModel
    url: str
    commit: str | None
    path: Path
    spec: Mapping[str, Any]
    parameters: Mapping[str, Any]


def list_registry_models() -> RegistryModels:
    """Return the models of all registries, as they are on this machine."""
    is_installed = _installed()
    models, problems, unread = [], [], []
    registries = index.registries()
    if not registries:
        problems.append(f"No registry is known. {NONE_KNOWN}")
    for registry in registries:
        if registry.folder is None:
            problems.append(f"{registry.name}: not synced yet. dissmodel registry sync {registry.name}")
            continue
        catalog = index.catalog_of(registry)
        if catalog.is_unread:
            unread.append(registry.name)
        elif catalog.problems:
            first = catalog.problems[0]
            line = f":{first.line}" if first.line is not None else ""
            problems.append(
                f"{registry.name}: {CATALOG}{line}: {first.message}"
                f" See all: dissmodel registry check {registry.folder}"
            )
        try:
            models += [
                _row(entry, is_installed, catalog.of(entry.name)) for entry in index.entries_of(registry)
            ]
        except InvalidInput as error:
            problems.append(f"{registry.name}: {error.message} {error.hint}".rstrip())
    if unread:
        why = f"titles and groups of {', '.join(unread)} are not shown: no parser for YAML is installed."
        problems.append(f'{why} Install it: python -m pip install "ruamel.yaml>=0.18"')
    return RegistryModels(tuple(sorted(models, key=lambda row: (row.name, row.registry))), tuple(problems))


def show_registry_model(text: str) -> RegistryModelView:
    """Return what a registry says about a model, by its name or ``REGISTRY/NAME``.

    Raises
    ------
    DissmodelError
        If no registry or more than one has that model, or its TOML can't be used.
    """
    settings = load_settings()
    entry = index.find(text, settings, packages=False)
    if entry is None:
        usable = [entry for entry in index.entries(settings) if entry.spec is not None]
        near = index.near(text, [entry.qualified if "/" in text else entry.name for entry in usable])
        raise UsageError(
            f"No registry has a model {text!r}.",
            f"{near} List them: dissmodel registry list".strip(),
            code="unknown_model",
        )
    assert entry.spec is not None
    said = {"resolved_spec": entry.spec.model, "parameters": entry.spec.parameters}
    shown = redact_document(said)  # whoever wrote it may have given away what is a secret
    registry = next(one for one in index.registries(settings) if one.name == entry.registry)
    return RegistryModelView(
        _row(entry, _installed(), index.catalog_of(registry).of(entry.name)),
        registry.url,
        entry.commit,
        entry.path,
        shown["resolved_spec"],
        shown["parameters"],
    )


def _installed() -> Callable[[Spec], bool]:
    """Return a function that tells whether a run would find a spec's model here, without an installation."""
    models = {offer.name for offer in plugins.offers()}
    packages = set(environments.ready(load_settings().data_dir))
    return lambda spec: spec.package.strip() in packages if spec.package else spec.executor in models


def _row(
    entry: index.RegistryEntry, is_installed: Callable[[Spec], bool], said: CatalogEntry
) -> RegistryModel:
    spec = entry.spec or Spec(entry.path, {})
    return RegistryModel(
        entry.name,
        entry.registry,
        spec.substrate,
        redact(spec.package),
        redact(said.description or spec.description),
        entry.spec is not None and is_installed(spec),
        (entry.problem or entry.warning).removeprefix(f"{entry.path}: "),
        entry.spec is not None,
        redact(said.title),
        redact(said.group),
    )
