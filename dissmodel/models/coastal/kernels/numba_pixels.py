"""The step on pixels, compiled: the row pipeline that the package describes, in bands of rows."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.kernel_build import Compiled, CompiledKernel, cached, cut, inlined
from dissmodel.models.coastal import classes
from dissmodel.models.coastal.classes import NO_SOIL, NO_USE
from dissmodel.models.coastal.kernels import numba_build, numba_classes, numba_flood, numba_measures
from dissmodel.models.coastal.kernels.numba_build import fetch
from dissmodel.models.coastal.kernels.numba_classes import PAD, SPAN, become, mark, silt_up, survey
from dissmodel.models.coastal.kernels.numba_flood import (
    CHUNK,
    NOTHING,
    gather,
    gather_in_order,
    hear,
    send_shares,
)
from dissmodel.models.coastal.kernels.numba_measures import (
    COUNTS,
    TermValues,
    add_up,
    count,
    measures,
    terms_of,
)
from dissmodel.models.coastal.kernels.step import Terms
from dissmodel.models.coastal.metrics import StepMetrics
from dissmodel.models.coastal.state import CoastalState

Floats: TypeAlias = NDArray[np.float64]
Bytes: TypeAlias = NDArray[np.uint8]
Place: TypeAlias = tuple[int, int]
Turn: TypeAlias = tuple[int, int, int]

HALO = 2
"""Rows above and below a band that its new state depends on."""

_BANDS = 8  # for each thread
_LEAST_ROWS = 32  # of a band, which reads four more


class Rows(NamedTuple):
    """Some rows of a state; all arrays have one shape (rows, cols)."""

    alt: Floats
    uso: Bytes
    solo: Bytes


class RowBuffers(NamedTuple):
    """What a band works in: rings of four padded rows, single rows, and what is counted, shape (7,).

    Counted are sources, flooded, newly flooded, migrated mangrove and migrated mud, and the sum of elevations
    in units of 2^-16 m and, for the rests, of 2^-50 m.
    """

    heights: Floats
    shares: Floats
    ranks: Floats
    traits: Bytes
    wet: NDArray[np.bool_]
    low: Bytes
    fate: Bytes
    heard: Floats
    counts: NDArray[np.int64]


def buffers(cols: int, *, ordered: bool) -> RowBuffers:
    """Return fresh buffers for a band of `cols` columns; they serve one step."""
    spans = -(-cols // SPAN)
    row = spans * SPAN
    ring = (4, row + 2 * PAD)
    return RowBuffers(
        heights=np.full(ring, np.nan),
        shares=np.full(ring, NOTHING),
        ranks=np.full(ring if ordered else (4, 0), -1.0),
        traits=np.zeros(ring, np.uint8),
        wet=np.zeros((4, spans), np.bool_),
        low=np.zeros(row, np.uint8),
        fate=np.zeros(row, np.uint8),
        heard=np.empty(9 * CHUNK if ordered else 0),
        counts=np.zeros(COUNTS + 2, np.int64),
    )


@inlined
def _clear(row: Floats) -> None:
    for c in range(row.size):
        row[c] = NOTHING


@inlined
def _copy(source: NDArray[Any], ring_row: Floats) -> None:
    for c in range(source.size):
        ring_row[PAD + c] = source[c]


@inlined
def _three(ring: Any, turn: Turn) -> Any:
    """Return three rows of a ring."""
    return ring[turn[0]], ring[turn[1]], ring[turn[2]]


@inlined
def _pour(
    ring: RowBuffers,
    turn: Turn,
    place: Place,
    ordered: bool,  # noqa: FBT001  (numba knows no arguments by keyword only)
    out: Floats,
) -> None:
    """Write the elevations of some cells of a row."""
    heights, shares = _three(ring.heights, turn), _three(ring.shares, turn)
    if not ordered:
        gather(heights, shares, (PAD + place[0], PAD + place[1]), out[place[0] : place[1]])
        return
    for first in range(place[0], place[1], CHUNK):
        last = min(first + CHUNK, place[1])
        some = (PAD + first, PAD + last)
        hear(heights, shares, some, ring.heard)
        gather_in_order(heights[1], ring.heard, _three(ring.ranks, turn), some, out[first:last])


@inlined
def _flood(
    ring: RowBuffers,
    turn: Turn,
    ordered: bool,  # noqa: FBT001  (as above)
    out: Floats,
) -> None:
    """Write the elevations of a row wherever a source is near; a run of such spans goes in one piece."""
    spans = ring.wet.shape[1]
    begin = 0
    for span in range(spans + 1):
        near = False
        if span < spans:
            for beside in range(max(span - 1, 0), min(span + 2, spans)):
                near |= ring.wet[turn[0], beside] | ring.wet[turn[1], beside] | ring.wet[turn[2], beside]
        if not near:
            if begin < span:
                _pour(ring, turn, (begin * SPAN, min(span * SPAN, out.size)), ordered, out)
            begin = span + 1


@inlined
def _send(ring: RowBuffers, turn: Turn, rise: float) -> None:
    """Write the shares of the second of three rows."""
    row = turn[1]
    _clear(ring.shares[row])
    heights = _three(ring.heights, turn)
    for span in range(ring.wet.shape[1]):
        if ring.wet[row, span]:
            first = PAD + span * SPAN
            send_shares(heights, ring.traits[row], (first, first + SPAN), rise, ring.shares[row])


@inlined
def _fetch(band: Rows, k: int) -> None:
    """Ask for the row that is read next, a cache line of 64 bytes at a time.

    The processor foresees only what follows in memory without a pause; this saved a sixth of the time.
    """
    for c in range(0, band.alt.shape[1], 8):
        fetch(band.alt[k], c)
    for c in range(0, band.alt.shape[1], 64):
        fetch(band.uso[k], c)
        fetch(band.solo[k], c)


@cached(classes, numba_build, numba_classes, numba_flood, numba_measures)
def advance(band: Rows, halo: Rows, orders: Any, terms: TermValues, ring: RowBuffers) -> None:
    """Advance a band of rows in place by one step and count what is measured.

    Parameters
    ----------
    band : Rows
        The band.
    halo : Rows
        The two rows above the band and the two below it, before the step.
    orders : tuple of two ndarray of int32 or int64, or None
        The ranks of the cells of both in the visiting order; None for row-major.
    terms : tuple of float
        As `numba_measures.terms_of` returns them.
    ring : RowBuffers
        Fresh buffers; their counts are the result.
    """
    rise, level, reach, floor, sediment = terms
    rows, cols = band.alt.shape
    inside = slice(PAD, PAD + cols)
    for k in range(-HALO, rows + HALO):
        new, last, mid, old = k & 3, (k - 1) & 3, (k - 2) & 3, (k - 3) & 3
        within = 0 <= k < rows
        source = band if within else halo
        at = k if within else (k + HALO if k < 0 else k + HALO - rows)
        cells = source.alt[at], source.uso[at], source.solo[at]
        survey(
            cells, (level, reach, floor), ring.heights[new][inside], ring.low[:cols], ring.traits[new][inside]
        )
        if orders is not None:
            _copy(orders[0][at] if within else orders[1][at], ring.ranks[new])
        if 0 <= k + 1 < rows:
            _fetch(band, k + 1)
        mark(ring.traits[new][PAD : PAD + ring.fate.size].view(np.uint64), ring.wet[new])
        _send(ring, (mid, last, new), rise)
        if k < HALO:
            continue
        r, turn = k - HALO, (old, mid, last)
        out = band.alt[r]
        _flood(ring, turn, orders is not None, out)
        if sediment != 0.0:
            silt_up(out, ring.traits[mid][inside], sediment)
        become(_three(ring.traits, turn), ring.fate, band.uso[r], band.solo[r])
        count(ring.fate.view(np.uint64), ring.counts)
        coarse, fine = add_up(out)
        ring.counts[COUNTS] += coarse
        ring.counts[COUNTS + 1] += fine


class NumbaKernel(CompiledKernel):
    """The step on pixels compiled with numba; bit for bit that of `NumpyKernel`.

    The state is advanced in place. Besides it a thread needs rings of four rows.
    """

    def prepare(self, state: CoastalState) -> tuple[Compiled, ...]:
        """Compile what `state` needs, or load it from the cache, and return it; a step does so too."""
        kind = None if state.order is None else state.order.dtype
        return self._prepare(kind, (advance,), _work(state, slice(0, 0), (0.0,) * 5))

    def step(self, state: CoastalState, now: Terms) -> StepMetrics:
        """Advance `state` in place by one step and return its measures."""
        terms = terms_of(now)
        # Each takes copies of its neighbours' rows before any of them begins.
        bands = [_work(state, rows, terms) for rows in _bands(state.shape[0], self.threads)]
        self._run(self.prepare(state), bands)
        state.step = now.step
        return measures(now, [band[-1].counts.tolist() for band in bands])


def _bands(rows: int, threads: int) -> list[slice]:
    """Cut `rows` rows into bands of nearly the same height, at least one for each thread.

    Where the sea is there is more to do than inland: many bands even that out.
    """
    bands = 1 if threads == 1 else max(min(rows, threads), min(rows // _LEAST_ROWS, threads * _BANDS))
    return [slice(*band) for band in cut(rows, bands)]


def _work(state: CoastalState, rows: slice, terms: tuple[float, ...]) -> tuple[Any, ...]:
    """Return the arguments of `advance` for a band."""
    band = Rows(state.alt[rows], state.uso[rows], state.solo[rows])
    halo = Rows(
        _halo(state.alt, rows, np.nan), _halo(state.uso, rows, NO_USE), _halo(state.solo, rows, NO_SOIL)
    )
    orders = None if state.order is None else (state.order[rows], _halo(state.order, rows, -1))
    return band, halo, orders, terms, buffers(state.shape[1], ordered=orders is not None)


def _halo(array: NDArray[Any], rows: slice, outside: float) -> NDArray[Any]:
    """Return copies of the two rows above a band and of the two below it."""
    halo = np.full((2 * HALO, array.shape[1]), outside, dtype=array.dtype)
    for place, row in enumerate((rows.start - 2, rows.start - 1, rows.stop, rows.stop + 1)):
        if 0 <= row < array.shape[0]:
            halo[place] = array[row]
    return halo
