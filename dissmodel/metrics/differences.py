"""How far two maps of numbers, or of a class's shares, are apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from dissmodel.errors import WrongValue
from dissmodel.metrics.arrays import exact_sum_of_squares, exact_sums, ratio, taken

_DECIMALS = 4


@dataclass(frozen=True)
class Difference:
    """Two maps of numbers, cell by cell: d = a - b, rounded to float64.

    Measures are in the unit of the numbers, but for `match`, and None where there are no cells.

    Attributes
    ----------
    cells : int
        How many are compared.
    within : int
        How many have |d| of at most the tolerance.
    max_error : float or None
        The largest |d|.
    signed, absolute, squared : Fraction
        The exact sums of d, |d| and d² (rounded to float64 in each cell).
    reference, reference_squared : Fraction
        The exact sums of b and b².
    """

    cells: int = 0
    within: int = 0
    max_error: float | None = None
    signed: Fraction = Fraction(0)
    absolute: Fraction = Fraction(0)
    squared: Fraction = Fraction(0)
    reference: Fraction = Fraction(0)
    reference_squared: Fraction = Fraction(0)

    def __add__(self, other: Difference) -> Difference:
        """Return the difference of the cells of both."""
        largest = [one.max_error for one in (self, other) if one.max_error is not None]
        return Difference(
            self.cells + other.cells,
            self.within + other.within,
            max(largest, default=None),
            self.signed + other.signed,
            self.absolute + other.absolute,
            self.squared + other.squared,
            self.reference + other.reference,
            self.reference_squared + other.reference_squared,
        )

    @property
    def bias(self) -> float | None:
        """Mean error, Σd/N: above 0 where the first map has more than the second."""
        return ratio(self.signed, self.cells)

    @property
    def r2(self) -> float | None:
        """The coefficient of determination, 1 - Σd²/Σ(b - mean of b)²; None where b is one number.

        1 is a perfect map, 0 is as good as the mean of b, and it may be below 0. In hydrology it is the
        efficiency of Nash & Sutcliffe (1970); it is not the square of a correlation.
        """
        if not self.cells:
            return None
        spread = self.reference_squared - self.reference**2 / self.cells
        return float(1 - self.squared / spread) if spread else None

    @property
    def mae(self) -> float | None:
        """Mean absolute error, Σ|d|/N."""
        return ratio(self.absolute, self.cells)

    @property
    def rmse(self) -> float | None:
        """Root of the mean squared error, √(Σd²/N)."""
        if not self.max_error:
            return self.max_error
        # By the largest error, so that the square of a tiny error is not too small for a float64.
        return self.max_error * math.sqrt(self.squared / Fraction(self.max_error) ** 2 / self.cells)

    @property
    def match(self) -> float | None:
        """The part of the cells within the tolerance, in per cent; see `match_percent`."""
        return match_percent(self.within, self.cells) if self.cells else None

    @property
    def quantity(self) -> float | None:
        """The part of the mean absolute error that is due to the sums of the maps, |Σd|/N."""
        return ratio(abs(self.signed), self.cells)

    @property
    def allocation(self) -> float | None:
        """The part of the mean absolute error that is due to where the numbers lie: (Σ|d| - |Σd|)/N."""
        return ratio(self.absolute - abs(self.signed), self.cells)


def difference(
    a: ArrayLike, b: ArrayLike, *, tolerance: float = 0.0, mask: ArrayLike | None = None
) -> Difference:
    """Compare two maps of numbers, such as the shares of a class.

    Quantity and allocation are those of Pontius & Millones (2011) for one class that fills a part of each
    cell; `Difference.r2` takes `b` for the observed map.

    Parameters
    ----------
    a, b : array-like of real numbers, of one shape
        Finite where they count.
    tolerance : float, default 0
        In the unit of the numbers.
    mask : array-like of bool, optional
        Which cells count.

    Raises
    ------
    WrongValue
        If the shapes differ, a number that counts is not finite, or the tolerance is negative.

    Examples
    --------
    >>> found = difference([0.2, 0.4, 1.0], [0.2, 0.9, 0.75], tolerance=0.25)
    >>> found.mae, found.quantity, found.max_error, found.match
    (0.25, 0.08333333333333333, 0.5, 66.6666)
    """
    if not tolerance >= 0:
        raise WrongValue(f"tolerance = {tolerance}: it is a number of 0 or more.", "tolerance=0.01")
    (one, other), _ = taken({"a": a, "b": b}, area=None, mask=mask, kinds="iufb")
    with np.errstate(over="ignore", invalid="ignore"):
        d = one.astype(np.float64) - other.astype(np.float64)
    if not np.isfinite(d).all():
        raise WrongValue("A difference of a and b is not finite.", "Leave cells without a value out: mask=…")
    if not d.size:
        return Difference()
    size = np.abs(d)
    largest = float(size.max())
    # By a power of 2, so that no square is too large or too small for a float64.
    power = math.frexp(largest)[1]
    squared = exact_sums(np.square(np.ldexp(d, -power)))[0] * Fraction(4) ** power
    within = int(np.count_nonzero(size <= tolerance))
    observed = other.astype(np.float64)
    return Difference(
        cells=d.size,
        within=within,
        max_error=largest,
        signed=exact_sums(d)[0],
        absolute=exact_sums(size)[0],
        squared=squared,
        reference=exact_sums(observed)[0],
        reference_squared=exact_sum_of_squares(observed),
    )


def match_percent(within: int, cells: int) -> float:
    """Return a part of cells in per cent, cut to four decimals: 100 only if it is all of them.

    >>> match_percent(1_999_999, 2_000_000)
    99.9999
    """
    share = 100 * within / cells
    scale: int = 10**_DECIMALS
    return math.floor(share * scale) / scale
