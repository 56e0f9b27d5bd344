"""The step on a band of rows, compiled.

Everything that the compiler turns into vectors is a loop over one-dimensional arrays of one length, with
selects instead of branches. Rows are read ahead into small rings of four padded rows, so that a band is
advanced in place and in one pass: when row k is read, the shares of row k - 1 are known and row k - 2 can be
written. Where no source is near, in spans of `SPAN` cells, elevations stay and are not computed.

All compiled code is in this file, because numba's cache looks at no other to see that it is out of date; the
codes that come from `classes` are part of the cache folder's name.
"""

from __future__ import annotations

import numpy as np

from dissmodel.models.coastal import classes
from dissmodel.models.coastal.numba_build import bits_of, cached, inlined

SPAN = 32
"""How many cells of a row share the mark that a source is among them; a multiple of 8."""

PAD = 8
"""Cells outside the space before and after each row of a ring: one is needed, eight keep vectors aligned."""

HALO = 2
"""Rows above and below a band that its new state depends on."""

NOTHING = -0.0  # x + -0.0 is x with every bit, also for x = -0.0
FLOODED = tuple(np.flatnonzero(classes.FLOODED).tolist())
FLOODED_LAND = tuple(np.flatnonzero(classes.FLOODED_LAND).tolist())
DROWNING = tuple((int(c), int(classes.FLOODED_AS[c])) for c in range(256) if classes.FLOODED_AS[c] != c)
MIGRATION_TARGET = tuple(np.flatnonzero(classes.MIGRATION_TARGET).tolist())
MANGROVE_USE = tuple(np.flatnonzero(classes.MANGROVE_USE).tolist())
MANGROVE_SOIL = tuple(np.flatnonzero(classes.MANGROVE_SOIL).tolist())
MUD_SOURCE = tuple(np.flatnonzero(classes.MUD_SOURCE).tolist())
MANGROVE, MUD = classes.MIGRATED_MANGROVE, classes.MIGRATED_MUD

# What a cell is to its neighbours and what may become of it, a bit each.
SENDS_WATER, SENDS_MUD, SENDS_MANGROVE = 1, 2, 4
MAY_DROWN, MAY_TAKE_MUD, MAY_TAKE_MANGROVE = 8, 16, 32
SILTS, WET = 64, 128
SENDS = SENDS_WATER | SENDS_MUD | SENDS_MANGROVE
LOWEST = np.uint64(0x0101010101010101)

# Elevations are added as whole numbers of 2^-16 m and of 2^-50 m. Adding one and a half times 2^52 of a unit
# rounds to that unit and leaves the number of units in the low bits.
COARSE, FINE = 1.5 * 2.0**36, 1.5 * 2.0**2
HIGHEST = 2.0**23

COUNTS = 5


@inlined
def _among(code, codes):
    found = False
    for one in codes:
        found |= code == one
    return found


@inlined
def _survey(alt, uso, solo, level, reach, low, traits):
    """Write the bits of each cell of a row; `low` is room for bytes."""
    for c in range(alt.size):
        low[c] = (alt[c] >= 0) | ((alt[c] <= level) << 1) | ((alt[c] <= reach) << 2)
    for c in range(alt.size):
        wet = _among(uso[c], FLOODED)
        muddy = _among(solo[c], MANGROVE_SOIL)
        target = _among(uso[c], MIGRATION_TARGET) & ((low[c] & 4) != 0)
        traits[c] = (
            (wet & ((low[c] & 1) != 0)) * SENDS_WATER
            | _among(solo[c], MUD_SOURCE) * SENDS_MUD
            | _among(uso[c], MANGROVE_USE) * SENDS_MANGROVE
            | ((not wet) & ((low[c] & 2) != 0)) * MAY_DROWN
            | (target & (solo[c] != MUD)) * MAY_TAKE_MUD
            | (target & muddy) * MAY_TAKE_MANGROVE
            | ((not wet) & muddy) * SILTS
            | wet * WET
        )


@inlined
def _mark(words, wet):
    """Mark the spans of a row in which a cell sends water; `words` are eight cells' bits each."""
    per_span = SPAN // 8
    for span in range(wet.size):
        found = np.uint64(0)
        for word in words[span * per_span : (span + 1) * per_span]:
            found |= word
        wet[span] = (found & LOWEST) != 0


@inlined
def _three(row, first, last):
    """Return the cells first to last of a ring's row with those to the left and to the right of each."""
    return row[first - 1 : last - 1], row[first:last], row[first + 1 : last + 1]


@inlined
def _share(above, row, below, first, last, traits, rise, share):
    """Write what each cell of a row sends to each receiver, `NOTHING` where it is no source."""
    nw, n, ne = _three(above, first, last)
    w, here, e = _three(row, first, last)
    sw, s, se = _three(below, first, last)
    bits, out = traits[first:last], share[first:last]
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
        out[c] = each if (bits[c] & SENDS_WATER) != 0 else NOTHING


@inlined
def _heard(a, sender, share):
    return share if a <= sender else NOTHING


@inlined
def _gather(above, row, below, share_above, share, share_below, first, last, out):
    """Write the elevation of cells of a row after the flood, in row-major order of the senders."""
    nw, n, ne = _three(above, first, last)
    w, here, e = _three(row, first, last)
    sw, s, se = _three(below, first, last)
    from_nw, from_n, from_ne = _three(share_above, first, last)
    from_w, own, from_e = _three(share, first, last)
    from_sw, from_s, from_se = _three(share_below, first, last)
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
def _sorted(i, x, j, y):
    """Return two (rank, share) pairs, the smaller rank first."""
    ahead = i < j
    return (i if ahead else j), (x if ahead else y), (j if ahead else i), (y if ahead else x)


@inlined
def _hear(above, row, below, share_above, share, share_below, first, last, heard):
    """Write the nine shares that each of up to `SPAN` cells of a row hears."""
    nw, n, ne = _three(above, first, last)
    w, here, e = _three(row, first, last)
    sw, s, se = _three(below, first, last)
    from_nw, from_n, from_ne = _three(share_above, first, last)
    from_w, own, from_e = _three(share, first, last)
    from_sw, from_s, from_se = _three(share_below, first, last)
    for c in range(here.size):
        a = here[c]
        heard[c] = _heard(a, nw[c], from_nw[c])
        heard[SPAN + c] = _heard(a, n[c], from_n[c])
        heard[2 * SPAN + c] = _heard(a, ne[c], from_ne[c])
        heard[3 * SPAN + c] = _heard(a, w[c], from_w[c])
        heard[4 * SPAN + c] = own[c]
        heard[5 * SPAN + c] = _heard(a, e[c], from_e[c])
        heard[6 * SPAN + c] = _heard(a, sw[c], from_sw[c])
        heard[7 * SPAN + c] = _heard(a, s[c], from_s[c])
        heard[8 * SPAN + c] = _heard(a, se[c], from_se[c])


@inlined
def _gather_in_order(row, heard, rank_above, rank, rank_below, first, last, out):
    """Write the elevation of cells of a row after the flood, in the order of the senders' ranks."""
    here = row[first:last]
    nw, n, ne = _three(rank_above, first, last)
    w, own, e = _three(rank, first, last)
    sw, s, se = _three(rank_below, first, last)
    for c in range(out.size):
        i0, i1, i2, i3, i4, i5, i6, i7, i8 = nw[c], n[c], ne[c], w[c], own[c], e[c], sw[c], s[c], se[c]
        x0, x1, x2 = heard[c], heard[SPAN + c], heard[2 * SPAN + c]
        x3, x4, x5 = heard[3 * SPAN + c], heard[4 * SPAN + c], heard[5 * SPAN + c]
        x6, x7, x8 = heard[6 * SPAN + c], heard[7 * SPAN + c], heard[8 * SPAN + c]
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


@inlined
def _become(above, row, below, fate, uso, solo):
    """Advance the classes of a row; what becomes of each cell is left in `fate`, its counts a bit each."""
    nw, n, ne = _three(above, PAD, PAD + uso.size)
    w, here, e = _three(row, PAD, PAD + uso.size)
    sw, s, se = _three(below, PAD, PAD + uso.size)
    for c in range(uso.size):
        sent = (nw[c] | n[c] | ne[c] | w[c] | e[c] | sw[c] | s[c] | se[c]) & SENDS
        fate[c] = here[c] & (sent << 3)
    for c in range(uso.size):
        use = uso[c]
        drowned = use
        for dry, under in DROWNING:
            drowned = np.uint8(under) if use == dry else drowned
        use = drowned if (fate[c] & MAY_DROWN) != 0 else use
        uso[c] = np.uint8(MANGROVE) if (fate[c] & MAY_TAKE_MANGROVE) != 0 else use
    for c in range(uso.size):
        solo[c] = np.uint8(MUD) if (fate[c] & MAY_TAKE_MUD) != 0 else solo[c]
    for c in range(uso.size):
        fate[c] = (
            (here[c] & SENDS_WATER)
            | _among(uso[c], FLOODED_LAND) << 1
            | (_among(uso[c], FLOODED) & ((here[c] & WET) == 0)) << 2
            | (uso[c] == MANGROVE) << 3
            | (solo[c] == MUD) << 4
        )


@inlined
def _count(words, counts):
    """Add the set bits of a row to their counts; `words` are eight cells' bits each."""
    for kind in range(COUNTS):
        total = np.uint64(0)
        for word in words:
            # The product adds the eight bytes up in the highest.
            total += (((word >> np.uint64(kind)) & LOWEST) * LOWEST) >> np.uint64(56)
        counts[kind] += np.int64(total)


@inlined
def _silt(alt, traits, sediment):
    for c in range(alt.size):
        alt[c] += sediment if (traits[c] & SILTS) != 0 else NOTHING


@inlined
def _add_up(alt):
    """Return the sum of a row in units of 2^-16 m and, for what is left, of 2^-50 m."""
    coarse, fine = np.int64(0), np.int64(0)
    for c in range(alt.size):
        known = alt[c] if abs(alt[c]) < HIGHEST else 0.0
        big = known + COARSE
        small = (known - (big - COARSE)) + FINE
        coarse += bits_of(big) - bits_of(COARSE)
        fine += bits_of(small) - bits_of(FINE)
    return coarse, fine


@inlined
def _clear(row):
    for c in range(row.size):
        row[c] = NOTHING


@inlined
def _copy(source, ring_row):
    for c in range(source.size):
        ring_row[PAD + c] = source[c]


@cached
def advance(alt, uso, solo, order, halo_alt, halo_uso, halo_solo, halo_order, rise, level, reach, sediment, counts, heights, shares, ranks, heard, traits, fate, low, wet):
    """Advance a band of rows in place by one step and add to its counts.

    Parameters
    ----------
    alt, uso, solo : ndarray of float64, uint8 and uint8, shape (rows, cols)
        The band.
    order : ndarray of int32 or int64, shape (rows, cols), or None
        The ranks of its cells in the visiting order; None for row-major.
    halo_alt, halo_uso, halo_solo, halo_order : ndarray, shape (4, cols)
        The two rows above the band and the two below it, before the step.
    rise, level, reach, sediment : float
        The terms of the step; `sediment` is `NOTHING` where accretion is off.
    counts : ndarray of int64, shape (7,)
        Sources, flooded, newly flooded, mangrove migrated, soil migrated, and the sum of elevations in units
        of 2^-16 m and of 2^-50 m.
    """
    rows, cols = alt.shape
    spans = wet.shape[1]
    for k in range(-HALO, rows + HALO):
        new, last, mid, old = k & 3, (k - 1) & 3, (k - 2) & 3, (k - 3) & 3
        if 0 <= k < rows:
            a, u, s = alt[k], uso[k], solo[k]
        else:
            h = k + HALO if k < 0 else k + HALO - rows
            a, u, s = halo_alt[h], halo_uso[h], halo_solo[h]
        _copy(a, heights[new])
        if order is not None:
            _copy(order[k] if 0 <= k < rows else halo_order[h], ranks[new])
        _survey(a, u, s, level, reach, low[:cols], traits[new, PAD : PAD + cols])
        _mark(traits[new, PAD : PAD + spans * SPAN].view(np.uint64), wet[new])

        # The shares of the row before.
        _clear(shares[last])
        for span in range(spans):
            if wet[last, span]:
                first = PAD + span * SPAN
                _share(heights[mid], heights[last], heights[new], first, first + SPAN, traits[last], rise, shares[last])

        if k < HALO:
            continue
        r = k - HALO
        out = alt[r]
        begin = 0
        for span in range(spans + 1):
            near = False
            if span < spans:
                for beside in range(max(span - 1, 0), min(span + 2, spans)):
                    near |= wet[old, beside] | wet[mid, beside] | wet[last, beside]
            if near:
                continue
            if begin < span:
                first, end = begin * SPAN, min(span * SPAN, cols)
                if order is None:
                    _gather(heights[old], heights[mid], heights[last], shares[old], shares[mid], shares[last], PAD + first, PAD + end, out[first:end])
                else:
                    for f in range(first, end, SPAN):
                        l = min(f + SPAN, end)
                        _hear(heights[old], heights[mid], heights[last], shares[old], shares[mid], shares[last], PAD + f, PAD + l, heard)
                        _gather_in_order(heights[mid], heard, ranks[old], ranks[mid], ranks[last], PAD + f, PAD + l, out[f:l])
            begin = span + 1
        if sediment != 0.0:
            _silt(out, traits[mid, PAD : PAD + cols], sediment)
        _become(traits[old], traits[mid], traits[last], fate, uso[r], solo[r])
        _count(fate.view(np.uint64), counts)
        coarse, fine = _add_up(out)
        counts[COUNTS] += coarse
        counts[COUNTS + 1] += fine
