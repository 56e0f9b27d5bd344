"""What neighbours have."""

from __future__ import annotations

import numpy as np

from dissmodel.models.lucc.potential import DiscretePotential
from dissmodel.models.lucc.potentials.inverse_distance import InverseDistance
from dissmodel.models.lucc.space import Cells, Floats, Whole


class Neighbours(DiscretePotential):
    """The part of the neighbours that have the class; 0 without neighbours."""

    kind = "neigh"
    needs_grid = True

    def suitability(self, lu: int, use: Whole) -> Floats:
        """Return the potential of a class."""
        return part_around(self.cells, lu, use)


class NeighboursAndDistance(InverseDistance):
    """The part of the neighbours that have the class, and the inverse distance."""

    kind = "neigh_inverse"
    needs_grid = True

    def suitability(self, lu: int, use: Whole) -> Floats:
        """Return the potential of a class."""
        return part_around(self.cells, lu, use) + super().suitability(lu, use)


def part_around(cells: Cells, lu: int, use: Whole) -> Floats:
    """Return which part of the neighbours of each cell have a class."""
    alike = cells.sum_around((use == lu).astype(np.float64))
    return np.divide(alike, cells.degrees, out=np.zeros(cells.size), where=cells.degrees > 0)
