"""What each cell becomes in land use and soil, compiled: loops over a run of cells and their traits."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.kernel_build import inlined
from dissmodel.cells.kernel_lanes import all_of, load
from dissmodel.models.coastal import classes
from dissmodel.models.coastal.kernels.numba_flood import Bytes, Floats, Turn

Codes: TypeAlias = tuple[int, ...]


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
MIGRATES = MAY_TAKE_MUD | MAY_TAKE_MANGROVE
CHANGES = MAY_DROWN | MIGRATES


@inlined
def _among(code: Any, codes: Codes) -> Any:
    found = False
    for one in codes:
        found |= code == one
    return found


@inlined
def survey(uso: Bytes, solo: Bytes, traits: Bytes) -> None:
    """Write the bits of cells, whatever their elevation; `mark_sources` adds which of them send water."""
    for c in range(uso.size):
        wet = _among(uso[c], FLOODED)
        muddy = _among(solo[c], MANGROVE_SOIL)
        target = _among(uso[c], MIGRATION_TARGET)
        traits[c] = (
            _among(solo[c], MUD_SOURCE) * SENDS_MUD
            | _among(uso[c], MANGROVE_USE) * SENDS_MANGROVE
            | (not wet) * MAY_DROWN
            | (target & (solo[c] != MUD)) * MAY_TAKE_MUD
            | (target & muddy) * MAY_TAKE_MANGROVE
            | ((not wet) & muddy) * SILTS
            | wet * WET
        )


@inlined
def mark_sources(alt: Floats, floor: float, traits: Bytes) -> None:
    """Add to the bits of cells whether they send water."""
    for c in range(alt.size):
        traits[c] |= (traits[c] >> 7) & (alt[c] >= floor)


@inlined
def foresee(traits: Bytes, turn: Turn, c: int) -> Any:
    """Return what its neighbours would make of each cell of a span, whatever its elevation.

    The span begins at column `c` of the second of three rows of a ring.
    """
    sent = all_of(np.uint8(0))
    for row in turn:
        for side in range(-1, 2):
            if side != 0 or row != turn[1]:
                sent = sent | load(traits[row], c + side)
    return load(traits[turn[1]], c) & ((sent & all_of(np.uint8(SENDS))) << all_of(np.uint8(3)))


@inlined
def limit(alt: Floats, level: float, reach: float, fate: Bytes) -> None:
    """Leave of the fate of cells what happens at their elevation before the step."""
    for c in range(alt.size):
        fate[c] &= (alt[c] <= level) * MAY_DROWN | (alt[c] <= reach) * MIGRATES


@inlined
def settle(fate: Bytes, uso: Bytes, solo: Bytes) -> None:
    """Let cells become what their fate is."""
    for c in range(uso.size):
        use = uso[c]
        drowned = use
        for dry, under in DROWNING:
            drowned = np.uint8(under) if use == dry else drowned
        use = drowned if (fate[c] & MAY_DROWN) != 0 else use
        uso[c] = np.uint8(MANGROVE) if (fate[c] & MAY_TAKE_MANGROVE) != 0 else use
    for c in range(uso.size):
        solo[c] = np.uint8(MUD) if (fate[c] & MAY_TAKE_MUD) != 0 else solo[c]


@inlined
def tally(traits: Bytes, uso: Bytes, solo: Bytes, counted: Bytes) -> None:
    """Write what is counted of each cell, a bit each; `traits` are from before the step."""
    for c in range(uso.size):
        counted[c] = (
            (traits[c] & SENDS_WATER)
            | _among(uso[c], FLOODED_LAND) << 1
            | (_among(uso[c], FLOODED) & ((traits[c] & WET) == 0)) << 2
            | (uso[c] == MANGROVE) << 3
            | (solo[c] == MUD) << 4
        )


@inlined
def silt_up(alt: Floats, traits: Bytes, sediment: float) -> None:
    """Add `sediment` to mangrove soil."""
    for c in range(alt.size):
        alt[c] += sediment if (traits[c] & SILTS) != 0 else -0.0
