"""The coastal models as a component of a simulation, and a whole simulation of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from dissmodel import progress
from dissmodel.core import Environment, Model
from dissmodel.errors import UsageError
from dissmodel.executor import ExperimentRecord
from dissmodel.executor.config import settings
from dissmodel.models.coastal import checks
from dissmodel.models.coastal.classes import NO_USE
from dissmodel.models.coastal.kernels.choice import choose_kernel
from dissmodel.models.coastal.kernels.step import Kernel, Terms
from dissmodel.models.coastal.metrics import StepMetrics, columns
from dissmodel.models.coastal.parameters import RiseParameters
from dissmodel.models.coastal.state import CellState, CoastalState

Space: TypeAlias = CoastalState | CellState
AfterStep: TypeAlias = Callable[[], None]


@dataclass(frozen=True)
class Simulation:
    """What is known of a simulation that is over.

    Attributes
    ----------
    metrics : tuple of StepMetrics
        The measures of each step.
    kernel : str
        What computed the steps.
    threads : int
        How many threads it used.
    seconds : float
        How long all steps took, without what was compiled before them.
    """

    metrics: tuple[StepMetrics, ...]
    kernel: str
    threads: int
    seconds: float


class CoastalModel(Model):
    """Flood, mangrove or both, as the parameters say: one tick of the environment's clock is one step.

    Parameters
    ----------
    state : CoastalState or CellState
        The cell space; it is advanced in place.
    parameters : RiseParameters
        Rates and heights, and the last step.
    kernel : Kernel
        What computes a step.
    after_step : callable, optional
        Called after each step, when the state is that of its end.
    metrics : list of StepMetrics, optional
        Takes the measures of each step as soon as they are known.
    """

    def setup(  # type: ignore[override]  # each model says what it takes
        self,
        state: Space,
        parameters: RiseParameters,
        kernel: Kernel[Any],
        after_step: AfterStep | None = None,
        metrics: list[StepMetrics] | None = None,
    ) -> None:
        """Take the cell space."""
        self.state = state
        self.parameters = parameters
        self.kernel = kernel
        self.after_step = after_step
        self.metrics = [] if metrics is None else metrics
        self._total = parameters.end_time - state.step
        self._cells = state.cells

    def execute(self) -> None:
        """Compute one step."""
        now = Terms.at(int(self.env.now()), self.parameters)
        self.metrics.append(self.kernel.step(self.state, now))
        progress.current().step(len(self.metrics), self._total, self._cells)
        if self.after_step is not None:
            self.after_step()


def simulate(
    state: Space, parameters: RiseParameters, record: ExperimentRecord, after_step: AfterStep | None = None
) -> None:
    """Do as `advance` does; note the measures of each step in `record`, and who computed them.

    A run that ends early leaves the measures of the steps that it did.
    """
    metrics: list[StepMetrics] = []
    try:
        done = advance(state, parameters, after_step, metrics)
    finally:
        record.step_metrics = columns(metrics)
    if record.runtime is not None:
        record.runtime.kernel, record.runtime.threads = done.kernel, done.threads


def advance(
    state: Space,
    parameters: RiseParameters,
    after_step: AfterStep | None = None,
    metrics: list[StepMetrics] | None = None,
) -> Simulation:
    """Advance `state` up to ``end_time``, in place, and call `after_step` after each step.

    The measures of each step are added to `metrics` as soon as they are known.

    Raises
    ------
    UsageError
        If the sea rises so fast that elevations are no numbers any more.
    """
    first, last = state.step + 1, parameters.end_time
    kernel = choose_kernel(state, last - first + 1, settings.threads)
    environment = Environment(start_time=first, end_time=last)
    model = CoastalModel(
        start_time=first,
        end_time=last,
        state=state,
        parameters=parameters,
        kernel=kernel,
        after_step=after_step,
        metrics=metrics,
    )
    began = time.perf_counter()
    environment.run()
    seconds = time.perf_counter() - began
    _refuse_overflow(state, parameters)
    return Simulation(tuple(model.metrics), kernel.name, kernel.threads, seconds)


def _refuse_overflow(state: Space, parameters: RiseParameters) -> None:
    # NaN stands for "outside": a cell that overflowed would leave the space without a word.
    lost = sum(
        int(np.count_nonzero(~np.isfinite(state.alt[rows]) & (state.uso[rows] != NO_USE)))
        for rows in checks.blocks(state.alt)
    )
    if lost:
        raise UsageError(
            f"sea_level_rise_rate = {parameters.sea_level_rise_rate:g}: the elevation of {lost} cells "
            f"overflowed up to step {state.step}.",
            "Give the rise in metres per step: --param sea_level_rise_rate=0.011",
            code="overflow",
        )
