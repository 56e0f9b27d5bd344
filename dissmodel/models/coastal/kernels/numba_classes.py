"""What each cell becomes in land use and soil, compiled: loops over a run of cells and their traits."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.kernel_build import inlined
from dissmodel.models.coastal import classes
from dissmodel.models.coastal.kernels.numba_flood import around
from dissmodel.models.coastal.kernels.numba_measures import LOWEST

Floats: TypeAlias = NDArray[np.float64]
Bytes: TypeAlias = NDArray[np.uint8]
Words: TypeAlias = NDArray[np.uint64]
ThreeBytes: TypeAlias = tuple[Bytes, Bytes, Bytes]
Codes: TypeAlias = tuple[int, ...]

SPAN = 64
"""How many cells of a row share the mark that a source is among them; a multiple of 8."""

PAD = 8
"""Cells outside the space before and after each row of a ring: one is needed, eight keep vectors aligned."""


def _codes(members: NDArray[np.bool_]) -> Codes:
    return tuple(np.flatnonzero(members).tolist())


FLOODED = _codes(classes.FLOODED)
FLOODED_LAND = _codes(classes.FLOODED_LAND)
DROWNING = tuple(
    (dry, int(classes.FLOODED_AS[dry])) for dry in _codes(np.not_equal(classes.FLOODED_AS, np.arange(256)))
)
MIGRATION_TARGET = _codes(classes.MIGRATION_TARGET)
MANGROVE_USE = _codes(classes.MANGROVE_USE)
MANGROVE_SOIL = _codes(classes.MANGROVE_SOIL)
MUD_SOURCE = _codes(classes.MUD_SOURCE)
MANGROVE, MUD = classes.MIGRATED_MANGROVE, classes.MIGRATED_MUD

# What a cell is to its neighbours and what may become of it, a bit each.
SENDS_WATER, SENDS_MUD, SENDS_MANGROVE = 1, 2, 4
MAY_DROWN, MAY_TAKE_MUD, MAY_TAKE_MANGROVE = 8, 16, 32
SILTS, WET = 64, 128
SENDS = SENDS_WATER | SENDS_MUD | SENDS_MANGROVE


@inlined
def _among(code: Any, codes: Codes) -> Any:
    found = False
    for one in codes:
        found |= code == one
    return found


@inlined
def survey(
    cells: tuple[Floats, Bytes, Bytes],
    limits: tuple[float, float, float],
    heights: Floats,
    low: Bytes,
    traits: Bytes,
) -> None:
    """Copy the elevations of cells and write the bits of each; `low` is room for bytes."""
    alt, uso, solo = cells
    level, reach, floor = limits
    for c in range(alt.size):
        heights[c] = alt[c]
        low[c] = (alt[c] >= floor) | ((alt[c] <= level) << 1) | ((alt[c] <= reach) << 2)
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
def mark(words: Words, wet: NDArray[np.bool_]) -> None:
    """Mark the spans of a row in which a cell sends water; `words` are eight cells' bits each."""
    per_span = SPAN // 8
    for span in range(wet.size):
        found = np.uint64(0)
        for word in words[span * per_span : (span + 1) * per_span]:
            found |= word
        wet[span] = (found & LOWEST) != 0


@inlined
def become(traits: ThreeBytes, fate: Bytes, uso: Bytes, solo: Bytes) -> None:
    """Advance the classes of a row; what is counted of each cell is left in `fate`, a bit each."""
    nw, n, ne, w, here, e, sw, s, se = around(traits, (PAD, PAD + uso.size))
    for c in range(uso.size):
        sent = (nw[c] | n[c] | ne[c] | w[c] | e[c] | sw[c] | s[c] | se[c]) & SENDS
        fate[c] = here[c] & (sent << 3)
    settle(here, fate, uso, solo)


@inlined
def settle(here: Bytes, fate: Bytes, uso: Bytes, solo: Bytes) -> None:
    """Advance the classes of cells with these traits, given in `fate` what becomes of each.

    What is counted of each cell is left in `fate`, a bit each.
    """
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
def silt_up(alt: Floats, traits: Bytes, sediment: float) -> None:
    """Add `sediment` to mangrove soil."""
    for c in range(alt.size):
        alt[c] += sediment if (traits[c] & SILTS) != 0 else -0.0
