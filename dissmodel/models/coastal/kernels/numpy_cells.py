"""The step on cells with neighbours in NumPy: as the rules are written, sender after sender."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dissmodel.models.coastal.classes import MANGROVE_USE, MUD_SOURCE
from dissmodel.models.coastal.kernels.numpy_rules import BlockKernel, Bools, Floats, become, silts, sources
from dissmodel.models.coastal.kernels.step import Terms
from dissmodel.models.coastal.metrics import StepMetrics, StepTally
from dissmodel.models.coastal.state import CellState

if TYPE_CHECKING:
    from dissmodel.geo.vector.sparse import Neighborhood


class CellsKernel(BlockKernel):
    """The step on cells in NumPy."""

    def step(self, state: CellState, now: Terms) -> StepMetrics:
        """Advance `state` in place by one step and return its measures."""
        sends = sources(state.alt, state.uso, now)
        sending = (sends, MUD_SOURCE[state.solo], MANGROVE_USE[state.uso])
        beside = tuple(np.zeros(state.cells, np.bool_) for _ in sending)
        alt = state.alt.copy()
        for block in _blocks(state.neighborhood, self._block_cells):
            _send_water(block, state.alt, sends, now.rise, alt)
            for what, reached in zip(sending, beside, strict=True):
                reached[block.neighbors[np.repeat(what[block.cells], block.counts)]] = True
        if now.accretion is not None:
            alt[silts(state.uso, state.solo)] += now.accretion
        tally = StepTally()
        for first in range(0, state.cells, self._block_cells):
            some = slice(first, first + self._block_cells)
            near = (beside[0][some], beside[1][some], beside[2][some])
            before = state.uso[some].copy()
            uso, solo = become(state.alt[some], before, state.solo[some], near, now)
            tally.add(sends[some], before, uso, solo, alt[some])
            state.uso[some], state.solo[some] = uso, solo
        state.alt[:] = alt
        state.step = now.step
        return tally.result(now.step, now.sea_level)


class _Block(NamedTuple):
    """Some cells that follow each other, how many neighbours each has, and who they are."""

    cells: slice
    counts: NDArray[np.int64]
    neighbors: NDArray[np.signedinteger[Any]]


def _blocks(neighborhood: Neighborhood, size: int) -> Iterator[_Block]:
    offsets = neighborhood.offsets
    for first in range(0, len(neighborhood), size):
        bounds = offsets[first : first + size + 1]
        yield _Block(
            slice(first, first + len(bounds) - 1),
            np.diff(bounds),
            neighborhood.neighbors[bounds[0] : bounds[-1]],
        )


def _send_water(block: _Block, before: Floats, sends: Bools, rise: float, after: Floats) -> None:
    """Add to `after` what the cells of a block send, one sender after the other."""
    senders = np.flatnonzero(sends[block.cells])
    count = block.counts[senders]
    neighbors = block.neighbors[np.repeat(sends[block.cells], block.counts)]
    senders += block.cells.start
    takes = before[neighbors] <= np.repeat(before[senders], count)
    ends = np.cumsum(count)
    taken = np.concatenate([[0], np.cumsum(takes)])
    receivers = taken[ends] - taken[ends - count]
    # Who gets something, each sender before its neighbours, in the order of the senders: ufunc.at adds the
    # shares one at a time.
    targets = np.insert(neighbors[takes], taken[ends - count], senders)
    np.add.at(after, targets, np.repeat(rise / (1.0 + receivers), receivers + 1))
