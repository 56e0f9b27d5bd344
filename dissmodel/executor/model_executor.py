"""The contract between a model and whatever runs it."""

from __future__ import annotations

import inspect
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from dissmodel.executor.findings import Collector, Finding, look_at_dataset
from dissmodel.geo.legend import Legend
from dissmodel.record import ExperimentRecord
from dissmodel.record.digest import sha256_bytes, sha256_file
from dissmodel.registry.classes import ExecutorRegistry


class ModelExecutor(ABC):
    """A model that can be run: four steps in this order, each given the run's record.

    ``validate(record)`` → ``data = load(record)`` → ``result = run(data, record)`` →
    ``record = save(result, record)``. A subclass with a ``name`` registers itself when it is defined.

    Attributes
    ----------
    name : str
        What a user types to run it.
    Parameters : type[pydantic.BaseModel] or None
        The model's parameters, with types, bounds, defaults and ``description``; the unit stands in
        ``json_schema_extra={"unit": ...}``, published names in ``validation_alias=AliasChoices(name, ...)``.
        With it, an unknown parameter is an error; without it, parameters pass through as they are, and a run
        warns of those that the model never read.
    substrate : str
        ``"raster"`` or ``"vector"``; empty if unknown.
    output_suffix : str
        The suffix of the result where a user names none, such as ``".tif"``; ``"/"`` where the result is a
        folder; empty where the model decides.
    output_suffixes : tuple[str, ...]
        Every suffix that the model can write; empty: unknown, no suffix is refused.
    fields : Iterable[str]
        The bands or columns that it reads, by its own names for them; empty: unknown. With several inputs the
        fields that the first input lacks are taken from the others.
    inputs : Iterable[str]
        The names of inputs that it opens itself, such as ``("result", "reference")``; empty: it reads one
        dataset. Of several inputs the first is ``record.source``, the others are in ``record.sources``.
    legends : Mapping[str, Legend]
        Band or column of the result → its classes. Maps are drawn with them, the first first. When results
        are compared, classes must be equal; a tolerance applies to numbers only.
    input_fields : Mapping[str, str]
        Band or column that the model needs in the input → the values that it takes, for people.
    measure_units : Mapping[str, str]
        Measure of a step, or metric → its unit, such as ``"m"``, which charts show.

    Examples
    --------
    >>> class Nothing(ModelExecutor):
    ...     name = "nothing"
    ...     def load(self, record): return 1
    ...     def run(self, data, record): return data
    ...     def save(self, result, record): return record
    >>> ExecutorRegistry.get("nothing") is Nothing
    True
    >>> _ = ExecutorRegistry._executors.pop("nothing")
    """

    name: ClassVar[str]
    Parameters: ClassVar[type[BaseModel] | None] = None
    substrate: ClassVar[str] = ""
    output_suffix: ClassVar[str] = ""
    output_suffixes: ClassVar[tuple[str, ...]] = ()
    legends: ClassVar[Mapping[str, Legend]] = {}
    input_fields: ClassVar[Mapping[str, str]] = {}
    measure_units: ClassVar[Mapping[str, str]] = {}
    fields: ClassVar[Iterable[str]] = ()
    inputs: ClassVar[Iterable[str]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if hasattr(cls, "name"):
            ExecutorRegistry.register(cls)

    def validate(self, record: ExperimentRecord) -> None:  # noqa: B027  (optional on purpose)
        """Check the record before anything is loaded; raise ValueError if the run can't succeed."""

    def inspect(self, record: ExperimentRecord) -> Iterable[Finding]:
        """Report everything that can be known about the record's input without running; write nothing.

        By default the errors of `validate`, and the header of a dataset. A model that knows its data
        overrides it and finds all that is wrong at once: see `dissmodel.executor.findings.Collector`.
        """
        collector = Collector(record.source.uri)
        with collector.at():
            self.validate(record)
        look_at_dataset(record.source.uri, record.input_format, record.source.layer, collector)
        return collector.findings

    @classmethod
    def code_findings(cls) -> Iterable[Finding]:
        """Return warnings about the code itself, which `validate` shows; by default none."""
        return ()

    @abstractmethod
    def load(self, record: ExperimentRecord) -> Any:
        """Read the input at ``record.source.uri`` and return what `run` works on."""

    @abstractmethod
    def run(self, data: Any, record: ExperimentRecord) -> Any:
        """Simulate; no input or output here."""

    @abstractmethod
    def save(self, result: Any, record: ExperimentRecord) -> ExperimentRecord:
        """Write the result to ``record.output_path``, note its digest and return the record."""

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the executor's own docstring."""
        own = cls.__dict__.get("__doc__")
        return inspect.cleandoc(own).partition("\n")[0] if own else ""

    def _resolve_uri(self, uri: str) -> str:
        """Return a local path for `uri`; a fetched file is kept as long as the executor exists."""
        if "://" not in uri or uri.startswith("file://"):
            return uri.removeprefix("file://")
        from dissmodel.io._storage import local_copy  # noqa: PLC0415  (few models fetch anything)

        kept = ExitStack()
        path = kept.enter_context(local_copy(uri))
        weakref.finalize(self, kept.close)
        return str(path)

    @staticmethod
    def _sha256(path_or_bytes: str | Path | bytes) -> str:
        """Return the sha256 of a file or of bytes, as 64 hex digits."""
        return sha256_bytes(path_or_bytes) if isinstance(path_or_bytes, bytes) else sha256_file(path_or_bytes)
