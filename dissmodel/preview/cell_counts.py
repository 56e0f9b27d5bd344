"""How many cells of each class there are, and what measures are like, added up piece by piece."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

_LOWEST, _HIGHEST = -(2**15), 2**16 - 1


class CellCounts:
    """Adds up the values of a band or a column.

    Attributes
    ----------
    cells : dict of int to int
        How many cells have each whole number from -32768 to 65535.
    areas : dict of int to float, or None
        Their area, m²; None where it is not known.
    number : int
        How many cells there are.
    low, high, total : float
        The least value, the greatest, and the sum of all.

    Examples
    --------
    >>> counts = CellCounts()
    >>> counts.add(np.array([2.0, 2.0, 3.0]), 900.0)
    >>> counts.cells, counts.areas, counts.outside({2})
    ({2: 2, 3: 1}, {2: 1800.0, 3: 900.0}, 1)
    """

    def __init__(self) -> None:
        self.cells: dict[int, int] = {}
        self.areas: dict[int, float] | None = {}
        self.number = 0
        self.low, self.high, self.total = math.inf, -math.inf, 0.0

    @property
    def all_whole(self) -> bool:
        """Whether all values are whole numbers that were counted one by one."""
        return sum(self.cells.values()) == self.number

    def outside(self, codes: Collection[int]) -> int:
        """Return how many cells have none of these codes."""
        return self.number - sum(self.cells.get(code, 0) for code in codes)

    def add(self, values: npt.NDArray[Any], area: npt.NDArray[np.float64] | float | None) -> None:
        """Add finite values, shape (n,), and the area of each or of all, m²; one None makes areas unknown."""
        if area is None:
            self.areas = None
        if not values.size:
            return
        self.number += values.size
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))
        self.total += float(values.sum(dtype=np.float64))
        whole = (values >= _LOWEST) & (values <= _HIGHEST)
        if values.dtype.kind == "f":
            whole &= values == np.rint(values)
        codes = values[whole].astype(np.int64) - _LOWEST
        counts = np.bincount(codes)
        for code in np.flatnonzero(counts).tolist():
            self.cells[code + _LOWEST] = self.cells.get(code + _LOWEST, 0) + int(counts[code])
        if self.areas is None or area is None:
            return
        weights = counts * area if isinstance(area, float) else np.bincount(codes, weights=area[whole])
        sums = defaultdict(float, self.areas)
        for code in np.flatnonzero(counts).tolist():
            sums[code + _LOWEST] += float(weights[code])
        self.areas = dict(sums)
