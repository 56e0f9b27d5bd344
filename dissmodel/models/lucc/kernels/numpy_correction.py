"""The correction of shares in NumPy: all cells at once, class by class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dissmodel.models.lucc.kernels.kernel import OFF, ROUNDS, Trial
from dissmodel.models.lucc.space import Floats, Whole


def correct(now: Floats, trial: Trial, direction: Floats) -> tuple[int, int]:
    """Make the shares of cells sum to about 1, in place, as LuccME's correctCellChange does.

    Returns how many cells changed, and the first that can't, or -1.
    """
    where = np.flatnonzero(np.abs(_sum(now) - 1.0) > OFF)
    regions = trial.regions[where]
    static, low, high = (trial.rules[regions, :, kind].T for kind in range(3))
    shares, past = now[:, where], trial.past[:, where]

    def is_free(live: Whole | slice, shares: Floats) -> NDArray[np.bool_]:
        free: NDArray[np.bool_] = (static[:, live] < 1) & (shares > low[:, live]) & (shares < high[:, live])
        return free

    change = shares - past
    size = np.abs(change)
    reach = _reach(_sum(size), size.max(axis=0, initial=0.0), regions, len(trial.rules))
    free = is_free(slice(None), shares)
    count = free.sum(axis=0)
    up = (free & (change > -reach)).sum(axis=0) == count
    down = (free & (change < reach)).sum(axis=0) == count
    moved = shares - np.where(up, change.min(axis=0, initial=np.inf) + reach, 0.0)
    moved += np.where(down, reach - change.max(axis=0, initial=-np.inf), 0.0)
    moved = np.where(free, np.where(moved < 0, 0.0, moved), shares)
    ways = direction[:, None]
    back = (static == -1) & (((ways == 1) & (moved < past)) | ((ways == -1) & (moved > past)))
    shares = np.where(up | down, np.where(back, past, moved), shares)
    live = np.arange(where.size)
    for turn in range(ROUNDS + 1):
        some, before = shares[:, live], past[:, live]
        free = is_free(live, some)
        loose, fixed = _sum(np.where(free, some, 0.0)), _sum(np.where(free, 0.0, some))
        size = np.abs(some - before)
        total, over = _sum(size), loose - (1.0 - fixed)
        last = turn == ROUNDS
        if last and (loose == 0).any():
            return where.size, int(where[live[(loose == 0).argmax()]])
        with np.errstate(divide="ignore", invalid="ignore"):  # of what is not chosen below
            scaled = np.where(free, some * ((1.0 - fixed) / loose), some)
            taken = some - size * (over / total)
        taken = np.where(taken < 0, 0.0, taken)
        right = (np.abs(over) <= OFF) & (not last)
        shares[:, live] = np.where(right, some, np.where((total == 0) | last, scaled, taken))
        if turn < ROUNDS - 1:  # LuccME scales after the last round, even if it was right
            live = live[~right]
    now[:, where] = shares
    return where.size, -1


def _sum(rows: Floats) -> Floats:
    """Return the sum over classes, from 0, one after the other."""
    found = np.zeros(rows.shape[1])
    for row in rows:
        found += row
    return found


def _reach(moved: Floats, largest: Floats, regions: Whole, count: int) -> Floats:
    """Return how far a change counts as none; a number of each region goes from cell to cell."""
    carried = [0.5] * count
    found = np.empty(moved.size)
    for cell, (t, m, region) in enumerate(
        zip(moved.tolist(), largest.tolist(), regions.tolist(), strict=True)
    ):
        if t > 0 and carried[region] * t > 0.5 * m:
            carried[region] = m / (2.0 * t)
        found[cell] = carried[region] * t
    return found
