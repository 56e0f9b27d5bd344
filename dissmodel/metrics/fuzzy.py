"""How well two maps fit where a class that lies near counts in part: fuzzy agreement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dissmodel.metrics.arrays import common_positions, inside_of, taken
from dissmodel.metrics.matrix import TransitionMatrix

RADIUS = 4
"""How far a class counts, in cells, from centre to centre."""
HALVING = 2.0
"""In what distance, in cells, a class counts half as much."""

_SQUARES = sorted({x * x + y * y for x in range(RADIUS + 1) for y in range(RADIUS + 1)} - {0})
_RINGS = [
    [
        (y, x)
        for y in range(-RADIUS, RADIUS + 1)
        for x in range(-RADIUS, RADIUS + 1)
        if x * x + y * y == square
    ]
    for square in _SQUARES
    if square <= RADIUS**2
]
DISTANCES = (0.0, *(math.hypot(*ring[0]) for ring in _RINGS))
"""Between the centres of cells, ascending, 0 to `RADIUS` cells."""
MEMBERSHIPS = (*(2.0 ** (-distance / HALVING) for distance in DISTANCES), 0.0)
"""How much a class counts at each of `DISTANCES`, and farther away."""


@dataclass(frozen=True)
class FuzzyAgreement:
    """How many cells have the same class in both maps, or the class of the other map nearby.

    Attributes
    ----------
    cells : tuple of int
        By the distance of `DISTANCES` within which each map has the class of the other; the last are the
        cells that have none within `RADIUS`.
    """

    cells: tuple[int, ...] = (0,) * len(MEMBERSHIPS)

    def __add__(self, other: FuzzyAgreement) -> FuzzyAgreement:
        """Return the agreement of the cells of both."""
        return FuzzyAgreement(tuple(a + b for a, b in zip(self.cells, other.cells, strict=True)))

    @property
    def similarity(self) -> float | None:
        """The mean of the similarity of the cells, from 0 to 1; None where there are no cells."""
        total = sum(self.cells)
        return (
            math.fsum(n * m for n, m in zip(self.cells, MEMBERSHIPS, strict=True)) / total if total else None
        )

    def kappa(self, matrix: TransitionMatrix) -> float | None:
        """Return fuzzy kappa, (S - E)/(1 - E); `matrix` is that of the same cells. None where E is 1.

        E is the similarity to be expected of maps with the same amounts of the classes, each cell drawn by
        itself. With p_i, q_j the parts of the classes in the maps and n_r the neighbours up to ring r:
        E = Σ_i p_i·q_i + Σ_{i≠j} p_i·q_j Σ_r m_r·(P_r - P_{r-1}), P_r = (1 - (1-p_j)^n_r)(1 - (1-q_i)^n_r).
        """
        if self.similarity is None:
            return None
        total = matrix.total
        one, other = ({code: float(size / total) for code, size in side.items()} for side in matrix.margins())
        reached = list(accumulate(map(len, _RINGS)))
        expected = []
        for i, p in one.items():
            for j, q in other.items():
                within = [(1 - (1 - one[j]) ** n) * (1 - (1 - other[i]) ** n) for n in reached]
                near = math.fsum(
                    m * (here - before)
                    for m, here, before in zip(MEMBERSHIPS[1:], within, [0.0, *within], strict=False)
                )
                expected.append(p * q * (1.0 if i == j else near))
        chance = math.fsum(expected)
        return (self.similarity - chance) / (1 - chance) if chance < 1 else None


def fuzzy_agreement(a: ArrayLike, b: ArrayLike, *, mask: ArrayLike | None = None) -> FuzzyAgreement:
    """Compare two maps of classes, where a class that lies near counts in part.

    The fuzzy set of a cell has each class with the membership m(d) = 2^(-d/2), d the distance in cells to the
    nearest cell of that class, at most 4. The similarity of a cell is the smaller of two: the membership of
    the class of `b` in the neighbourhood of `a`, and of the class of `a` in that of `b`; 1 where the classes
    are the same. Classes are different or equal, without similarity between classes.

    Parameters
    ----------
    a, b : array-like of integers, shape (rows, columns)
        Codes of classes.
    mask : array-like of bool, shape (rows, columns), optional
        Which cells count; others are no neighbours either.

    Raises
    ------
    WrongValue
        If the shapes differ, or the codes are not integers.

    References
    ----------
    Hagen, A. (2003). Fuzzy set approach to assessing similarity of categorical maps. International Journal of
    Geographical Information Science 17(3), 235-249.

    Examples
    --------
    >>> fuzzy_agreement([[1, 2, 2]], [[1, 1, 2]]).similarity == (2 + 2**-0.5) / 3
    True
    """
    taken({"a": a, "b": b}, area=None, mask=None, kinds="iub")
    one, other = np.asarray(a), np.asarray(b)
    inside = np.pad(inside_of(mask, one.shape), RADIUS)
    _, maps = common_positions([np.pad(each, RADIUS) for each in (one, other)], inside)
    return agreement_inside(maps)


def agreement_inside(maps: Sequence[NDArray[np.integer]]) -> FuzzyAgreement:
    """Compare two maps of positions of classes, -1 outside, within a frame of `RADIUS` neighbouring cells."""
    one, other = maps
    frame = np.s_[RADIUS:-RADIUS, RADIUS:-RADIUS]
    same = int(np.count_nonzero((one[frame] == other[frame]) & (one[frame] >= 0)))
    rows, cols = np.nonzero((one[frame] != other[frame]) & (one[frame] >= 0) & (other[frame] >= 0))
    at = (rows + RADIUS) * one.shape[1] + cols + RADIUS
    flat = [np.ascontiguousarray(each).ravel() for each in maps]
    ring = np.maximum(*(_ring(flat[k], at, flat[1 - k][at], one.shape[1]) for k in (0, 1)))
    counts = np.bincount(ring, minlength=len(MEMBERSHIPS))
    return FuzzyAgreement((same, *counts[1:].tolist()))


def _ring(
    codes: NDArray[np.integer], at: NDArray[np.intp], wanted: NDArray[np.integer], width: int
) -> NDArray[np.intp]:
    """Return the ring, from 1, in which each place has the wanted code nearest; the last has none."""
    found = np.full(at.size, len(MEMBERSHIPS) - 1, np.intp)
    left = np.arange(at.size)
    for number, ring in enumerate(_RINGS, 1):
        if not left.size:
            break
        is_here = np.zeros(left.size, np.bool_)
        for row, col in ring:
            is_here |= codes[at[left] + (row * width + col)] == wanted[left]
        found[left[is_here]] = number
        left = left[~is_here]
    return found
