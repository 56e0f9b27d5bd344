"""The nearer, the likelier."""

from __future__ import annotations

import numpy as np

from dissmodel.models.lucc.potential import DiscretePotential
from dissmodel.models.lucc.space import Floats, Whole


class InverseDistance(DiscretePotential):
    """Σ beta/driver·const, at most 1; a driver of 0 or less counts as const."""

    kind = "inverse_distance"

    def suitability(self, lu: int, use: Whole) -> Floats:  # noqa: ARG002  (a subclass uses it)
        """Return the potential of a class."""
        found = np.zeros(self.cells.size)
        for row, where in zip(self.entries, self.members, strict=True):
            for name, beta in row[lu].betas.items():
                driver = self.cells.drivers[name][where]
                near = np.divide(beta, driver, out=np.ones_like(driver), where=driver > 0)
                found[where] += near * row[lu].const
        return np.minimum(found, 1.0)
