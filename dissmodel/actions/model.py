"""From a request's model, TOML and parameters to an executor and its layers of parameters."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dissmodel.errors import UsageError
from dissmodel.executor import ModelExecutor
from dissmodel.executor.parameters import Layer, Resolved
from dissmodel.record import DataSource, ExperimentRecord
from dissmodel.registry import plugins
from dissmodel.registry.spec import Spec


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """Which model, and its parameters.

    Attributes
    ----------
    model : str or None
        As `dissmodel.registry.plugins.find` takes it; None: the one that `toml` names.
    toml : Path or None
        The model's TOML.
    parameters : Mapping
        Given on the command line, under any of their names.
    executor : type[ModelExecutor] or None
        The model itself, where the caller has it.
    """

    model: str | None = None
    toml: Path | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    executor: type[ModelExecutor] | None = None


@dataclass(frozen=True, kw_only=True)
class DataRequest(ModelRequest):
    """A model, and how to read its input and where to write its output.

    Attributes
    ----------
    output : str or None
        The result's path; None: a name made of the model's and the run's.
    band_map, column_map : Mapping of str to str
        Canonical name → name in the file; they win over those of the TOML.
    format : str
        ``auto``, ``raster``, ``tiff`` or ``vector``.
    layer : str or None
        Which of several datasets.
    overwrite : bool
        Whether an earlier result may be replaced.
    """

    output: str | None = None
    band_map: Mapping[str, str] = field(default_factory=dict)
    column_map: Mapping[str, str] = field(default_factory=dict)
    format: str = "auto"
    layer: str | None = None
    overwrite: bool = False

    def record(self, model: plugins.Model, spec: Spec | None, resolved: Resolved) -> ExperimentRecord:
        """Return a run's record with what the request says, before its input is looked at."""
        return ExperimentRecord(
            model_name=model.executor.name,
            resolved_spec=spec.resolved if spec is not None else {},
            source=DataSource(layer=self.layer),
            input_format="raster" if self.format == "tiff" else self.format,
            band_map={**(spec.bands if spec else {}), **self.band_map},
            column_map={**(spec.columns if spec else {}), **self.column_map},
            parameters=resolved.values,
            parameter_origin=resolved.origin,
        )


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
