"""The coast tile by tile, on its own kernels: each advances a tile and its halo, in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.tiles.task import Advanced, Tile, Whole
from dissmodel.models.coastal.kernels.choice import choose_kernel
from dissmodel.models.coastal.kernels.numpy_pixels import NumpyKernel
from dissmodel.models.coastal.kernels.numpy_rules import sources
from dissmodel.models.coastal.kernels.step import Kernel, Terms
from dissmodel.models.coastal.metrics import StepMetrics, StepTally
from dissmodel.models.coastal.parameters import overflow
from dissmodel.models.coastal.state import CoastalState

if TYPE_CHECKING:
    from dissmodel.models.coastal.model import CoastalModel

REACH = 2
"""How far a step sees, in cells: the shares of neighbours depend on theirs."""


@dataclass(frozen=True)
class CoastalRule:
    """A step of the coast.

    `parameters` are those of the record; `steps` is how many the run has; `compiled` says whether memory
    suffices for compiled kernels.
    """

    model: type[CoastalModel]
    parameters: Mapping[str, Any]
    steps: int
    compiled: bool

    def advance(self, tile: Tile) -> Advanced:
        """Advance the tile; next to a cut the halo gets wrong, `REACH` rows more with each step."""
        if not tile.inside[tile.own].any():
            return Advanced(None)
        given = self.model.Parameters.model_validate(self.parameters)
        uso, alt, solo = (tile.pictures[name] for name in self.model.fields)
        state = CoastalState(uso, solo, alt, tile.steps[0] - 1, tile.order)
        kernel: Kernel[Any] = NumpyKernel()
        if self.compiled:
            rounds = tile.whole.rows * tile.whole.cols * self.steps // alt.size + 1
            kernel = choose_kernel(state, rounds, tile.threads)
        parts = []
        for step in tile.steps:
            now = Terms.at(step, given)
            halo = [
                rows for rows in (slice(0, tile.own.start), slice(tile.own.stop, len(alt))) if alt[rows].size
            ]
            before = [(sources(alt[rows], uso[rows], now), uso[rows].copy()) for rows in halo]
            found = kernel.step(state, now)
            # The kernel counts in the halo, too.
            beyond = StepTally()
            for rows, (sent, was) in zip(halo, before, strict=True):
                beyond.add(sent, was, uso[rows], solo[rows], alt[rows])
            counts = {name: getattr(found, name) - beyond.counts.get(name, 0) for name in _COUNTS}
            parts.append({"counts": counts, "units": _units(kernel, alt[tile.own])})
        inside = np.count_nonzero(tile.inside[tile.own])
        parts[-1]["lost"] = int(inside - np.count_nonzero(np.isfinite(alt[tile.own])))
        return Advanced(parts, (kernel.name, kernel.threads), changed=True)

    def measures(self, step: int, parts: list[Any], whole: Whole) -> Mapping[str, float]:  # noqa: ARG002  (of others)
        """Return the measures of the whole.

        Raises UsageError if the sea rose so fast that elevations are not numbers any more.
        """
        given = self.model.Parameters.model_validate(self.parameters)
        lost = sum(part.get("lost", 0) for part in parts)
        if lost:
            raise overflow(given.sea_level_rise_rate, lost, step)
        counts = {name: sum(part["counts"][name] for part in parts) for name in _COUNTS}
        units = sum(part["units"] for part in parts)
        level = Terms.at(step, given).sea_level
        return StepMetrics(step=step, sea_level=level, sum_alt=units / 2**50, **counts).row()


_COUNTS = ("sources", "flooded", "newly_flooded", "mangrove_migrated", "soil_migrated")


def _units(kernel: Kernel[Any], alt: NDArray[np.float64]) -> int:
    """Return the sum of elevations in units of 2^-50 m, as `StepTally` has it."""
    if kernel.name == "numpy":
        tally = StepTally()
        tally.add_up(alt)
        return tally.units
    from dissmodel.models.coastal.tiles_sum import units_of  # noqa: PLC0415  (numba takes long to load)

    return units_of(alt)
