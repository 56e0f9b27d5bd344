"""The loop that numba compiles and that plain Python runs as it is."""

from __future__ import annotations

import numpy as np

from dissmodel.models.lucc.space import Floats, Whole


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
