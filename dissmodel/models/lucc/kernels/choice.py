"""Which kernel computes a run."""

from __future__ import annotations

import warnings
from typing import Any

from dissmodel import progress
from dissmodel.errors import DissmodelWarning
from dissmodel.models.lucc.kernels.kernel import Kernel
from dissmodel.models.lucc.kernels.numpy_kernel import NumpyKernel

BREAK_EVEN = 1_000_000
"""Cells × classes × steps from which numba repays its import."""


def choose_kernel(work: int, threads: int | None = None) -> Kernel:
    """Return the kernel that finishes first with `work`: cells times classes times steps.

    A numba that is missing or broken costs time and nothing else, and a DissmodelWarning.
    """
    if work < BREAK_EVEN:
        return NumpyKernel()
    try:
        import numba  # noqa: F401, PLC0415  (it takes longer to load than a small run)
    except Exception as error:  # noqa: BLE001  (missing, or at odds with NumPy or the machine)
        warnings.warn(
            "numba can't be used; NumPy computes the same results, more slowly: "
            f"{type(error).__name__}: {error}",
            DissmodelWarning,
            stacklevel=2,
        )
        return NumpyKernel()
    from dissmodel.models.lucc.kernels.numba_kernel import NumbaKernel  # noqa: PLC0415  (as above)

    fast: Any = NumbaKernel(threads, progress.current().output)
    chosen: Kernel = fast
    return chosen
