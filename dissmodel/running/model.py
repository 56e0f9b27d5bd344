"""From a request's model, TOML and parameters to an executor and its layers of parameters."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dissmodel import known_models
from dissmodel.config import load_settings
from dissmodel.consent import Consent
from dissmodel.errors import UsageError, shell_word
from dissmodel.executor import ModelExecutor
from dissmodel.executor.host import InProcess
from dissmodel.executor.named_files import NamedFile, is_class_map_file
from dissmodel.executor.parameters import ParameterLayer, ResolvedParameters
from dissmodel.record import DataSource, ExperimentRecord, about
from dissmodel.record.digest import sha256_bytes
from dissmodel.registry import index, plugins
from dissmodel.registry.spec import Spec, load_spec, plain_spec, spec_of
from dissmodel.running.others import OtherInput

if TYPE_CHECKING:
    from dissmodel.environments import Requirement, Resolved
    from dissmodel.executor.isolated import Host
    from dissmodel.executor.parameters import Origin

_PLAIN = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)?")
_SHOWN = 80


@dataclass(frozen=True)
class GivenSpec:
    """A model's spec that the caller has, as a registry had it once.

    `tables` are those of its TOML; `origin` is what people call it, such as ``coast/flood``; `commit` is the
    registry's (empty: it is from none). `package` is its package as it was resolved; None: it is resolved
    anew.
    """

    tables: Mapping[str, Any]
    origin: str
    commit: str = ""
    package: Resolved | None = None


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """Which model, and its parameters.

    `model` is as `dissmodel.registry.plugins.find` takes it (None: the model that `toml` or `spec` names);
    `parameters` are under any of their names, and `parameters_from` says who gave them; `executor` is the
    model itself, where the caller has it.
    """

    model: str | None = None
    toml: Path | None = None
    spec: GivenSpec | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    parameters_from: Origin = "command line"
    executor: type[ModelExecutor] | None = None
    consent: Consent = field(default_factory=Consent)

    @property
    def see_parameters(self) -> str:
        """A sentence with the command that lists the model's parameters."""
        if self.executor is not None:  # its own script has the command
            return "See them all with the command show."
        name = self.spec.origin if self.spec is not None else self.model
        words = [shell_word(name)] if name is not None else []
        words += ["--toml", shell_word(str(self.toml))] if self.toml is not None else []
        return f"See them all: dissmodel show {' '.join(words)}"


@dataclass(frozen=True, kw_only=True)
class DataRequest(ModelRequest):
    """A model, and how to read its input and where to write its output.

    `output` is the result's path (None: a name made of the model's and the run's); `band_map` and
    `column_map` are canonical name → name in the file, `class_map` is field → table of codes; they win over
    those of the TOML; `format` is ``auto``, ``raster``, ``tiff`` or ``vector``; `layer` is which of several
    datasets. `fields` has the names of fields that the first input is given for → its band or column, empty
    for its only one; `others` are the inputs beside it. `cog`: GeoTIFFs of the result are to be Cloud
    Optimized; None: as ``output.cog`` is set.
    """

    output: str | None = None
    band_map: Mapping[str, str] = field(default_factory=dict)
    column_map: Mapping[str, str] = field(default_factory=dict)
    class_map: Mapping[str, Any] = field(default_factory=dict)
    format: str = "auto"
    layer: str | None = None
    overwrite: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)
    others: tuple[OtherInput, ...] = ()
    cog: bool | None = None

    def record(self, name: str, spec: Spec | None, resolved: ResolvedParameters) -> ExperimentRecord:
        """Return a run's record with what the request says, before its input is looked at."""
        bands = {**(spec.bands if spec else {}), **self.band_map}
        columns = {**(spec.columns if spec else {}), **self.column_map}
        classes = {**(spec.class_map if spec else {}), **self.class_map}
        plain = plain_spec(name, resolved.values, bands, columns, class_map=classes)
        return ExperimentRecord(
            model_name=name,
            resolved_spec=spec.resolved if spec else plain,
            source=DataSource(layer=self.layer),
            input_format=self.format,
            band_map=bands,
            column_map=columns,
            class_map=classes,
            about=self._about(spec),
            parameters=resolved.values,
            parameter_origin=resolved.origin,
        )

    def _about(self, spec: Spec | None) -> dict[str, Any]:
        """Return what the user's own TOML says of the result, and for what it leaves out, the settings.

        A registry's TOML speaks of the model, and the settings of a server are not those of who sends a job.
        """
        found: dict[str, Any] = {}
        if self.parameters_from != "request":
            for name, setting in load_settings().settings.items():
                if name.startswith("about.") and setting.value is not None:
                    found |= about.settled({name.removeprefix("about."): setting.value}, setting.where)
        if spec is not None and spec.is_own:
            found |= spec.about
        return {name: found[name] for name in about.About.model_fields if name in found}


@dataclass(frozen=True)
class OpenedModel:
    """A model that can be run, and what is known of where it is from.

    `spec` is the TOML that the model was found by; `commit` is that of the registry with the TOML (empty: it
    is from none); `lock` has the exact packages of the model's environment, if it has its own.
    """

    host: Host
    spec: Spec | None = None
    commit: str = ""
    lock: str | None = None


@contextlib.contextmanager
def open_model(request: ModelRequest) -> Iterator[OpenedModel]:
    """Find a model, make the environment of its package where it has one, and hold it for the block.

    Raises
    ------
    UsageError
        If there is no such model, or more than one.
    ConsentRequired
        If a package would have to be installed, and the user has not agreed to that.
    DissmodelError
        If it can't be installed or loaded.
    """
    with _opened(request) as model:
        if request.executor is None and request.spec is None and request.parameters_from != "request":
            _note(request, model)
        yield model


def _note(request: ModelRequest, model: OpenedModel) -> None:
    """Keep what the model takes, if that is not kept yet: the shell completes it."""
    version = "" if model.lock is None else sha256_bytes(model.lock.encode())
    if not known_models.is_noted(request.model, request.toml, version):
        files = frozenset([str(model.spec.path)] if model.spec is not None else [])
        known_models.note([known_model(model.host, request.model, request.toml, files, version)])


def known_model(
    host: Host,
    model: str | None,
    toml: Path | None = None,
    files: frozenset[str] = frozenset(),
    version: str = "",
) -> known_models.KnownModel:
    """Return what a model declares; `files` are those that say so beside its code."""
    found = [
        known_models.KnownParameter(name, one.description, one.choices)
        for one in host.describe(ResolvedParameters({}, {}))
        for name in (one.name, *one.aliases)
    ]
    files |= host.source_files() if isinstance(host, InProcess) else frozenset()
    return known_models.KnownModel(model, toml, tuple(found), files, version)


@contextlib.contextmanager
def _opened(request: ModelRequest) -> Iterator[OpenedModel]:
    spec = _own_spec(request.toml) if request.toml is not None else None
    if request.executor is not None:
        yield OpenedModel(InProcess(request.executor, request.executor.__module__), spec)
        return
    name, qualified, commit, wanted = request.model, "", "", None
    is_shared = False  # with machines that lack the folders of this one
    if request.spec is not None:
        spec, qualified, commit = _given(request.spec), request.spec.origin, request.spec.commit
        name = wanted = str(spec.executor)
        is_shared = True
    elif spec is not None:
        name = one_name(request.model, spec)
    if name is None:
        raise UsageError("Which model?", "Name a model, or a TOML that does. List them: dissmodel show")
    entry = index.find(name) if spec is None and not _is_file(name) else None
    if entry is not None and entry.spec is not None:
        spec, qualified, commit = entry.spec, entry.qualified, entry.commit or ""
        wanted, is_shared = str(spec.executor), not entry.in_place
    package = spec.package if spec is not None and not _is_file(name) else ""
    if spec is None or not package:
        module = spec.model.get("executor_module") if spec is not None else None
        model = load(lambda: plugins.find(wanted or name, module))
        host = InProcess(model.executor, qualified or model.origin, model.distribution)
        yield OpenedModel(host, spec, commit)
        return
    # What builds environments takes as long to load as a small run, and most runs need none.
    from dissmodel.running.isolation import Isolation, isolated  # noqa: PLC0415  (as above)

    requirement = request.spec.package if request.spec is not None else None
    asked = Isolation(str(spec.executor), spec.model.get("executor_module"), qualified or str(spec.path))
    with isolated(
        requirement or required_package(spec, asked.origin, is_shared=is_shared), asked, request.consent
    ) as (host_there, lock):
        yield OpenedModel(host_there, spec, commit, lock)


def required_package(spec: Spec, origin: str, *, is_shared: bool) -> Requirement:
    """Return what a spec's package asks for; `is_shared`: the spec may be from another machine.

    Raises
    ------
    UsageError
        If that can't be read, or is a folder of a machine that may be another one.
    """
    from dissmodel.environments import Requirement  # noqa: PLC0415  (as above)

    requirement = Requirement.parse(spec.package, spec.path.parent)
    if requirement.kind == "path" and is_shared:
        raise UsageError(
            f"{origin}: its package is a folder, {spec.package}, which other machines don't have.",
            "Ask the maintainer of the registry to give the package as name==version or git+https://host/org/repo@tag.",
            code="bad_package",
        )
    return requirement


def _own_spec(path: Path) -> Spec:
    spec = load_spec(path)
    return replace(spec, is_own=True, about=about.settled(spec.about, str(path)))


def _given(given: GivenSpec) -> Spec:
    """Return a spec that the caller has; it may be anybody's, so it names no file."""
    spec = spec_of(given.tables, Path(f"{given.origin}.toml"))
    if not _PLAIN.fullmatch(spec.executor or ""):
        raise UsageError(
            f"{given.origin}: {str(spec.executor)[:_SHOWN]!r} is not the name of a model.",
            "Let class in its [model] be the name of a model: letters, digits, - and _.",
            code="unknown_model",
        )
    return spec


def _is_file(name: str) -> bool:
    return name.endswith(".py") or ".py:" in name


def one_name(name: str | None, spec: Spec) -> str:
    """Return the model that is run where a name, or none, is given with a TOML.

    Raises
    ------
    UsageError
        If the TOML is for another model, or neither names one.
    """
    if name is None or name == spec.model.get("name"):
        if spec.executor is None:
            raise UsageError(
                f"{spec.path} names no model.",
                "Add class, with the name of a model, to its [model], or type that name. "
                "List them: dissmodel show",
            )
        return spec.executor
    if spec.executor is not None and ".py" not in name and name.rpartition("/")[2] != spec.executor:
        raise UsageError(
            f"{spec.path} is for the model {spec.executor!r}, not {name!r}.", "Give only one of the two."
        )
    return name


def load(find: Callable[[], plugins.LoadedModel]) -> plugins.LoadedModel:
    """Import a model; what its module prints is kept off standard output, which is for results."""
    with contextlib.redirect_stdout(sys.stderr):
        model = find()
    if not issubclass(model.executor, ModelExecutor):
        raise UsageError(
            f"{model.origin}/{model.executor.name}: {model.executor.__name__} is not an executor.",
            "Let the class inherit from dissmodel.executor.ModelExecutor.",
            code="model_unloadable",
        )
    return model


def parameter_layers(
    spec: Spec | None, given: Mapping[str, Any], given_by: Origin = "command line"
) -> list[ParameterLayer]:
    """Return the places that parameters come from, the weakest first."""
    place = "--param" if given_by == "command line" else "parameters"
    # Who sends a request is on another machine.
    layers = [ParameterLayer(given_by, given, place, None if given_by == "request" else ".")]
    if spec is not None:
        folder = None if spec.folder is None else str(spec.folder)
        layers.insert(
            0,
            ParameterLayer("spec", spec.parameters, str(spec.path), folder, is_foreign=not spec.is_own),
        )
    return layers


def class_map_files(
    request: DataRequest, spec: Spec | None, layers: Sequence[ParameterLayer]
) -> list[NamedFile]:
    """Return the files of class maps, as ``class_map.FIELD``; `layers` are those of the parameters.

    Raises
    ------
    UsageError
        If one is named where files can't be.
    """
    given = {name: (one, layers[-1]) for name, one in request.class_map.items()}
    of_spec = {name: (one, layers[0]) for name, one in spec.class_map.items()} if spec is not None else {}
    return [
        NamedFile(place := f"class_map.{name}", layer.locate(place, one))
        for name, (one, layer) in {**of_spec, **given}.items()
        if is_class_map_file(one)
    ]
