"""The models that jobs may name, from the last sync and what is installed; no model's code is imported."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dissmodel import temporary
from dissmodel.environments import Requirement
from dissmodel.errors import InvalidInput, did_you_mean
from dissmodel.experiment.naming import naming
from dissmodel.record.redact import redact, redact_document
from dissmodel.registry import index, plugins
from dissmodel.registry.spec import Spec, load_spec
from dissmodel.service.refusals import refused

_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}(/[A-Za-z0-9_-]{1,100})?")
_LOG = logging.getLogger(__name__)
_INLINE = "model_spec_toml"


@dataclass(frozen=True)
class Model:
    """A model that a job can run: the tables of its spec, and the registry that they are from.

    An installed model has no spec. `given` are parameters that its client wrote into the spec.
    """

    name: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    registry: str = ""
    commit: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)


def list_models(summary: Callable[[Model], str]) -> list[dict[str, Any]]:
    """Return a row for each model of registries and installed packages, also for those with a problem.

    `summary` tells what a model of an installed package is.
    """
    known, offers = index.registries(), plugins.offers()
    found = [(registry, entry) for registry in known for entry in _entries(registry)]
    times = Counter([*(entry.name for _, entry in found), *(offer.name for offer in offers)])
    rows = []
    for registry, entry in found:
        spec, about = entry.spec or Spec(entry.path, {}), index.catalog_of(registry).of(entry.name)
        name = entry.name if times[entry.name] == 1 else entry.qualified
        text = redact(about.description or spec.description)
        problem = (entry.problem or entry.warning).removeprefix(f"{entry.path}: ") or None
        row = {"name": name, "class": spec.executor, "description": text, "registry": entry.registry}
        row |= {"commit": entry.commit, "package": redact(spec.package) or None, "problem": problem}
        rows.append({**row, "title": about.title or None, "group": about.group or None})
    for offer in offers:
        name = offer.name if times[offer.name] == 1 else offer.qualified
        of_installed = dict.fromkeys(("title", "group", "commit", "package", "problem"))
        text = summary(Model(name))
        row = {"name": name, "class": offer.name, "description": text, "registry": offer.origin}
        rows.append({**of_installed, **row})
    return sorted(rows, key=lambda row: str(row["name"]))


def find_model(name: str, package: str | None = None) -> Model:
    """Return the model that a client named: ``name`` or ``registry/name``, never a file.

    Parameters
    ----------
    name : str
        Its name.
    package : str, optional
        The package that has it, in place of what the registry says.

    Raises
    ------
    UsageError
        If there is no such model (code ``"unknown_model"``), or several (``"ambiguous_model"``), or it can't
        have that name (``"bad_model_name"``) or package (``"bad_package"``).
    InvalidInput
        If its TOML can't be used.
    """
    _check_name(name)
    entry = index.find(name, packages=False)
    offers = [offer for offer in plugins.offers() if name in {offer.name, offer.qualified}]
    sources = [offer.qualified for offer in offers] + ([entry.qualified] if entry is not None else [])
    if len(sources) > 1:
        message = f"{name}: more than one package or registry offers this model: {', '.join(sources)}."
        raise refused("ambiguous_model", message)
    if not sources and package is None:
        known = [offer.name for offer in plugins.offers()] + [one.name for one in index.entries()]
        raise refused("unknown_model", f"There is no model {name!r}. {did_you_mean(name, known)}")
    found = Model(name)
    if entry is not None and entry.spec is not None:  # else `find` raises
        found = Model(name, entry.spec.resolved, entry.registry, entry.commit or "")
    if package is not None:
        table = {"name": name, "class": name, **found.spec.get("model", {})}
        table["package"] = _check_package(package, "package")
        found = Model(name, {"model": table}, found.registry, found.commit)
    return found


def inline_model(text: str) -> Model:
    """Return the model of a TOML that a client sent.

    Raises
    ------
    UsageError
        If it names a file, a folder, or a module of this machine (codes ``"bad_model_name"``,
        ``"bad_package"``).
    InvalidInput
        If it can't be used.
    """
    with temporary.new_folder() as folder:
        path = folder / "model.toml"
        with naming({str(path): _INLINE}):
            path.write_text(text, encoding="utf-8")
            spec = load_spec(path)
    name = spec.executor
    if name is None:
        raise refused("bad_model_name", f"{_INLINE}: its [model] has no class, so it names no model.")
    for one in (name, spec.model.get("name", name)):
        _check_name(str(one))
    if spec.package:
        _check_package(spec.package, f"{_INLINE}: package")
    elif "executor_module" in spec.model:
        raise refused("bad_package", f"{_INLINE}: it has executor_module without package.")
    return Model(str(spec.model.get("name", name)), spec.resolved, given=spec.parameters)


def shown_spec(model: Model) -> Any:
    """Return the tables of a model's spec without secrets that its author wrote into them."""
    tables = model.spec or {"model": {"name": model.name, "class": model.name}}
    return redact_document({"resolved_spec": tables})["resolved_spec"]


def _entries(registry: index.Registry) -> tuple[index.RegistryEntry, ...]:
    try:
        return index.entries_of(registry)
    except InvalidInput as error:  # the folder of a registry that is read in place is none any more
        _LOG.warning("%s: %s", registry.name, error.message)
        return ()


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise refused("bad_model_name", f"{name[:80]!r} is not the name of a model.")


def _check_package(text: str, what: str) -> str:
    if Requirement.parse(text, Path.cwd()).kind == "path":
        raise refused("bad_package", f"{what}: {text[:80]!r} is a folder of this machine.")
    return text
