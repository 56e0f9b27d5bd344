"""CLUE-S: each cell takes the class that suits it best, and classes that lack area gain everywhere."""

from __future__ import annotations

import numpy as np

from dissmodel.models.lucc.allocation import DiscreteAllocation, Outcome, Step, Tries
from dissmodel.models.lucc.space import Floats, Whole


class ClueS(DiscreteAllocation):
    """LuccME's AllocationDClueSLike (Verburg et al. 2002)."""

    kind = "clue_s"
    needs_transitions = True

    def allocate(self, step: Step, potential: Floats, use: Whole) -> tuple[Whole, Outcome]:
        """Try until the demand is met; each try goes on from the classes that the last one left."""
        assert self.transitions is not None  # checked with the parameters
        limits, use, tries = self.limits, use.copy(), Tries(step, self.limits)
        bonus = np.zeros(len(self.names))
        for _ in range(limits.max_iteration):
            counts = self.kernel.choose(potential, bonus, self.transitions, self.regions, use)
            areas: Floats = counts.astype(np.float64) * limits.cell_area
            if tries.accepts(areas):
                return use, tries.outcome(areas)
            bonus += (step.demand - areas) * limits.factor
        raise tries.not_met(self.names, tries.outcome(areas))
