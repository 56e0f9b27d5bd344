"""The executor that runs both substrates on one input and compares them: `coastal_validation`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel import progress
from dissmodel.cells.file_values import off_grid_hint
from dissmodel.cells.layout import Pixels, Polygons
from dissmodel.cells.reading import CellData
from dissmodel.executor import ExperimentRecord
from dissmodel.executor.config import settings
from dissmodel.executor.findings import Problems
from dissmodel.io._utils import write_bytes
from dissmodel.models.coastal.classes import LAND_USES, SOILS
from dissmodel.models.coastal.kernels.step import Kernel
from dissmodel.models.coastal.metrics import StepMetrics
from dissmodel.models.coastal.model import CoastalModel, advance
from dissmodel.models.coastal.parameters import CoastalParameters, ValidationParameters
from dissmodel.models.coastal.report import PICTURE, Agreement, Subject, agreement, in_words, report, verdict

REPORT = "report.md"

_MOST_BYTES = 1_000_000  # of the report and the picture
# One of each pair of opposite directions.
_HALF_OF_THE_NEIGHBOURS = ((0, 1), (1, -1), (1, 0), (1, 1))


@dataclass(frozen=True)
class Pair:
    """The same cells on both substrates."""

    grid: Pixels
    polygons: Polygons
    pixels: CellData  # on the grid, visited in the order of the features
    cells: CellData  # the polygons, in this order
    first: int  # step

    @classmethod
    def of(cls, cells: CellData) -> Pair:
        """Return polygons and their pixels, which are their target."""
        grid, polygons = cells.target, cells.layout
        assert isinstance(grid, Pixels)
        assert isinstance(polygons, Polygons)
        values = {
            name: np.array(grid.picture(array, cells.fields[name].outside))
            for name, array in cells.values.items()
        }
        pixels = replace(cells, layout=grid, values=values, counters=dict(cells.counters))
        return cls(grid, polygons, pixels, cells, cells.step + 1)

    def band(self, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return a band of the pixels and of the polygons, in the order of the features: shape (n,)."""
        return self.grid.on_cells(self.pixels.values[name]), self.cells.values[name]

    def links(self) -> tuple[int, int]:
        """Return how many links between neighbours there are: of pixels, of polygons."""
        inside = np.pad(self.grid.inside, 1)
        pairs = sum(
            int(np.count_nonzero(inside & np.roll(inside, offset, (0, 1))))
            for offset in _HALF_OF_THE_NEIGHBOURS
        )
        return 2 * pairs, len(self.polygons.neighborhood.neighbors)


class CoastalValidation(CoastalModel):
    """Both substrates of the coastal model on one input of polygons, and whether they agree.

    Writes a folder with ``report.md`` and ``scatter.png``. If a class, or an elevation by more than
    ``tolerance``, differs in a cell, the run completes and its record has a finding of it.
    """

    name = "coastal_validation"
    Parameters = ValidationParameters
    substrate = "vector"
    output_suffix = "/"
    output_suffixes = ()

    def read(
        self, data: Any, record: ExperimentRecord, parameters: ValidationParameters, problems: Problems
    ) -> CellData | None:
        """Return polygons as cells; their target is the same cells as pixels."""
        return super().read(data, record, parameters.for_a_run(), problems)

    def aim(self, data: CellData, record: ExperimentRecord, problems: Problems, *, losses: bool) -> None:
        """Do nothing: the result is a report."""

    def check_cells(self, data: CellData, parameters: CoastalParameters, problems: Problems) -> None:  # noqa: ARG002  (of any)
        """Find the pixels of the polygons: each fills one pixel of one grid."""
        assert isinstance(data.layout, Polygons)
        with (
            problems.at(),
            off_grid_hint(
                "Both substrates are compared cell by cell, so the cells have to be those of one grid. "
                "Polygons of any shape: dissmodel run coastal_vector"
            ),
        ):
            data.target = data.layout.as_pixels

    def said(self, data: CellData) -> str:
        """Return the size of the grid of pixels, for people."""
        return f"polygons, as pixels {data.target.said}"

    def most_bytes(self, opened: Any, data: CellData | None, parameters: ValidationParameters) -> int:  # noqa: ARG002  (they don't count)
        """Return the most that a report and a picture take."""
        return _MOST_BYTES

    def run(self, data: CellData, record: ExperimentRecord) -> Pair:
        """Simulate both up to ``end_time``, in place; note how long a step took, and the measures of each."""
        parameters = self.parameters(record).for_a_run()
        pair = Pair.of(data)
        measured: dict[str, dict[str, list[float]]] = {}
        kernels = {}
        for name, half in (("raster", pair.pixels), ("vector", pair.cells)):
            kernels[name], seconds, measured[name] = _simulated(half, parameters)
            record.metrics[f"time_per_step_{name}_sec"] = round(seconds / len(measured[name]["step"]), 6)
        record.step_metrics = measured["raster"]
        for name, values in measured["vector"].items():
            if values != record.step_metrics[name]:
                record.step_metrics[f"{name}_vector"] = values
        if record.runtime is not None:
            record.runtime.kernel = " and ".join(dict.fromkeys(one.name for one in kernels.values()))
            record.runtime.threads = max(one.threads for one in kernels.values())
        return pair

    def save(self, result: Pair, record: ExperimentRecord) -> ExperimentRecord:
        """Compare, write the report and the picture; note their digests and what was found."""
        parameters = self.parameters(record)
        bands = {name: result.band(name) for name in self.fields}
        found = [
            agreement(name, *pair, parameters.tolerance if name == "alt" else 0.0)
            for name, pair in bands.items()
        ]
        subject = Subject(
            name=Path(record.source.uri).name,
            sha256=record.source.checksum,
            shape=result.grid.shape,
            steps=(result.first, parameters.end_time),
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


def _simulated(
    data: CellData, parameters: CoastalParameters
) -> tuple[Kernel[Any], float, dict[str, list[float]]]:
    """Simulate up to ``end_time``, in place; return the kernel, the seconds of all steps and the measures."""
    steps = range(data.step + 1, parameters.end_time + 1)
    kernel, measured = advance(data, steps, parameters)
    found: list[StepMetrics] = []
    began = time.perf_counter()
    for measures in measured:
        found.append(measures)
        progress.current().step(len(found), len(steps), data.layout.cells)
    seconds = time.perf_counter() - began
    rows = [measures.row() for measures in found]
    return kernel, seconds, {name: [row[name] for row in rows] for name in rows[0]}


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
