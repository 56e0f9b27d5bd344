"""What is measured at each step."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dissmodel.models.coastal.classes import FLOODED, FLOODED_LAND, MIGRATED_MANGROVE, MIGRATED_MUD

MEASURE_UNITS = {"sea_level": "m", "sum_alt": "m"} | dict.fromkeys(
    ("sources", "flooded", "newly_flooded", "mangrove_migrated", "soil_migrated"), "cells"
)
"""The units of the measures of `StepMetrics`."""

_COARSE, _FINE = 2.0**16, 2.0**50
_HIGHEST = 2.0**23  # farther than the centre of the earth


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """The measures of one step; counts are of cells in the space after the step, but for `sources`."""

    step: int
    sea_level: float  # L, m
    sources: int  # cells that sent water, on the state before the step
    flooded: int  # of a flooded land use (6, 7, 9, 10)
    newly_flooded: int  # under water and dry before the step
    mangrove_migrated: int
    soil_migrated: int  # of migrated mangrove mud
    sum_alt: float  # of all elevations, m

    def row(self) -> dict[str, float | int]:
        """Return each measure by its name."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class StepTally:
    """Adds up the measures of one step, block of cells by block of cells.

    Elevations are added as whole numbers of 2^-50 m, to which one below 4 m is rounded (half to even), and
    the sum is rounded once; so it has the same bits however cells are ordered or cut into blocks. Elevations
    from ±2^23 m, which no coast has, are left out.
    """

    counts: dict[str, int] = field(default_factory=dict)
    units: int = 0

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
        self.add_up(alt)

    def add_up(self, alt: NDArray[np.float64]) -> None:
        """Add the elevations of a block."""
        known = alt[np.abs(alt) < _HIGHEST]
        # In two parts, so that each fits an int64.
        coarse = np.rint(known * _COARSE)
        fine = np.rint((known - coarse / _COARSE) * _FINE)
        self.units += (int(coarse.astype(np.int64).sum()) << 34) + int(fine.astype(np.int64).sum())

    def result(self, step: int, sea_level: float) -> StepMetrics:
        """Return the measures of `step` at the sea level `sea_level` (m)."""
        return StepMetrics(step=step, sea_level=sea_level, sum_alt=self.units / 2**50, **self.counts)
