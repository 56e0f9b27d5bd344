"""Which models there are, and what one of them takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dissmodel.errors import DissmodelError
from dissmodel.executor import parameters
from dissmodel.executor.host import InProcess, ModelInfo, Reach
from dissmodel.registry import index, plugins
from dissmodel.running.model import ModelRequest, load, open_model, parameter_layers


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
    """A model, its parameters, and the values of each band or column that it needs, for people."""

    row: ModelRow
    parameters: tuple[parameters.Parameter, ...]
    declared: bool
    warnings: tuple[str, ...]
    input_fields: Mapping[str, str]
    reach: Reach | None = None  # of a step, where the model can be asked


def list_models() -> ModelList:
    """Return every model that an installed package or a registry offers; a broken one is a problem, no error.

    What a registry offers is shown as its TOML has it; nothing is installed for that.
    """
    models = []
    problems = []
    for offer in plugins.offers():
        try:
            model = load(offer.load)
            models.append(_row(InProcess(model.executor, model.origin).info))
        except DissmodelError as error:
            problems.append(error.message)
    for entry in index.entries():
        if entry.spec is None:
            problems.append(entry.problem)
        else:
            models.append(
                ModelRow(entry.qualified, entry.spec.substrate, entry.registry, entry.spec.description)
            )
    return ModelList(tuple(models), tuple(problems))


def show_model(request: ModelRequest) -> ModelView:
    """Return a model's parameters, resolved as a run would resolve them."""
    with open_model(request) as model:
        host = model.host
        checked = host.check(parameter_layers(model.spec, request.parameters, request.parameters_from))
        resolved = checked.incomplete or parameters.settled(checked, request.see_parameters)
        info = host.info
        return ModelView(
            _row(info),
            host.describe(resolved),
            info.declared,
            resolved.warnings,
            info.input_fields,
            host.reach(resolved),
        )


def _row(info: ModelInfo) -> ModelRow:
    return ModelRow(info.name, info.substrate, info.origin, info.summary)
