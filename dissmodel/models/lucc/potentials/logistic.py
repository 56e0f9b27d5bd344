"""Logistic regressions of classes."""

from __future__ import annotations

import numpy as np

from dissmodel.models.lucc.potential import DiscretePotential
from dissmodel.models.lucc.space import Floats, Whole


class Logistic(DiscretePotential):
    """1 / (1 + e^-(const + Σ beta·driver)), and the elasticity where the cell has the class (CLUE-S)."""

    kind = "logistic"

    def suitability(self, lu: int, use: Whole) -> Floats:
        """Return the probability of a class, and its resistance to change."""
        found = np.empty(self.cells.size)
        for row, where in zip(self.entries, self.members, strict=True):
            score = self.weighted(row[lu].const, row[lu].betas, where)
            with np.errstate(over="ignore"):  # of an infinite power the result is 0, as it is of a large one
                found[where] = 1.0 / (1.0 + np.exp(-score))
            found[where] += np.where(use[where] == lu, row[lu].elasticity, 0.0)
        return found
