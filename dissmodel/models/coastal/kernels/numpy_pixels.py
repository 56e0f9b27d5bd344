"""The step on pixels in NumPy, in blocks of rows.

A block reads the state before the step from a window: the block, two rows more above and below, one column
more on each side (a column further is always outside).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.models.coastal.classes import MANGROVE_USE, MUD_SOURCE, NO_SOIL, NO_USE
from dissmodel.models.coastal.kernels.numpy_rules import (
    NOTHING,
    BlockKernel,
    Bools,
    Bytes,
    Floats,
    become,
    silts,
    sources,
)
from dissmodel.models.coastal.kernels.step import Terms
from dissmodel.models.coastal.metrics import StepMetrics, StepTally
from dissmodel.models.coastal.state import CoastalState

# The senders that a cell hears, in row-major order; (0, 0) is the cell itself.
_SENDERS = tuple((dr, dc) for dr in (-1, 0, 1) for dc in (-1, 0, 1))
_NEIGHBOURS = tuple(offset for offset in _SENDERS if offset != (0, 0))
_SENDERS_AT_ONCE = 65_536


class NumpyKernel(BlockKernel):
    """The step on pixels in NumPy."""

    def step(self, state: CoastalState, now: Terms) -> StepMetrics:
        """Advance `state` in place by one step and return its measures."""
        height = max(1, self._block_cells // state.shape[1])
        whole = None if state.order is None else _scatter(state, state.order, now)
        tally = StepTally()
        windows = zip(
            _windows(state.alt, height, np.nan),
            _windows(state.uso, height, NO_USE),
            _windows(state.solo, height, NO_SOIL),
            strict=True,
        )
        for number, (alt, uso, solo) in enumerate(windows):
            rows = slice(number * height, (number + 1) * height)
            source = sources(alt, uso, now)
            new_alt = _gather(alt, source, now.rise) if whole is None else whole[rows]
            new_uso, new_solo = _classes(alt, uso, solo, source, now)
            if now.accretion is not None:
                new_alt[silts(_core(uso), _core(solo))] += now.accretion
            tally.add(_core(source), _core(uso), new_uso, new_solo, new_alt)
            state.alt[rows], state.uso[rows], state.solo[rows] = new_alt, new_uso, new_solo
        state.step = now.step
        return tally.result(now.step, now.sea_level)


def _windows(band: NDArray[Any], height: int, outside: float) -> Iterator[NDArray[Any]]:
    """Yield the window of each block of `height` rows, as the band is before the step.

    The caller may overwrite a block in `band` once it has its window.
    """
    rows, cols = band.shape
    above = np.full((2, cols + 2), outside, dtype=band.dtype)
    for first in range(0, rows, height):
        last = min(first + height, rows)
        below = min(last + 2, rows)
        window = np.full((last - first + 4, cols + 2), outside, dtype=band.dtype)
        window[:2] = above
        window[2 : 2 + below - first, 1:-1] = band[first:below]
        above = window[-4:-2]
        yield window


def _core(window: NDArray[Any]) -> NDArray[Any]:
    """Return the block of a window."""
    return window[2:-2, 1:-1]


def _seen(window: NDArray[Any], dr: int, dc: int, margin: int) -> NDArray[Any]:
    """Return what each cell `margin` rows or more from the window's edge sees at the offset (dr, dc)."""
    rows, cols = window.shape
    return window[margin + dr : rows - margin + dr, 1 + dc : cols - 1 + dc]


def _gather(alt: Floats, source: Bools, rise: float) -> Floats:
    """Return the elevation of a block after the flood, in row-major order.

    Each cell adds up what it hears, sender by sender.
    """
    share = np.full(alt.shape, NOTHING)
    sender = _seen(alt, 0, 0, 1)
    receivers = np.ones(sender.shape, dtype=np.uint8)
    for dr, dc in _NEIGHBOURS:
        receivers += _seen(alt, dr, dc, 1) <= sender
    np.divide(rise, receivers, out=share[1:-1, 1:-1], where=source[1:-1, 1:-1], dtype=np.float64)

    before = _core(alt)
    after = before.copy()
    for dr, dc in _SENDERS:
        heard = _seen(share, dr, dc, 2)
        if (dr, dc) != (0, 0):
            heard = np.where(before <= _seen(alt, dr, dc, 2), heard, NOTHING)
        after += heard
    return after


def _scatter(state: CoastalState, order: NDArray[np.signedinteger[Any]], now: Terms) -> Floats:
    """Return the elevation of the whole space after the flood, in the cells' own order.

    Sender after sender, as the text of the rule has it.
    """
    rows, cols = state.shape
    padded = np.full((rows + 2, cols + 2), np.nan)
    padded[1:-1, 1:-1] = state.alt
    before, after = padded.ravel(), padded.flatten()

    source = np.zeros(padded.shape, dtype=np.bool_)
    source[1:-1, 1:-1] = sources(state.alt, state.uso, now)
    senders = np.flatnonzero(source)[np.argsort(order[source[1:-1, 1:-1]])]
    offsets = np.array([dr * (cols + 2) + dc for dr, dc in _NEIGHBOURS])
    for first in range(0, senders.size, _SENDERS_AT_ONCE):
        some = senders[first : first + _SENDERS_AT_ONCE, np.newaxis]
        neighbours = some + offsets
        takes = before[neighbours] <= before[some]
        share = now.rise / (1.0 + np.count_nonzero(takes, axis=1, keepdims=True))
        # One row per sender, so that the flat order of the pairs is the visiting order: ufunc.at adds them
        # one at a time.
        targets = np.concatenate([some, neighbours], axis=1)
        gets = np.concatenate([np.ones_like(some, dtype=np.bool_), takes], axis=1)
        np.add.at(after, targets[gets], np.broadcast_to(share, gets.shape)[gets])
    return after.reshape(padded.shape)[1:-1, 1:-1]


def _classes(alt: Floats, uso: Bytes, solo: Bytes, source: Bools, now: Terms) -> tuple[Bytes, Bytes]:
    """Return land use and soil of a block after the step."""
    beside = _beside(source), _beside(MUD_SOURCE[solo]), _beside(MANGROVE_USE[uso])
    return become(_core(alt), _core(uso), _core(solo), beside, now)


def _beside(what: Bools) -> Bools:
    """Return where a block has at least one neighbour in `what`, a window."""
    found = np.zeros(_core(what).shape, dtype=np.bool_)
    for dr, dc in _NEIGHBOURS:
        found |= _seen(what, dr, dc, 2)
    return found
