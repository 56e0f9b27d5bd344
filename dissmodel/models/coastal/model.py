"""The coast as a model of cells: its fields, and flood, mangrove or both on kernels of its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dissmodel.cells.fields import Classes, Field, Numbers
from dissmodel.cells.layout import Layout, Polygons
from dissmodel.cells.model import CellModel
from dissmodel.cells.reading import CellData
from dissmodel.cells.tiles.plan import COMPILED
from dissmodel.cells.writing import RasterForm
from dissmodel.errors import DissmodelWarning
from dissmodel.executor import ExperimentRecord
from dissmodel.executor.config import settings
from dissmodel.executor.findings import RAISED, Problems
from dissmodel.executor.host import Reach
from dissmodel.geo.legend import Legend
from dissmodel.models.coastal.classes import LAND_USES, NO_SOIL, NO_USE, SOILS
from dissmodel.models.coastal.kernels.choice import choose_kernel
from dissmodel.models.coastal.kernels.step import Kernel, Terms
from dissmodel.models.coastal.metrics import MEASURE_UNITS, StepMetrics
from dissmodel.models.coastal.parameters import (
    CoastalParameters,
    RiseParameters,
    TideParameters,
    overflow,
)
from dissmodel.models.coastal.state import CellState, CoastalState

if TYPE_CHECKING:
    from dissmodel.cells.tiles.examine import Examined
    from dissmodel.cells.tiles.task import TileRule

# Of a tile, beside its state: what is counted, and of a visiting order the sum of each cell.
_TILE_BYTES = 4
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

    def tile_rule(
        self,
        parameters: Any,  # noqa: ARG002  (of other models)
        record: ExperimentRecord,
        steps: range,
    ) -> tuple[TileRule, Examined]:
        """Return what does the steps on tiles, and what that needs."""
        from dissmodel.cells.tiles.examine import Examined  # noqa: PLC0415  (few runs are so large)
        from dissmodel.models.coastal.tiles import REACH, CoastalRule  # noqa: PLC0415  (as above)

        compiled = settings.memory is None or settings.memory >= COMPILED
        rule = CoastalRule(type(self), dict(record.parameters), len(steps), compiled)
        return rule, Examined(Reach(REACH), bytes_per_cell=_TILE_BYTES)

    @classmethod
    def bytes_per_cell(cls, fields: Mapping[str, Field]) -> int:
        """Return about how many bytes of memory a cell takes in a run in memory: kernels work in place."""
        return 2 * sum(one.dtype.itemsize for one in fields.values())

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
            raise overflow(parameters.sea_level_rise_rate, lost, state.step)

    return kernel, simulation()


def state_of(data: CellData) -> CoastalState | CellState:
    """Return the arrays of the data for a kernel."""
    uso, alt, solo = (data.values[name] for name in CoastalModel.fields)
    if isinstance(data.layout, Polygons):
        return CellState(uso, solo, alt, data.layout.neighborhood, data.step)
    return CoastalState(uso, solo, alt, data.step, data.layout.order)
