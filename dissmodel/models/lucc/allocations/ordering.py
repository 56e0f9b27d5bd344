"""Ordering: each class takes the cells that suit it best, one class after the other."""

from __future__ import annotations

import math

import numpy as np

from dissmodel.models.lucc.allocation import DiscreteAllocation, Outcome, Step, Tries
from dissmodel.models.lucc.space import Floats, Whole


class Ordering(DiscreteAllocation):
    """LuccME's AllocationDSimpleOrdering."""

    kind = "ordering"

    def allocate(self, step: Step, potential: Floats, use: Whole) -> tuple[Whole, Outcome]:
        """Give each class its best cells; of equal ones the first, or those that Lua's sort puts first."""
        area, given, tries = self.limits.cell_area, use.copy(), Tries(step, self.limits)
        free = np.ones(use.size, np.bool_) if self.nodata is None else use != self.nodata
        areas = step.demand.copy()
        for lu, demand in enumerate(step.demand.tolist()):
            if lu == self.nodata:
                continue
            cells = np.flatnonzero(free)
            if self.ties == "luccme":
                self.kernel.lua_sort(potential[lu], cells)
            else:
                cells = cells[np.argsort(-potential[lu, cells], kind="stable")]
            taken = cells[: math.floor(demand / area)]
            given[taken], free[taken] = lu, False
            areas[lu] = taken.size * area
        off = sum(np.abs(step.demand - areas).tolist())
        if not tries.accepts_error(off):
            raise tries.not_met(self.names, tries.outcome(areas))
        if self.nodata is not None:
            areas[self.nodata] = np.count_nonzero(use == self.nodata) * area
        return given, tries.outcome(areas)
