"""The rules of one step in NumPy, for pixels and cells: which cells send, and what each becomes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dissmodel.models.coastal.classes import (
    FLOODED,
    FLOODED_AS,
    MANGROVE_SOIL,
    MIGRATED_MANGROVE,
    MIGRATED_MUD,
    MIGRATION_TARGET,
)
from dissmodel.models.coastal.kernels.step import Terms

Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

NOTHING = -0.0


class BlockKernel:
    """A kernel in NumPy, on one thread, that works on blocks of cells, so that temporary arrays stay small.

    Parameters
    ----------
    block_cells : int
        How many cells are worked on at once. The result doesn't depend on it.
    """

    name = "numpy"
    threads = 1

    def __init__(self, block_cells: int = 65_536) -> None:
        self._block_cells = block_cells


def sources(alt: Floats, uso: Bytes, now: Terms) -> Bools:
    """Return which cells send water."""
    return FLOODED[uso] & (alt >= now.floor)


def become(
    alt: Floats, uso: Bytes, solo: Bytes, beside: tuple[Bools, Bools, Bools], now: Terms
) -> tuple[Bytes, Bytes]:
    """Return land use and soil of cells after the step.

    Parameters
    ----------
    alt, uso, solo : ndarray, one shape
        The cells before the step.
    beside : tuple of three ndarray of bool, of that shape
        Which of them have a neighbour that sends water, mud and mangrove.
    now : Terms
        The step's terms.
    """
    water, mud, mangrove = beside
    drowns = water & (alt <= now.sea_level) & ~FLOODED[uso]
    new_use = np.where(drowns, FLOODED_AS[uso], uso)

    may_migrate = MIGRATION_TARGET[uso] & (alt <= now.reach)
    takes_mud = may_migrate & mud  # where it is already, it stays
    new_soil = np.where(takes_mud, np.uint8(MIGRATED_MUD), solo)
    new_use[may_migrate & MANGROVE_SOIL[solo] & mangrove] = MIGRATED_MANGROVE
    return new_use, new_soil


def silts(uso: Bytes, solo: Bytes) -> Bools:
    """Return to which cells, as they are before the step, sediment is added."""
    return MANGROVE_SOIL[solo] & ~FLOODED[uso]
