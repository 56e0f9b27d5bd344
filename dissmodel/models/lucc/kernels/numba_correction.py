"""The correction of shares, compiled: cells that need it are put together, so that loops vectorise."""
# ruff: noqa: FURB136  (max and min of a zero and a zero of the other sign depend on the compiler)

from __future__ import annotations

from typing import Any

import numpy as np

from dissmodel.cells.kernel_build import inlined
from dissmodel.models.lucc.kernels.kernel import OFF, ROUNDS

ROWS = 5
"""Rows of room for numbers of each cell, beside two of each class."""


@inlined
def correct(shares: Any, part: Any, where: Any, carried: Any, room: Any) -> Any:
    """Make the shares of a block of cells sum to about 1, as LuccME's correctCellChange does.

    `part` is the first cell and their number, `where` rules, regions and direction, `carried` a number of
    each region that goes from cell to cell, 0.5 at first. Returns how many cells changed and the first that
    can't, or -1.
    """
    now, past = shares
    first, width = part
    rules, regions, direction = where
    numbers, places, _ = room
    total = numbers[0]
    total[:width] = 0.0
    for row in now:
        for j in range(width):
            total[j] += row[j]
    corrected, first_failed = 0, -1
    for r in range(rules.shape[0]):
        count = 0
        for j in range(width):
            places[count] = j
            here = (rules.shape[0] == 1) | (regions[first + j] == r)
            count += (abs(total[j] - 1.0) > OFF) & here
        corrected += count
        if count:
            given = rules[r], direction, carried[r : r + 1]
            failed = _correct_some(now, past, (first, count), given, room)
            if failed >= 0 and (first_failed < 0 or failed < first_failed):
                first_failed = failed
    return corrected, first_failed


@inlined
def _correct_some(now: Any, past: Any, part: Any, where: Any, room: Any) -> Any:  # noqa: C901  (loops in a row)
    """Correct the cells at the first places; return the first that can't be corrected, or -1."""
    first, count = part
    rules, direction, carried = where
    numbers, places, codes = room
    _, least, most, largest, moved = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    classes = now.shape[0]
    shares, befores = numbers[ROWS : ROWS + classes], numbers[ROWS + classes :]
    least[:count], most[:count] = np.inf, -np.inf
    largest[:count], moved[:count], codes[:count] = 0.0, 0.0, 0
    for i in range(classes):
        v, p, row, before = shares[i], befores[i], now[i], past[i]
        for m in range(count):
            v[m] = row[places[m]]
        for m in range(count):
            p[m] = before[first + places[m]]
        for m in range(count):
            d, a, b = v[m] - p[m], least[m], most[m]
            least[m] = d if d < a else a
            most[m] = d if d > b else b
        for m in range(count):
            d, a = abs(v[m] - p[m]), largest[m]
            largest[m] = d if d > a else a
            moved[m] += d
    b = carried[0]
    for m in range(count):
        t = moved[m]
        if t > 0.0 and b * t > 0.5 * largest[m]:
            b = largest[m] / (2.0 * t)
        moved[m] = b * t
    carried[0] = b
    # How many classes are free, and how many of them may rise and fall, a byte each.
    for i in range(classes):
        v, p, low, high = shares[i], befores[i], _low(rules[i]), rules[i, 2]
        for m in range(count):
            x, d = v[m], v[m] - p[m]
            code = 1 + ((d > -moved[m]) << 8) + ((d < moved[m]) << 16)
            codes[m] += code if (x > low) & (x < high) else 0
    for m in range(count):
        a = least[m] + moved[m]
        least[m] = a if ((codes[m] >> 8) & 255) == (codes[m] & 255) else 0.0
    for m in range(count):
        b = moved[m] - most[m]
        most[m] = b if (codes[m] >> 16) == (codes[m] & 255) else 0.0
    for m in range(count):
        free = codes[m] & 255
        codes[m] = ((codes[m] >> 16) == free) | (((codes[m] >> 8) & 255) == free)
    for i in range(classes):
        v, p, low, high = shares[i], befores[i], _low(rules[i]), rules[i, 2]
        rises, falls = (
            (rules[i, 0] == -1.0) & (direction[i] == 1.0),
            (rules[i, 0] == -1.0) & (direction[i] == -1.0),
        )
        for m in range(count):
            x, q, code = v[m], p[m], codes[m]
            y = (x - least[m]) + most[m]
            y = 0.0 if y < 0.0 else y
            y = y if (x > low) & (x < high) else x
            y = q if (rises & (y < q)) | (falls & (y > q)) else y
            v[m] = y if code != 0 else x
    return _share_out(now, (first, count), rules, room)


@inlined
def _share_out(now: Any, part: Any, rules: Any, room: Any) -> Any:  # noqa: C901  (as above)
    """Take what a cell has too much, or add what it lacks, round by round; write the shares."""
    first, count = part
    numbers, places, codes = room
    loose, fixed, scale, moved = numbers[1], numbers[2], numbers[3], numbers[4]
    classes = now.shape[0]
    shares, befores = numbers[ROWS : ROWS + classes], numbers[ROWS + classes :]
    for turn in range(ROUNDS + 1):
        last = turn == ROUNDS
        loose[:count], fixed[:count], moved[:count] = 0.0, 0.0, 0.0
        for i in range(classes):
            v, low, high = shares[i], _low(rules[i]), rules[i, 2]
            for m in range(count):
                x = v[m]
                free = (x > low) & (x < high)
                loose[m] += x if free else 0.0
                fixed[m] += 0.0 if free else x
        live = 0
        for m in range(count):
            codes[live] = m
            # LuccME scales after the last round, even if it was right.
            live += (turn >= ROUNDS - 1) | (abs(loose[m] - (1.0 - fixed[m])) > OFF)
        if live < count:
            _write(now, shares, places, count)
            _choose_cells(loose, codes, live)
            _choose_cells(fixed, codes, live)
            _choose_cells(places, codes, live)
            for i in range(classes):
                _choose_cells(shares[i], codes, live)
                _choose_cells(befores[i], codes, live)
            count = live
        if count == 0:
            return -1
        for i in range(classes):
            v, p = shares[i], befores[i]
            for m in range(count):
                moved[m] += abs(v[m] - p[m])
        for m in range(count):
            over = loose[m] - (1.0 - fixed[m])
            near = abs(over) <= OFF  # in the last round only: these cells wait for the scaling
            scale[m] = 0.0 if near else over / moved[m]
            moved[m] = 1.0 if near else moved[m]
        for m in range(count):
            if last and loose[m] == 0.0:
                return first + places[m]
            loose[m] = (1.0 - fixed[m]) / loose[m]
        for i in range(classes):
            v, p, low, high = shares[i], befores[i], _low(rules[i]), rules[i, 2]
            for m in range(count):
                x, q, t, s, factor = v[m], p[m], moved[m], scale[m], loose[m]
                y = x - abs(x - q) * s
                y = 0.0 if (y < 0.0) & (s != 0.0) else y
                z = x * factor if (x > low) & (x < high) else x
                v[m] = z if last | (t == 0.0) else y
    _write(now, shares, places, count)
    return -1


@inlined
def _low(rule: Any) -> Any:
    """Return above which share a class is free."""
    return np.inf if rule[0] >= 1.0 else rule[1]


@inlined
def _write(now: Any, shares: Any, places: Any, count: Any) -> None:
    for i in range(now.shape[0]):
        v, row = shares[i], now[i]
        for m in range(count):
            row[places[m]] = v[m]


@inlined
def _choose_cells(row: Any, chosen: Any, count: Any) -> None:
    for m in range(count):
        row[m] = row[chosen[m]]
