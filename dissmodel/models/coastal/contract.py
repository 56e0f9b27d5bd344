"""The common part of the coastal executors, for rasters and polygons."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from dissmodel import progress
from dissmodel.errors import DissmodelWarning, UsageError
from dissmodel.executor import ExperimentRecord, ModelExecutor
from dissmodel.executor.findings import RAISED, Collector, Finding, Problems, look_at_room
from dissmodel.executor.utils import default_output_uri
from dissmodel.geo.legend import Legend
from dissmodel.io import open_dataset
from dissmodel.models.coastal import names
from dissmodel.models.coastal.classes import LAND_USES, SOILS
from dissmodel.models.coastal.model import AfterStep, Space, simulate
from dissmodel.models.coastal.parameters import (
    CoastalParameters,
    RiseParameters,
    SeaParameters,
    TideParameters,
)

Data = TypeVar("Data")
P = TypeVar("P", bound=RiseParameters)

# What a file of an empty image takes, with its tags, its style and the record.
_BESIDE_BYTES = 100_000


class CoastalExecutor(ModelExecutor, Generic[Data, P]):
    """Checks, examines and loads the input of a coastal model; a subclass says what is read from it."""

    Parameters: ClassVar[type[Any]] = CoastalParameters
    fields: ClassVar[tuple[str, ...]] = names.FIELDS

    @abstractmethod
    def read(self, data: Any, parameters: P, record: ExperimentRecord, problems: Problems) -> Data | None:
        """Return what the model works on from an opened dataset; None if there are collected problems."""

    @abstractmethod
    def state_of(self, data: Data) -> Space:
        """Return the cell space in what was read."""

    @abstractmethod
    def layout_of(self, data: Data) -> str:
        """Return what kind of cells these are, for people."""

    @abstractmethod
    def most_bytes(self, data: Any, read: Data | None, parameters: P) -> int:
        """Return how many bytes the result of a dataset takes at most; `read` is None if it has problems."""

    def check_savable(self, data: Data, record: ExperimentRecord, *, losses: bool) -> None:
        """Refuse data that the output's format can't hold; with `losses` warn of what it changes."""

    @classmethod
    def parameters(cls, record: ExperimentRecord) -> P:
        """Return the record's parameters; raise `pydantic.ValidationError` if the model doesn't take them."""
        parameters: P = cls.Parameters.model_validate(record.parameters)
        return parameters

    def check(self, record: ExperimentRecord, problems: Problems = RAISED) -> P:
        """Validate the record and return its parameters; `problems` raises a problem or collects it."""
        parameters = self.parameters(record)
        names.check_map("band", record.band_map, problems)
        names.check_map("column", record.column_map, problems)
        if not record.source.uri:
            problems.tell(UsageError("There is no input.", "--input FILE"))
        if isinstance(parameters, TideParameters) and parameters.accretion_enabled:
            warnings.warn(
                "Accretion applies a law in millimetres to a sea level in metres, as published; "
                "mangrove soil rises fast.",
                DissmodelWarning,
                stacklevel=3,
            )
        return parameters

    def validate(self, record: ExperimentRecord) -> None:
        """Check parameters, maps and that there is an input to read.

        Raises UsageError if a map names what the model doesn't read, or there is no input;
        pydantic.ValidationError if a parameter is unknown or out of bounds.
        """
        self.check(record)

    def inspect(self, record: ExperimentRecord) -> Iterable[Finding]:
        """Read the input and return everything that is wrong with it, and whether the result has room."""
        collector = Collector(record.source.uri)
        parameters: P = self.Parameters()
        with collector.at():
            parameters = self.check(record, collector)
        with collector.at(), _opened(record) as (data, _):
            read = None
            with collector.at():
                read = self.read(data, parameters, record, collector)
                if read is not None:
                    state = self.state_of(read)
                    steps = f"steps {state.step + 1} to {parameters.end_time}"
                    collector.add("ok", f"{self.layout_of(read)}, {state.cells} cells in the space, {steps}")
                    self.check_savable(read, record, losses=True)
            size = self.most_bytes(data, read, parameters)
            look_at_room(size + _BESIDE_BYTES, record.output_path, collector)
        return collector.findings

    def load(self, record: ExperimentRecord) -> Data:
        """Read the input and note its digest; refuse what the output's format can't hold before the run."""
        with _opened(record) as (data, checksum):
            read = self.read(data, self.parameters(record), record, RAISED)
        assert read is not None  # where problems are raised there is a result or an error
        record.source.checksum = checksum
        self.check_savable(read, record, losses=False)
        return read


class StateExecutor(CoastalExecutor[Data, SeaParameters]):
    """Runs the flood, the mangrove or both, as its parameters have it, and writes the state of the coast."""

    legends: ClassVar[Mapping[str, Legend]] = {"uso": LAND_USES, "solo": SOILS}

    @abstractmethod
    def write(self, data: Data, path: Path) -> tuple[str, str]:
        """Write the state as it is now, and its style; return the digests of both files."""

    def run(self, data: Data, record: ExperimentRecord) -> Data:
        """Simulate up to ``end_time``, in place; write the states to be kept."""
        simulate(self.state_of(data), self.parameters(record), record, self._snapshots(data, record))
        return data

    def save(self, result: Data, record: ExperimentRecord) -> ExperimentRecord:
        """Write the result and its style; note their digests."""
        output, style = self.write(result, self._output(record))
        record.add_artifact("output", output)
        record.add_artifact("style", style)
        record.status = "completed"
        return record

    def _output(self, record: ExperimentRecord) -> Path:
        """Return where the result goes; a record without this path gets it."""
        if record.output_path is None:
            record.output_path = default_output_uri(record.experiment_id, self.output_suffix)
        return Path(record.output_path)

    def _snapshots(self, data: Data, record: ExperimentRecord) -> AfterStep | None:
        """Return what writes the states that the parameters ask for beside the result; None if none are.

        They are written while the model runs, so that no more than one state is in memory; the record takes
        the digest of each as that of the artifact ``step_N``.
        """
        parameters, state = self.parameters(record), self.state_of(data)
        if not parameters.kept_after(state.step):
            return None
        output = self._output(record)

        def keep() -> None:
            step = state.step
            if not parameters.keeps(step):
                return
            path = output.with_name(f"{output.stem}.step{step:04d}{output.suffix}")
            # The bar shows steps, and the result itself warns of what its format loses.
            with progress.reporting(progress.Silent()), warnings.catch_warnings():
                warnings.simplefilter("ignore", DissmodelWarning)
                record.add_artifact(f"step_{step}", self.write(data, path)[0])

        return keep


def _opened(record: ExperimentRecord) -> AbstractContextManager[tuple[Any, str]]:
    source = record.source
    return open_dataset(source.uri, fmt=record.input_format, layer=source.layer)
