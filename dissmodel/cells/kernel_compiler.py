"""The compiler of kernels, numba: whether it can be used here."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable

from dissmodel.errors import DissmodelWarning


def can_compile(tell: Callable[[str], None]) -> bool:
    """Tell whether numba can be used; where it is missing or broken, `tell` is called with the error.

    With the variable ``NUMBA_DISABLE_JIT=1`` it is not used, which is no error.
    """
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return False
    try:
        import numba  # noqa: F401, PLC0415  (it takes longer to load than a small run)
    except Exception as error:  # noqa: BLE001  (missing, or at odds with NumPy or the machine)
        tell(f"{type(error).__name__}: {error}")
        return False
    return True


def warn_of_numpy(why: str) -> None:
    """Warn that NumPy computes a run, and why numba does not."""
    warnings.warn(
        f"numba can't be used; NumPy computes the same results, more slowly: {why}",
        DissmodelWarning,
        stacklevel=4,
    )
