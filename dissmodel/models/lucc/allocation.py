"""Which cells change until the demand is met: the interfaces of allocations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dissmodel import progress
from dissmodel.errors import DissmodelError
from dissmodel.models.lucc.component import Component
from dissmodel.models.lucc.entries import AllocationEntry
from dissmodel.models.lucc.kernels.kernel import Flags, Kernel
from dissmodel.models.lucc.potential import ContinuousPotential
from dissmodel.models.lucc.space import Cells, Floats, Whole


@dataclass(frozen=True)
class Limits:
    """When a try is accepted, and how tries go on.

    Attributes
    ----------
    cell_area, max_difference : float
        In the unit of the demand.
    max_iteration : int
    elasticity : tuple of float
        Of a class in the first try, the least, and the largest.
    factor : float
        What a unit of missing area adds to the potential of a class (CLUE-S).
    """

    cell_area: float
    max_difference: float
    max_iteration: int = 1000
    elasticity: tuple[float, float, float] = (0.1, 0.001, 1.5)
    factor: float = 0.0001


@dataclass(frozen=True)
class Step:
    """A step and its demand, in order of classes; `previous` is that of the step before it."""

    number: int
    demand: Floats
    previous: Floats


@dataclass(frozen=True)
class Outcome:
    """What a step came to.

    Attributes
    ----------
    areas : list of float
        Of each class after the last try, before the shares of a cell are made to sum to 1.
    iterations : int
        How many tries were not accepted.
    error, allowed : float
        The largest difference from the demand, and the largest that was accepted.
    elasticities : list of float
        As the last comparison left them; empty for classes of cells.
    modified : int
        How often a constant of the potential was changed.
    corrected : int
        How many cells the last try corrected.
    """

    areas: list[float]
    iterations: int
    error: float
    allowed: float
    elasticities: list[float]
    modified: int = 0
    corrected: int = 0


class DemandNotMet(DissmodelError):
    """No try of a step came near enough to the demand.

    Attributes
    ----------
    outcome : Outcome
        Of the last try.
    errors : sequence of float
        The largest difference from the demand of each try.
    measures : mapping of str to float
        Of the step, for its record.
    """

    code = "demand_not_met"

    def __init__(self, message: str, hint: str, outcome: Outcome, errors: Sequence[float]) -> None:
        super().__init__(message, hint)
        self.outcome = outcome
        self.errors = errors
        self.measures: Mapping[str, float] = {}


class ContinuousAllocation(Component):
    """Changes shares of classes.

    Parameters
    ----------
    entries : sequence
        How classes may change: entries[region][class], both counted from 0.
    corrects : bool, optional
        Whether the shares of a cell are corrected in each try; by default as the class has it.
    protection : str, optional
        The driver that is the protected share of each cell.
    """

    called = "allocation"

    corrects: ClassVar[bool] = False

    def __init__(  # noqa: PLR0917  (as many things decide)
        self,
        potential: ContinuousPotential,
        entries: Sequence[Sequence[AllocationEntry]],
        limits: Limits,
        kernel: Kernel,
        corrects: bool | None = None,  # noqa: FBT001  (as the parameter)
        protection: str | None = None,
    ) -> None:
        self.cells = potential.cells
        self.shares = potential.shares
        self.potential = potential
        self.entries = entries
        self.limits = limits
        self.kernel = kernel
        self.is_correcting = self.corrects if corrects is None else corrects
        self.protection = protection
        self.halvings = 0
        self.begin()

    def begin(self) -> None:
        """Prepare what a subclass keeps during a run."""

    @abstractmethod
    def allocate(self, step: Step) -> Outcome:
        """Set ``shares.now``; raise `DemandNotMet` where no try is accepted."""


class DiscreteAllocation(Component):
    """Changes the classes of cells.

    Parameters
    ----------
    transitions : bool, shape (regions, from, to), or None
        What a cell may become.
    ties : str
        Which of several cells with one potential comes first: ``"order"`` or ``"luccme"``.
    """

    called = "allocation"

    needs_transitions: ClassVar[bool] = False

    def __init__(  # noqa: PLR0917  (as above)
        self,
        cells: Cells,
        names: tuple[str, ...],
        nodata: int | None,
        limits: Limits,
        kernel: Kernel,
        transitions: Flags | None = None,
        ties: str = "order",
    ) -> None:
        self.cells = cells
        self.names = names
        self.nodata = nodata
        self.limits = limits
        self.kernel = kernel
        self.transitions = transitions
        self.ties = ties
        regions = cells.allocation_regions
        self.regions = np.zeros(cells.size, np.int64) if regions is None else regions - 1

    @abstractmethod
    def allocate(self, step: Step, potential: Floats, use: Whole) -> tuple[Whole, Outcome]:
        """Return the class of each cell, from 0; raise `DemandNotMet` where no try is accepted."""


class Tries:
    """The tries of a step.

    Attributes
    ----------
    allowed : float
        The largest difference from the demand that is accepted.
    errors : list of float
        That of each try.
    """

    def __init__(self, step: Step, limits: Limits) -> None:
        self.step = step
        self.limits = limits
        self.allowed = limits.max_difference
        self.errors: list[float] = []

    def accepts(self, areas: Floats) -> bool:
        """Note the areas of a try; return whether they are near enough to the demand."""
        return self.accepts_error(float(np.abs(areas - self.step.demand).max()))

    def accepts_error(self, error: float) -> bool:
        """Note the error of a try, its largest distance from the demand; return whether it is allowed."""
        self.errors.append(error)
        said = f"iteration {len(self.errors) - 1}: error {error:.4g}, allowed {self.allowed:.4g}"
        progress.note(f"step {self.step.number}, {said}")
        return error <= self.allowed

    def outcome(self, areas: Floats, elasticities: Sequence[float] = (), **counts: int) -> Outcome:
        """Return what the step came to, with the areas of the last try."""
        iterations = len(self.errors) - 1
        return Outcome(
            areas.tolist(), iterations, self.errors[-1], self.allowed, list(elasticities), **counts
        )

    def not_met(self, names: Sequence[str], last: Outcome) -> DemandNotMet:
        """Return the error of the step: the class that is farthest off, the first of several."""
        limits, demand = self.limits, self.step.demand.tolist()
        off = [abs(area - wanted) for area, wanted in zip(last.areas, demand, strict=True)]
        worst = off.index(max(off))
        allowed = f"{limits.max_difference:.10g}"
        if self.allowed != limits.max_difference:
            allowed += f" ({self.allowed:.10g} after iteration {limits.max_iteration // 2})"
        return DemandNotMet(
            f"step {self.step.number}: demand not met after {len(self.errors)} iterations; "
            f"class {names[worst]}: demand {demand[worst]:.10g}, allocated {last.areas[worst]:.10g}, "
            f"off by {off[worst]:.10g}, allowed {allowed}",
            "Allow more (max_difference), try longer (max_iteration), or change the demand.",
            last,
            self.errors,
        )
