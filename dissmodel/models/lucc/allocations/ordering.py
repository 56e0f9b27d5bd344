"""Ordering: each class takes the cells that suit it best, one class after the other."""

from __future__ import annotations

import math

import numpy as np

from dissmodel.models.lucc.allocation import DiscreteAllocation, Outcome, Step, demand_not_met
from dissmodel.models.lucc.space import Floats, Whole


class Ordering(DiscreteAllocation):
    """LuccME's AllocationDSimpleOrdering."""

    kind = "ordering"

    def allocate(self, step: Step, potential: Floats, use: Whole) -> tuple[Whole, Outcome]:
        """Give each class its best cells; of equal ones the first, or those that Lua's sort puts first."""
        limits, given = self.limits, use.copy()
        free = np.ones(use.size, np.bool_) if self.nodata is None else use != self.nodata
        demands = step.demand.tolist()
        areas = list(demands)
        for lu, demand in enumerate(demands):
            if lu == self.nodata:
                continue
            cells = np.flatnonzero(free)
            if self.ties == "luccme":
                self.kernel.lua_sort(potential[lu], cells)
            else:
                cells = cells[np.argsort(-potential[lu, cells], kind="stable")]
            taken = cells[: math.floor(demand / limits.cell_area)]
            given[taken], free[taken] = lu, False
            areas[lu] = taken.size * limits.cell_area
        off = sum(abs(demand - area) for demand, area in zip(demands, areas, strict=True))
        outcome = Outcome(areas, 0, off, limits.max_difference, [])
        if off > limits.max_difference:
            raise demand_not_met(step, self.names, outcome, limits)
        if self.nodata is not None:
            areas[self.nodata] = np.count_nonzero(use == self.nodata) * limits.cell_area
        return given, outcome
