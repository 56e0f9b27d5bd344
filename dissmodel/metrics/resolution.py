"""How well two maps fit where the place of a class counts only up to the size of a window."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dissmodel.errors import WrongValue
from dissmodel.metrics.arrays import common_positions, exact_sums, inside_of

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
    tally = ResolutionTally(inside.shape, 1 << max(inside.shape).bit_length())
    if one.ndim == _SHARES:
        tally.add((0, 0), inside, enumerate(_share_differences(one, other, inside)))
    else:
        codes, positions = common_positions([one, other], inside)
        tally.add((0, 0), inside, class_differences(codes, positions))
    return tally.fit()


class ResolutionTally:
    """The fit of two maps that come block by block; any blocks give the same bits.

    Parameters
    ----------
    shape : tuple of (int, int)
        Rows and columns of the maps.
    unit : int
        A power of 2: blocks begin at a multiple of it, and end at one or with the map.
    """

    def __init__(self, shape: tuple[int, ...], unit: int) -> None:
        self._levels = (max(shape) - 1).bit_length() if min(shape) else 0
        self._steps = min(self._levels, unit.bit_length() - 1)
        self._blocks = tuple(-(-size >> self._steps) for size in shape)
        self._cells = np.zeros(self._blocks, np.int64)
        self._changes: dict[int, NDArray[Any]] = {}
        # By level: how many windows have cells, and the sum of Σ_g |a_g - b_g|/(2·cells) over them.
        self._windows = [0] * (self._levels + 1)
        self._misfits = [Fraction(0)] * (self._levels + 1)

    def add(
        self, corner: tuple[int, int], inside: NDArray[np.bool_], changes: Iterable[tuple[int, NDArray[Any]]]
    ) -> None:
        """Add a block whose first cell is `corner`; `changes` yields a_g - b_g, 0 outside, by class."""
        cells: list[NDArray[Any]] = [inside.astype(np.int32)]
        for _ in range(self._steps):
            cells.append(_doubled(cells[-1]))
        start = [at >> self._steps for at in corner]
        place = tuple(slice(at, at + size) for at, size in zip(start, cells[-1].shape, strict=True))
        self._cells[place] = cells[-1]
        apart = [np.zeros(level.shape, np.int32) for level in cells]
        for code, change in changes:
            in_windows = change
            if change.dtype.kind == "f" and apart[0].dtype.kind == "i":
                apart = [level.astype(change.dtype) for level in apart]
            for number, level in enumerate(apart):
                in_windows = _doubled(in_windows) if number else in_windows
                np.add(level, np.abs(in_windows), out=level)
            if code not in self._changes:
                self._changes[code] = np.zeros(self._blocks, np.result_type(change, np.int64))
            self._changes[code][place] = in_windows
        for number, (level, count) in enumerate(zip(apart, cells, strict=True)):
            windows, misfits = _misfits(number, level, count)
            self._windows[number] += windows
            self._misfits[number] += misfits

    def fit(self) -> ResolutionFit:
        """Return the fit of the blocks that were added."""
        if not self._windows[0]:
            return ResolutionFit({}, None)
        sums = list(zip(self._windows, self._misfits, strict=True))
        cells, changes = self._cells, list(self._changes.values())
        for number in range(self._steps + 1, self._levels + 1):
            cells, changes = _doubled(cells), [_doubled(one) for one in changes]
            apart = sum((np.abs(one) for one in changes), np.zeros(cells.shape, np.int64))
            sums[number] = _misfits(number, apart, cells)
        fits = {1 << number: float(1 - misfits / windows) for number, (windows, misfits) in enumerate(sums)}
        weights = [math.exp(-DECAY * (width - 1)) for width in fits]
        weighted = math.fsum(fit * weight for fit, weight in zip(fits.values(), weights, strict=True))
        return ResolutionFit(fits, weighted / math.fsum(weights))


def class_differences(
    codes: Sequence[int], positions: Sequence[NDArray[np.integer]]
) -> Iterator[tuple[int, NDArray[np.int32]]]:
    """Yield a_g - b_g of each class that differs; maps of positions of codes, -1 outside both."""
    one, other = positions
    differ = one != other
    present = np.bincount(one[differ], minlength=len(codes)) + np.bincount(
        other[differ], minlength=len(codes)
    )
    for place in np.flatnonzero(present).tolist():
        yield codes[place], np.subtract(one == place, other == place, dtype=np.int32)


def _share_differences(
    one: NDArray[Any], other: NDArray[Any], inside: NDArray[np.bool_]
) -> Iterator[NDArray[np.float64]]:
    for a, b in zip(one, other, strict=True):
        d = np.zeros(inside.shape)
        np.subtract(a, b, out=d, where=inside, dtype=np.float64)
        if not np.isfinite(d).all():
            raise WrongValue(
                "A difference of shares is not finite.", "Leave cells without a value out: mask=…"
            )
        yield d


def _doubled(values: NDArray[Any]) -> NDArray[Any]:
    """Return the sums over windows of 2 by 2; beyond the last row and column there is 0."""
    rows, columns = values.shape
    even = np.pad(values, ((0, rows % 2), (0, columns % 2))) if rows % 2 or columns % 2 else values
    total: NDArray[Any] = even[::2, ::2] + even[::2, 1::2] + even[1::2, ::2] + even[1::2, 1::2]
    return total


def _misfits(level: int, apart: NDArray[Any], cells: NDArray[Any]) -> tuple[int, Fraction]:
    """Return how many windows have cells, and the exact sum of their misfits, each a float64."""
    counts = cells.ravel()
    windows, total = int(np.count_nonzero(counts)), Fraction(0)
    others = counts > 0
    if apart.dtype.kind == "i":  # in whole windows the misfit is exact
        whole = counts == 4**level
        total = Fraction(int(apart.ravel()[whole].sum(dtype=np.int64)), 2 * 4**level)
        others &= ~whole
    misfits = apart.ravel()[others] / (2 * counts[others])
    return windows, total + (exact_sums(misfits)[0] if misfits.size else 0)
