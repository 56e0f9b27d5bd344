"""The tries in NumPy: small runs, and the oracle of the compiled ones."""

from __future__ import annotations

import numpy as np

from dissmodel.models.lucc.kernels import loops
from dissmodel.models.lucc.kernels.kernel import Flags, Pull, Trial
from dissmodel.models.lucc.kernels.numpy_correction import correct
from dissmodel.models.lucc.space import Floats, Whole, total

_LOWEST = -999999999.0


class NumpyKernel:
    """Computes whole arrays."""

    name = "numpy"
    threads = 1

    def attempt(self, trial: Trial, pull: Pull, sums: Floats) -> tuple[int, int]:
        """See `Kernel.attempt`."""
        tried = np.stack([_changed(trial, i, pull.direction[i], pull.elasticity[i]) for i in pull.classes])
        corrected, failed = 0, -1
        if trial.corrects:
            corrected, failed = correct(tried, trial, pull.direction)
        for i, shares in zip(pull.classes, tried, strict=True):
            sums[i] = total(np.maximum(shares, 0.0) if trial.saturation.size else shares)
            if pull.kept[i]:
                trial.now[i] = shares
        return corrected, failed

    def choose(self, potential: Floats, bonus: Floats, allowed: Flags, regions: Whole, use: Whole) -> Whole:
        """See `Kernel.choose`."""
        score = np.where(allowed[regions, use].T, potential + bonus[:, None], _LOWEST)
        best = score.argmax(axis=0)
        np.copyto(use, best, where=score.max(axis=0) > _LOWEST)
        return np.bincount(use, minlength=len(potential))

    def lua_sort(self, potential: Floats, cells: Whole) -> None:
        """See `Kernel.lua_sort`."""
        loops.lua_sort(potential, cells, loops.stack())


def _changed(trial: Trial, i: int, direction: float, elasticity: float) -> Floats:
    """Return the shares of a class in a try."""
    past, potential = trial.past[i], trial.potential[i]
    static, low, high, least, most, limit, above = (trial.rules[:, i, k][trial.regions] for k in range(7))
    change = potential * elasticity
    small = np.abs(change) < least
    potential, change = np.where(small, 0.0, potential), np.where(small, 0.0, change)
    change = np.where((np.abs(change) >= most) & (potential != 0), np.copysign(most, potential), change)
    grows, shrinks = (potential >= 0) & (direction == 1), (potential <= 0) & (direction == -1)
    saturates = trial.saturation.size > 0
    if saturates:
        full = (static < 1) & (trial.saturation > limit)
        slow = np.where(np.abs(change / 2) < above, change / 2, above if direction == 1 else -above)
        change = np.where(
            full & ((grows & (change >= above)) | (shrinks & (np.abs(change) >= above))), slow, change
        )
    shares = np.where((static == 0) | ((static == -1) & (grows | shrinks)), past + change, past)
    shares = np.where(shares < 0, 0.0, shares)
    if saturates:
        below = shares < low
    else:
        shares = np.where(shares > 1, 1.0, shares)
        below = shares <= low
    shares = np.where(below, np.where(past >= low, low, past), shares)
    return np.where(shares > high, np.where(past <= high, high, past), shares)
