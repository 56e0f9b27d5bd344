"""What a pixel of a map shows of the many cells in it, gathered piece by piece."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from dissmodel.preview.amounts import CellCounts
from dissmodel.preview.canvas import Canvas, Floats
from dissmodel.visualization.colours import MOST_CLASSES
from dissmodel.visualization.shrink import Means, Modes, Places, WholeNumbers


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
        self._modes: Modes | None = Modes(canvas.shape, codes, MOST_CLASSES)
        self._means = Means(canvas.shape) if codes is None else None

    def add(
        self,
        places: Places,
        values: npt.NDArray[Any],
        weights: Floats | None = None,
        whole: WholeNumbers | None = None,
    ) -> None:
        """Add cells: the pixel of each, its finite value, how much it weighs; `whole` as of `CellCounts`."""
        if self._modes is not None and not self._modes.add(places, values, weights, whole):
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
        self._kinds = Modes(canvas.shape, codes, MOST_CLASSES)
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
