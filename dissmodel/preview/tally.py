"""What a pixel of a map shows of the many cells in it, gathered piece by piece."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dissmodel.preview.amounts import CODES, LOWEST_CODE, CellCounts, whole_numbers
from dissmodel.preview.canvas import Canvas, Floats
from dissmodel.visualization.colours import MOST_CLASSES

Places: TypeAlias = npt.NDArray[np.intp]
"""Pixels of a canvas, counted row by row."""

# So many pairs of pixel and class are held before equal pairs are added up.
_MOST_PAIRS = 2**22
# From so many times as many pairs as cells on, they are sorted, not counted in an array of all pairs.
_SPARSE = 16


class Layer:
    """A state on a canvas: what each of its pixels shows, and the counts of all cells.

    Parameters
    ----------
    canvas : Canvas
        What it is drawn on.
    codes : collection of int, optional
        The classes; None: whether the values are classes or measures is known when all were added.

    Attributes
    ----------
    counts : CellCounts
        Of all cells.
    points : ndarray of float64, of the canvas's shape
        The values under its points, for pixels without the centre of a cell; NaN: nothing is there.
    """

    def __init__(self, canvas: Canvas, codes: Collection[int] | None = None) -> None:
        self.counts = CellCounts()
        self.points = np.full(canvas.shape, np.nan)
        self._modes: Modes | None = Modes(canvas, codes)
        self._means = Means(canvas) if codes is None else None

    def add(self, places: Places, values: npt.NDArray[Any], weights: Floats | None = None) -> None:
        """Add cells: the pixel of each, its finite value, and how much it weighs."""
        if self._modes is not None and not self._modes.add(places, values, weights):
            self._modes = None if self._means is not None else self._modes
        if self._means is not None:
            self._means.add(places, values, weights)

    def settle(self, first: int, end: int) -> None:
        """Take note that only pixels from `first` to before `end` will get more cells."""
        if self._modes is not None:
            self._modes.settle(first, end)

    def values(self, *, as_classes: bool) -> Floats:
        """Return what each pixel shows, NaN where nothing is: the most frequent class, or the mean."""
        tally = self._modes if as_classes else self._means
        return self.points if tally is None else filled(tally.values(), self.points)


class Change:
    """What changed between two states on a canvas; parameters as of `Layer`."""

    def __init__(self, canvas: Canvas, codes: Collection[int] | None = None) -> None:
        self.points = np.full((2, *canvas.shape), np.nan)  # the new value of what changed; the difference
        self._kinds = Modes(canvas, codes)
        self._peaks = _Peaks(canvas) if codes is None else None

    def add(
        self, places: Places, before: npt.NDArray[Any], after: npt.NDArray[Any], weights: Floats | None = None
    ) -> None:
        """Add cells that have a value before and after."""
        changed = before != after
        ours = None if weights is None else weights[changed]
        self._kinds.add(places[changed], after[changed], ours)
        if self._peaks is not None:
            self._peaks.add(places, after.astype(np.float64) - before)

    def settle(self, first: int, end: int) -> None:
        """See `Layer.settle`."""
        self._kinds.settle(first, end)

    def became(self) -> Floats:
        """Return the class that most of the changed cells in a pixel became, NaN where none changed."""
        return filled(self._kinds.values(), self.points[0])

    def difference(self) -> Floats:
        """Return the largest difference in each pixel, NaN where no cell has a value before and after."""
        return self.points[1] if self._peaks is None else filled(self._peaks.values(), self.points[1])


class Modes:
    """Finds the most frequent class in each pixel; of equals that with the smaller code.

    A class that is most frequent nowhere has the pixel where it is most frequent, so that none is lost.

    Parameters
    ----------
    canvas : Canvas
        What it is drawn on.
    codes : collection of int, optional
        The classes that count; all by default.
    """

    def __init__(self, canvas: Canvas, codes: Collection[int] | None = None) -> None:
        self._shape = canvas.shape
        self._mode = np.full(canvas.shape[0] * canvas.shape[1], np.nan)
        self._counted: npt.NDArray[np.bool_] | None = None
        if codes is not None:
            self._counted = np.zeros(CODES, np.bool_)
            self._counted[[code - LOWEST_CODE for code in codes if 0 <= code - LOWEST_CODE < CODES]] = True
        self._parts: list[tuple[npt.NDArray[np.int64], Floats]] = []
        self._most: dict[int, tuple[float, int]] = {}  # code: its largest weight in a pixel, and that pixel

    def add(self, places: Places, values: npt.NDArray[Any], weights: Floats | None = None) -> bool:
        """Add cells; return whether their values may all be codes of classes."""
        codes, is_code = whole_numbers(values)
        are_classes = bool(is_code.all())
        if self._counted is not None:
            is_code &= self._counted[codes]
        if not is_code.all():
            places, codes = places[is_code], codes[is_code]
            weights = None if weights is None else weights[is_code]
        if not codes.size:
            return are_classes
        known = np.flatnonzero(np.bincount(codes))
        if self._counted is None and known.size > MOST_CLASSES:
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
        """See `Layer.settle`."""
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
            if weights[best] > self._most.get(code, (0.0, 0))[0]:
                self._most[code] = float(weights[best]), int(places[best])

    def values(self) -> Floats:
        """Return the code that each pixel shows, NaN where no cell is; after that nothing is added."""
        self.settle(0, 0)
        shown = (self._mode[~np.isnan(self._mode)] - LOWEST_CODE).astype(np.intp)
        pixels = np.bincount(shown, minlength=CODES)
        for code, (_, place) in self._most.items():
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

    def __init__(self, canvas: Canvas) -> None:
        self._shape = canvas.shape
        self._sums, self._weights = np.zeros((2, canvas.shape[0] * canvas.shape[1]))

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


class _Peaks:
    """Finds the difference of the largest size in each pixel; of equals the gain."""

    def __init__(self, canvas: Canvas) -> None:
        self._shape = canvas.shape
        self._low, self._high = np.zeros((2, canvas.shape[0] * canvas.shape[1]))
        self._is_there = np.zeros(len(self._low), np.bool_)

    def add(self, places: Places, differences: Floats) -> None:
        self._is_there[places] = True
        changed = differences != 0
        np.minimum.at(self._low, places[changed], differences[changed])
        np.maximum.at(self._high, places[changed], differences[changed])

    def values(self) -> Floats:
        largest = np.where(self._high >= -self._low, self._high, self._low)
        return np.where(self._is_there, largest, np.nan).reshape(self._shape)


def filled(values: Floats, points: Floats) -> Floats:
    """Return values, and where there are none those of points."""
    return np.where(np.isnan(values), points, values)
