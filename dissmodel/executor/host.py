"""Where a model's code runs: in this process, or in one of its own with other packages."""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dissmodel import progress
from dissmodel.errors import UsageError
from dissmodel.executor import parameters
from dissmodel.executor.config import RunContext, within
from dissmodel.executor.declared import wrong_declarations
from dissmodel.executor.findings import Finding
from dissmodel.executor.model_executor import ModelExecutor
from dissmodel.executor.runner import execute_lifecycle
from dissmodel.executor.seeds import RunSeed, given_seed, seeded
from dissmodel.executor.watched import Given
from dissmodel.geo.legend import Legend
from dissmodel.record import Code, ExperimentRecord, Runtime, capture, identity


@dataclass(frozen=True)
class ModelInfo:
    """What a model's class declares; see `ModelExecutor`.

    `declared`: the model declares its parameters. `origin` is where it is from: ``builtin``, a distribution,
    a registry or a file. `names_files`: one of its parameters may name a file. `fields` and `inputs` are
    empty where the class declares none. `ends_early`: a condition on the measures of a step can end a run.
    `takes_memory`: a bound on memory can be given, and the model says whether it can run so.
    """

    name: str
    substrate: str = ""
    summary: str = ""
    output_suffix: str = ""
    output_suffixes: tuple[str, ...] = ()
    legends: Mapping[str, Legend] = field(default_factory=dict)
    input_fields: Mapping[str, str] = field(default_factory=dict)
    declared: bool = False
    origin: str = ""
    names_files: bool = False
    fields: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    ends_early: bool = False
    takes_memory: bool = False


@dataclass(frozen=True)
class Reach:
    """How far a step of a model sees.

    `cells` is the distance, in cells, of the farthest cell that the next state of a cell depends on; None if
    the step needs the `whole` space, or if the distance is not known: `why` says why.
    """

    cells: int | None
    why: str = ""
    whole: bool = False

    @property
    def said(self) -> str:
        """The reach, for people."""
        if self.cells is None:
            return f"{'needs the whole space' if self.whole else 'reach not known'}: {self.why}"
        return f"reach: {self.cells} cell{'' if self.cells == 1 else 's'}"


@dataclass(frozen=True)
class Usage:
    """What a run took: CPU seconds, bytes at most, the native libraries that it loaded; None: not known."""

    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    native: dict[str, dict[str, str]] | None = None


class InProcess:
    """Runs a model in this process; whatever `run` raises is what the model raised.

    `origin` is where the model is from, `distribution` the installed distribution that offers it.
    """

    _asked = 0.0

    def __init__(
        self, executor: type[ModelExecutor], origin: str = "", distribution: str | None = None
    ) -> None:
        for wrong, example in wrong_declarations(executor):
            raise UsageError(
                f"The model {executor.name}: {wrong}.",
                f"Write in the class {executor.__name__}: {example}",
                code="model_unloadable",
            )
        self.executor = executor
        self._origin = origin
        self._distribution = distribution

    @property
    def info(self) -> ModelInfo:
        """What the class declares."""
        model = self.executor
        return ModelInfo(
            name=model.name,
            substrate=model.substrate,
            summary=model.summary(),
            output_suffix=model.output_suffix,
            output_suffixes=tuple(model.output_suffixes),
            legends=model.legends,
            input_fields=model.input_fields,
            declared=model.Parameters is not None,
            origin=self._origin,
            names_files=parameters.names_files(model.Parameters),
            fields=_texts(model.fields),
            inputs=_texts(model.inputs),
            ends_early=getattr(model, "ends_early", False) is True,
            takes_memory=getattr(model, "takes_memory", False) is True,
        )

    def source_files(self) -> frozenset[str]:
        """Return the files that the model's class and that of its parameters, and those above, are in."""
        classes = {*self.executor.__mro__, *(getattr(self.executor.Parameters, "__mro__", ()))}
        modules = (sys.modules.get(one.__module__) for one in classes)
        return frozenset(file for one in modules if (file := getattr(one, "__file__", None)) is not None)

    def code(self) -> Code:
        """Return which code defines the model."""
        return identity.code_of(self.executor, self._distribution)

    def runtime(self, code: Code, load: Sequence[str] = ()) -> Runtime:
        """Return the machine and the libraries of this process; first import `load`, where installed."""
        for name in load:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        return capture.runtime(code)

    def check(self, layers: Sequence[parameters.ParameterLayer]) -> parameters.Checked:
        """Merge and check parameters."""
        return parameters.check(self.executor.Parameters, layers)

    def recheck(
        self, layers: Sequence[parameters.ParameterLayer], rows: Sequence[Mapping[str, Any]]
    ) -> parameters.Rechecked:
        """Check many sets of values over the same layers."""
        return parameters.recheck(self.executor.Parameters, layers, rows)

    def describe(self, resolved: parameters.ResolvedParameters) -> tuple[parameters.Parameter, ...]:
        """Return a row per parameter."""
        return parameters.describe(self.executor.Parameters, resolved)

    def input_fields(self, resolved: parameters.ResolvedParameters) -> Mapping[str, str]:
        """Return what each band or column of the input may hold, with these parameters."""
        find = getattr(self.executor, "fields_taken", None)
        return self.info.input_fields if find is None else find(resolved.values)

    def reach(self, resolved: parameters.ResolvedParameters) -> Reach | None:
        """Return how far a step sees with these parameters; None for a model that can't be asked."""
        find = getattr(self.executor, "step_reach", None)
        with contextlib.redirect_stdout(sys.stderr):  # what a rule prints is no answer
            return None if find is None else find(resolved.values)

    def schema(self) -> dict[str, Any] | None:
        """Return the JSON Schema of the parameters; None if the model declares none."""
        return parameters.schema(self.executor.Parameters)

    def contract(self) -> tuple[Finding, ...]:
        """Check the executor contract."""
        from dissmodel.executor.testing import ExecutorTestHarness  # noqa: PLC0415  (a run needs none of it)

        return ExecutorTestHarness(self.executor).findings()

    def inspect(self, record: ExperimentRecord) -> Iterable[Finding]:
        """Return what is known about the record's input without running; write nothing."""
        with contextlib.redirect_stdout(sys.stderr):  # findings go to standard output
            yield from self.executor().inspect(record)

    def run(self, record: ExperimentRecord, context: RunContext) -> ExperimentRecord:
        """Run the lifecycle and return what ``save`` returned; if it fails, `record` has what it noted."""
        seed = RunSeed(given_seed(context.seed, record.parameters))
        given = Given.in_record(record)
        saved = record
        try:
            with within(context), seeded(seed, self.executor):
                saved, _ = execute_lifecycle(self.executor(), record)
        except Exception as error:
            given.explain(error)
            raise
        finally:
            saved.seed = seed.value if seed.used else context.seed
        for sentence in given.never_read(declared=self.executor.Parameters is not None):
            progress.current().warn(sentence)
        return saved

    def usage(self) -> Usage:
        """Return what this process took since it began, or since it was last asked."""
        before, InProcess._asked = InProcess._asked, time.process_time()
        return Usage(round(InProcess._asked - before, 3), capture.peak_memory_bytes(), capture.native())


def _texts(declared: object) -> tuple[str, ...]:
    """Return the texts of a declaration; a class of another package may mean something else by the name."""
    if isinstance(declared, Mapping | tuple | list | set | frozenset):
        return tuple(one for one in declared if isinstance(one, str))
    return ()
