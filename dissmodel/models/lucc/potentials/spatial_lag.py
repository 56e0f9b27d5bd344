"""A regression of shares on the shares around."""

from __future__ import annotations

import math

import numpy as np

from dissmodel.models.lucc.potential import ContinuousPotential, growth
from dissmodel.models.lucc.space import Chosen, Floats

_NOT_ZERO = 0.0001  # what is added to a share before its logarithm is taken


class SpatialLag(ContinuousPotential):
    """const + Σ beta·driver + ro·(mean share around) (LuccME's PotentialCSpatialLagRegression)."""

    kind = "spatial_lag"
    needs_grid = True

    def begin(self) -> None:
        """Keep constants, which accumulate, and weights, which are halved, during a run."""
        self._lasting = [[one.const for one in row] for row in self.entries]
        self._betas = [[dict(one.betas) for one in row] for row in self.entries]

    def adapt(self, step: int, demand: Floats, previous: Floats) -> None:
        """Add a hundredth of the growth to the constants, for good; nothing in step 0."""
        if step:
            plus = (0.01 * growth(demand, previous)).tolist()
            self._lasting = [
                [_raised(const, plus[lu], row[lu].is_log) for lu, const in enumerate(constants)]
                for row, constants in zip(self.entries, self._lasting, strict=True)
            ]
        self._constants = [list(row) for row in self._lasting]

    def shift(self, region: int, lu: int, direction: float) -> None:
        """Change a constant by ``const_change``."""
        entry = self.entries[region][lu]
        before = self._constants[region][lu]
        self._constants[region][lu] = _raised(before, entry.const_change * direction, entry.is_log)

    def halve(self, driver: str | None) -> None:
        """Take half of the driver's weight, until the end of the run."""
        for row in self._betas:
            for betas in row:
                if driver in betas:
                    betas[driver] *= 0.5

    def regression(self, region: int, lu: int, where: Chosen) -> Floats:
        """Return the share that drivers and neighbours explain; outside of the limits 0 or 1."""
        entry = self.entries[region][lu]
        around = self._around(lu)[where]
        drivers = self.weighted(0.0, self._betas[region][lu], where)
        if entry.is_log:
            around = np.log10(around + _NOT_ZERO)
        lag = entry.ro * around
        found = (self._constants[region][lu] + drivers) + lag
        limited = (self._lasting[region][lu] + drivers) + lag
        if entry.is_log:
            found = np.power(10.0, found) - _NOT_ZERO
            limited = np.power(10.0, limited) - _NOT_ZERO
        found[limited > entry.max_reg] = 1.0
        found[limited < entry.min_reg] = 0.0
        land = self.shares.land()
        return found if land is None else found * land[where]

    def _around(self, lu: int) -> Floats:
        """Return the mean share of a class in the land of each cell and its neighbours."""
        shares, land = self.shares.past[lu], self.shares.land()
        counts = self.cells.degrees
        known = shares
        if land is not None:
            shares = np.divide(shares, land, out=shares.copy(), where=land != 0)
            known = np.where(land > 0, shares, 0.0)
            counts = self.cells.sum_around((land > 0).astype(np.float64)).astype(np.int64)
        mean = (shares + self.cells.sum_around(known)) / (counts + 1)
        return np.where(self.cells.degrees > 0, mean, 0.0)


def _raised(const: float, plus: float, is_log: bool) -> float:  # noqa: FBT001  (a coefficient's own)
    if not is_log:
        return const + plus
    raised = 10.0**const + plus
    return math.log10(raised) if raised > 0 else const
