"""A simulation of the coastal models: flood, mangrove or both, as the parameters have it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from dissmodel import progress
from dissmodel.errors import UsageError
from dissmodel.executor import ExperimentRecord
from dissmodel.executor.config import settings
from dissmodel.models.coastal import checks
from dissmodel.models.coastal.classes import NO_USE
from dissmodel.models.coastal.kernels.choice import choose_kernel
from dissmodel.models.coastal.kernels.step import Terms
from dissmodel.models.coastal.metrics import StepMetrics, columns
from dissmodel.models.coastal.parameters import RiseParameters
from dissmodel.models.coastal.state import CellState, CoastalState

Space: TypeAlias = CoastalState | CellState
AfterStep: TypeAlias = Callable[[], None]


@dataclass(frozen=True)
class Simulation:
    """The results of a finished simulation."""

    metrics: tuple[StepMetrics, ...]  # of each step
    kernel: str
    threads: int
    seconds: float  # of all steps, without compiling before them


def simulate(
    state: Space, parameters: RiseParameters, record: ExperimentRecord, after_step: AfterStep | None = None
) -> None:
    """Run `advance`; note the measures of each step, the kernel and its threads in `record`.

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

    The measures of each step are added to `metrics` as soon as they are known. Raises UsageError if the sea
    rises so fast that elevations are not numbers any more.
    """
    steps = range(state.step + 1, parameters.end_time + 1)
    kernel = choose_kernel(state, len(steps), settings.threads)
    found = [] if metrics is None else metrics
    cells = state.cells
    began = time.perf_counter()
    for done, step in enumerate(steps, start=1):
        found.append(kernel.step(state, Terms.at(step, parameters)))
        progress.current().step(done, len(steps), cells)
        if after_step is not None:
            after_step()
    seconds = time.perf_counter() - began
    _refuse_overflow(state, parameters)
    return Simulation(tuple(found), kernel.name, kernel.threads, seconds)


def _refuse_overflow(state: Space, parameters: RiseParameters) -> None:
    # NaN stands for "outside": a cell that overflowed would leave the space unnoticed.
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
