"""Logistic regressions that neighbours strengthen."""

from __future__ import annotations

import numpy as np

from dissmodel.models.lucc.entries import Finite, PotentialEntry
from dissmodel.models.lucc.potentials.logistic import Logistic
from dissmodel.models.lucc.space import Floats, Whole


class NeighAttract(Logistic):
    """As logistic, times how far the neighbours of the class exceed a part of all neighbours."""

    kind = "neigh_attract"

    def suitability(self, lu: int, use: Whole) -> Floats:
        """Return the potential of a class."""
        found = super().suitability(lu, use)
        alike = self.cells.sum_around((use == lu).astype(np.float64))
        for row, where in zip(self.entries, self.members, strict=True):
            wanted = self.cells.degrees[where] * _part(row[lu])
            enough = (alike[where] > wanted - 1) & (wanted != 0)
            factor = np.divide(alike[where], wanted, out=np.ones_like(wanted), where=enough)
            found[where] *= factor
        return found


def _part(entry: PotentialEntry) -> Finite:
    assert entry.perc_neighbors_use is not None  # checked with the parameters
    return entry.perc_neighbors_use
