"""Which kernel computes a run."""

from __future__ import annotations

from typing import Any

from dissmodel import progress
from dissmodel.cells.kernel_compiler import can_compile, warn_of_numpy
from dissmodel.models.coastal.kernels.numpy_cells import CellsKernel
from dissmodel.models.coastal.kernels.numpy_pixels import NumpyKernel
from dissmodel.models.coastal.kernels.step import Kernel
from dissmodel.models.coastal.state import CellState, CoastalState

BREAK_EVEN = 10_000_000
"""Pixels × steps from which numba repays its import (measured: benchmarks/kernel.py --break-even)."""

BREAK_EVEN_CELLS = 6_000_000
"""Cells with neighbours × steps from which it does (measured: benchmarks/vector.py --break-even)."""


def choose_kernel(state: CoastalState | CellState, steps: int, threads: int | None = None) -> Kernel[Any]:
    """Return the kernel that finishes first with `steps` steps on `state`, by default on all threads allowed.

    All kernels yield the same bits; a numba that is missing or broken costs time and nothing else, and a
    DissmodelWarning.
    """
    is_cells = isinstance(state, CellState)
    slow = CellsKernel() if is_cells else NumpyKernel()
    is_small = state.uso.size * steps < (BREAK_EVEN_CELLS if is_cells else BREAK_EVEN)
    if is_small or not can_compile(warn_of_numpy):
        return slow
    # Imported outside of any handler: an ImportError in a module of ours is a bug and not a missing numba.
    fast: Any
    if is_cells:
        from dissmodel.models.coastal.kernels.numba_cells import NumbaCellsKernel  # noqa: PLC0415  (numba takes long to load)

        fast = NumbaCellsKernel(threads, progress.current().output)
    else:
        from dissmodel.models.coastal.kernels.numba_pixels import NumbaKernel  # noqa: PLC0415  (as above)

        fast = NumbaKernel(threads, progress.current().output)
    try:
        fast.prepare(state)
    except Exception as error:  # noqa: BLE001  (a compiler at odds with its machine raises anything)
        warn_of_numpy(f"{type(error).__name__}: {error}")
        return slow
    chosen: Kernel[Any] = fast
    return chosen
