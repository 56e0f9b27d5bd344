"""A run of a model: its steps, each from the demand to the classes after it."""

from __future__ import annotations

import numpy as np

from dissmodel.models.lucc.allocation import ContinuousAllocation, DiscreteAllocation, Outcome, Step
from dissmodel.models.lucc.kernels.kernel import Kernel
from dissmodel.models.lucc.parameters import ContinuousParameters, DiscreteParameters
from dissmodel.models.lucc.potential import ContinuousPotential, DiscretePotential
from dissmodel.models.lucc.space import Cells, Floats, Shares, Whole


def step_of(number: int, demand: Floats) -> Step:
    """Return a step of a demand, shape (steps, classes)."""
    return Step(number, demand[number], demand[max(number - 1, 0)])


class ContinuousRun:
    """Shares of classes, step by step.

    Parameters
    ----------
    shares : float64, shape (classes, cells)
        Before the first step.
    demand : float64, shape (steps, classes)
        In the unit of the cell's area.
    """

    def __init__(
        self, cells: Cells, shares: Floats, demand: Floats, parameters: ContinuousParameters, kernel: Kernel
    ) -> None:
        p = parameters
        nodata, complement = p.index(p.land_use_no_data), p.index(p.complementar_lu)
        assert complement is not None  # the parameters are checked
        self.demand = demand
        self.cell_area = p.cell_area
        self.shares = Shares(p.land_use_types, shares, nodata, complement)
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

    def resume(self, passo: int, halvings: int) -> None:
        """Bring constants and weights to where they were after a step."""
        for number in range(passo + 1):
            step = step_of(number, self.demand)
            self.potential.adapt(number, step.demand, step.previous)
        for _ in range(halvings):
            self.potential.halve(self.allocation.protection)
        self.allocation.halvings = halvings

    def step(self, number: int) -> Outcome:
        """Set ``shares.now`` to the shares after a step, and ``shares.past`` to those before it."""
        step = step_of(number, self.demand)
        self.potential.start(number, step.demand, step.previous)
        outcome = self.allocation.allocate(step)
        self.shares.complete()
        return outcome

    def go_on(self) -> None:
        """Begin the next step from where the last one ended."""
        np.copyto(self.shares.past, self.shares.now)


class DiscreteRun:
    """Classes of cells, step by step.

    Parameters
    ----------
    use : int64, shape (cells,)
        The class of each before the first step, from 0.
    """

    def __init__(
        self, cells: Cells, use: Whole, demand: Floats, parameters: DiscreteParameters, kernel: Kernel
    ) -> None:
        p = parameters
        self.demand = demand
        self.use = use
        self.potential = DiscretePotential.of_kind(p.potential_kind)(cells, p.potential_entries())
        matrix = None if p.transition_matrix is None else np.array(p.transition_matrix, np.bool_)
        self.allocation = DiscreteAllocation.of_kind(p.allocation_kind)(
            cells,
            p.land_use_types,
            p.index(p.land_use_no_data),
            p.limits(),
            kernel,
            transitions=matrix,
            ties=p.ties,
        )
        self.found = np.empty((0, 0))

    def step(self, number: int) -> Outcome:
        """Set `use` to the classes after a step, and `found` to the potential that led to them."""
        self.found = self.potential.compute(self.demand.shape[1], self.use)
        self.use, outcome = self.allocation.allocate(step_of(number, self.demand), self.found, self.use)
        return outcome
