"""The steps of a run, each from the demand to the classes after it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from dissmodel.models.lucc.allocation import ContinuousAllocation, DiscreteAllocation, Outcome, Step
from dissmodel.models.lucc.kernels.kernel import Kernel
from dissmodel.models.lucc.parameters import ContinuousParameters, DiscreteParameters
from dissmodel.models.lucc.potential import ContinuousPotential, DiscretePotential
from dissmodel.models.lucc.space import Cells, Floats, Shares, Whole, total


class Run(ABC):
    """Classes, step by step.

    Parameters
    ----------
    demand : float64, shape (steps, classes)
        In the unit of the cell's area.
    """

    def __init__(self, demand: Floats) -> None:
        self.demand = demand

    def step_of(self, number: int) -> Step:
        """Return a step's number and demand."""
        return Step(number, self.demand[number], self.demand[max(number - 1, 0)])

    @abstractmethod
    def step(self, number: int) -> Outcome:
        """Do a step; raise `DemandNotMet` where no try is accepted."""

    def resume(self, passo: int, counters: Mapping[str, int]) -> None:  # noqa: B027  (few have something)
        """Bring what accumulates to where it was after step `passo`, -1 at the start."""

    @property
    @abstractmethod
    def shares_before(self) -> Floats:
        """The share of each class in each cell before the last step, shape (classes, cells)."""

    @property
    @abstractmethod
    def shares_after(self) -> Floats:
        """The same after it."""

    @property
    @abstractmethod
    def found(self) -> Floats:
        """The potential that led to them, shape (classes, cells)."""

    @abstractmethod
    def areas(self) -> list[float]:
        """Return the area of each class after the last step that was done."""

    @abstractmethod
    def measures(self, outcome: Outcome) -> dict[str, float]:
        """Return more measures of the last step."""


class ContinuousRun(Run):
    """Shares of classes.

    Parameters
    ----------
    start : float64, shape (classes, cells)
        Before the first step of this run.
    """

    def __init__(
        self, cells: Cells, start: Floats, demand: Floats, parameters: ContinuousParameters, kernel: Kernel
    ) -> None:
        super().__init__(demand)
        p = parameters
        nodata, complement = p.index(p.land_use_no_data), p.index(p.complementar_lu)
        assert complement is not None  # checked with the parameters
        self.cell_area = p.cell_area
        self.shares = Shares(p.land_use_types, start, nodata, complement)
        self._before = start
        self.potential = ContinuousPotential.of_kind(p.potential_kind)(
            cells, p.potential_entries(), self.shares
        )
        self.allocation = ContinuousAllocation.of_kind(p.allocation_kind)(
            self.potential,
            p.allocation_entries(),
            p.limits(),
            kernel,
            corrects=p.cell_correction,
            protection=p.attr_protection,
        )

    def resume(self, passo: int, counters: Mapping[str, int]) -> None:
        """Bring constants and weights to where they were after a step."""
        self.allocation.halvings = counters["halvings"]
        for number in range(passo + 1):
            step = self.step_of(number)
            self.potential.adapt(number, step.demand, step.previous)
        for _ in range(self.allocation.halvings):
            self.potential.halve(self.allocation.protection)

    def step(self, number: int) -> Outcome:
        """Do a step."""
        step, shares = self.step_of(number), self.shares
        self.potential.start(number, step.demand, step.previous)
        outcome = self.allocation.allocate(step)
        shares.complete()
        self._before, shares.past = shares.past, shares.now.copy()
        return outcome

    @property
    def shares_before(self) -> Floats:
        """The shares before the last step."""
        return self._before

    @property
    def shares_after(self) -> Floats:
        """The shares after it."""
        return self.shares.past

    @property
    def found(self) -> Floats:
        """The potential of its last try."""
        return self.shares.potential

    def measures(self, outcome: Outcome) -> dict[str, float]:
        """Return how often constants were changed, and how many cells were corrected."""
        return {"modified": outcome.modified, "corrected": outcome.corrected}

    def areas(self) -> list[float]:
        """Return the area of each class."""
        return [total(one) * self.cell_area for one in self.shares.past]


class DiscreteRun(Run):
    """Classes of cells.

    Parameters
    ----------
    use : int64, shape (cells,)
        The class of each before the first step of this run, from 0.
    """

    def __init__(
        self, cells: Cells, use: Whole, demand: Floats, parameters: DiscreteParameters, kernel: Kernel
    ) -> None:
        super().__init__(demand)
        p = parameters
        self.cell_area = p.cell_area
        self.use = self._before = use
        self._found = np.zeros((len(p.land_use_types), cells.size))
        self.potential = DiscretePotential.of_kind(p.potential_kind)(cells, p.potential_entries())
        matrix = None if p.transition_matrix is None else np.array(p.transition_matrix, np.bool_)
        self.allocation = DiscreteAllocation.of_kind(p.allocation_kind)(
            cells, p.land_use_types, p.index(p.land_use_no_data), p.limits(), kernel, matrix, p.ties
        )

    def step(self, number: int) -> Outcome:
        """Do a step."""
        found = self.potential.compute(len(self._found), self.use)
        use, outcome = self.allocation.allocate(self.step_of(number), found, self.use)
        self._before, self.use, self._found = self.use, use, found
        return outcome

    @property
    def shares_before(self) -> Floats:
        """1 where a cell had a class before the last step, else 0."""
        return self._as_shares(self._before)

    @property
    def shares_after(self) -> Floats:
        """1 where a cell has a class after it, else 0."""
        return self._as_shares(self.use)

    @property
    def found(self) -> Floats:
        """The potential, without what the allocation added."""
        return self._found

    def measures(self, outcome: Outcome) -> dict[str, float]:  # noqa: ARG002  (a subclass's)
        """Return how many cells changed their class."""
        return {"changed": int(np.count_nonzero(self.use != self._before))}

    def _as_shares(self, use: Whole) -> Floats:
        shares: Floats = (use == np.arange(len(self._found))[:, None]).astype(np.float64)
        return shares

    def areas(self) -> list[float]:
        """Return the area of each class."""
        counts = np.bincount(self.use, minlength=len(self._found))
        return [float(area) for area in counts * self.cell_area]
