"""The measure of a run that a calibration makes best: a result against an observed map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.class_map import Mapped, read_class_map
from dissmodel.cells.fields import Field, Numbers
from dissmodel.cells.layout import Pixels
from dissmodel.cells.parameters import CellParameters
from dissmodel.cells.reading import PASSO, Wanted, read_cells
from dissmodel.errors import DissmodelError, InvalidInput
from dissmodel.executor.findings import RAISED
from dissmodel.io import open_dataset
from dissmodel.io.bands import Bands
from dissmodel.metrics import change_agreement, difference, disagreement, kappa, transition_matrix
from dissmodel.metrics import multiresolution_fit as fit
from dissmodel.record import observed
from dissmodel.sweeping.runs import EndedRun
from dissmodel.sweeping.worker import Task, do

Direction = Literal["maximize", "minimize"]
Picture = NDArray[Any]
Bools = NDArray[np.bool_]

_ANY_STEP = 2**53
_OF_A_PIXEL = 1e-6


@dataclass(frozen=True)
class Metric:
    """A measure of two maps: `of` takes the simulated, the observed and the start map, and what counts.

    `kind` is what the maps hold. `from_start`: the start map is needed; else `of` is given None for it.
    """

    direction: Direction
    of: Callable[[Picture, Picture, Picture | None, Bools], float | None]
    kind: Literal["classes", "numbers"] = "classes"
    from_start: bool = False


def _apart(part: str) -> Callable[[Picture, Picture, Picture | None, Bools], float | None]:
    def of(simulated: Picture, reference: Picture, _start: Picture | None, mask: Bools) -> float | None:
        found = disagreement(transition_matrix(simulated, reference, mask=mask))
        if found.quantity is None or found.allocation is None:
            return None
        return {"quantity": found.quantity, "allocation": found.allocation}.get(
            part, found.quantity + found.allocation
        )

    return of


METRICS: Mapping[str, Metric] = {
    "figure_of_merit": Metric(
        "maximize",
        lambda a, b, start, mask: change_agreement(start, b, a, mask=mask).figure_of_merit,  # type: ignore[arg-type]
        from_start=True,
    ),
    "fit": Metric("maximize", lambda a, b, _, mask: fit(a, b, mask=mask).total),
    "kappa": Metric("maximize", lambda a, b, _, mask: kappa(transition_matrix(a, b, mask=mask))),
    "disagreement": Metric("minimize", _apart("")),
    "quantity_disagreement": Metric("minimize", _apart("quantity")),
    "allocation_disagreement": Metric("minimize", _apart("allocation")),
    "mae": Metric("minimize", lambda a, b, _, mask: difference(a, b, mask=mask).mae, "numbers"),
    "rmse": Metric("minimize", lambda a, b, _, mask: difference(a, b, mask=mask).rmse, "numbers"),
}


@dataclass(frozen=True, kw_only=True)
class MapOfField:
    """Where a field is read from: a dataset, and its band or column, empty for one of the field's own name.

    `class_map` is of its codes, as `read_class_map` takes it.
    """

    place: str
    field: str
    band: str = ""
    class_map: Any = None
    layer: str | None = None

    @property
    def name(self) -> str:
        """The name of its file."""
        return Path(self.place).name

    def read(self, kind: str) -> tuple[Picture, Pixels]:
        """Return the values, shape (rows, columns), 0 outside the space, and where the cells are.

        Raises
        ------
        InvalidInput
            If it has no such field, codes of classes are not whole numbers, or its polygons are on no grid.
        """
        declared: Field = Numbers()
        declared.__set_name__(MapOfField, self.field)
        table = None if self.class_map is None else read_class_map(self.class_map, self.field)
        with open_dataset(self.place, layer=self.layer, known="") as (data, _):
            is_raster = isinstance(data, Bands | tuple)
            band = self.band
            if is_raster and not band and isinstance(data, Bands) and len(data.dtypes) == 1:
                band = next(iter(data.dtypes))
            names = {self.field: band} if band else {}
            found = read_cells(
                data,
                Wanted(
                    fields={self.field: declared},
                    parameters=CellParameters(end_time=_ANY_STEP),
                    band_map=names if is_raster else {},
                    column_map={} if is_raster else names,
                    counters={PASSO: 0},
                    class_maps={} if table is None else {self.field: Mapped(declared, table)},
                    others=False,
                ),
                RAISED,
            )
        assert found is not None  # where problems are raised
        pixels = found.layout.as_pixels
        values = np.where(pixels.inside, pixels.picture(found.values[self.field], 0), 0)
        if kind == "numbers":
            return values.astype(np.float64), pixels
        codes = values.astype(np.int64)
        if not np.array_equal(codes, values):
            raise InvalidInput(
                f"{self.name} has values of {self.field!r} that are no codes of classes, such as "
                f"{values[codes != values][0]:.15g}.",
                "Compare numbers with: --metric rmse",
                code="illegal_value",
            )
        return codes, pixels


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """How a result is measured: a metric of its field, against what was observed, from a start map.

    `column` is the column of the field in results of polygons.
    """

    metric: str
    observed: MapOfField
    start: MapOfField | None = None
    column: str = ""

    def check(self, space: MapOfField) -> str:
        """Look whether results on the cells of `space` can be compared; return a warning, or nothing.

        Raises
        ------
        InvalidInput
            If the observed map is on another grid, or has no value in any cell.
        """
        _, pixels = space.read("numbers")
        *_, mask = self._maps(pixels)
        lacking = pixels.cells - int(np.count_nonzero(mask))
        if not lacking:
            return ""
        return (
            f"{self.observed.name} has no value in {lacking:,} of {pixels.cells:,} cells: they don't count."
        )

    def of(self, output: Path) -> float | None:
        """Return the metric of a result; None where it is not defined."""
        metric = METRICS[self.metric]
        result = replace(self.observed, place=str(output), band="", class_map=None, layer=None)
        if self.column and output.suffix.lower() not in {".tif", ".tiff", ".nc"}:
            result = replace(result, band=self.column)
        simulated, pixels = result.read(metric.kind)
        reference, start, mask = self._maps(pixels)
        return metric.of(simulated, reference, start, mask)

    def _maps(self, pixels: Pixels) -> tuple[Picture, Picture | None, Bools]:
        """Return the observed map and the start map, and the cells in which all have values."""
        kind = METRICS[self.metric].kind
        mask = pixels.inside.copy()
        found: list[Picture | None] = [None, None]
        for at, one in enumerate((self.observed, self.start)):
            if one is not None:
                found[at], theirs = observed.once((one.place, one.field, kind), partial(one.read, kind))
                _check_grid(one, pixels, theirs)
                mask &= theirs.inside
        if not mask.any():
            raise InvalidInput(
                f"{self.observed.name} has no value in any cell of the results.",
                "Give the observed map of the same cells: --observed FILE",
                code="cells_missing",
            )
        assert found[0] is not None  # it was read
        return found[0], found[1], mask


def _check_grid(other: MapOfField, own: Pixels, theirs: Pixels) -> None:
    said = ""
    if own.shape != theirs.shape:
        said = f"{theirs.said}, not {own.said}"
    elif own.transform is not None and theirs.transform is not None:
        there, here = theirs.transform_of_picture, own.transform_of_picture
        if not here.almost_equals(there, _OF_A_PIXEL * max(map(abs, here[:2]))):
            said = ", not ".join(
                f"pixels of {one.a:.10g} × {one.e:.10g} from ({one.c:.10g}, {one.f:.10g})"
                for one in (there, here)
            )
    if not said and own.crs is not None and theirs.crs is not None and own.crs != theirs.crs:
        said = f"{theirs.crs.to_string()[:80]}, not {own.crs.to_string()[:80]}"
    if said:
        raise InvalidInput(
            f"{other.name} is on another grid than the results: {said}.",
            "Maps are compared cell by cell. Bring it onto the grid of the input first, for example with: "
            "gdalwarp -r near -te … -tr …",
            code="other_grid",
        )


@dataclass(frozen=True, kw_only=True)
class MeasuredTask(Task):
    """A run to do, and to measure."""

    measurement: Measurement = field(repr=False)


def do_measured(task: Task) -> EndedRun:
    """Run the model as `do` does, and measure the result; the measure is among the metrics of the run."""
    assert isinstance(task, MeasuredTask), "who asks for a measure says which"
    ended = do(task)
    with observed.kept(task.work):
        return measured(ended, task.folder, task.measurement)


def measured(ended: EndedRun, folder: Path, measurement: Measurement) -> EndedRun:
    """Return how a run ended, with its measure among its metrics."""
    if ended.status != "completed" or not ended.output:
        return ended
    try:
        found = measurement.of(folder / ended.output)
    except DissmodelError as error:
        return replace(ended, error=f"{measurement.metric}: {error.message}")
    return ended if found is None else replace(ended, metrics={**ended.metrics, measurement.metric: found})
