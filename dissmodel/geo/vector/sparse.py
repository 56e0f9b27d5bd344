"""The neighbours of all cells, as one compressed sparse structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_INT32_CELLS = 2**31


@dataclass(frozen=True, slots=True, eq=False)
class Neighborhood:
    """The neighbours of n cells; cells are numbered 0 to n - 1 in feature order.

    Parameters
    ----------
    offsets : ndarray of int64, shape (n + 1,)
        The neighbours of cell ``i`` are at ``offsets[i]`` to ``offsets[i + 1] - 1``.
    neighbors : ndarray of int32 (int64 from 2**31 cells on), shape (links,)
        The neighbours' numbers, ascending within a cell.

    Raises
    ------
    ValueError
        If the arrays don't fit each other.

    Notes
    -----
    The arrays are read-only: a neighbourhood may be shared by all that work on the same geometry.

    Examples
    --------
    >>> line = Neighborhood(np.array([0, 1, 3, 4]), np.array([1, 0, 2, 1]))
    >>> len(line), line.of(1).tolist(), line.count.tolist()
    (3, [0, 2], [1, 2, 1])
    """

    offsets: NDArray[np.int64]
    neighbors: NDArray[np.signedinteger[Any]]

    def __post_init__(self) -> None:
        if self.offsets.ndim != 1 or not self.offsets.size or self.offsets[0] != 0:
            raise ValueError("offsets must be one-dimensional and begin with 0.")
        if np.any(np.diff(self.offsets) < 0) or self.offsets[-1] != len(self.neighbors):
            raise ValueError("offsets must ascend to the number of neighbors.")
        if len(self.neighbors) and not 0 <= self.neighbors.min() <= self.neighbors.max() < len(self):
            raise ValueError(f"neighbors must be numbers of the {len(self)} cells.")
        for name in ("offsets", "neighbors"):
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of(self, cell: int) -> NDArray[np.signedinteger[Any]]:
        """Return the neighbours of one cell, ascending; IndexError if there is no such cell."""
        if not 0 <= cell < len(self):
            raise IndexError(f"There is no cell {cell}: they are numbered 0 to {len(self) - 1}.")
        return self.neighbors[self.offsets[cell] : self.offsets[cell + 1]]

    @property
    def count(self) -> NDArray[np.int64]:
        """How many neighbours each cell has: int64, shape (n,)."""
        return np.diff(self.offsets)

    @property
    def islands(self) -> NDArray[np.int64]:
        """The cells that have no neighbour, ascending: int64."""
        return np.flatnonzero(self.count == 0)


def number_type(cells: int) -> type[np.int32 | np.int64]:
    """Return the integer type that numbers so many cells."""
    return np.int32 if cells <= _INT32_CELLS else np.int64


def from_links(cells: int, links: Integers) -> Neighborhood:
    """Return the neighbourhood of distinct links, each ``cell * cells + neighbour``, in any order."""
    links = np.sort(links)
    # A product of cells fits, up to three thousand million of them.
    offsets = np.searchsorted(links, np.arange(cells + 1, dtype=np.int64) * cells)
    neighbors: NDArray[Any] = (links % max(cells, 1)).astype(number_type(cells))
    return Neighborhood(offsets.astype(np.int64, copy=False), neighbors)


def from_pairs(cells: int, first: Integers, second: Integers) -> Neighborhood:
    """Return the symmetric neighbourhood of distinct pairs, each given in one direction only."""
    return from_links(cells, np.concatenate([first * cells + second, second * cells + first]))


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """Return the distinct values, ascending; by sorting, which is far faster than `numpy.unique`'s table."""
    values = np.sort(values)
    return values[np.concatenate([[True], values[1:] != values[:-1]])] if len(values) else values
