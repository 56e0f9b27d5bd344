"""What a compiled step is given and what it counts."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.kernel_build import inlined
from dissmodel.cells.kernel_lanes import bits_of
from dissmodel.models.coastal.kernels.numba_flood import Bytes, Floats
from dissmodel.models.coastal.kernels.step import Terms
from dissmodel.models.coastal.metrics import StepMetrics

TermValues: TypeAlias = tuple[float, float, float, float, float]

# Eight bytes at once.
LOWEST = np.uint64(0x0101010101010101)
EVEN_BYTES = np.uint64(0x00FF00FF00FF00FF)
PAIRS = np.uint64(0x0001000100010001)

COUNTS = 5
"""What is counted of each cell: source, flooded, newly flooded, migrated mangrove, migrated mud."""

# Elevations are added as whole numbers of 2^-16 m and of 2^-50 m. Adding one and a half times 2^52 of a unit
# rounds to that unit and leaves the number of units in the low bits.
COARSE, FINE = 1.5 * 2.0**36, 1.5 * 2.0**2
HIGHEST = 2.0**23  # what is farther off is left out, as the cells outside are


@inlined
def count(bits: Bytes, kinds: int, sign: int, counts: NDArray[np.int64]) -> None:
    """Add how often the lowest bits of cells are set to `counts`, or take it off."""
    words = bits.view(np.uint64)
    for first in range(0, words.size, 255):  # a byte adds up 255 bits at most
        some = words[first : first + 255]
        for kind in range(kinds):
            total = np.uint64(0)
            for word in some:
                total += (word >> np.uint64(kind)) & LOWEST
            pairs = (total & EVEN_BYTES) + ((total >> np.uint64(8)) & EVEN_BYTES)
            counts[kind] += sign * np.int64((pairs * PAIRS) >> np.uint64(48))


@inlined
def add_up(alt: Floats, sign: int, counts: NDArray[np.int64]) -> None:
    """Add elevations to `counts`, in units of 2^-16 m and, for what is left, of 2^-50 m, or take them off."""
    coarse, fine = np.int64(0), np.int64(0)
    for c in range(alt.size):
        known = alt[c] if abs(alt[c]) < HIGHEST else 0.0
        big = known + COARSE
        small = (known - (big - COARSE)) + FINE
        coarse += bits_of(big) - bits_of(COARSE)
        fine += bits_of(small) - bits_of(FINE)
    counts[COUNTS] += sign * coarse
    counts[COUNTS + 1] += sign * fine


def terms_of(now: Terms) -> TermValues:
    """Return rise per step, sea level, reach of the mangrove, floor of the flood and sediment, all m."""
    # Minus zero adds nothing to any number, whatever its sign.
    return now.rise, now.sea_level, now.reach, now.floor, -0.0 if now.accretion is None else now.accretion


def measures(now: Terms, parts: list[list[int]]) -> StepMetrics:
    """Return the measures of a step from what was counted of its parts."""
    sources, flooded, newly_flooded, mangrove_migrated, soil_migrated, coarse, fine = map(
        sum, zip(*parts, strict=True)
    )
    return StepMetrics(
        step=now.step,
        sea_level=now.sea_level,
        sources=sources,
        flooded=flooded,
        newly_flooded=newly_flooded,
        mangrove_migrated=mangrove_migrated,
        soil_migrated=soil_migrated,
        sum_alt=((coarse << 34) + fine) / 2**50,  # whole numbers until here, rounded once
    )
