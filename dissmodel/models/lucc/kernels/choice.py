"""Which kernel computes a run."""

from __future__ import annotations

from typing import Any

from dissmodel import progress
from dissmodel.cells.kernel_compiler import can_compile, warn_of_numpy
from dissmodel.models.lucc.kernels.kernel import Kernel
from dissmodel.models.lucc.kernels.numpy_kernel import NumpyKernel

BREAK_EVEN = 1_000_000
"""Cells × classes × steps from which numba repays its import."""


def choose_kernel(work: int, threads: int | None = None) -> Kernel:
    """Return the kernel that finishes first with `work`: cells times classes times steps.

    A numba that is missing or broken costs time and nothing else, and a DissmodelWarning.
    """
    if work < BREAK_EVEN or not can_compile(warn_of_numpy):
        return NumpyKernel()
    from dissmodel.models.lucc.kernels.numba_kernel import NumbaKernel  # noqa: PLC0415  (numba takes long to load)

    fast: Any = NumbaKernel(threads, progress.current().output)
    chosen: Kernel = fast
    return chosen
