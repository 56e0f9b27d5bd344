"""The executor that runs both substrates on one input and compares them: `coastal_validation`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.file_values import OFF_GRID
from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.executor import ExperimentRecord
from dissmodel.executor.config import settings
from dissmodel.executor.findings import RAISED, Problems
from dissmodel.io._utils import write_bytes
from dissmodel.models.coastal.classes import LAND_USES, SOILS
from dissmodel.models.coastal.contract import CoastalExecutor
from dissmodel.models.coastal.metrics import columns
from dissmodel.models.coastal.model import Simulation, advance
from dissmodel.models.coastal.names import FIELDS
from dissmodel.models.coastal.parameters import ValidationParameters
from dissmodel.models.coastal.polygons import read_cells
from dissmodel.models.coastal.raster import grid_of
from dissmodel.models.coastal.report import PICTURE, Agreement, Subject, agreement, in_words, report, verdict
from dissmodel.models.coastal.space import read_space
from dissmodel.models.coastal.state import CellState, CoastalState

REPORT = "report.md"

_MOST_BYTES = 1_000_000  # of the report and the picture
# One of each pair of opposite directions.
_HALF_OF_THE_NEIGHBOURS = ((0, 1), (1, -1), (1, 0), (1, 1))


@dataclass(frozen=True, slots=True)
class Pair:
    """The same cells on both substrates."""

    pixels: CoastalState  # one for each cell, visited in the order of the features
    cells: CellState  # the polygons, in this order
    first: int  # step

    def band(self, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return a band of the pixels and of the polygons, in the order of the features: shape (n,)."""
        inside = self.pixels.inside
        values = getattr(self.pixels, name)[inside]
        if self.pixels.order is not None:
            ordered = np.empty_like(values)
            ordered[self.pixels.order[inside]] = values
            values = ordered
        return values, getattr(self.cells, name)

    def links(self) -> tuple[int, int]:
        """Return how many links between neighbours there are: of pixels, of polygons."""
        inside = np.pad(self.pixels.inside, 1)
        pairs = sum(
            int(np.count_nonzero(inside & np.roll(inside, offset, (0, 1))))
            for offset in _HALF_OF_THE_NEIGHBOURS
        )
        return 2 * pairs, len(self.cells.neighborhood.neighbors)


class CoastalValidation(CoastalExecutor[Pair, ValidationParameters]):
    """Both substrates of the coastal model on one input of polygons, and whether they agree.

    Writes a folder with ``report.md`` and ``scatter.png``. If a class, or an elevation by more than
    ``tolerance``, differs in a cell, the run completes and its record has a finding of it.
    """

    name = "coastal_validation"
    Parameters = ValidationParameters
    output_suffix = "/"

    def read(
        self, data: Any, parameters: ValidationParameters, record: ExperimentRecord, problems: Problems
    ) -> Pair | None:
        """Return polygons as cells of both substrates."""
        return read_pair(data, parameters, record.column_map, problems)

    def state_of(self, data: Pair) -> CellState:
        """Return the polygons."""
        return data.cells

    def layout_of(self, data: Pair) -> str:
        """Return the size of the grid of pixels, for people."""
        rows, cols = data.pixels.shape
        return f"polygons, as pixels {rows} rows × {cols} columns"

    def most_bytes(self, data: Any, read: Pair | None, parameters: ValidationParameters) -> int:  # noqa: ARG002  (they don't count)
        """Return the most that a report and a picture take."""
        return _MOST_BYTES

    def load(self, record: ExperimentRecord) -> Pair:
        """Read the input for both; note its digest and the grid of its pixels."""
        pair = super().load(record)
        record.grid = grid_of(pair.pixels)
        return pair

    def run(self, data: Pair, record: ExperimentRecord) -> Pair:
        """Simulate both up to ``end_time``, in place; note how long a step took, and the measures of each."""
        parameters = self.parameters(record).for_a_run()
        raster, vector = advance(data.pixels, parameters), advance(data.cells, parameters)
        for name, done in (("raster", raster), ("vector", vector)):
            record.metrics[f"time_per_step_{name}_sec"] = round(done.seconds / len(done.metrics), 6)
        _note(record, raster, vector)
        return data

    def save(self, result: Pair, record: ExperimentRecord) -> ExperimentRecord:
        """Compare, write the report and the picture; note their digests and what was found."""
        parameters = self.parameters(record)
        bands = {name: result.band(name) for name in FIELDS}
        found = [
            agreement(name, *pair, parameters.tolerance if name == "alt" else 0.0)
            for name, pair in bands.items()
        ]
        subject = Subject(
            name=Path(record.source.uri).name,
            sha256=record.source.checksum,
            shape=result.pixels.shape,
            steps=(result.first, result.cells.step),
            links=result.links(),
        )
        _tell(record, subject, found)
        for one in found:
            record.metrics |= {
                f"match_{one.name}_percent": one.match,
                f"mae_{one.name}": one.mae,
                f"rmse_{one.name}": one.rmse,
                f"max_error_{one.name}": one.max_error,
            }
        record.metrics["cells"] = found[0].cells
        folder = Path(record.output_path or f"{settings.default_output_base}/{record.experiment_id}")
        page = report(subject, parameters, found).encode()
        picture = _picture(subject, bands, found)
        record.output_path = str(folder / REPORT)
        record.add_artifact("output", write_bytes(page, folder / REPORT))
        record.add_artifact("scatter", write_bytes(picture, folder / PICTURE))
        record.status = "completed"
        return record


def read_pair(
    frame: Any,
    parameters: ValidationParameters,
    column_map: Mapping[str, Any],
    problems: Problems = RAISED,
) -> Pair | None:
    """Return polygons as cells of both substrates: each fills one pixel of one grid.

    None if problems are collected and there are any.
    """
    run = parameters.for_a_run()
    cells = read_cells(frame, run, column_map, problems)
    if cells is None:
        return None
    pixels = None
    # What both would warn of was reported above.
    with problems.at(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DissmodelWarning)
        try:
            pixels = read_space(cells.frame, run, column_map=column_map)
        except InvalidInput as error:
            if error.code not in OFF_GRID:
                raise
            raise InvalidInput(
                error.message,
                "Both substrates are compared cell by cell, so the cells have to be those of one grid. "
                "Polygons of any shape: dissmodel run coastal_vector",
                code=error.code,
            ) from error
    if problems.failed or pixels is None:
        return None
    return Pair(pixels, cells.state, cells.state.step + 1)


def _note(record: ExperimentRecord, raster: Simulation, vector: Simulation) -> None:
    """Note the measures of each step, those of the polygons too where they are others, and who computed."""
    record.step_metrics = columns(raster.metrics)
    for name, values in columns(vector.metrics).items():
        if values != record.step_metrics[name]:
            record.step_metrics[f"{name}_vector"] = values
    if record.runtime is not None:
        record.runtime.kernel = " and ".join(dict.fromkeys((raster.kernel, vector.kernel)))
        record.runtime.threads = max(raster.threads, vector.threads)


def _tell(record: ExperimentRecord, subject: Subject, found: list[Agreement]) -> None:
    """Note the findings."""
    if verdict(found) == "agree":
        record.add_finding("ok", in_words(found), subject="raster and vector")
        return
    hint = f"{REPORT} has the numbers, {PICTURE} shows them."
    pixels, polygons = subject.links
    if pixels != polygons:
        hint = (
            f"The pixels have {pixels:,} links between neighbours, the polygons {polygons:,}: do the "
            "polygons meet exactly? Fields row and col decide which cells are neighbours, not the geometry."
        )
    for one in found:
        if one.apart:
            most = f", at most by {one.max_error:.6g} m" if one.name == "alt" else ""
            record.add_finding(
                "differs",
                f"{one.apart:,} of {one.cells:,} cells differ{most}; the first is feature {one.first}, "
                "counted from 0.",
                subject=one.name,
                hint=hint,
            )
            hint = ""


def _picture(
    subject: Subject, bands: Mapping[str, tuple[NDArray[Any], NDArray[Any]]], found: list[Agreement]
) -> bytes:
    """Return the PNG."""
    from dissmodel.visualization import scatter  # noqa: PLC0415  (it loads matplotlib)

    of = {one.name: one for one in found}
    alt = of["alt"]
    sheet = scatter.Scatter(
        title=f"Raster against vector: the substrates {verdict(found)}",
        subtitle=f"{in_words(found)} Steps {subject.steps[0]} to {subject.steps[1]}.",
        labels=("raster", "vector"),
        numbers=scatter.Numbers(
            "alt",
            "m",
            *bands["alt"],
            notes=(
                f"match {alt.match:.7g} % of {alt.cells:,} cells",
                f"MAE {alt.mae:.6g} m",
                f"RMSE {alt.rmse:.6g} m",
                f"max error {alt.max_error:.6g} m",
            ),
        ),
        classes=tuple(
            scatter.Classes(name, legend, *bands[name], note=f"match {of[name].match:.7g} % of the cells")
            for name, legend in (("uso", LAND_USES), ("solo", SOILS))
        ),
    )
    return scatter.draw(sheet)
