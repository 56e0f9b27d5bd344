"""The sum of elevations as `metrics.StepTally` has it, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel import progress
from dissmodel.cells.kernel_build import COMPILING, cached, make_ready

# Adding one and a half times 2^52 of a unit, and taking it away again, rounds to that unit, half to even.
_COARSE, _FINE = 1.5 * 2.0**36, 1.5 * 2.0**2
_HIGHEST = 2.0**23
_OF_COARSE, _OF_FINE = 2.0**16, 2.0**50


@cached()
def _add_up(alt: NDArray[np.float64], sums: NDArray[np.int64]) -> None:
    """Add elevations, shape (rows, cols), in units of 2^-16 m and, for what is left, of 2^-50 m."""
    coarse, fine = np.int64(0), np.int64(0)
    for r in range(alt.shape[0]):
        for c in range(alt.shape[1]):
            known = alt[r, c] if abs(alt[r, c]) < _HIGHEST else 0.0
            big = (known + _COARSE) - _COARSE
            small = ((known - big) + _FINE) - _FINE
            coarse += np.int64(big * _OF_COARSE)
            fine += np.int64(small * _OF_FINE)
    sums[0] += coarse
    sums[1] += fine


def units_of(alt: NDArray[np.float64]) -> int:
    """Return the sum of elevations, shape (rows, cols), in units of 2^-50 m."""
    sums = np.zeros(2, np.int64)
    add_up: Any = make_ready(_add_up, (alt, sums), lambda: progress.current().output(COMPILING))
    add_up(alt, sums)
    return (int(sums[0]) << 34) + int(sums[1])
