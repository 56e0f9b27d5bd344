"""Statistics of cells over many maps, which are read one after the other, part by part."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dissmodel.metrics.samples import QUANTILES, quantile_name

Array: TypeAlias = NDArray[Any]
Fill: TypeAlias = Callable[[int, Array], NDArray[np.bool_] | None]
"""Fills an array of the maps' dtype, shape (cells,), with a map, counted from 0; returns where it has none.

None: it has a value everywhere, but where there is NaN.
"""

_STACK_BYTES = 440 * 2**20  # what the quantiles of a part have in memory: 200 tiles of 512 by 512 float64
_MOST_CELLS = 2**20
_CLASS_BYTES = 20  # of a class in a cell: counts and shares, and what comes between
_BATCH = 16  # maps
# Cells of all maps, of a batch, and of counts that are worked on together, so that they stay in a cache.
_SORTED_BYTES, _IN_CACHE, _COUNTED = 2**19, 2**12, 2**18
_APART = 72
_BYTE = 255
_MIDDLE = 0.5


class CellStatistics(ABC):
    """What is computed of the values of a cell in many maps.

    `names` are the results. `most_cells` is how many cells fit into memory.
    """

    names: tuple[str, ...]
    most_cells: int

    @abstractmethod
    def of(self, fill: Fill, cells: int) -> dict[str, Array]:
        """Return each of `names`, shape (cells,), of all maps."""


class ClassShares(CellStatistics):
    """The modal class, the share of maps that have it (``agreement``) and the share of each class.

    Shares are of the maps that have a value in the cell, which ``runs`` counts; a cell without one has the
    modal class `nodata` and shares of NaN. Of several classes the modal one is that with the lowest code.
    Counts are exact, whatever the order of the maps. `dtype` is that of the modal class; shares are float32.
    """

    def __init__(self, codes: Sequence[int], read_as: np.dtype[Any], maps: int) -> None:
        self.codes = sorted(codes)
        self.names = ("modal", "agreement", *(f"frequency_{code}" for code in self.codes), "runs")
        self.most_cells = min(_MOST_CELLS, _STACK_BYTES // (_CLASS_BYTES * (len(codes) + 1)))
        self._read_as, self._maps = read_as, maps
        free = [code for code in range(_BYTE, -1, -1) if code not in codes]
        is_byte = self.codes[0] >= 0 and self.codes[-1] <= _BYTE and free
        self.dtype = np.dtype(np.uint8 if is_byte else np.int32)
        self.nodata = free[0] if is_byte else int(np.iinfo(np.int32).min)

    def of(self, fill: Fill, cells: int) -> dict[str, Array]:
        """Count in bytes, which are fast, and add them up before they overflow."""
        counts = np.zeros((len(self.codes) + 1, cells), np.int32)  # the last counts absent values
        few = np.zeros(counts.shape, np.uint8)
        values, match = np.empty(cells, self._read_as), np.empty(cells, np.bool_)
        for number in range(self._maps):
            absent = fill(number, values)
            if values.dtype.kind == "f":
                absent = np.isnan(values) if absent is None else absent | np.isnan(values)
            for start in range(0, cells, _COUNTED):
                some = slice(start, start + _COUNTED)
                here, same = None if absent is None else absent[some], match[some]
                for count, code in zip(few[:-1, some], self.codes, strict=True):
                    np.equal(values[some], code, out=same)
                    if here is not None:
                        np.greater(same, here, out=same)  # the code, and not absent
                    np.add(count, same.view(np.uint8), out=count)
                if here is not None:
                    few[-1, some] += here.view(np.uint8)
            if number % _BYTE == _BYTE - 1 or number == self._maps - 1:
                counts += few
                few[:] = 0
        most, modal = np.zeros(cells, np.int32), np.full(cells, self.nodata, self.dtype)
        for count, code in zip(counts, self.codes, strict=False):
            more = count > most
            np.copyto(most, count, where=more)
            np.copyto(modal, self.dtype.type(code), where=more)
        have = (self._maps - counts[-1]).astype(np.float32)
        with np.errstate(invalid="ignore"):
            shares = [part.astype(np.float32) / have for part in (most, *counts[:-1])]
        return dict(zip(self.names, (modal, *shares, have), strict=True))


class NumberStatistics(CellStatistics):
    """Mean, sample standard deviation and, if wanted, `QUANTILES` of the maps that have a value in the cell.

    ``runs`` counts these maps. A cell without one has NaN, and so has the deviation of a single one. Moments
    are of batches of maps, each about its own mean, merged as Chan, Golub and LeVeque (1983,
    doi:10.1080/00031305.1983.10483115) do; quantiles are exact, and have all maps in memory.
    """

    def __init__(self, read_as: np.dtype[Any], maps: int, *, quantiles: bool) -> None:
        self._wanted = {quantile_name(one): one for one in QUANTILES} if quantiles else {}
        self.names = ("mean", "sd", *self._wanted, "runs")
        self._read_as, self._maps = read_as, maps
        self.dtype = np.result_type(read_as, np.float32)
        held = maps if quantiles else min(_BATCH, maps)
        self.most_cells = max(1, min(_MOST_CELLS, _STACK_BYTES // (held * self.dtype.itemsize)))
        self._stack = np.empty((held, 0), self.dtype)

    def of(self, fill: Fill, cells: int) -> dict[str, Array]:
        """Read batch after batch into the stack, which has all maps where quantiles are wanted."""
        if self._stack.shape[1] < cells:
            # Rows that are no power of two of bytes apart: those would share few places in a cache.
            self._stack = np.empty((len(self._stack), cells + _APART), self.dtype)
        stack = self._stack[:, :cells]
        buffer = None if self._read_as == self.dtype else np.empty(cells, self._read_as)
        moments = _Moments(cells)
        for start in range(0, self._maps, _BATCH):
            some = range(start, min(start + _BATCH, self._maps))
            batch = stack[some.start : some.stop] if self._wanted else stack[: len(some)]
            for target, number in zip(batch, some, strict=True):
                absent = fill(number, target if buffer is None else buffer)
                if buffer is not None:
                    target[:] = buffer
                if absent is not None:
                    target[absent] = np.nan
            moments.add(batch)
        return {
            "mean": moments.mean(),
            "sd": moments.sd(),
            **(_quantiles(stack, self._wanted, moments.count) if self._wanted else {}),
            "runs": moments.count,
        }


class _Moments:
    """Mean and sum of squared deviations of each cell, about the first value of the cell."""

    def __init__(self, cells: int) -> None:
        self.count = np.zeros(cells, np.int32)
        self._first = np.full(cells, np.nan)
        self._mean = np.zeros(cells)
        self._squares = np.zeros(cells)

    def add(self, batch: Array) -> None:
        """Add maps, shape (maps, cells), NaN where a map has no value."""
        with np.errstate(invalid="ignore", over="ignore"):  # infinite values have no mean, and it says so
            for start in range(0, batch.shape[1], _IN_CACHE):
                self._add(batch[:, start : start + _IN_CACHE], slice(start, start + _IN_CACHE))

    def _add(self, batch: Array, some: slice) -> None:
        first, before = self._first[some], self.count[some]
        for row in batch:
            missing = np.isnan(first)
            if not missing.any():
                break
            np.copyto(first, row, where=missing)
        apart = batch - first
        total = apart.sum(axis=0)
        absent, new = None, np.int32(len(batch))
        if np.isnan(total).any():
            absent = np.isnan(batch)
            new = len(batch) - absent.sum(axis=0, dtype=np.int32)
            apart[absent] = 0.0
            total = apart.sum(axis=0)
        mean = total / np.maximum(new, 1)
        apart -= mean
        if absent is not None:
            apart[absent] = 0.0
        np.square(apart, out=apart)
        count = before + new
        weight = new / np.maximum(count, 1)
        change = mean - self._mean[some]
        self._squares[some] += apart.sum(axis=0) + change * change * (before * weight)
        self._mean[some] += change * weight
        self.count[some] = count

    def mean(self) -> Array:
        """Return the mean, NaN without a value."""
        return self._first + self._mean

    def sd(self) -> Array:
        """Return the sample standard deviation, NaN with fewer than two values."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.count > 1, np.sqrt(self._squares / (self.count - 1)), np.nan)


def _quantiles(stack: Array, wanted: Mapping[str, float], count: NDArray[np.int32]) -> dict[str, Array]:
    """Return exact quantiles of each cell of a stack (maps, cells), in which NaN is no value."""
    found = np.empty((len(wanted), stack.shape[1]))
    step = max(1, _SORTED_BYTES // stack[:, :1].nbytes)
    for start in range(0, stack.shape[1], step):
        some = slice(start, start + step)
        ordered = np.ascontiguousarray(stack[:, some].T)
        ordered.sort(axis=1)  # NaN last
        found[:, some] = _between(ordered, count[some], np.array([*wanted.values()])).T
    return dict(zip(wanted, found, strict=True))


def _between(ordered: Array, count: NDArray[np.int32], quantiles: NDArray[np.float64]) -> Array:
    """Return quantiles of sorted rows, between the two order statistics nearest to each, as NumPy does."""
    last = np.maximum(count - 1, 0)[:, np.newaxis]
    if (last == last[0]).all():  # one place in all rows is found faster
        last = last[:1]
    place = last * quantiles
    below = place.astype(np.intp)
    places = (below, np.minimum(below + 1, last))
    low, high = (
        (ordered[:, at[0]] if len(last) == 1 else np.take_along_axis(ordered, at, axis=1)).astype(np.float64)
        for at in places
    )
    share = place - below
    with np.errstate(invalid="ignore", over="ignore"):
        step = high - low
        between = np.where(share >= _MIDDLE, high - step * (1 - share), low + step * share)
    return np.where(low == high, low, between)  # infinite ones, too
