"""What is measured at each step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from dissmodel.models.coastal.classes import FLOODED, FLOODED_LAND, MIGRATED_MANGROVE, MIGRATED_MUD

_GRAIN = 65536.0


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """The measures of one step; counts are cells in the space after the step unless said.

    Attributes
    ----------
    step : int
        The step.
    sea_level : float
        Sea level L, m.
    sources : int
        Cells that sent water, counted on the state before the step.
    flooded : int
        Cells with a flooded land use (6, 7, 9, 10).
    newly_flooded : int
        Cells under water that were dry before the step.
    mangrove_migrated : int
        Cells with migrated mangrove.
    soil_migrated : int
        Cells with migrated mangrove mud.
    sum_alt : float
        Sum of all elevations, m.
    """

    step: int
    sea_level: float
    sources: int
    flooded: int
    newly_flooded: int
    mangrove_migrated: int
    soil_migrated: int
    sum_alt: float


def columns(steps: Iterable[StepMetrics]) -> dict[str, list[float | int]]:
    """Return one list per measure, in the order of the steps.

    >>> one = StepMetrics(1, 0.5, 3, 0, 0, 0, 0, 12.0)
    >>> columns([one])["sources"]
    [3]
    """
    table: dict[str, list[float | int]] = {name: [] for name in StepMetrics.__slots__}
    for measures in steps:
        for name, value in asdict(measures).items():
            table[name].append(value)
    return table


@dataclass(slots=True)
class Tally:
    """Adds up the measures of one step, block of cells by block of cells.

    The sum of elevations is taken in two parts, the multiples of 1/65536 m, which float64 adds without any
    rounding up to 1.3e11 m, and the rests. So it doesn't depend on how cells are ordered or cut into blocks.
    """

    counts: dict[str, int] = field(default_factory=dict)
    coarse: float = 0.0
    fine: float = 0.0

    def add(
        self,
        sources: NDArray[np.bool_],
        before: NDArray[np.uint8],
        uso: NDArray[np.uint8],
        solo: NDArray[np.uint8],
        alt: NDArray[np.float64],
    ) -> None:
        """Add a block: where it sent water, its land use before the step, and what it is after it."""
        wet = FLOODED[uso]
        found = {
            "sources": sources,
            "flooded": FLOODED_LAND[uso],
            "newly_flooded": wet & ~FLOODED[before],
            "mangrove_migrated": uso == MIGRATED_MANGROVE,
            "soil_migrated": solo == MIGRATED_MUD,
        }
        for name, cells in found.items():
            self.counts[name] = self.counts.get(name, 0) + int(np.count_nonzero(cells))
        known = alt[~np.isnan(alt)]
        coarse = np.rint(known * _GRAIN) / _GRAIN
        self.coarse += float(coarse.sum())
        self.fine += float((known - coarse).sum())

    def result(self, step: int, sea_level: float) -> StepMetrics:
        """Return the measures of `step` at the sea level `sea_level` (m)."""
        return StepMetrics(step=step, sea_level=sea_level, sum_alt=self.coarse + self.fine, **self.counts)
