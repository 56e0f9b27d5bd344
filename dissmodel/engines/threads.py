"""How many threads the libraries in a worker may use."""

from __future__ import annotations

import os
import sys

_LIBRARIES = ("GDAL", "MKL", "NUMBA", "NUMEXPR", "OMP", "OPENBLAS")


def thread_variables(threads: int) -> dict[str, str]:
    """Return the variables that keep libraries to a number of threads; each library looks at its own.

    >>> thread_variables(1)["NUMBA_NUM_THREADS"]
    '1'
    """
    return {f"{library}_NUM_THREADS": str(threads) for library in _LIBRARIES}


def limit_threads(threads: int) -> None:
    """Keep libraries to a number of threads in a process that runs, as far as its variables say nothing."""
    for name, number in thread_variables(threads).items():
        # What numba found there when it was loaded must not change any more.
        if name != "NUMBA_NUM_THREADS" or "numba" not in sys.modules:
            os.environ.setdefault(name, number)
    numba = sys.modules.get("numba")
    if numba is not None and threads < numba.config.NUMBA_NUM_THREADS:
        numba.set_num_threads(threads)  # of this thread
