"""Everything that can be known about a coastal run before it begins."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, TypeVar

from dissmodel.errors import DissmodelWarning, UsageError
from dissmodel.executor import ExperimentRecord
from dissmodel.executor.findings import RAISED, Collector, Finding, Problems, look_at_room
from dissmodel.io import open_dataset
from dissmodel.io.bands import FileBands
from dissmodel.models.coastal import names
from dissmodel.models.coastal.parameters import RiseParameters, SeaParameters, TideParameters
from dissmodel.models.coastal.space import examine_space
from dissmodel.models.coastal.state import CellState, CoastalState

_NUMBER_BYTES = 8
# What a file of an empty image takes, with its tags, its style and the record.
_BESIDE_BYTES = 100_000


P = TypeVar("P", bound=RiseParameters)
Examine: TypeAlias = Callable[[Any, P, ExperimentRecord, Collector], int]
"""Looks at a dataset, keeps what it finds and returns how many bytes the result takes, at most."""


def check_record(record: ExperimentRecord, model: type[P], problems: Problems = RAISED) -> P:
    """Check a record against a model's parameters, its maps and that there is an input; return the former.

    Raises
    ------
    UsageError
        If a map names what the model doesn't read, or there is no input.
    pydantic.ValidationError
        If a parameter is unknown or out of bounds.
    """
    parameters = model.model_validate(record.parameters)
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


def inspect_run(record: ExperimentRecord, model: type[P], examine: Examine[P]) -> Iterator[Finding]:
    """Yield what is found by reading the input of a run."""
    collector = Collector(record.source.uri)
    parameters = model()
    with collector.at():
        parameters = check_record(record, model, collector)
    source = record.source
    with (
        collector.at(),
        open_dataset(source.uri, fmt=record.input_format, layer=source.layer) as (data, _),
    ):
        size = examine(data, parameters, record, collector)
        look_at_room(size + _BESIDE_BYTES, record.output_path, collector)
    yield from collector.findings


def examine_raster(
    data: Any, parameters: SeaParameters, record: ExperimentRecord, collector: Collector
) -> int:
    """Look at the input of a run that writes a GeoTIFF."""
    numbers, written = _fewest_numbers(data), 1
    with collector.at():
        state = examine_space(
            data, parameters, band_map=record.band_map, column_map=record.column_map, problems=collector
        )
        if state is not None:
            rows, cols = state.shape
            collector.add("ok", described(f"{rows} rows × {cols} columns, ", state, parameters))
            bands = len(names.FIELDS) + (state.order is not None)
            numbers = bands * state.uso.size
            written += parameters.kept_after(state.step)
    return _NUMBER_BYTES * numbers * written


def described(size: str, state: CoastalState | CellState, parameters: RiseParameters) -> str:
    """Return a sentence about a cell space that a run can begin with."""
    return f"{size}{state.cells} cells in the space, steps {state.step + 1} to {parameters.end_time}"


def _fewest_numbers(data: Any) -> int:
    """Return how many numbers the result will have at least; of polygons only their grid tells."""
    if not isinstance(data, FileBands):
        return len(names.FIELDS) * len(data)
    rows, cols = data.shape
    return len(names.FIELDS) * int(rows) * int(cols)
