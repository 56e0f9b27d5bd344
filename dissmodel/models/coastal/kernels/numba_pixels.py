"""The step on pixels, compiled: the row pipeline that the package describes, in bands of rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells import kernel_lanes
from dissmodel.cells.kernel_build import Compiled, CompiledKernel, cached, cut, inlined
from dissmodel.cells.kernel_lanes import SPAN, fetch, load, store, together
from dissmodel.models.coastal import classes
from dissmodel.models.coastal.classes import NO_SOIL, NO_USE
from dissmodel.models.coastal.kernels import numba_classes, numba_flood, numba_measures, numba_spans
from dissmodel.models.coastal.kernels.numba_flood import NOTHING, PAD, Bytes, Floats, Place, Turn
from dissmodel.models.coastal.kernels.numba_measures import COUNTS, TermValues, add_up, count
from dissmodel.models.coastal.kernels.numba_spans import CHANGED, READ, RISES, runs
from dissmodel.models.coastal.kernels.step import Terms
from dissmodel.models.coastal.metrics import StepMetrics
from dissmodel.models.coastal.state import CoastalState

HALO = 2
"""Rows above and below a band that its new state depends on."""

MARGIN = 3
"""Rows of flags above and below a band that the marks of its rows and of its halo depend on."""

_BANDS = 8  # for each thread
_LEAST_ROWS = 32  # of a band, which reads four more
_depends = cached(classes, kernel_lanes, numba_classes, numba_flood, numba_measures, numba_spans)


class Rows(NamedTuple):
    """Some rows of a state; the visiting order has no columns where it is row-major."""

    alt: Floats
    uso: Bytes
    solo: Bytes
    order: NDArray[np.signedinteger[Any]]


class RowBuffers(NamedTuple):
    """What a band works in: rings of four padded rows, single rows, its marks, and counts, shape (7,).

    Counted are the sources, then by how much these grew in the step: flooded, newly flooded, migrated
    mangrove, migrated mud, and the sum of elevations in units of 2^-16 m and, for the rests, of 2^-50 m.
    """

    heights: Floats
    shares: Floats
    ranks: Floats
    traits: Bytes
    after: Floats
    fate: Bytes
    counted: Bytes
    marks: Bytes
    counts: NDArray[np.int64]


def buffers(rows: int, cols: int, *, ordered: bool) -> RowBuffers:
    """Return fresh buffers for a band; they serve one step."""
    spans = -(-cols // SPAN)
    row = spans * SPAN
    ring = (4, row + 2 * PAD)
    return RowBuffers(
        heights=np.full(ring, np.nan),
        shares=np.full(ring, NOTHING),
        ranks=np.full(ring if ordered else (4, 0), -1.0),
        traits=np.zeros(ring, np.uint8),
        after=np.empty(ring[1]),
        fate=np.zeros(row, np.uint8),
        counted=np.zeros(row, np.uint8),
        marks=np.zeros((rows + 2 * MARGIN, spans + 2), np.uint8),
        counts=np.zeros(COUNTS + 2, np.int64),
    )


@inlined
def _copy(source: NDArray[Any], target: NDArray[Any]) -> None:
    for c in range(source.size):
        target[c] = source[c]


@inlined
def _cells(spans: Place, cols: int) -> Any:
    """Return where the cells of some spans are in a row and in a row of a ring."""
    first, last = spans[0] * SPAN, min(spans[1] * SPAN, cols)
    return slice(first, last), slice(PAD + first, PAD + last)


@inlined
def _read(cells: Any, marks: Bytes, floor: float, ring: RowBuffers, new: int) -> None:
    """Read the spans of a row that something may happen in or beside."""
    (alt, uso, solo, order), traits = cells, ring.traits[new]
    for spans in runs(marks, READ):
        here, there = _cells(spans, uso.size)
        numba_classes.survey(uso[here], solo[here], traits[there])
    for spans in runs(marks, RISES):
        here, there = _cells(spans, uso.size)
        _copy(alt[here], ring.heights[new][there])
        _copy(order[here], ring.ranks[new][there])
        numba_classes.mark_sources(alt[here], floor, traits[there])


@inlined
def _fetch(band: Rows, row: int, marks: Bytes) -> None:
    """Ask for the row that is read next, a cache line of 64 bytes at a time.

    The processor foresees only what follows in memory without a pause; this saved a sixth of the time.
    """
    for begin, end in runs(marks, READ):
        for c in range(begin * SPAN, min(end * SPAN, band.uso.shape[1]), 64):
            fetch(band.uso[row], c)
            fetch(band.solo[row], c)
    for begin, end in runs(marks, RISES):
        for c in range(begin * SPAN, min(end * SPAN, band.uso.shape[1]), 8):
            fetch(band.alt[row], c)


@inlined
def _settle(ring: RowBuffers, turn: Turn, spans: Any, cells: Any, limits: Any) -> None:
    """Advance the classes of a row where they change, and its flags."""
    (marks, flags), (alt, uso, solo) = spans, cells
    for begin, end in runs(marks, READ):
        traits = ring.traits[turn[1]][PAD + begin * SPAN : PAD + end * SPAN]
        numba_spans.sum_up(traits, flags[begin:end])
        count(traits, 1, 1, ring.counts)
    for span in range(marks.size):
        first, (here, there) = span * SPAN, _cells((span, span + 1), alt.size)
        if (marks[span] & numba_classes.CHANGES) == 0:
            continue
        fate = numba_classes.foresee(ring.traits, turn, PAD + first)
        if together(fate) == 0:
            continue
        store(ring.fate, first, fate)
        numba_classes.limit(alt[here], limits[0], limits[1], ring.fate[here])
        if together(load(ring.fate, first)) == 0:
            continue
        traits, counted = ring.traits[turn[1]][there], ring.counted[first : first + SPAN]
        numba_classes.tally(traits, uso[here], solo[here], counted)
        count(counted, COUNTS, -1, ring.counts)
        numba_classes.settle(ring.fate[here], uso[here], solo[here])
        numba_classes.tally(traits, uso[here], solo[here], counted)
        count(counted, COUNTS, 1, ring.counts)
        flags[span] = CHANGED


@inlined
def _raise(ring: RowBuffers, turn: Turn, marks: Bytes, sediment: float, alt: Floats) -> None:
    """Advance the elevations of a row where they may change."""
    for spans in runs(marks, RISES):
        here, there = _cells(spans, alt.size)
        place = PAD + spans[0] * SPAN, PAD + spans[1] * SPAN
        if ring.ranks.shape[1] > 0:
            numba_flood.gather_in_order((ring.heights, ring.shares, ring.ranks), turn, place, ring.after)
        else:
            numba_flood.gather((ring.heights, ring.shares), turn, place, ring.after)
        after = ring.after[there]
        if sediment != 0.0:
            numba_classes.silt_up(after, ring.traits[turn[1]][there], sediment)
        add_up(alt[here], -1, ring.counts)
        add_up(after, 1, ring.counts)
        _copy(after, alt[here])


# The passes of a step all take the same arguments, whether they use them or not.
@_depends
def take_stock(band: Rows, _halo: Rows, _terms: TermValues, flags: Bytes, ring: RowBuffers) -> None:
    """Write the flags of a band before its first step and count what is in it; see `advance`."""
    traits = ring.traits[0][PAD:-PAD]
    for row in range(band.alt.shape[0]):
        uso, solo = band.uso[row], band.solo[row]
        numba_classes.survey(uso, solo, traits[: uso.size])
        numba_spans.sum_up(traits, flags[row + MARGIN][1:-1])
        numba_classes.tally(traits, uso, solo, ring.counted)
        count(ring.counted, COUNTS, 1, ring.counts)
        add_up(band.alt[row], 1, ring.counts)


@_depends
def foresee(_band: Rows, _halo: Rows, terms: TermValues, flags: Bytes, ring: RowBuffers) -> None:
    """Write the marks of a band; see `advance`."""
    numba_spans.foresee_spans(flags, 0 if terms[-1] == 0.0 else numba_classes.SILTS, ring.marks)


@_depends
def advance(band: Rows, halo: Rows, terms: TermValues, flags: Bytes, ring: RowBuffers) -> None:
    """Advance a band of rows in place by one step and count what is measured.

    Parameters
    ----------
    band : Rows
        The band.
    halo : Rows
        The two rows above the band and the two below it, before the step.
    terms : tuple of float
        As `numba_measures.terms_of` returns them.
    flags : ndarray of uint8
        The flags of its spans, a frame of `MARGIN` rows and one column around them.
    ring : RowBuffers
        Fresh buffers with the marks that `foresee` wrote; their counts are the result.
    """
    rise, level, reach, floor, sediment = terms
    rows = band.alt.shape[0]
    for k in range(-HALO, rows + HALO):
        new, last, mid, old = k & 3, (k - 1) & 3, (k - 2) & 3, (k - 3) & 3
        within = 0 <= k < rows
        source = band if within else halo
        at = k if within else (k + HALO if k < 0 else k + HALO - rows)
        cells = source.alt[at], source.uso[at], source.solo[at], source.order[at]
        _read(cells, ring.marks[k + MARGIN, 1:-1], floor, ring, new)
        if 0 <= k + 1 < rows:
            _fetch(band, k + 1, ring.marks[k + 1 + MARGIN, 1:-1])
        for begin, end in runs(ring.marks[k - 1 + MARGIN, 1:-1], READ):
            place = PAD + begin * SPAN, PAD + end * SPAN
            numba_flood.send_shares((ring.heights, ring.traits, ring.shares), (mid, last, new), place, rise)
        if k >= HALO:
            r, turn = k - HALO, (old, mid, last)
            marks = ring.marks[r + MARGIN, 1:-1]
            settled = band.alt[r], band.uso[r], band.solo[r]
            _settle(ring, turn, (marks, flags[r + MARGIN, 1:-1]), settled, (level, reach))
            _raise(ring, turn, marks, sediment, band.alt[r])


class NumbaKernel(CompiledKernel):
    """The step on pixels compiled with numba; bit for bit that of `NumpyKernel`.

    The state is advanced in place. Besides it a thread needs rings of four rows, and each span two bytes.
    What is known of a state is kept for its next step: between steps only the kernel may write it.
    """

    _kept: tuple[CoastalState | None, int, Bytes, list[int]] = (None, 0, np.zeros(0, np.uint8), [])

    def prepare(self, state: CoastalState) -> tuple[Compiled, ...]:
        """Compile what `state` needs, or load it from the cache, and return it; a step does so too."""
        flags = np.zeros((2 * MARGIN, 2), np.uint8)
        work = _work(state, slice(0, 0), (0.0,) * 5, flags)
        return self._prepare(work[0].order.dtype, (take_stock, foresee, advance), work)

    def step(self, state: CoastalState, now: Terms) -> StepMetrics:
        """Advance `state` in place by one step and return its measures."""
        passes, terms = self.prepare(state), numba_measures.terms_of(now)
        known, step, flags, totals = self._kept
        if known is state and step == state.step:
            passes = passes[1:]
        else:
            rows, cols = state.shape
            flags, totals = np.zeros((rows + 2 * MARGIN, -(-cols // SPAN) + 2), np.uint8), [0] * (COUNTS + 2)
        # Each takes copies of its neighbours' rows before any of them begins.
        bands = [_work(state, rows, terms, flags) for rows in _bands(state.shape[0], self.threads)]
        self._run(passes, bands)
        totals = [sum(one) for one in zip(totals, *(band[-1].counts.tolist() for band in bands), strict=True)]
        state.step = now.step
        # Sources and newly flooded cells are those of one step.
        self._kept = state, now.step, flags, [0, totals[1], 0, *totals[3:]]
        return numba_measures.measures(now, [totals])


def _bands(rows: int, threads: int) -> list[slice]:
    """Cut `rows` rows into bands of nearly the same height, at least one for each thread.

    Where the sea is there is more to do than inland: many bands even that out.
    """
    bands = 1 if threads == 1 else max(min(rows, threads), min(rows // _LEAST_ROWS, threads * _BANDS))
    return [slice(*band) for band in cut(rows, bands)]


def _work(state: CoastalState, rows: slice, terms: tuple[float, ...], flags: Bytes) -> tuple[Any, ...]:
    """Return the arguments of `advance` for a band."""
    order = np.empty((state.shape[0], 0), np.int32) if state.order is None else state.order
    arrays: tuple[Any, ...] = (state.alt, state.uso, state.solo, order)
    halo = Rows(*map(_rows_beside, arrays, [rows] * 4, (np.nan, NO_USE, NO_SOIL, -1)))
    ring = buffers(rows.stop - rows.start, state.shape[1], ordered=state.order is not None)
    return (
        Rows(*(array[rows] for array in arrays)),
        halo,
        terms,
        flags[rows.start : rows.stop + 2 * MARGIN],
        ring,
    )


def _rows_beside(array: NDArray[Any], rows: slice, outside: float) -> NDArray[Any]:
    """Return copies of the two rows above a band and of the two below it."""
    halo = np.full((2 * HALO, array.shape[1]), outside, dtype=array.dtype)
    for place, row in enumerate((rows.start - 2, rows.start - 1, rows.stop, rows.stop + 1)):
        if 0 <= row < array.shape[0]:
            halo[place] = array[row]
    return halo
