"""Logistic regressions that neighbours strengthen."""

from __future__ import annotations

import numpy as np

from dissmodel.models.lucc.potentials.logistic import Logistic
from dissmodel.models.lucc.space import Floats, Whole


class NeighAttract(Logistic):
    """As logistic, times how far the neighbours of the class exceed a part of all neighbours."""

    kind = "neigh_attract"
    needs_grid = True
    needs = ("perc_neighbors_use",)

    def suitability(self, lu: int, use: Whole) -> Floats:
        """Return the potential of a class."""
        found = super().suitability(lu, use)
        alike = self.cells.sum_around((use == lu).astype(np.float64))
        for row, where in zip(self.entries, self.members, strict=True):
            part = row[lu].perc_neighbors_use
            assert part is not None  # checked with the parameters
            wanted = self.cells.degrees[where] * part
            enough = (alike[where] > wanted - 1) & (wanted != 0)
            factor = np.divide(alike[where], wanted, out=np.ones_like(wanted), where=enough)
            found[where] *= factor
        return found
