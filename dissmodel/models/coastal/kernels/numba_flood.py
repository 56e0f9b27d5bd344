"""What water each cell sends and hears, compiled: loops over the lanes of rows of a ring.

`turn` names three rows of the rings, from north to south; the second of them is computed.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.kernel_build import inlined
from dissmodel.cells.kernel_lanes import (
    LANES,
    all_of,
    load,
    lowest_bits,
    store,
    together,
    where,
)

Floats: TypeAlias = NDArray[np.float64]
Bytes: TypeAlias = NDArray[np.uint8]
Place: TypeAlias = tuple[int, int]
Turn: TypeAlias = tuple[int, int, int]

NOTHING = -0.0

PAD = 32
"""Cells outside the space before and after each row of a ring: one is needed, as many keep lanes aligned."""


@inlined
def send_shares(rings: tuple[Floats, Bytes, Floats], turn: Turn, place: Place, rise: float) -> None:
    """Write what each cell sends to each receiver, `NOTHING` where its lowest bit is not set.

    The rings hold heights, bits and shares.
    """
    heights, bits, shares = rings
    for c in range(place[0], place[1], LANES):
        sender, share = lowest_bits(bits[turn[1]], c), all_of(NOTHING)
        if together(sender):
            here, receivers = load(heights[turn[1]], c), all_of(0.0)
            for row in turn:
                for side in range(-1, 2):
                    receives = load(heights[row], c + side) <= here
                    receivers = receivers + where(receives, all_of(1.0), all_of(0.0))
            share = where(sender, all_of(rise) / receivers, share)
        store(shares[turn[1]], c, share)


@inlined
def _hear(here: Any, heights: Floats, shares: Floats, c: int) -> Any:
    return where(here <= load(heights, c), load(shares, c), all_of(NOTHING))


@inlined
def gather(rings: tuple[Floats, Floats], turn: Turn, place: Place, after: Floats) -> None:
    """Write the elevations of cells after the flood, in row-major order of the senders.

    The rings hold heights and shares.
    """
    heights, shares = rings
    for c in range(place[0], place[1], LANES):
        here = load(heights[turn[1]], c)
        risen = here
        for row in turn:
            for side in range(-1, 2):
                risen = risen + _hear(here, heights[row], shares[row], c + side)
        store(after, c, risen)


@inlined
def _three(row: Floats, c: int) -> Any:
    return load(row, c - 1), load(row, c), load(row, c + 1)


@inlined
def _hear_three(here: Any, heights: Floats, shares: Floats, c: int) -> Any:
    return (
        _hear(here, heights, shares, c - 1),
        _hear(here, heights, shares, c),
        _hear(here, heights, shares, c + 1),
    )


@inlined
def _sorted(i: Any, x: Any, j: Any, y: Any) -> Any:
    """Return two (rank, share) pairs, the smaller rank first."""
    ahead = i < j
    return where(ahead, i, j), where(ahead, x, y), where(ahead, j, i), where(ahead, y, x)


@inlined
def gather_in_order(rings: tuple[Floats, Floats, Floats], turn: Turn, place: Place, after: Floats) -> None:
    """Write the elevations of cells after the flood, in the order of the senders' ranks, the third ring."""
    heights, shares, ranks = rings
    north, mid, south = turn
    for c in range(place[0], place[1], LANES):
        here = load(heights[mid], c)
        i0, i1, i2 = _three(ranks[north], c)
        i3, i4, i5 = _three(ranks[mid], c)
        i6, i7, i8 = _three(ranks[south], c)
        x0, x1, x2 = _hear_three(here, heights[north], shares[north], c)
        x3, x4, x5 = _hear_three(here, heights[mid], shares[mid], c)
        x6, x7, x8 = _hear_three(here, heights[south], shares[south], c)
        # The best known sorting network for nine: 25 comparators in 7 layers.
        i0, x0, i3, x3 = _sorted(i0, x0, i3, x3)
        i1, x1, i7, x7 = _sorted(i1, x1, i7, x7)
        i2, x2, i5, x5 = _sorted(i2, x2, i5, x5)
        i4, x4, i8, x8 = _sorted(i4, x4, i8, x8)
        i0, x0, i7, x7 = _sorted(i0, x0, i7, x7)
        i2, x2, i4, x4 = _sorted(i2, x2, i4, x4)
        i3, x3, i8, x8 = _sorted(i3, x3, i8, x8)
        i5, x5, i6, x6 = _sorted(i5, x5, i6, x6)
        i0, x0, i2, x2 = _sorted(i0, x0, i2, x2)
        i1, x1, i3, x3 = _sorted(i1, x1, i3, x3)
        i4, x4, i5, x5 = _sorted(i4, x4, i5, x5)
        i7, x7, i8, x8 = _sorted(i7, x7, i8, x8)
        i1, x1, i4, x4 = _sorted(i1, x1, i4, x4)
        i3, x3, i6, x6 = _sorted(i3, x3, i6, x6)
        i5, x5, i7, x7 = _sorted(i5, x5, i7, x7)
        i0, x0, i1, x1 = _sorted(i0, x0, i1, x1)
        i2, x2, i4, x4 = _sorted(i2, x2, i4, x4)
        i3, x3, i5, x5 = _sorted(i3, x3, i5, x5)
        i6, x6, i8, x8 = _sorted(i6, x6, i8, x8)
        i2, x2, i3, x3 = _sorted(i2, x2, i3, x3)
        i4, x4, i5, x5 = _sorted(i4, x4, i5, x5)
        i6, x6, i7, x7 = _sorted(i6, x6, i7, x7)
        i1, x1, i2, x2 = _sorted(i1, x1, i2, x2)
        i3, x3, i4, x4 = _sorted(i3, x3, i4, x4)
        i5, x5, i6, x6 = _sorted(i5, x5, i6, x6)
        store(after, c, here + x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8)
