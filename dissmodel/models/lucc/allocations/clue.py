"""CLUE: each class changes by its potential times an elasticity, which follows the demand."""

from __future__ import annotations

import math

import numpy as np

from dissmodel.errors import InvalidInput
from dissmodel.models.lucc.allocation import ContinuousAllocation, Outcome, Step, Tries
from dissmodel.models.lucc.kernels.kernel import Pull, Trial
from dissmodel.models.lucc.space import Floats, total

_NONE = np.empty(0)
_RULES = (
    *("static", "min_value", "max_value", "min_change", "max_change"),
    *("change_limit", "max_change_above"),
)


class Clue(ContinuousAllocation):
    """LuccME's AllocationCClueLike (Verburg et al. 1999)."""

    kind = "clue"

    def begin(self) -> None:
        """Pack the entries for the kernel."""
        rules = [[[getattr(one, name) for name in _RULES] for one in row] for row in self.entries]
        self._rules = np.array(rules, np.float64)
        regions = self.cells.allocation_regions
        self._regions = np.zeros(self.cells.size, np.int64) if regions is None else regions - 1
        static = (self._rules[:, :, 0] == 1).all(axis=0)
        self._tried = np.flatnonzero(~static | self.is_correcting)
        # Where no land can become land, potentials that are computed again see the shares of the last try.
        self._seen = np.zeros(static.size, np.bool_)
        if self.shares.nodata is not None:
            self._seen[self.shares.nodata] = self.shares.nodata in self._tried

    def saturation(self) -> Floats:
        """Return how full the surroundings of each cell are; empty where this does not matter."""
        return _NONE

    def area(self, shares: Floats) -> float:
        """Return the area of a class."""
        return total(shares) * self.limits.cell_area

    def halfway(self) -> None:
        """Do what helps when half of the iterations are over."""

    def allocate(self, step: Step) -> Outcome:
        """Try until the demand is met."""
        shares, limits, tries = self.shares, self.limits, Tries(step, self.limits)
        count = len(shares.names)
        direction, elasticity = np.sign(step.demand - step.previous), np.full(count, limits.elasticity[0])
        np.copyto(shares.now, shares.past)
        trial = None
        if step.number:
            rest = (self._rules, self._regions, self.saturation(), self.is_correcting)
            trial = Trial(shares.past, shares.potential, shares.now, *rest)
        areas = np.array([self.area(one) for one in shares.now])
        tried, kept = np.arange(count), np.ones(count, np.bool_)
        modified = corrected = 0
        while True:
            if trial:
                self.potential.refresh()
                corrected = self._attempt(trial, Pull(direction, elasticity, tried, kept), areas)
            is_near = tries.accepts(areas)
            if trial and is_near and not kept.all():
                self._attempt(trial, Pull(direction, elasticity, tried, np.ones_like(kept)), areas)
            modified += self._compare(step, areas, direction, elasticity)
            outcome = tries.outcome(areas, elasticity.tolist(), modified=modified, corrected=corrected)
            if is_near:
                return outcome
            tried, kept = self._tried, self._seen  # the shares of the other classes don't depend on a try
            if len(tries.errors) >= limits.max_iteration:
                raise tries.not_met(shares.names, outcome)
            if len(tries.errors) == limits.max_iteration // 2 + 1:
                tries.allowed *= 2
                self.halfway()

    def _attempt(self, trial: Trial, pull: Pull, areas: Floats) -> int:
        """Set the areas of the classes that are tried; return how many cells were corrected."""
        sums = np.empty_like(areas)
        corrected, failed = self.kernel.attempt(trial, pull, sums)
        if failed >= 0:
            raise InvalidInput(
                f"The shares of a cell ({self.cells.named(failed)}) can't be corrected to 1: all are fixed.",
                "Give a class room (min_value, max_value, static), or switch off cell_correction.",
                code="cell_correction",
            )
        areas[pull.classes] = sums[pull.classes] * self.limits.cell_area
        return corrected

    def _compare(self, step: Step, areas: Floats, direction: Floats, elasticity: Floats) -> int:
        """Adapt elasticities, directions and constants; return how many constants."""
        _, lowest, highest = self.limits.elasticity
        modified = 0
        for region in range(len(self.potential.entries)):
            for lu, (area, demand) in enumerate(zip(areas.tolist(), step.demand.tolist(), strict=True)):
                towards = float(direction[lu])
                if step.number == 0 and towards == 0:
                    towards = 1.0 if demand >= area else -1.0
                elasticity[lu] *= _ratio(demand, area) if towards == 1 else _ratio(area, demand)
                if elasticity[lu] > highest:
                    elasticity[lu] = highest
                    self.potential.modify(region, lu, towards)
                    modified += 1
                if elasticity[lu] < lowest:
                    if self._rules[0, lu, 0] < 0:
                        elasticity[lu] = lowest
                        self.potential.modify(region, lu, -towards)
                        modified += 1
                    else:
                        direction[lu] = -direction[lu]
        return modified


def _ratio(wanted: float, given: float) -> float:
    """Return wanted / given; 1 where both are 0."""
    if given == 0:
        return 1.0 if wanted == 0 else math.inf
    return wanted / given
