"""What a pixel shows of the many cells in it, gathered piece by piece: the most frequent class, the mean."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = npt.NDArray[np.intp]
"""Pixels, counted row by row."""
WholeNumbers: TypeAlias = tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]
"""The places of values among the whole numbers that are counted, and which values have one."""

LOWEST_CODE, CODES = -(2**15), 2**15 + 2**16
"""The least whole number that is counted, and how many are, one by one."""
# So many pairs of pixel and class are held before equal pairs are added up.
_MOST_PAIRS = 2**22
# From so many times as many pairs as cells on, they are sorted, not counted in an array of all pairs.
_SPARSE = 16


class Modes:
    """Finds the most frequent class in each pixel; of equals that with the smaller code.

    A class that is most frequent nowhere has the pixel where it is most frequent, so that none is lost.

    Parameters
    ----------
    shape : tuple of (int, int)
        Rows and columns of the pixels.
    codes : collection of int, optional
        The classes that count; all by default.
    most : int
        By default, cells of more classes than this that come together are measures.
    """

    def __init__(
        self, shape: tuple[int, int], codes: Collection[int] | None = None, most: int = 2**17
    ) -> None:
        self._most_codes = most
        self._shape = shape
        self._mode = np.full(shape[0] * shape[1], np.nan)
        self._counted: npt.NDArray[np.bool_] | None = None
        if codes is not None:
            self._counted = np.zeros(CODES, np.bool_)
            self._counted[[code - LOWEST_CODE for code in codes if 0 <= code - LOWEST_CODE < CODES]] = True
        self._parts: list[tuple[npt.NDArray[np.int64], Floats]] = []
        self._best: dict[int, tuple[float, int]] = {}  # code: its largest weight in a pixel, and that pixel

    def add(
        self,
        places: Places,
        values: npt.NDArray[Any],
        weights: Floats | None = None,
        whole: WholeNumbers | None = None,
    ) -> bool:
        """Add cells; return whether their values may all be codes of classes.

        The pixel of each, its finite value, how much it weighs, and what `whole_numbers` says of the values,
        where that is known.
        """
        codes, is_code = whole_numbers(values) if whole is None else whole
        are_classes = bool(is_code.all())
        if self._counted is not None:
            is_code = is_code & self._counted[codes]
        if not is_code.all():
            places, codes = places[is_code], codes[is_code]
            weights = None if weights is None else weights[is_code]
        if not codes.size:
            return are_classes
        known = np.flatnonzero(np.bincount(codes))
        if self._counted is None and known.size > self._most_codes:
            return False
        rank = np.zeros(known[-1] + 1, np.intp)
        rank[known] = np.arange(known.size)
        first = int(places.min())
        pairs = (places - first) * known.size + rank[codes]
        if int(pairs.max()) < _SPARSE * pairs.size:
            sums = np.bincount(pairs, weights)
            found = np.flatnonzero(sums)
            sums = sums[found]
        else:
            found, at = np.unique(pairs, return_inverse=True)
            sums = np.bincount(at, weights)
        keys = (found // known.size + first) * CODES + known[found % known.size]
        self._parts.append((keys, sums.astype(np.float64)))
        if sum(len(keys) for keys, _ in self._parts) > _MOST_PAIRS:
            self._parts = [self._joined()]
        return are_classes

    def settle(self, first: int, end: int) -> None:
        """Take note that only pixels from `first` to before `end` will get more cells."""
        if not self._parts:
            return
        keys, weights = self._joined()
        places = keys // CODES
        is_open = (places >= first) & (places < end)
        self._parts = [(keys[is_open], weights[is_open])]
        if is_open.all():
            return
        places, codes, weights = places[~is_open], keys[~is_open] % CODES, weights[~is_open]
        at = np.flatnonzero(np.diff(places, prepend=-1))
        largest = np.repeat(np.maximum.reduceat(weights, at), np.diff(at, append=len(places)))
        winners = np.flatnonzero(weights == largest)
        winners = winners[np.diff(places[winners], prepend=-1) > 0]  # the first, with the smallest code
        self._mode[places[winners]] = codes[winners] + LOWEST_CODE
        for code in np.flatnonzero(np.bincount(codes)).tolist():
            is_code = np.flatnonzero(codes == code)
            best = is_code[np.argmax(weights[is_code])]
            if weights[best] > self._best.get(code, (0.0, 0))[0]:
                self._best[code] = float(weights[best]), int(places[best])

    def values(self) -> Floats:
        """Return the code that each pixel shows, NaN where no cell is; after that nothing is added."""
        self.settle(0, 0)
        shown = (self._mode[~np.isnan(self._mode)] - LOWEST_CODE).astype(np.intp)
        pixels = np.bincount(shown, minlength=CODES)
        for code, (_, place) in self._best.items():
            there = int(self._mode[place]) - LOWEST_CODE
            if not pixels[code] and pixels[there] > 1:
                self._mode[place] = code + LOWEST_CODE
                pixels[code], pixels[there] = 1, pixels[there] - 1
        return self._mode.reshape(self._shape)

    def _joined(self) -> tuple[npt.NDArray[np.int64], Floats]:
        """Return all pairs of pixel and class, sorted, each once, and their weights."""
        keys, weights = (np.concatenate(one) for one in zip(*self._parts, strict=True))
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        at = np.flatnonzero(np.diff(keys, prepend=-1))
        return keys[at], np.add.reduceat(weights[order], at)


class Means:
    """Finds the mean in each pixel."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._sums, self._weights = np.zeros((2, shape[0] * shape[1]))

    def add(self, places: Places, values: npt.NDArray[Any], weights: Floats | None = None) -> None:
        """Add cells with finite values."""
        if not places.size:
            return
        first = int(places.min())
        near = places - first
        products = values if weights is None else values * weights
        for total, some in ((self._sums, products), (self._weights, weights)):
            sums = np.bincount(near, some)
            total[first : first + len(sums)] += sums

    def values(self) -> Floats:
        """Return the mean in each pixel, NaN where no cell is."""
        with np.errstate(invalid="ignore"):
            return (self._sums / self._weights).reshape(self._shape)


def whole_numbers(values: npt.NDArray[Any]) -> WholeNumbers:
    """Return the place of each value among the whole numbers that are counted, and whether it has one.

    >>> whole_numbers(np.array([-32768.0, 0.5, 3.0]))
    (array([    0, 32768, 32771]), array([ True, False,  True]))
    """
    whole = (values >= LOWEST_CODE) & (values < LOWEST_CODE + CODES)
    if not whole.all():
        values = np.where(whole, values, 0)
    places = values.astype(np.intp)
    if values.dtype.kind == "f":
        whole &= values == places
    return places - LOWEST_CODE, whole


def shrunken(values: Floats, most: tuple[int, int], codes: Collection[int] | None = None) -> Floats:
    """Return a map on at most so many rows and columns: as it is where it has no more.

    Parameters
    ----------
    values : ndarray of float64, shape (rows, columns)
        Codes or measures, NaN where there is nothing.
    most : tuple of (int, int)
        The rows and columns.
    codes : collection of int, optional
        The classes, of which the most frequent is shown; without them the mean of the measures is.
    """
    shape = (min(values.shape[0], most[0]), min(values.shape[1], most[1]))
    if shape == values.shape:
        return values
    # The middle of a cell decides which pixel has it.
    row, col = (
        (2 * np.arange(old) + 1) * new // (2 * old) for old, new in zip(values.shape, shape, strict=True)
    )
    there = ~np.isnan(values)
    tally = Means(shape) if codes is None else Modes(shape, codes)
    tally.add((row[:, np.newaxis] * shape[1] + col)[there], values[there])
    return tally.values()
