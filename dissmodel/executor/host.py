"""Where a model's code runs: in this process, or in one of its own with other packages."""

from __future__ import annotations

import contextlib
import importlib
import random
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dissmodel import progress
from dissmodel.errors import UsageError
from dissmodel.executor import parameters
from dissmodel.executor.config import output_base, thread_limit
from dissmodel.executor.declared import wrong_declarations
from dissmodel.executor.findings import Finding
from dissmodel.executor.model_executor import ModelExecutor
from dissmodel.executor.runner import execute_lifecycle
from dissmodel.executor.testing import ExecutorTestHarness
from dissmodel.executor.watched import Given
from dissmodel.geo.legend import Legend
from dissmodel.record import Code, ExperimentRecord, Runtime, capture, identity


@dataclass(frozen=True)
class Face:
    """What a model says of itself; see `ModelExecutor`.

    Attributes
    ----------
    name, substrate, summary, output_suffix, output_suffixes, legends
        As the executor's class has them.
    declared : bool
        Whether it declares its parameters.
    origin : str
        Where it is from: ``builtin``, a distribution, a registry or a file.
    """

    name: str
    substrate: str = ""
    summary: str = ""
    output_suffix: str = ""
    output_suffixes: tuple[str, ...] = ()
    legends: Mapping[str, Legend] = field(default_factory=dict)
    declared: bool = False
    origin: str = ""


@dataclass(frozen=True)
class Surroundings:
    """What a run may use.

    Attributes
    ----------
    base : Path
        Where outputs without a path go.
    threads : int or None
        How many threads; None: all there are.
    seed : int or None
        For the random numbers of Python and NumPy.
    """

    base: Path
    threads: int | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Usage:
    """What a run took: CPU seconds, bytes at most, the native libraries that it loaded; None: not known."""

    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    native: dict[str, dict[str, str]] | None = None


class Host(Protocol):
    """Runs one model. Whatever `run` raises is what the model raised."""

    @property
    def face(self) -> Face:
        """What the model says of itself."""

    def code(self) -> Code:
        """Return which code defines the model."""

    def runtime(self, code: Code, load: Sequence[str] = ()) -> Runtime:
        """Return the machine and the libraries that the model runs with; first import `load`, where there."""

    def check(self, layers: Sequence[parameters.Layer]) -> parameters.Checked:
        """Merge and check parameters, as `dissmodel.executor.parameters.check` does."""

    def describe(self, resolved: parameters.Resolved) -> tuple[parameters.Parameter, ...]:
        """Return a row per parameter."""

    def contract(self) -> tuple[Finding, ...]:
        """Check the executor contract."""

    def inspect(self, record: ExperimentRecord) -> Iterable[Finding]:
        """Say what is known about the record's input without running; write nothing."""

    def run(self, record: ExperimentRecord, around: Surroundings) -> ExperimentRecord:
        """Run the lifecycle and return what ``save`` returned; if it fails, `record` has what it noted."""

    def usage(self) -> Usage:
        """Return what it took so far."""


class InProcess:
    """Runs a model in this process.

    Parameters
    ----------
    executor : type[ModelExecutor]
        The model.
    origin : str
        Where it is from.
    distribution : str, optional
        The installed distribution that offers it.

    Raises
    ------
    UsageError
        If the class declares something as what it can't be.
    """

    def __init__(
        self, executor: type[ModelExecutor], origin: str = "", distribution: str | None = None
    ) -> None:
        for wrong in wrong_declarations(executor):
            raise UsageError(
                f"The model {executor.name}: {wrong.message}.",
                f"Write in the class {executor.__name__}: {wrong.example}",
                code="model_unloadable",
            )
        self.executor = executor
        self._origin = origin
        self._distribution = distribution

    @property
    def face(self) -> Face:
        """What the class says."""
        one = self.executor
        return Face(
            name=one.name,
            substrate=one.substrate,
            summary=one.summary(),
            output_suffix=one.output_suffix,
            output_suffixes=tuple(one.output_suffixes),
            legends=one.legends,
            declared=one.Parameters is not None,
            origin=self._origin,
        )

    def code(self) -> Code:
        """Return the code of the class."""
        return identity.code_of(self.executor, self._distribution)

    def runtime(self, code: Code, load: Sequence[str] = ()) -> Runtime:
        """Return this process's."""
        for name in load:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        return capture.runtime(code)

    def check(self, layers: Sequence[parameters.Layer]) -> parameters.Checked:
        """Check against ``Parameters``."""
        return parameters.check(self.executor.Parameters, layers)

    def describe(self, resolved: parameters.Resolved) -> tuple[parameters.Parameter, ...]:
        """Return a row per parameter of ``Parameters``."""
        return parameters.describe(self.executor.Parameters, resolved)

    def contract(self) -> tuple[Finding, ...]:
        """Check the class."""
        return ExecutorTestHarness(self.executor).findings()

    def inspect(self, record: ExperimentRecord) -> Iterable[Finding]:
        """Ask the model; what it prints must not mix with findings on standard output."""
        with contextlib.redirect_stdout(sys.stderr):
            yield from self.executor().inspect(record)

    def run(self, record: ExperimentRecord, around: Surroundings) -> ExperimentRecord:
        """Run it here."""
        if around.seed is not None:
            seed(around.seed)
        given = Given.in_record(record)
        try:
            with output_base(around.base), thread_limit(around.threads):
                saved, _ = execute_lifecycle(self.executor(), record)
        except Exception as error:
            given.explain(error)
            raise
        for sentence in given.never_read(declared=self.executor.Parameters is not None):
            progress.current().warn(sentence)
        return saved

    def usage(self) -> Usage:
        """Return what this process took."""
        return Usage(round(time.process_time(), 3), capture.peak_memory_bytes(), capture.native())


def seed(number: int) -> None:
    """Seed the generators that a model may draw from without one of its own."""
    import numpy as np  # noqa: PLC0415  (only a seeded run needs it here)

    random.seed(number)
    np.random.seed(number % 2**32)  # noqa: NPY002  (the global generator is the one to seed)
