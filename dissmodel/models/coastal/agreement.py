"""How far two results on the same cells are apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Agreement:
    """One band of two results, cell by cell.

    Mean absolute, root mean square and largest absolute difference are in metres for alt; of codes only
    whether they are 0 has a meaning.
    """

    name: str
    cells: int
    apart: int  # cells that differ by more than the tolerance
    mae: float
    rmse: float
    max_error: float
    first: int | None  # of these cells, counted from 0
    tolerance: float = 0.0

    @property
    def match(self) -> float:
        """The share of cells that agree, in per cent, cut to four decimals: 100 only if all do."""
        share = 100 * (self.cells - self.apart) / self.cells
        scale: int = 10**_DECIMALS
        return math.floor(share * scale) / scale


def agreement(name: str, a: NDArray[np.generic], b: NDArray[np.generic], tolerance: float = 0.0) -> Agreement:
    """Compare two bands: finite real numbers, shape (n,), n at least 1.

    With a tolerance of 0 two numbers of one cell have to be the same bits.

    >>> found = agreement("alt", np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.5, 3.0, 4.0]))
    >>> found.apart, found.first, found.match, found.mae, found.rmse, found.max_error
    (1, 1, 75.0, 0.125, 0.25, 0.5)
    """
    one, other = a.astype(np.float64), b.astype(np.float64)
    error = np.abs(one - other)
    largest = float(error.max())
    apart = error > tolerance if tolerance else one.view(np.uint64) != other.view(np.uint64)
    count = int(np.count_nonzero(apart))
    # Scaled, so that a tiny difference does not vanish when it is squared.
    scaled = error / largest if largest else error
    return Agreement(
        name=name,
        cells=error.size,
        apart=count,
        mae=float(error.mean()),
        rmse=largest * math.sqrt(float(np.mean(scaled**2))),
        max_error=largest,
        first=int(np.argmax(apart)) if count else None,
        tolerance=tolerance,
    )


def in_words(found: Sequence[Agreement]) -> str:
    """Return a sentence about how far bands are apart.

    >>> same = np.array([1.0, 2.0])
    >>> in_words([agreement("uso", same, same), agreement("alt", same, same + 0.5, 1.0)])
    'All 2 cells have the same uso; alt is at most 0.5 apart, and 1 is tolerated.'
    """
    cells = found[0].cells
    apart = [f"{one.apart:,} differ in {one.name}" for one in found if one.apart]
    if apart:
        return f"Of {cells:,} cells, {', '.join(apart)}."
    same = [one.name for one in found if not one.max_error]
    names = " and ".join(filter(None, [", ".join(same[:-1]), same[-1]]))
    parts = [f"All {cells:,} cells have the same {names}"]
    parts += [
        f"{one.name} is at most {one.max_error:.6g} apart, and {one.tolerance:g} is tolerated"
        for one in found
        if one.max_error
    ]
    exact = len(same) == len(found) and not any(one.tolerance for one in found)
    return "; ".join(parts) + (", bit for bit." if exact else ".")
