"""The step on cells with neighbours, compiled: two passes over ranges of cells, as the package describes."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells import kernel_lanes
from dissmodel.cells.kernel_build import Compiled, CompiledKernel, cached, cut, inlined
from dissmodel.models.coastal import classes
from dissmodel.models.coastal.kernels import numba_classes, numba_flood, numba_measures
from dissmodel.models.coastal.kernels.numba_classes import SENDS, SENDS_WATER
from dissmodel.models.coastal.kernels.numba_flood import NOTHING, Bytes, Floats
from dissmodel.models.coastal.kernels.numba_measures import COUNTS, TermValues, add_up, count
from dissmodel.models.coastal.kernels.step import Terms
from dissmodel.models.coastal.metrics import StepMetrics
from dissmodel.models.coastal.state import CellState

Span: TypeAlias = tuple[int, int]

_depends = cached(classes, kernel_lanes, numba_classes, numba_flood, numba_measures)

CHUNK = 2048
"""How many cells are surveyed and settled at once; a multiple of 8."""


class CellArrays(NamedTuple):
    """A cell space: arrays of shape (n,), and the neighbours as `Neighborhood` has them."""

    alt: Floats
    uso: Bytes
    solo: Bytes
    offsets: NDArray[np.int64]
    neighbors: NDArray[np.unsignedinteger[Any]]


class Sent(NamedTuple):
    """What all cells were before the step and what each sends; shape (n,)."""

    heights: Floats
    traits: Bytes
    shares: Floats


class CellBuffers(NamedTuple):
    """What one thread works in: bytes for a chunk, and its counts for `numba_measures.measures`."""

    fate: Bytes
    counts: NDArray[np.int64]


def buffers() -> CellBuffers:
    """Return a fresh `CellBuffers`; it serves one step."""
    return CellBuffers(np.zeros(CHUNK, np.uint8), np.zeros(COUNTS + 2, np.int64))


@_depends
def send(cells: CellArrays, span: Span, terms: TermValues, sent: Sent, _own: CellBuffers) -> None:
    """Write what the cells of a span are and what they send; the state is only read.

    Parameters
    ----------
    cells : CellArrays
        The cell space before the step.
    span : tuple of int
        The first cell and the one after the last.
    terms : tuple of float
        As `numba_measures.terms_of` returns them.
    sent : Sent
        Written for these cells.
    _own : CellBuffers
        The thread's own; `receive` is given the same arguments.
    """
    rise, _, _, floor, _ = terms
    alt, offsets, neighbors = cells.alt, cells.offsets, cells.neighbors
    for first in range(span[0], span[1], CHUNK):
        last = min(first + CHUNK, span[1])
        traits = sent.traits[first:last]
        numba_classes.survey(cells.uso[first:last], cells.solo[first:last], traits)
        numba_classes.mark_sources(alt[first:last], floor, traits)
        for i in range(first, last):
            sent.heights[i] = alt[i]
            share = NOTHING
            if (traits[i - first] & SENDS_WATER) != 0:
                a = alt[i]
                receivers = 1
                for k in range(offsets[i], offsets[i + 1]):
                    receivers += alt[neighbors[k]] <= a
                share = rise / receivers
            sent.shares[i] = share


@inlined
def _hear(sent: Sent, i: int, neighbors: NDArray[Any], first: int, last: int) -> Any:
    """Return the elevation of cell `i` after the flood."""
    a = sent.heights[i]
    after = a
    k = first
    while k < last and neighbors[k] < i:
        j = neighbors[k]
        after += sent.shares[j] if a <= sent.heights[j] else NOTHING
        k += 1
    after += sent.shares[i]
    while k < last:
        j = neighbors[k]
        after += sent.shares[j] if a <= sent.heights[j] else NOTHING
        k += 1
    return after


@_depends
def receive(cells: CellArrays, span: Span, terms: TermValues, sent: Sent, own: CellBuffers) -> None:
    """Advance the cells of a span by what all have sent, in place, and count what is measured.

    The parameters are those of `send`; the counts in `own` are the result.
    """
    _, level, reach, _, sediment = terms
    offsets, neighbors = cells.offsets, cells.neighbors
    for first in range(span[0], span[1], CHUNK):
        last = min(first + CHUNK, span[1])
        alt, traits, fate = cells.alt[first:last], sent.traits[first:last], own.fate[: last - first]
        for i in range(first, last):
            begin, end = offsets[i], offsets[i + 1]
            here = traits[i - first]
            heard = np.uint8(0)
            for k in range(begin, end):
                heard |= sent.traits[neighbors[k]]
            fate[i - first] = here & ((heard & SENDS) << 3)
            if ((heard | here) & SENDS_WATER) != 0:
                alt[i - first] = _hear(sent, i, neighbors, begin, end)
        if sediment != 0.0:
            numba_classes.silt_up(alt, traits, sediment)
        uso, solo = cells.uso[first:last], cells.solo[first:last]
        numba_classes.limit(sent.heights[first:last], level, reach, fate)
        numba_classes.settle(fate, uso, solo)
        numba_classes.tally(traits, uso, solo, fate)
        own.fate[last - first :] = 0
        count(own.fate, COUNTS, 1, own.counts)
        add_up(alt, 1, own.counts)


class NumbaCellsKernel(CompiledKernel):
    """The step on cells compiled with numba; bit for bit that of `CellsKernel`.

    The state is advanced in place. Besides it a step needs 17 bytes a cell.
    """

    _sent = Sent(np.empty(0), np.empty(0, np.uint8), np.empty(0))

    def prepare(self, state: CellState) -> tuple[Compiled, ...]:
        """Compile what `state` needs, or load it from the cache, and return it; a step does so too."""
        arguments = (_cells(state), (0, 0), (0.0,) * 5, self._sent, buffers())
        return self._prepare(state.neighborhood.neighbors.dtype, (send, receive), arguments)

    def step(self, state: CellState, now: Terms) -> StepMetrics:
        """Advance `state` in place by one step and return its measures."""
        passes, size = self.prepare(state), state.cells
        if len(self._sent.heights) != size:
            self._sent = Sent(np.empty(size), np.empty(size, np.uint8), np.empty(size))
        cells, terms = _cells(state), numba_measures.terms_of(now)
        spans = cut(size, max(1, min(size, self.threads)))
        parts = [(cells, span, terms, self._sent, buffers()) for span in spans]
        self._run(passes, parts)
        state.step = now.step
        return numba_measures.measures(now, [part[-1].counts.tolist() for part in parts])


def _cells(state: CellState) -> CellArrays:
    # As unsigned numbers: an index that can be negative costs a test.
    neighbors = state.neighborhood.neighbors
    unsigned = neighbors.view(f"u{neighbors.itemsize}")
    return CellArrays(state.alt, state.uso, state.solo, state.neighborhood.offsets, unsigned)
