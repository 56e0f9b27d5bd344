"""Where a class may come to be: the interfaces of potentials."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from dissmodel.models.lucc.component import Component
from dissmodel.models.lucc.entries import PotentialEntry
from dissmodel.models.lucc.space import Cells, Chosen, Floats, Shares, Whole

Entries = Sequence[Sequence[PotentialEntry]]
"""The coefficients: entries[region][class], both counted from 0."""


class Potential(Component):
    """What both kinds of potentials have."""

    called = "potential"
    Entry: ClassVar[type[PotentialEntry]] = PotentialEntry
    """The model of a row of its table; a subclass may add coefficients."""
    needs: ClassVar[tuple[str, ...]] = ()
    """The coefficients without a default."""

    def __init__(self, cells: Cells, entries: Entries) -> None:
        self.cells = cells
        self.entries = entries
        self.members = cells.members(cells.regions, len(entries))

    def weighted(self, start: float, betas: dict[str, float], where: Chosen) -> Floats:
        """Return start + Σ beta·driver, from the left, of some cells."""
        found = np.full(np.arange(self.cells.size)[where].size, start)
        for name, beta in betas.items():
            found += beta * self.cells.drivers[name][where]
        return found


class ContinuousPotential(Potential):
    """The potential of shares: a regression minus the share itself."""

    def __init__(self, cells: Cells, entries: Entries, shares: Shares) -> None:
        super().__init__(cells, entries)
        self.shares = shares
        self._stale: dict[tuple[int, int], None] = {}
        self.begin()

    def begin(self) -> None:
        """Prepare what a subclass keeps during a run."""

    @abstractmethod
    def adapt(self, step: int, demand: Floats, previous: Floats) -> None:
        """Set the constants of a step from the demand of each class in this step and the previous one."""

    @abstractmethod
    def regression(self, region: int, lu: int, where: Chosen) -> Floats:
        """Return what the drivers say about a class in the cells of a region."""

    @abstractmethod
    def shift(self, region: int, lu: int, direction: float) -> None:
        """Change the constant of a class in a region until the end of the step."""

    def halve(self, driver: str | None) -> None:
        """Take half of the driver's weight where the potential has one."""

    def start(self, step: int, demand: Floats, previous: Floats) -> None:
        """Compute the potential of a step."""
        self.adapt(step, demand, previous)
        self._stale.clear()
        for region, row in enumerate(self.entries):
            for lu in range(len(row)):
                self._compute(region, lu)

    def modify(self, region: int, lu: int, direction: float) -> None:
        """Change a constant; `refresh` computes what follows from it."""
        self.shift(region, lu, direction)
        self._stale[region, lu] = None

    def soften(self, driver: str | None) -> None:
        """Halve what a driver weighs for all classes, and compute the first class again, as LuccME does."""
        self.refresh()
        self.halve(driver)
        self._stale.update(dict.fromkeys((region, 0) for region in range(len(self.entries))))

    def refresh(self) -> None:
        """Compute the potentials whose constants changed."""
        for region, lu in self._stale:
            self._compute(region, lu)
        self._stale.clear()

    def _compute(self, region: int, lu: int) -> None:
        where = self.members[region]
        found = self.regression(region, lu, where)
        self.shares.potential[lu, where] = found - self.shares.past[lu, where]


class DiscretePotential(Potential):
    """The potential of classes, computed once per step from the state before it."""

    @abstractmethod
    def suitability(self, lu: int, use: Whole) -> Floats:
        """Return the potential of a class; `use` is the class of each cell, from 0."""

    def compute(self, classes: int, use: Whole) -> Floats:
        """Return the potential, shape (classes, cells)."""
        return np.stack([self.suitability(lu, use) for lu in range(classes)])


def growth(demand: Floats, previous: Floats) -> Floats:
    """Return by what part the demand of each class grows; 0 where there was none.

    >>> growth(np.array([3.0, 1.0]), np.array([2.0, 0.0]))
    array([0.5, 0. ])
    """
    return np.divide(demand - previous, previous, out=np.zeros_like(demand), where=previous != 0)
