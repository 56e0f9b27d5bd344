"""The steps of a run, each from the demand to the classes after it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from dissmodel.models.lucc.allocation import ContinuousAllocation, DiscreteAllocation, Outcome, Step
from dissmodel.models.lucc.kernels.kernel import Kernel
from dissmodel.models.lucc.parameters import ContinuousParameters, DiscreteParameters, LuccParameters
from dissmodel.models.lucc.potential import ContinuousPotential, DiscretePotential
from dissmodel.models.lucc.space import Cells, Floats, Shares, Whole, total


class Run(ABC):
    """Classes, step by step.

    Parameters
    ----------
    start : float64, shape (classes, cells)
        The share of each class before the first step of this run; 1 or 0 where a cell has one class.
    demand : float64, shape (steps, classes)
        In the unit of the cell's area.

    Attributes
    ----------
    before, after, found : float64, shape (classes, cells)
        The shares before and after the last step, and the potential that led from one to the other.
    """

    def __init__(self, start: Floats, demand: Floats, parameters: LuccParameters) -> None:
        self.demand = demand
        self.cell_area = parameters.cell_area
        self.before = self.after = start
        self.found = np.zeros_like(start)

    def step_of(self, number: int) -> Step:
        """Return a step's number and demand."""
        return Step(number, self.demand[number], self.demand[max(number - 1, 0)])

    def areas(self) -> list[float]:
        """Return the area of each class after the last step that was done."""
        return [total(one) * self.cell_area for one in self.after]

    @abstractmethod
    def step(self, number: int) -> Outcome:
        """Do a step; raise `DemandNotMet` where no try is accepted."""

    def resume(self, passo: int, counters: Mapping[str, int]) -> None:  # noqa: B027  (few have something)
        """Bring what accumulates to where it was after step `passo`, -1 at the start."""

    @abstractmethod
    def measures(self, outcome: Outcome) -> dict[str, float]:
        """Return more measures of the last step."""


class ContinuousRun(Run):
    """Shares of classes."""

    def __init__(
        self, cells: Cells, start: Floats, demand: Floats, parameters: ContinuousParameters, kernel: Kernel
    ) -> None:
        super().__init__(start, demand, parameters)
        p = parameters
        nodata, complement = p.index(p.land_use_no_data), p.index(p.complementar_lu)
        assert complement is not None  # checked with the parameters
        self.shares = Shares(p.land_use_types, start, nodata, complement)
        potential = ContinuousPotential.of_kind(p.potential_kind)
        self.potential = potential(cells, p.potential_entries, self.shares)
        allocation = ContinuousAllocation.of_kind(p.allocation_kind)
        entries, how = p.allocation_entries, (p.cell_correction, p.attr_protection)
        self.allocation = allocation(self.potential, entries, p.limits(), kernel, *how)

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
        self.before, self.after, self.found = shares.past, shares.now.copy(), shares.potential
        shares.past = self.after
        return outcome

    def measures(self, outcome: Outcome) -> dict[str, float]:
        """Return how often constants were changed, and how many cells were corrected."""
        return {"modified": outcome.modified, "corrected": outcome.corrected}


class DiscreteRun(Run):
    """Classes of cells; `use` is the class of each, from 0."""

    def __init__(
        self, cells: Cells, start: Floats, demand: Floats, parameters: DiscreteParameters, kernel: Kernel
    ) -> None:
        super().__init__(start, demand, parameters)
        p = parameters
        self.use: Whole = start.argmax(axis=0)
        self.potential = DiscretePotential.of_kind(p.potential_kind)(cells, p.potential_entries)
        matrix = None if p.transition_matrix is None else np.array(p.transition_matrix, np.bool_)
        self.allocation = DiscreteAllocation.of_kind(p.allocation_kind)(
            cells, p.land_use_types, p.index(p.land_use_no_data), p.limits(), kernel, matrix, p.ties
        )

    def step(self, number: int) -> Outcome:
        """Do a step."""
        self.found = self.potential.compute(len(self.after), self.use)
        self.use, outcome = self.allocation.allocate(self.step_of(number), self.found, self.use)
        self.before, self.after = self.after, np.zeros_like(self.after)
        np.put_along_axis(self.after, self.use[None], 1.0, axis=0)
        return outcome

    def measures(self, outcome: Outcome) -> dict[str, float]:  # noqa: ARG002  (a subclass's)
        """Return how many cells changed their class."""
        return {"changed": int(np.count_nonzero((self.after != self.before).any(axis=0)))}
