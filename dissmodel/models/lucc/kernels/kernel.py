"""What a kernel computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dissmodel.models.lucc.space import Floats, Whole

Flags = NDArray[np.bool_]

OFF = 0.005
"""How far the sum of the shares of a cell may be from 1."""
ROUNDS = 25
"""How often a cell is corrected at most."""


@dataclass(frozen=True)
class Trial:
    """What the tries of a step have in common.

    Attributes
    ----------
    past, potential, now : float64, shape (classes, cells)
        Shares before the step, the potential, and room for shares after a try.
    rules : float64, shape (regions, classes, 7)
        static, min_value, max_value, min_change, max_change, change_limit, max_change_above.
    regions : int64, shape (cells,)
        The region of each cell, from 0.
    saturation : float64, shape (cells,), or (0,)
        How full the surroundings of each cell are; empty where this does not matter.
    corrects : bool
        Whether the shares of each cell are made to sum to about 1.
    """

    past: Floats
    potential: Floats
    now: Floats
    rules: Floats
    regions: Whole
    saturation: Floats
    corrects: bool


@dataclass(frozen=True)
class Pull:
    """What one try is given.

    Attributes
    ----------
    direction, elasticity : float64, shape (classes,)
    classes : int64
        Those that are tried.
    kept : bool, shape (classes,)
        Those whose shares are written.
    """

    direction: Floats
    elasticity: Floats
    classes: Whole
    kept: Flags


class Kernel(Protocol):
    """Computes tries."""

    name: str
    threads: int

    def attempt(self, trial: Trial, pull: Pull, sums: Floats) -> tuple[int, int]:
        """Try: write the sum of each class that is tried, and the shares of those that are kept.

        Returns how many cells were corrected, and the first that can't be, or -1.
        """

    def choose(self, potential: Floats, bonus: Floats, allowed: Flags, regions: Whole, use: Whole) -> Whole:
        """Give each cell the class with the largest potential + bonus among those allowed; count classes.

        `allowed` has the shape (regions, from, to); `use` is changed.
        """

    def lua_sort(self, potential: Floats, cells: Whole) -> None:
        """Sort cells by descending potential, as Lua's ``table.sort`` does."""
