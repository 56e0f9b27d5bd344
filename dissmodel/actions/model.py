"""From a request's model, TOML and parameters to an executor and its layers of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dissmodel.errors import UsageError
from dissmodel.executor.parameters import Layer
from dissmodel.registry import plugins
from dissmodel.registry.spec import Spec


def find_model(name: str | None, spec: Spec | None) -> plugins.Model:
    """Return the model that was typed, or that the TOML names.

    Raises
    ------
    UsageError
        If neither names one, or each names another.
    """
    if spec is None:
        if name is None:
            raise UsageError("Which model?", "Name one, or a TOML that does. List them: dissmodel show")
        return plugins.find(name)
    if name is None or name == spec.model.get("name"):
        if spec.executor is None:
            raise UsageError(
                f"{spec.path} names no model.",
                'Add class = "MODEL" to its [model], or type the model\'s name.',
            )
        name = spec.executor
    elif spec.executor is not None and ".py" not in name and name.rpartition("/")[2] != spec.executor:
        raise UsageError(
            f"{spec.path} is for the model {spec.executor!r}, not {name!r}.", "Give one of the two only."
        )
    return plugins.find(name, spec.model.get("executor_module"))


def parameter_layers(spec: Spec | None, given: Mapping[str, Any]) -> list[Layer]:
    """Return the places that parameters come from, the weakest first."""
    layers = [Layer("command line", given, "--param")]
    if spec is not None:
        layers.insert(0, Layer("spec", spec.parameters, str(spec.path)))
    return layers
