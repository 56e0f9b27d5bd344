"""Which kernel computes a run."""

from __future__ import annotations

import warnings

from dissmodel import progress
from dissmodel.errors import DissmodelWarning
from dissmodel.models.coastal.kernel import Kernel
from dissmodel.models.coastal.numpy_kernel import NumpyKernel
from dissmodel.models.coastal.state import CoastalState

BREAK_EVEN = 10_000_000
"""Cells × steps from which numba repays its import (measured: benchmarks/kernel.py --break-even)."""


def choose_kernel(state: CoastalState, steps: int, threads: int | None = None) -> Kernel:
    """Return the kernel that is done first with `steps` steps on `state`.

    Both yield the same bits. A numba that is missing or broken costs time and nothing else.

    Parameters
    ----------
    state : CoastalState
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
    if state.uso.size * steps < BREAK_EVEN:
        return NumpyKernel()
    try:
        # Imported late: numba takes longer to load than a small run.
        from dissmodel.models.coastal.numba_kernel import NumbaKernel  # noqa: PLC0415

        kernel = NumbaKernel(threads, progress.current().output)
        kernel.prepare(state)
    except Exception as error:  # noqa: BLE001  (a compiler at odds with its machine raises anything)
        warnings.warn(
            f"numba can't be used, so NumPy computes the same, slower: {type(error).__name__}: {error}",
            DissmodelWarning,
            stacklevel=2,
        )
        return NumpyKernel()
    return kernel
