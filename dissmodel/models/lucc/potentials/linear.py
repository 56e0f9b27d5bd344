"""A linear regression of shares."""

from __future__ import annotations

import math

import numpy as np

from dissmodel.models.lucc.potential import ContinuousPotential, growth
from dissmodel.models.lucc.space import Chosen, Floats


class Linear(ContinuousPotential):
    """const + Σ beta·driver, of the land in a cell (LuccME's PotentialCLinearRegression)."""

    kind = "linear"

    def adapt(self, step: int, demand: Floats, previous: Floats) -> None:
        """Add a hundredth of the growth to the constants; nothing in step 0."""
        plus = growth(demand, previous).tolist()
        self._constants = [
            [
                (one.const - _logarithm(plus[lu]) if one.is_log else one.const + 0.01 * plus[lu])
                if step
                else one.const
                for lu, one in enumerate(row)
            ]
            for row in self.entries
        ]

    def shift(self, region: int, lu: int, direction: float) -> None:
        """Change a constant by a tenth, or by 1 where the class is log."""
        self._constants[region][lu] += direction if self.entries[region][lu].is_log else 0.1 * direction

    def regression(self, region: int, lu: int, where: Chosen) -> Floats:
        """Return the share that the drivers explain, from 0 to the land in the cell."""
        entry = self.entries[region][lu]
        found = self.weighted(self._constants[region][lu], entry.betas, where)
        if entry.is_log:
            found = np.power(10.0, found)
        found = np.clip(found, 0.0, 1.0)
        land = self.shares.land()
        return found if land is None else found * land[where]


def _logarithm(plus: float) -> float:
    """Return 0.01·log10 of growth, minus that of decline."""
    return 0.0 if plus == 0 else math.copysign(0.01, plus) * math.log10(abs(plus))
