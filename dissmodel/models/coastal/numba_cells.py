"""The step over a range of cells with neighbours, compiled.

It takes two passes with a pause between, since what a cell becomes depends on what its neighbours send and
that on theirs: `send` writes what each cell of a range sends, `receive` lets each cell hear its neighbours.
Cells lie in visiting order and so do the neighbours of each, so a cell that adds up what it hears from one
after the other, its own share at its own place, has the bits of the rules.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dissmodel.models.coastal import classes, numba_classes, numba_flood, numba_measures
from dissmodel.models.coastal.numba_build import cached, inlined
from dissmodel.models.coastal.numba_classes import SENDS, SENDS_WATER, settle, silt_up, survey
from dissmodel.models.coastal.numba_flood import NOTHING
from dissmodel.models.coastal.numba_measures import COUNTS, add_up, count

Floats: TypeAlias = NDArray[np.float64]
Bytes: TypeAlias = NDArray[np.uint8]
Span: TypeAlias = tuple[int, int]

CHUNK = 2048
"""How many cells are surveyed and settled at once; a multiple of 8."""


class Cells(NamedTuple):
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


class Desk(NamedTuple):
    """Room of one thread: bytes for a chunk, and what it counts, as `numba_measures.measures` takes it."""

    low: Bytes
    fate: Bytes
    counts: NDArray[np.int64]


def desk() -> Desk:
    """Return fresh room; it serves one step."""
    return Desk(np.zeros(CHUNK, np.uint8), np.zeros(CHUNK, np.uint8), np.zeros(COUNTS + 2, np.int64))


@cached(classes, numba_classes, numba_flood, numba_measures)
def send(
    cells: Cells, span: Span, terms: tuple[float, float, float, float, float], sent: Sent, room: Desk
) -> None:
    """Write what the cells of a span are and what they send; the state is only read.

    Parameters
    ----------
    cells : Cells
        The cell space before the step.
    span : tuple of int
        The first cell and the one after the last.
    terms : tuple of float
        As `numba_measures.terms_of` returns them.
    sent : Sent
        Written for these cells.
    room : Desk
        The thread's own.
    """
    rise, level, reach, floor, _ = terms
    alt, offsets, neighbors = cells.alt, cells.offsets, cells.neighbors
    for first in range(span[0], span[1], CHUNK):
        last = min(first + CHUNK, span[1])
        some = (alt[first:last], cells.uso[first:last], cells.solo[first:last])
        traits = sent.traits[first:last]
        survey(some, (level, reach, floor), sent.heights[first:last], room.low[: last - first], traits)
        for i in range(first, last):
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


@cached(classes, numba_classes, numba_flood, numba_measures)
def receive(
    cells: Cells, span: Span, terms: tuple[float, float, float, float, float], sent: Sent, room: Desk
) -> None:
    """Advance the cells of a span by what all have sent, in place, and count what is measured.

    The parameters are those of `send`; the counts in `room` are the result.
    """
    sediment = terms[4]
    offsets, neighbors = cells.offsets, cells.neighbors
    for first in range(span[0], span[1], CHUNK):
        last = min(first + CHUNK, span[1])
        alt, traits, fate = cells.alt[first:last], sent.traits[first:last], room.fate[: last - first]
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
            silt_up(alt, traits, sediment)
        settle(traits, fate, cells.uso[first:last], cells.solo[first:last])
        room.fate[last - first :] = 0
        count(room.fate.view(np.uint64), room.counts)
        coarse, fine = add_up(alt)
        room.counts[COUNTS] += coarse
        room.counts[COUNTS + 1] += fine
