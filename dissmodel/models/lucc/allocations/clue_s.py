"""CLUE-S: each cell takes the class that suits it best, and classes that lack area gain everywhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dissmodel.models.lucc.allocation import DiscreteAllocation, Outcome, Step, demand_not_met
from dissmodel.models.lucc.space import Floats, Whole


class ClueS(DiscreteAllocation):
    """LuccME's AllocationDClueSLike (Verburg et al. 2002)."""

    kind = "clue_s"
    needs_transitions = True

    def allocate(self, step: Step, potential: Floats, use: Whole) -> tuple[Whole, Outcome]:
        """Try until the demand is met; each try goes on from the classes that the last one left."""
        assert self.transitions is not None  # checked with the parameters
        limits, use = self.limits, use.copy()
        bonus = np.zeros(len(self.names))
        for tries in range(1, limits.max_iteration + 1):
            counts = self.kernel.choose(potential, bonus, self.transitions, self.regions, use)
            areas = counts * limits.cell_area
            lacking = step.demand - areas
            bonus += lacking * limits.factor
            off = float(np.abs(lacking).max())
            last = Outcome(areas.tolist(), tries - 1, off, limits.max_difference, [])
            if off <= limits.max_difference:
                return use, last
        raise demand_not_met(step, self.names, replace(last, iterations=tries), limits)
