"""Which kernel computes a run."""

from __future__ import annotations

import warnings
from typing import Any

from dissmodel import progress
from dissmodel.errors import DissmodelWarning
from dissmodel.models.coastal.cells_kernel import CellsKernel
from dissmodel.models.coastal.kernel import Kernel
from dissmodel.models.coastal.numpy_kernel import NumpyKernel
from dissmodel.models.coastal.state import CellState, CoastalState

BREAK_EVEN = 10_000_000
"""Pixels × steps from which numba repays its import (measured: benchmarks/kernel.py --break-even)."""

BREAK_EVEN_CELLS = 6_000_000
"""Cells with neighbours × steps from which it does (measured: benchmarks/vector.py --break-even)."""


def choose_kernel(state: CoastalState | CellState, steps: int, threads: int | None = None) -> Kernel[Any]:
    """Return the kernel that is done first with `steps` steps on `state`.

    Both yield the same bits. A numba that is missing or broken costs time and nothing else.

    Parameters
    ----------
    state : CoastalState or CellState
        The cell space; it isn't changed.
    steps : int
        How many steps are to be computed.
    threads : int, optional
        How many threads may be used; all that this process may use by default.

    Warns
    -----
    DissmodelWarning
        If numba can't be used where it would have been chosen.
    """
    slow, break_even = (
        (CellsKernel, BREAK_EVEN_CELLS) if isinstance(state, CellState) else (NumpyKernel, BREAK_EVEN)
    )
    if state.uso.size * steps < break_even:
        return slow()
    try:
        return _compiled(state, threads)
    except Exception as error:  # noqa: BLE001  (a compiler at odds with its machine raises anything)
        warnings.warn(
            f"numba can't be used, so NumPy computes the same, slower: {type(error).__name__}: {error}",
            DissmodelWarning,
            stacklevel=2,
        )
        return slow()


def _compiled(state: CoastalState | CellState, threads: int | None) -> Kernel[Any]:
    # Imported late: numba takes longer to load than a small run.
    announce = progress.current().output
    if isinstance(state, CellState):
        from dissmodel.models.coastal.numba_cells_kernel import NumbaCellsKernel  # noqa: PLC0415  (as above)

        cells = NumbaCellsKernel(threads, announce)
        cells.prepare(state)
        return cells
    from dissmodel.models.coastal.numba_kernel import NumbaKernel  # noqa: PLC0415  (as above)

    pixels = NumbaKernel(threads, announce)
    pixels.prepare(state)
    return pixels
