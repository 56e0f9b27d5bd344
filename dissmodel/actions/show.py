"""Which models there are, and what one of them takes."""

from __future__ import annotations

from dataclasses import dataclass

from dissmodel.actions.model import ModelRequest, find_model, load, parameter_layers
from dissmodel.errors import DissmodelError
from dissmodel.executor import parameters
from dissmodel.registry import plugins
from dissmodel.registry.spec import load_spec


@dataclass(frozen=True)
class ModelRow:
    """One line of the list."""

    name: str
    substrate: str
    source: str
    summary: str


@dataclass(frozen=True)
class ModelList:
    """Every model that can be loaded, and what is wrong with the others."""

    models: tuple[ModelRow, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class ModelView:
    """A model and its parameters."""

    row: ModelRow
    parameters: tuple[parameters.Parameter, ...]
    declared: bool
    warnings: tuple[str, ...]


def list_models() -> ModelList:
    """Return every model that an installed package offers; a broken one is a problem, not an error."""
    models = []
    problems = []
    for offer in plugins.offers():
        try:
            models.append(_row(load(offer.load)))
        except DissmodelError as error:
            problems.append(error.message)
    return ModelList(tuple(models), tuple(problems))


def show_model(request: ModelRequest) -> ModelView:
    """Return a model's parameters, resolved as a run would resolve them.

    Raises
    ------
    DissmodelError
        If there is no such model, or a parameter is unknown or out of bounds.
    """
    spec = load_spec(request.toml) if request.toml is not None else None
    model = find_model(request.model, spec, request.executor)
    declared = model.executor.Parameters
    resolved = parameters.resolve(declared, parameter_layers(spec, request.parameters))
    rows = parameters.describe(declared, resolved)
    return ModelView(_row(model), rows, declared is not None, resolved.warnings)


def _row(model: plugins.Model) -> ModelRow:
    executor = model.executor
    return ModelRow(executor.name, executor.substrate, model.origin, executor.summary())
