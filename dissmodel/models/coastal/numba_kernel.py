"""The step compiled with numba, in bands of rows, a thread each."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel import progress
from dissmodel.models.coastal.classes import NO_SOIL, NO_USE
from dissmodel.models.coastal.kernel import Terms
from dissmodel.models.coastal.metrics import StepMetrics
from dissmodel.models.coastal.numba_build import make_ready
from dissmodel.models.coastal.numba_measures import measures, terms_of
from dissmodel.models.coastal.numba_rows import HALO, Rows, advance, room
from dissmodel.models.coastal.state import CoastalState
from dissmodel.workers import Workers

Announce = Callable[[str], None]
COMPILING = "Compiling the fast kernel; this happens once on this machine and takes some seconds."

_BANDS = 8  # for each thread
_LEAST_ROWS = 32  # of a band, which reads four more


class NumbaKernel:
    """The step compiled with numba; bit for bit that of `NumpyKernel`, whatever the number of threads.

    The state is advanced in place. Besides it a thread needs rings of four rows.

    Parameters
    ----------
    threads : int, optional
        How many threads to use; all that this process may use by default.
    announce : callable, optional
        Called with a sentence before a compile; by default it goes to the current reporter.
    """

    name = "numba"

    def __init__(self, threads: int | None = None, announce: Announce | None = None) -> None:
        self.threads = usable_threads() if threads is None else threads
        self._announce = announce
        self._ready: dict[np.dtype[Any] | None, Callable[..., None]] = {}

    def prepare(self, state: CoastalState) -> Callable[..., None]:
        """Compile what `state` needs, or load it from the cache, and return it; a step does so too."""
        kind = None if state.order is None else state.order.dtype
        if kind not in self._ready:
            arguments = _work(state, slice(0, 0), (0.0,) * 5)
            self._ready[kind] = make_ready(advance, arguments, self._say)
        return self._ready[kind]

    def step(self, state: CoastalState, now: Terms) -> StepMetrics:
        """Advance `state` in place by one step and return its measures."""
        compiled = self.prepare(state)
        terms = terms_of(now)
        # Each takes copies of its neighbours' rows before any of them begins.
        bands = [_work(state, rows, terms) for rows in _bands(state.shape[0], self.threads)]
        if len(bands) == 1:
            compiled(*bands[0])
        else:
            with Workers(min(self.threads, len(bands))) as pool:
                for done in [pool.submit(compiled, *band) for band in bands]:
                    done.result()
        state.step = now.step
        return measures(now, [band[-1].counts.tolist() for band in bands])

    def _say(self) -> None:
        (self._announce or progress.current().warn)(COMPILING)


def usable_threads() -> int:
    """Return how many threads can run at once in this process.

    >>> usable_threads() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _bands(rows: int, threads: int) -> list[slice]:
    """Cut `rows` rows into bands of nearly the same height, at least one for each thread.

    Where the sea is there is more to do than inland: many bands even that out.
    """
    bands = 1 if threads == 1 else max(min(rows, threads), min(rows // _LEAST_ROWS, threads * _BANDS))
    cuts = [rows * number // bands for number in range(bands + 1)]
    return [slice(first, last) for first, last in pairwise(cuts)]


def _work(state: CoastalState, rows: slice, terms: tuple[float, ...]) -> tuple[Any, ...]:
    """Return the arguments of `advance` for a band."""
    band = Rows(state.alt[rows], state.uso[rows], state.solo[rows])
    halo = Rows(
        _halo(state.alt, rows, np.nan), _halo(state.uso, rows, NO_USE), _halo(state.solo, rows, NO_SOIL)
    )
    orders = None if state.order is None else (state.order[rows], _halo(state.order, rows, -1))
    return band, halo, orders, terms, room(state.shape[1], ordered=orders is not None)


def _halo(array: NDArray[Any], rows: slice, outside: float) -> NDArray[Any]:
    """Return copies of the two rows above a band and of the two below it."""
    halo = np.full((2 * HALO, array.shape[1]), outside, dtype=array.dtype)
    for place, row in enumerate((rows.start - 2, rows.start - 1, rows.stop, rows.stop + 1)):
        if 0 <= row < array.shape[0]:
            halo[place] = array[row]
    return halo
