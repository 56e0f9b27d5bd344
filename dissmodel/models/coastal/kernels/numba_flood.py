"""What water each cell sends and hears, compiled: loops over the cells of one row of a ring."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.kernel_build import inlined

Floats: TypeAlias = NDArray[np.float64]
Bytes: TypeAlias = NDArray[np.uint8]
ThreeFloats: TypeAlias = tuple[Floats, Floats, Floats]
Place: TypeAlias = tuple[int, int]

CHUNK = 256
"""How many cells are sorted at once in an arbitrary order: what each of them hears stays in the cache."""

NOTHING = -0.0


@inlined
def around(rows: Any, place: Place) -> Any:
    """Return what surrounds each cell of a place in the second of three rows; it is itself the fifth."""
    above, row, below = rows
    first, last = place
    return (
        above[first - 1 : last - 1],
        above[first:last],
        above[first + 1 : last + 1],
        row[first - 1 : last - 1],
        row[first:last],
        row[first + 1 : last + 1],
        below[first - 1 : last - 1],
        below[first:last],
        below[first + 1 : last + 1],
    )


@inlined
def send_shares(heights: ThreeFloats, sends: Bytes, place: Place, rise: float, share: Floats) -> None:
    """Write what each cell sends to each receiver, `NOTHING` where the lowest bit of `sends` is not set."""
    nw, n, ne, w, here, e, sw, s, se = around(heights, place)
    sender, out = sends[place[0] : place[1]], share[place[0] : place[1]]
    for c in range(out.size):
        a = here[c]
        receivers = (
            1.0
            + (1.0 if nw[c] <= a else 0.0)
            + (1.0 if n[c] <= a else 0.0)
            + (1.0 if ne[c] <= a else 0.0)
            + (1.0 if w[c] <= a else 0.0)
            + (1.0 if e[c] <= a else 0.0)
            + (1.0 if sw[c] <= a else 0.0)
            + (1.0 if s[c] <= a else 0.0)
            + (1.0 if se[c] <= a else 0.0)
        )
        each = rise / receivers
        out[c] = each if (sender[c] & 1) != 0 else NOTHING


@inlined
def _heard(a: Any, sender: Any, share: Any) -> Any:
    return share if a <= sender else NOTHING


@inlined
def gather(heights: ThreeFloats, shares: ThreeFloats, place: Place, out: Floats) -> None:
    """Write the elevation of cells of a row after the flood, in row-major order of the senders."""
    nw, n, ne, w, here, e, sw, s, se = around(heights, place)
    from_nw, from_n, from_ne, from_w, own, from_e, from_sw, from_s, from_se = around(shares, place)
    for c in range(out.size):
        a = here[c]
        after = a + _heard(a, nw[c], from_nw[c])
        after += _heard(a, n[c], from_n[c])
        after += _heard(a, ne[c], from_ne[c])
        after += _heard(a, w[c], from_w[c])
        after += own[c]
        after += _heard(a, e[c], from_e[c])
        after += _heard(a, sw[c], from_sw[c])
        after += _heard(a, s[c], from_s[c])
        after += _heard(a, se[c], from_se[c])
        out[c] = after


@inlined
def _sorted(i: Any, x: Any, j: Any, y: Any) -> Any:
    """Return two (rank, share) pairs, the smaller rank first."""
    ahead = i < j
    return (i if ahead else j), (x if ahead else y), (j if ahead else i), (y if ahead else x)


@inlined
def _hear_one(row: Floats, senders: Floats, shares: Floats, heard: Floats) -> None:
    for c in range(row.size):
        heard[c] = shares[c] if row[c] <= senders[c] else NOTHING


@inlined
def hear(heights: ThreeFloats, shares: ThreeFloats, place: Place, heard: Floats) -> None:
    """Write the nine shares that each of up to `CHUNK` cells of a row hears, sender by sender."""
    above, row, below = heights
    share_above, share, share_below = shares
    here = row[place[0] : place[1]]
    for side in range(3):
        f, e = place[0] + side - 1, place[1] + side - 1
        _hear_one(here, above[f:e], share_above[f:e], heard[side * CHUNK :])
        _hear_one(here, row[f:e], share[f:e], heard[(3 + side) * CHUNK :])
        _hear_one(here, below[f:e], share_below[f:e], heard[(6 + side) * CHUNK :])


@inlined
def gather_in_order(row: Floats, heard: Floats, ranks: ThreeFloats, place: Place, out: Floats) -> None:
    """Write the elevation of cells of a row after the flood, in the order of the senders' ranks."""
    here = row[place[0] : place[1]]
    nw, n, ne, w, own, e, sw, s, se = around(ranks, place)
    for c in range(out.size):
        i0, i1, i2, i3, i4, i5, i6, i7, i8 = nw[c], n[c], ne[c], w[c], own[c], e[c], sw[c], s[c], se[c]
        x0, x1, x2 = heard[c], heard[CHUNK + c], heard[2 * CHUNK + c]
        x3, x4, x5 = heard[3 * CHUNK + c], heard[4 * CHUNK + c], heard[5 * CHUNK + c]
        x6, x7, x8 = heard[6 * CHUNK + c], heard[7 * CHUNK + c], heard[8 * CHUNK + c]
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
        out[c] = here[c] + x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8
