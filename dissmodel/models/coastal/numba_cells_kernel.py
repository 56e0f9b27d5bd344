"""The step over cells compiled with numba, in ranges of cells, a thread each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from dissmodel import progress
from dissmodel.models.coastal.kernel import Terms
from dissmodel.models.coastal.metrics import StepMetrics
from dissmodel.models.coastal.numba_build import make_ready
from dissmodel.models.coastal.numba_cells import Cells, Desk, Sent, Span, desk, receive, send
from dissmodel.models.coastal.numba_kernel import COMPILING, Announce, usable_threads
from dissmodel.models.coastal.numba_measures import measures, terms_of
from dissmodel.models.coastal.state import CellState
from dissmodel.workers import Workers

_Pass = Callable[..., None]


class NumbaCellsKernel:
    """The step over cells compiled with numba; bit for bit that of `CellsKernel`, however many the threads.

    The state is advanced in place. Besides it a step needs 17 bytes a cell.

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
        self._announce = announce or progress.current().warn
        self._ready: dict[np.dtype[Any], tuple[_Pass, _Pass]] = {}
        self._sent = _sent(0)

    def prepare(self, state: CellState) -> tuple[_Pass, _Pass]:
        """Compile what `state` needs, or load it from the cache, and return it; a step does so too."""
        kind = state.neighborhood.neighbors.dtype
        if kind not in self._ready:
            arguments = (_cells(state), (0, 0), (0.0,) * 5, _sent(0), desk())
            said: list[str] = []

            def say_once() -> None:
                if not said:
                    said.append(COMPILING)
                    self._announce(COMPILING)

            self._ready[kind] = (
                make_ready(send, arguments, say_once),
                make_ready(receive, arguments, say_once),
            )
        return self._ready[kind]

    def step(self, state: CellState, now: Terms) -> StepMetrics:
        """Advance `state` in place by one step and return its measures."""
        passes = self.prepare(state)
        if len(self._sent.heights) != state.cells:
            self._sent = _sent(state.cells)
        cells, terms = _cells(state), terms_of(now)
        parts: list[tuple[Span, Desk]] = [(span, desk()) for span in _spans(state.cells, self.threads)]
        if len(parts) == 1:
            for one in passes:
                one(cells, parts[0][0], terms, self._sent, parts[0][1])
        else:
            with Workers(len(parts)) as pool:
                for one in passes:
                    work = [pool.submit(one, cells, span, terms, self._sent, room) for span, room in parts]
                    for done in work:
                        done.result()
        state.step = now.step
        return measures(now, [room.counts.tolist() for _, room in parts])


def _cells(state: CellState) -> Cells:
    # As unsigned numbers: an index that can be negative costs a test.
    neighbors = state.neighborhood.neighbors
    unsigned = neighbors.view(f"u{neighbors.itemsize}")
    return Cells(state.alt, state.uso, state.solo, state.neighborhood.offsets, unsigned)


def _sent(cells: int) -> Sent:
    return Sent(np.empty(cells), np.empty(cells, np.uint8), np.empty(cells))


def _spans(cells: int, threads: int) -> list[Span]:
    """Cut the cells into as many ranges of nearly one length as there are threads."""
    spans = max(1, min(cells, threads))
    return list(pairwise(cells * number // spans for number in range(spans + 1)))
