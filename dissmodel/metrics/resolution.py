"""How well two maps fit where the place of a class counts only up to the size of a window."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dissmodel.errors import WrongValue
from dissmodel.metrics.arrays import coded, exact_sums, inside_of

DECAY = 0.1
"""k of Costanza (1989): how fast larger windows lose weight, by cell."""

_MAP, _SHARES = 2, 3  # dimensions


@dataclass(frozen=True)
class ResolutionFit:
    """The fit of two maps in windows of growing size.

    Attributes
    ----------
    fits : mapping of int to float
        Width of the windows in cells → F_w, from 0 to 1; empty where there are no cells.
    total : float or None
        F, their weighted mean.
    """

    fits: dict[int, float]
    total: float | None


def multiresolution_fit(a: ArrayLike, b: ArrayLike, *, mask: ArrayLike | None = None) -> ResolutionFit:
    """Compare two maps in square windows of 1, 2, 4 … cells, until a window holds the whole map.

    The windows lie side by side from the top-left cell. With a_g, b_g the cells (or the sum of the shares) of
    class g in a window: F_w = mean over windows with cells of 1 - Σ_g |a_g - b_g|/(2·cells), and
    F = Σ_w F_w·e^(-k(w-1)) / Σ_w e^(-k(w-1)), k = 0.1. Costanza moves each window by one cell instead,
    through all sizes; F_1, and the window that holds the map, are the same.

    Parameters
    ----------
    a, b : array-like, of one shape
        Codes of classes (rows, columns), or float64 shares (classes, rows, columns).
    mask : array-like of bool, shape (rows, columns), optional
        Which cells count.

    Raises
    ------
    WrongValue
        If the shapes differ, or are of neither kind, or a share that counts is not finite.

    References
    ----------
    Costanza, R. (1989). Model goodness of fit: a multiple resolution procedure. Ecological Modelling 47(3-4),
    199-215.

    Examples
    --------
    >>> multiresolution_fit([[1, 2], [2, 2]], [[2, 1], [2, 2]]).fits
    {1: 0.5, 2: 1.0}
    """
    one, other = np.asarray(a), np.asarray(b)
    kinds = (one.dtype.kind + other.dtype.kind).replace("u", "i").replace("b", "i")
    if one.shape != other.shape or (one.ndim, kinds) not in {(_MAP, "ii"), (_SHARES, "ff")}:
        raise WrongValue(
            f"a is {one.dtype} of shape {one.shape}, b {other.dtype} of shape {other.shape}.",
            "Give two maps of integers, shape (rows, columns), or of shares, shape (classes, rows, columns).",
        )
    inside = inside_of(mask, one.shape[-2:])
    if not inside.any():
        return ResolutionFit({}, None)
    cells = [inside.astype(np.int64)]
    while max(cells[-1].shape) > 1:
        cells.append(_doubled(cells[-1]))
    apart = [np.zeros(level.shape) for level in cells]
    for change in _class_differences(one, other, inside):
        in_windows = change
        for level in apart:
            np.add(level, np.abs(in_windows), out=level)
            in_windows = _doubled(in_windows)
    fits = {
        1 << power: _fit(level, count) for power, (level, count) in enumerate(zip(apart, cells, strict=True))
    }
    weights = [math.exp(-DECAY * (width - 1)) for width in fits]
    total = math.fsum(fit * weight for fit, weight in zip(fits.values(), weights, strict=True)) / math.fsum(
        weights
    )
    return ResolutionFit(fits, total)


def _class_differences(
    one: NDArray[Any], other: NDArray[Any], inside: NDArray[np.bool_]
) -> Iterator[NDArray[np.int64] | NDArray[np.float64]]:
    """Yield a_g - b_g in each cell, 0 outside, one class after the other."""
    if one.ndim == _SHARES:
        for a, b in zip(one, other, strict=True):
            d = np.zeros(inside.shape)
            np.subtract(a, b, out=d, where=inside, dtype=np.float64)
            if not np.isfinite(d).all():
                raise WrongValue(
                    "A difference of shares is not finite.", "Leave cells without a value out: mask=…"
                )
            yield d
    else:
        for code in sorted({*coded(one[inside])[0], *coded(other[inside])[0]}):
            yield ((one == code) & inside).astype(np.int64) - ((other == code) & inside)


def _doubled(values: NDArray[Any]) -> NDArray[Any]:
    """Return the sums over windows of 2 by 2; beyond the last row and column there is 0."""
    rows, columns = values.shape
    even = np.pad(values, ((0, rows % 2), (0, columns % 2)))
    total: NDArray[Any] = even[::2, ::2] + even[::2, 1::2] + even[1::2, ::2] + even[1::2, 1::2]
    return total


def _fit(apart: NDArray[np.float64], cells: NDArray[np.int64]) -> float:
    filled = cells > 0
    misfits = apart[filled] / (2 * cells[filled])
    return float(1 - exact_sums(misfits)[0] / misfits.size)
