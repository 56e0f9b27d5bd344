"""What the engine computes on: cells in visiting order, and what is on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]
Chosen: TypeAlias = slice | Whole
"""All cells, or the places of some in visiting order."""

_MOORE = [(row, col) for row in (-1, 0, 1) for col in (-1, 0, 1) if (row, col) != (0, 0)]


@dataclass
class Cells:
    """Cells in visiting order.

    Attributes
    ----------
    size : int
        How many there are.
    drivers : dict of name to float64, shape (cells,)
    grid : callable
        Returns the row and the column of each, int64, shape (cells,); the smallest row is at the top. It is
        called where neighbours count.
    regions, allocation_regions : int64, shape (cells,), optional
        The region of each for the potential, and for rules or transitions: 1 and up; None: all in region 1.
    named : callable
        Returns where a cell is, for people.
    """

    size: int
    drivers: dict[str, Floats]
    grid: Callable[[], tuple[Whole, Whole]]
    regions: Whole | None = None
    allocation_regions: Whole | None = None
    named: Callable[[int], str] = "cell {}".format

    @cached_property
    def neighbours(self) -> NDArray[np.intp]:
        """The 8 Moore neighbours of each, shape (8, cells), from the top left, row-major; `size`: none."""
        rows, cols = self.grid()
        rows, cols = rows - rows.min(), cols - cols.min() + 1
        width = int(cols.max()) + 2
        places = rows * width + cols
        order = np.argsort(places, kind="stable")
        ordered = places[order]
        found = np.empty((len(_MOORE), self.size), np.intp)
        for slot, (row, col) in enumerate(_MOORE):
            wanted = places + (row * width + col)
            at = np.searchsorted(ordered, wanted)
            at[at == self.size] = 0
            found[slot] = np.where(ordered[at] == wanted, order[at], self.size)
        return found

    @cached_property
    def degrees(self) -> Whole:
        """How many neighbours each has."""
        found: Whole = (self.neighbours < self.size).sum(axis=0)
        return found

    def sum_around(self, values: Floats) -> Floats:
        """Return the sum of the neighbours' values, from 0 in the neighbours' order."""
        padded = np.append(values, 0.0)  # adding 0 changes no bit of a sum that began with 0
        total = np.zeros(self.size)
        for around in self.neighbours:
            total += padded[around]
        return total

    def members(self, regions: Whole | None, count: int) -> list[Chosen]:
        """Return the cells of each region from 1 to `count`."""
        if regions is None:
            return [slice(None)]
        return [np.flatnonzero(regions == region) for region in range(1, count + 1)]


@dataclass
class Shares:
    """The share of each class in each cell.

    Attributes
    ----------
    names : tuple of str
        The classes, in order.
    past, now, potential : float64, shape (classes, cells)
        At the end of the previous step; after the last try; the potential that this try used.
    nodata : int or None
        The class that is no land.
    complement : int
        The class that takes what the shares lack to 1.
    """

    names: tuple[str, ...]
    past: Floats
    nodata: int | None
    complement: int
    now: Floats = field(init=False)
    potential: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.past.copy()
        self.potential = np.zeros_like(self.past)

    def land(self) -> Floats | None:
        """Return the share of each cell that is land after the last try; None where every cell is land."""
        return None if self.nodata is None else 1.0 - self.now[self.nodata]

    def complete(self) -> None:
        """Give the complement what the other classes leave, and take from the biggest what they exceed."""
        comp = self.complement
        total = np.zeros(self.now.shape[1])
        for number, shares in enumerate(self.now):
            if number != comp:
                total += shares
        rest = 1.0 - total
        self.now[comp] = np.where(rest < 0, 0.0, rest)
        over = np.flatnonzero(rest < 0)
        others = [number for number in range(len(self.names)) if number not in {comp, self.nodata}]
        if over.size and others:
            some = self.now[others][:, over]
            positive = some.max(axis=0) > 0
            biggest = np.array(others)[some.argmax(axis=0)]
            self.now[biggest[positive], over[positive]] += rest[over[positive]]


def total(values: Floats) -> float:
    """Return the sum of values, one after the other."""
    return float(np.add.accumulate(values)[-1]) if values.size else 0.0
