"""The coast as a model of cells: its fields, and flood, mangrove or both on kernels of its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from dissmodel.cells.fields import Classes, Numbers
from dissmodel.cells.layout import Layout, Polygons
from dissmodel.cells.model import CellModel
from dissmodel.cells.reading import CellData
from dissmodel.cells.writing import RasterForm
from dissmodel.errors import DissmodelWarning, UsageError
from dissmodel.executor import ExperimentRecord
from dissmodel.executor.config import settings
from dissmodel.executor.findings import RAISED, Problems
from dissmodel.geo.legend import Legend
from dissmodel.models.coastal.classes import LAND_USES, NO_SOIL, NO_USE, SOILS
from dissmodel.models.coastal.kernels.choice import choose_kernel
from dissmodel.models.coastal.kernels.step import Kernel, Terms
from dissmodel.models.coastal.metrics import MEASURE_UNITS, StepMetrics
from dissmodel.models.coastal.parameters import CoastalParameters, RiseParameters, TideParameters
from dissmodel.models.coastal.state import CellState, CoastalState

NODATA = -9999.0
"""The value outside the space, in every band of the output."""


def _classes(legend: Legend, **options: Any) -> Classes:
    return Classes(
        {one.code: one.name for one in legend}, colours={one.code: one.colour for one in legend}, **options
    )


class CoastalModel(CellModel):
    """A coast of cells. What its parameters lack, the flood or the mangrove, does not run."""

    uso = _classes(LAND_USES, absent=(0,), decides=True, outside=NO_USE)
    alt = Numbers(unit="m", ge=-500, le=9000, absent=(NODATA,))
    solo = _classes(SOILS, absent=(NODATA, -1), outside=NO_SOIL)
    Parameters: ClassVar[type[Any]] = CoastalParameters
    measure_units: ClassVar[Mapping[str, str]] = MEASURE_UNITS
    raster_form = RasterForm(nodata=NODATA, others=False, units=False)

    def check(self, record: ExperimentRecord, problems: Problems = RAISED) -> Any:
        """Validate the record and return its parameters; warn of accretion."""
        parameters = super().check(record, problems)
        if isinstance(parameters, TideParameters) and parameters.accretion_enabled:
            warnings.warn(
                "Accretion applies a law in millimetres to a sea level in metres, as published; "
                "mangrove soil rises fast.",
                DissmodelWarning,
                stacklevel=3,
            )
        return parameters

    def prepare(self, layout: Layout) -> None:
        """Find the neighbours of polygons; pixels need none."""
        if isinstance(layout, Polygons):
            _ = layout.neighborhood

    def simulate(
        self, data: CellData, steps: range, record: ExperimentRecord
    ) -> Iterator[Mapping[str, float]]:
        """Do one step after the other, in place, and yield its measures."""
        kernel, measured = advance(data, steps, self.parameters(record))
        for measures in measured:
            yield measures.row()
        if record.runtime is not None:
            record.runtime.kernel, record.runtime.threads = kernel.name, kernel.threads


def advance(
    data: CellData, steps: range, parameters: RiseParameters
) -> tuple[Kernel[Any], Iterator[StepMetrics]]:
    """Return the kernel, ready to run, and what does one step after the other in place, with its measures.

    The latter raises UsageError after the last step if the sea rose so fast that elevations are not numbers
    any more.
    """
    state = state_of(data)
    kernel = choose_kernel(state, len(steps), settings.threads)

    def simulation() -> Iterator[StepMetrics]:
        for step in steps:
            yield kernel.step(state, Terms.at(step, parameters))
        # NaN stands for "outside": a cell that overflowed would leave the space unnoticed.
        lost = data.layout.cells - int(np.count_nonzero(np.isfinite(state.alt)))
        if lost:
            raise UsageError(
                f"sea_level_rise_rate = {parameters.sea_level_rise_rate:g}: the elevation of {lost} cells "
                f"overflowed up to step {state.step}.",
                "Give the rise in metres per step: --param sea_level_rise_rate=0.011",
                code="overflow",
            )

    return kernel, simulation()


def state_of(data: CellData) -> CoastalState | CellState:
    """Return the arrays of the data for a kernel."""
    uso, alt, solo = (data.values[name] for name in CoastalModel.fields)
    if isinstance(data.layout, Polygons):
        return CellState(uso, solo, alt, data.layout.neighborhood, data.step)
    return CoastalState(uso, solo, alt, data.step, data.layout.order)
