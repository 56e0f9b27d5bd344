"""Loops that numba compiles and that plain Python runs as they are."""

from __future__ import annotations

import numpy as np

from dissmodel.models.lucc.kernels.kernel import OFF, ROUNDS
from dissmodel.models.lucc.space import Floats, Whole


def correct(  # noqa: C901, PLR0915  (one rule, and numba calls no plain functions)
    now: Floats, past: Floats, part: tuple[int, int], where: tuple[Floats, Whole, Floats, Floats]
) -> tuple[int, int]:
    """Make the shares of cells sum to about 1, as LuccME's correctCellChange does.

    Parameters
    ----------
    now, past : float64, shape (classes, cells)
        The shares of a part of all cells, which are changed, and those of all cells before the step.
    part : tuple
        The first cell of the part, and their number.
    where : tuple
        Rules, regions and direction as of a `Trial`, and a number of each region that goes from cell to cell,
        0.5 at first.

    Returns
    -------
    tuple
        How many cells changed, and the first that can't, or -1.
    """
    first, width = part
    rules, regions, direction, carried = where
    classes = now.shape[0]
    corrected = 0
    for j in range(width):
        total = 0.0
        for i in range(classes):
            total += now[i, j]
        if abs(total - 1.0) <= OFF:
            continue
        corrected += 1
        at = first + j
        r = regions[at]
        least = most = now[0, j] - past[0, at]
        largest = moved = 0.0
        for i in range(classes):
            d = now[i, j] - past[i, at]
            least, most, largest = min(least, d), max(most, d), max(largest, abs(d))
            moved += abs(d)
        if moved > 0.0 and carried[r] * moved > 0.5 * largest:
            carried[r] = largest / (2.0 * moved)
        reach = carried[r] * moved
        free = up = down = 0
        for i in range(classes):
            v = now[i, j]
            if rules[r, i, 0] < 1.0 and v > rules[r, i, 1] and v < rules[r, i, 2]:
                free += 1
                d = v - past[i, at]
                up += d > -reach
                down += d < reach
        if free in (up, down):
            for i in range(classes):
                v = now[i, j]
                if rules[r, i, 0] < 1.0 and v > rules[r, i, 1] and v < rules[r, i, 2]:
                    if up == free:
                        v -= least + reach
                    if down == free:
                        v += reach - most
                    if v < 0.0:  # noqa: PLR1730  (of two zeros max takes either)
                        v = 0.0
                if rules[r, i, 0] == -1.0:
                    before = past[i, at]
                    if (direction[i] == 1.0 and v < before) or (direction[i] == -1.0 and v > before):
                        v = before
                now[i, j] = v
        for turn in range(ROUNDS + 1):
            loose = fixed = moved = 0.0
            for i in range(classes):
                v = now[i, j]
                if rules[r, i, 0] < 1.0 and v > rules[r, i, 1] and v < rules[r, i, 2]:
                    loose += v
                else:
                    fixed += v
                moved += abs(v - past[i, at])
            over = loose - (1.0 - fixed)
            if turn < ROUNDS - 1 and abs(over) <= OFF:
                break
            if turn == ROUNDS - 1 and abs(over) <= OFF:
                continue  # LuccME scales after the last round, even if it was right
            if turn == ROUNDS and loose == 0.0:
                return corrected, at
            if turn == ROUNDS or moved == 0.0:
                for i in range(classes):
                    v = now[i, j]
                    if rules[r, i, 0] < 1.0 and v > rules[r, i, 1] and v < rules[r, i, 2]:
                        now[i, j] = v * ((1.0 - fixed) / loose)
            else:
                for i in range(classes):
                    v = now[i, j]
                    v -= abs(v - past[i, at]) * (over / moved)
                    now[i, j] = 0.0 if v < 0.0 else v  # noqa: FURB136  (as above)
    return corrected, -1


def lua_sort(keys: Floats, cells: Whole, stack: Whole) -> None:  # noqa: C901  (one algorithm, in Lua's order)
    """Sort `cells` by descending key of each, in place, with the quicksort of Lua 5's ``table.sort``.

    The order of equal keys follows from the algorithm. `stack` is room for 256 numbers.
    """
    depth = 0
    low, high = 0, cells.size - 1
    while True:
        if low >= high:
            if depth == 0:
                return
            depth -= 2
            low, high = stack[depth], stack[depth + 1]
            continue
        if keys[cells[high]] > keys[cells[low]]:
            cells[low], cells[high] = cells[high], cells[low]
        if high - low == 1:
            low = high
            continue
        # Lua counts from 1: (l + u) // 2 of its numbers is (low + high) // 2 of ours plus what 2 leaves.
        middle = (low + high + 2) // 2 - 1
        if keys[cells[middle]] > keys[cells[low]]:
            cells[middle], cells[low] = cells[low], cells[middle]
        elif keys[cells[high]] > keys[cells[middle]]:
            cells[middle], cells[high] = cells[high], cells[middle]
        if high - low == 2:  # noqa: PLR2004  (three cells are in order)
            low = high
            continue
        pivot = keys[cells[middle]]
        cells[middle], cells[high - 1] = cells[high - 1], cells[middle]
        i, j = low, high - 1
        while True:
            i += 1
            while keys[cells[i]] > pivot:
                i += 1
            j -= 1
            while pivot > keys[cells[j]]:
                j -= 1
            if j < i:
                break
            cells[i], cells[j] = cells[j], cells[i]
        cells[high - 1], cells[i] = cells[i], cells[high - 1]
        # The longer part waits, so that the stack stays short; the parts don't touch each other.
        if i - low < high - i:
            stack[depth], stack[depth + 1] = i + 1, high
            high = i - 1
        else:
            stack[depth], stack[depth + 1] = low, i - 1
            low = i + 1
        depth += 2


def stack() -> Whole:
    """Return room for `lua_sort`."""
    return np.empty(256, np.int64)
