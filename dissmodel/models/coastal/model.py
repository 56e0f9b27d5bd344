"""The coastal model as a component of a simulation."""

from __future__ import annotations

from dissmodel import progress
from dissmodel.core import Model
from dissmodel.models.coastal.kernel import Kernel, Terms
from dissmodel.models.coastal.metrics import StepMetrics
from dissmodel.models.coastal.parameters import CoastalParameters
from dissmodel.models.coastal.state import CoastalState


class CoastalModel(Model):
    """Flood and mangrove: one tick of the environment's clock is one step.

    Parameters
    ----------
    state : CoastalState
        The cell space; it is advanced in place.
    parameters : CoastalParameters
        Rates and heights, and the last step.
    kernel : Kernel
        What computes a step.

    Attributes
    ----------
    metrics : list of StepMetrics
        The measures of each step so far.
    """

    def setup(  # type: ignore[override]  # each model says what it takes
        self, state: CoastalState, parameters: CoastalParameters, kernel: Kernel
    ) -> None:
        """Take the cell space."""
        self.state = state
        self.parameters = parameters
        self.kernel = kernel
        self.metrics: list[StepMetrics] = []
        self._total = parameters.end_time - state.step
        self._cells = state.cells

    def execute(self) -> None:
        """Compute one step."""
        now = Terms.at(int(self.env.now()), self.parameters)
        self.metrics.append(self.kernel.step(self.state, now))
        progress.current().step(len(self.metrics), self._total, self._cells)
