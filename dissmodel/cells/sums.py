"""Sums of floats, exact and rounded once, so that no order and no tiling of the cells changes them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


def _sum_of_any(values: Floats) -> float:
    from fractions import Fraction  # noqa: PLC0415  (few models have such values)

    other = values[~np.isfinite(values)]
    if other.size:
        with np.errstate(invalid="ignore"):
            return float(other.sum())
    total = sum(map(Fraction, values.tolist()), Fraction())
    try:
        return float(total)
    except OverflowError:
        return math.inf if total > 0 else -math.inf
