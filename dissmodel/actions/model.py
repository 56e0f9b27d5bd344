"""From a request's model, TOML and parameters to an executor and its layers of parameters."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from dissmodel.errors import UsageError
from dissmodel.executor import ModelExecutor
from dissmodel.executor.parameters import Layer
from dissmodel.registry import plugins
from dissmodel.registry.spec import Spec


def find_model(
    name: str | None, spec: Spec | None, executor: type[ModelExecutor] | None = None
) -> plugins.Model:
    """Return the model that was typed, or that the TOML names; or `executor`, where the caller has it.

    Raises
    ------
    UsageError
        If neither names one, or each names another.
    """
    if executor is not None:
        return plugins.Model(executor, executor.__module__)
    module = None
    if spec is not None:
        name = _one_name(name, spec)
        module = spec.model.get("executor_module")
    if name is None:
        raise UsageError("Which model?", "Name one, or a TOML that does. List them: dissmodel show")
    typed = name
    return load(lambda: plugins.find(typed, module))


def _one_name(name: str | None, spec: Spec) -> str:
    if name is None or name == spec.model.get("name"):
        if spec.executor is None:
            raise UsageError(
                f"{spec.path} names no model.",
                'Add class = "MODEL" to its [model], or type the model\'s name.',
            )
        return spec.executor
    if spec.executor is not None and ".py" not in name and name.rpartition("/")[2] != spec.executor:
        raise UsageError(
            f"{spec.path} is for the model {spec.executor!r}, not {name!r}.", "Give one of the two only."
        )
    return name


def load(find: Callable[[], plugins.Model]) -> plugins.Model:
    """Import a model; what its module prints is kept off standard output, which is for results.

    Raises
    ------
    UsageError
        If what was found does not inherit from `ModelExecutor`.
    """
    with contextlib.redirect_stdout(sys.stderr):
        model = find()
    if not issubclass(model.executor, ModelExecutor):
        raise UsageError(
            f"{model.origin}/{model.executor.name}: {model.executor.__name__} is no executor.",
            "Let the class inherit from dissmodel.executor.ModelExecutor.",
            code="model_unloadable",
        )
    return model


def parameter_layers(spec: Spec | None, given: Mapping[str, Any]) -> list[Layer]:
    """Return the places that parameters come from, the weakest first."""
    layers = [Layer("command line", given, "--param")]
    if spec is not None:
        layers.insert(0, Layer("spec", spec.parameters, str(spec.path)))
    return layers
