"""Which models there are, and what one of them takes."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from dissmodel import known_models, markup
from dissmodel.errors import DissmodelError
from dissmodel.executor import parameters
from dissmodel.executor.host import InProcess, ModelInfo, Reach
from dissmodel.registry import built_in, index, plugins
from dissmodel.running.model import ModelRequest, known_model, load, open_model, parameter_layers


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

    def _repr_html_(self) -> str:
        rows = [(row.name, row.substrate, row.source, row.summary) for row in self.models]
        return markup.cell(lambda: markup.table(("model", "substrate", "source", "what it is"), rows))


@dataclass(frozen=True)
class ModelView:
    """A model, its parameters, and the values of each band or column that it needs, for people."""

    row: ModelRow
    parameters: tuple[parameters.Parameter, ...]
    declared: bool
    warnings: tuple[str, ...]
    input_fields: Mapping[str, str]
    reach: Reach | None = None  # of a step, where the model can be asked

    def _repr_html_(self) -> str:
        def content() -> str:
            head = ("parameter", "type", "unit", "bounds", "value", "from", "what it is")
            rows = [
                (one.name, one.type, one.unit, one.bounds, one.value, one.origin, one.description)
                for one in self.parameters
            ]
            fields = markup.table(("band or column", "values"), self.input_fields.items())
            return (
                markup.paragraph(f"{self.row.name}: {self.row.summary}")
                + (fields if self.input_fields else "")
                + markup.table(head, rows)
            )

        return markup.cell(content)


def list_models() -> ModelList:
    """Return every model that an installed package or a registry offers; a broken one is a problem, no error.

    What a registry offers is shown as its TOML has it, and a built-in model as its source has it: neither is
    loaded, and nothing is installed for that.
    """
    models = []
    problems = []
    unknown = []
    for offer in plugins.offers():
        is_built_in = offer.origin == plugins.BUILTIN
        declared = built_in.declaration(offer.entry_point.value) if is_built_in else None
        if declared is not None:
            models.append(ModelRow(offer.name, declared.substrate, offer.origin, declared.summary))
            continue
        try:
            model = load(offer.load)
            host = InProcess(model.executor, model.origin)
            models.append(_row(host.info))
            if not known_models.is_noted(offer.name, None, ""):
                unknown.append(known_model(host, offer.name))
        except DissmodelError as error:
            problems.append(error.message)
    for entry in index.entries():
        if entry.spec is None:
            problems.append(entry.problem)
        else:
            models.append(
                ModelRow(entry.qualified, entry.spec.substrate, entry.registry, entry.spec.description)
            )
    known_models.note(unknown, _names() | {row.name: row.summary for row in models})
    return ModelList(tuple(models), tuple(problems))


def note_names() -> None:
    """Keep the names of all models, also those of registries: the shell completes them."""
    with contextlib.suppress(DissmodelError):  # a registry that can't be read has no names
        known_models.note([], _names())


def _names() -> dict[str, str]:
    offered = (offer.name for offer in plugins.offers())
    return dict.fromkeys([*plugins.aliases(), *offered, *index.names()], "")


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
            host.input_fields(resolved) if isinstance(host, InProcess) else info.input_fields,
            host.reach(resolved),
        )


def _row(info: ModelInfo) -> ModelRow:
    return ModelRow(info.name, info.substrate, info.origin, info.summary)
