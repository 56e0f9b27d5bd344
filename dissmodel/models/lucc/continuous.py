"""``lucc_continuous``: each cell has a share of each class."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from dissmodel.cells import Numbers
from dissmodel.cells.fields import Field
from dissmodel.cells.reading import CellData
from dissmodel.errors import InvalidInput
from dissmodel.estimating.land_use import SLACK
from dissmodel.executor.findings import Problems
from dissmodel.models.lucc.engine import ContinuousRun
from dissmodel.models.lucc.kernels.kernel import OFF, Kernel
from dissmodel.models.lucc.model import LuccModel
from dissmodel.models.lucc.parameters import ContinuousParameters
from dissmodel.models.lucc.space import Cells, Floats
from dissmodel.models.lucc.visit import Visit

_HALVINGS = "halvings"


class LuccContinuous(LuccModel):
    """Shares of land-use classes change until a demand is met (CLUE, as LuccME 3.1 computes it)."""

    name = "lucc_continuous"
    Parameters = ContinuousParameters
    counters = MappingProxyType({_HALVINGS: 0})

    def class_fields(self, parameters: Any) -> Mapping[str, Field]:
        """Return the share of each class."""
        return {lu: Numbers(ge=-SLACK, le=1 + SLACK) for lu in parameters.land_use_types}

    def shares_of(self, visit: Visit, parameters: Any) -> Floats:
        """Return the share of each class in each cell, shape (classes, cells)."""
        return np.stack([visit.read(lu) for lu in parameters.land_use_types])

    def check_cells(self, data: CellData, parameters: Any, problems: Problems) -> None:
        """Check that the shares of each cell sum to 1, too."""
        super().check_cells(data, parameters, problems)
        visit = Visit(data, None)
        sums = self.shares_of(visit, parameters).sum(axis=0)
        off = np.abs(sums - 1) > OFF
        if off.any():
            first = int(off.argmax())
            problems.tell(
                InvalidInput(
                    f"The shares of {np.count_nonzero(off)} cells don't sum to 1; the first "
                    f"({visit.named(first)}) has {sums[first]:.10g}.",
                    "land_use_types names every class, also the one that is no land.",
                    code="shares",
                )
            )

    def begin(
        self, cells: Cells, shares: Floats, demand: Floats, parameters: Any, kernel: Kernel
    ) -> ContinuousRun:
        """Return what does the steps."""
        return ContinuousRun(cells, shares, demand, parameters, kernel)

    def put(self, visit: Visit, run: Any, parameters: Any) -> None:
        """Set shares, and how often the protection was halved."""
        super().put(visit, run, parameters)
        visit.data.counters[_HALVINGS] = run.allocation.halvings
