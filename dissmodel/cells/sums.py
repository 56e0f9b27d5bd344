"""Sums of floats, exact and rounded once, so that no order and no tiling of the cells changes them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fractions import Fraction

Floats = NDArray[np.float64]

_BLOCK = 2**15  # values that are added while the processor's cache holds them


def parts_of(values: Floats) -> Iterator[Floats]:
    """Yield arrays whose sum is `values`, elements of each of which add without rounding in any order.

    `values` are finite. Each array has those leading bits of `values` that leave room for the sum of so many
    (ExtractVector in S. M. Rump, T. Ogita and S. Oishi, Accurate floating-point summation part I, SIAM
    Journal on Scientific Computing 31, 2008): multiples of ``level`` * 2**-53, at most ``level`` in sum.

    Raises
    ------
    OverflowError
        If some are infinite or NaN, or so large that the sum might leave the range of floats.
    """
    rest = values.copy()
    while values.size and (largest := max(-float(rest.min()), float(rest.max()))):
        if not math.isfinite(largest):
            raise OverflowError
        level = math.ldexp(1.0, math.frexp(largest)[1] + len(values).bit_length())
        part = rest + level
        part -= level
        rest -= part
        yield part


def exact_sum(values: Floats) -> float:
    """Return the sum, rounded once; infinite if it is too large; of infinities and NaN that of IEEE 754."""
    blocks = (values[start : start + _BLOCK] for start in range(0, len(values), _BLOCK))
    try:
        return math.fsum(float(part.sum()) for block in blocks for part in parts_of(block))
    except OverflowError:
        return _sum_of_any(values)


def exact_sums(values: Floats, group_of: NDArray[np.integer[Any]], groups: int) -> Floats:
    """Return the sum of each group, as `exact_sum` has it; `group_of` is each value's group, from 0."""
    try:
        parts = [np.bincount(group_of, part, groups) for part in parts_of(values)]
        sums = [math.fsum(of_group) for of_group in zip(*parts, strict=True)] or [0.0] * groups
    except OverflowError:
        sums = [_sum_of_any(values[group_of == group]) for group in range(groups)]
    return np.array(sums, np.float64)


Part: TypeAlias = "Fraction | float"
"""A sum that is not rounded yet: exact, or, of infinities and NaN, theirs."""


def exact_part(values: Floats) -> Part:
    """Return the sum, not rounded, to be added to those of other values by `sum_of_parts`."""
    from fractions import Fraction  # noqa: PLC0415  (only sums in parts, and few others, need it)

    blocks = (values[start : start + _BLOCK] for start in range(0, len(values), _BLOCK))
    try:
        return sum((Fraction(float(part.sum())) for block in blocks for part in parts_of(block)), Fraction())
    except OverflowError:
        return _part_of_any(values)


def sum_of_parts(parts: Iterable[Part]) -> float:
    """Return the sum, rounded once: that of `exact_sum` for all values together."""
    from fractions import Fraction  # noqa: PLC0415  (as above)

    given = list(parts)
    other = [one for one in given if isinstance(one, float)]
    if other:
        with np.errstate(invalid="ignore"):
            return float(np.sum(other))
    total = sum((one for one in given if not isinstance(one, float)), Fraction())
    try:
        return float(total)
    except OverflowError:
        return math.inf if total > 0 else -math.inf


def _part_of_any(values: Floats) -> Part:
    from fractions import Fraction  # noqa: PLC0415  (as above)

    other = values[~np.isfinite(values)]
    if other.size:
        with np.errstate(invalid="ignore"):
            return float(other.sum())
    return sum(map(Fraction, values.tolist()), Fraction())


def _sum_of_any(values: Floats) -> float:
    return sum_of_parts([_part_of_any(values)])
