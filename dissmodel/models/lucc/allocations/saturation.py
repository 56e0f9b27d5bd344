"""CLUE that slows down where little is left."""

from __future__ import annotations

import numpy as np

from dissmodel.models.lucc.allocations.clue import Clue
from dissmodel.models.lucc.space import Floats, total


class Saturation(Clue):
    """LuccME's AllocationCClueLikeSaturation (Aguiar 2006): slower where the surroundings are full."""

    kind = "saturation"
    needs_grid = True
    corrects = True

    def area(self, shares: Floats) -> float:
        """Return the area of a class, without shares below 0."""
        return total(np.maximum(shares, 0.0)) * self.limits.cell_area

    def halfway(self) -> None:
        """Protect half as much."""
        self.halvings += 1
        self.potential.soften(self.protection)

    def saturation(self) -> Floats:
        """Return the mean part of the land that is used, of each cell and its neighbours that have land."""
        cells, shares = self.cells, self.shares
        land = shares.land()
        available = np.ones(cells.size) if land is None else land
        if self.protection is not None:
            available = available - cells.drivers[self.protection]
        has_land = available > 0
        used = np.ones(cells.size)
        np.divide(1.0 - shares.past[shares.complement], available, out=used, where=has_land)
        used, found = np.append(np.minimum(used, 1.0) * has_land, 0.0), np.append(has_land, False)
        window = [*cells.neighbours[:4], np.arange(cells.size), *cells.neighbours[4:]]
        both = np.zeros(cells.size)
        count = np.zeros(cells.size)
        for around in window:
            both += used[around]
            count += found[around]
        return np.divide(both, count, out=np.ones(cells.size), where=has_land)
