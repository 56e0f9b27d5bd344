"""The tries compiled: blocks of cells that stay in the processor's cache, from the shares to their sums."""

# ruff: noqa: FURB136  (max and min of a zero and a zero of the other sign depend on the compiler)

from __future__ import annotations

from typing import Any

import numpy as np

from dissmodel.cells.kernel_build import CompiledKernel, cached, inlined
from dissmodel.models.lucc.kernels import kernel, loops, numba_correction
from dissmodel.models.lucc.kernels.kernel import Flags, Pull, Trial
from dissmodel.models.lucc.kernels.numba_correction import ROWS, correct
from dissmodel.models.lucc.space import Floats, Whole

BLOCK = 256
"""Cells that are tried at once."""

MANY = 100_000
"""Cells from which threads are worth their start."""

_lua_sort = cached(loops)(loops.lua_sort)


@inlined
def _changed(before: Any, potential: Any, rule: Any, pull: Any, fullness: Any) -> Any:
    """Return the share of a class in a cell; comparisons select and don't branch, so that loops vectorise.

    `fullness` is None where saturation does not matter.
    """
    static, low, high, least, most, limit, above = rule
    direction, elasticity = pull
    change = potential * elasticity
    small = abs(change) < least
    potential = 0.0 if small else potential
    change = 0.0 if small else change
    change = np.copysign(most, potential) if (abs(change) >= most) & (potential != 0.0) else change
    grows = (potential >= 0.0) & (direction == 1.0)
    shrinks = (potential <= 0.0) & (direction == -1.0)
    if fullness is not None:
        slow = change / 2.0 if abs(change / 2.0) < above else (above if direction == 1.0 else -above)
        reaches = (grows & (change >= above)) | (shrinks & (abs(change) >= above))
        change = slow if (static < 1.0) & (fullness > limit) & reaches else change
    share = before + change if (static == 0.0) | ((static == -1.0) & (grows | shrinks)) else before
    share = 0.0 if share < 0.0 else share
    if fullness is not None:
        below = share < low
    else:
        share = 1.0 if share > 1.0 else share
        below = share <= low
    share = (low if before >= low else before) if below else share
    return (high if before <= high else before) if share > high else share


@inlined
def _rule(of: Any) -> Any:
    return of[0], of[1], of[2], of[3], of[4], of[5], of[6]


@inlined
def _change(given: Any, out: Any, where: Any, pull: Any) -> None:
    """Write the shares of a class in a block of cells."""
    past, potential = given
    rules, regions, saturation, i = where
    if saturation.size:
        for j in range(out.size):
            rule = _rule(rules[regions[j], i])
            out[j] = _changed(past[j], potential[j], rule, pull, saturation[j])
    elif rules.shape[0] > 1:
        for j in range(out.size):
            rule = _rule(rules[regions[j], i])
            out[j] = _changed(past[j], potential[j], rule, pull, None)
    else:
        rule = _rule(rules[0, i])
        for j in range(out.size):
            out[j] = _changed(past[j], potential[j], rule, pull, None)


@inlined
def _add(blocks: Any, width: Any, sums: Any, positive: Any) -> None:
    """Add rows to sums, four at a time: each addition waits for the one before it."""
    last = sums.size - 1
    for first in range(0, sums.size, 4):
        b, c, d = min(first + 1, last), min(first + 2, last), min(first + 3, last)
        sum_a, sum_b, sum_c, sum_d = sums[first], sums[b], sums[c], sums[d]
        row_a, row_b, row_c, row_d = blocks[first], blocks[b], blocks[c], blocks[d]
        if positive:
            for j in range(width):
                sum_a += max(0.0, row_a[j])
                sum_b += max(0.0, row_b[j])
                sum_c += max(0.0, row_c[j])
                sum_d += max(0.0, row_d[j])
        else:
            for j in range(width):
                sum_a += row_a[j]
                sum_b += row_b[j]
                sum_c += row_c[j]
                sum_d += row_d[j]
        sums[d], sums[c], sums[b], sums[first] = sum_d, sum_c, sum_b, sum_a


@inlined
def _copy(values: Any, out: Any) -> None:
    for j in range(out.size):
        out[j] = values[j]


@cached(kernel, numba_correction)
def _attempt(shares: Any, where: Any, pull: Any, room: Any, result: Any) -> None:
    """Try some classes; `room`: sums, a block of each, a number a region, room to correct."""
    past, potential, now = shares
    rules, regions, saturation = where
    direction, elasticity, classes, kept, corrects = pull
    found, blocks, carried, spare = room
    found[:], carried[:] = 0.0, 0.5
    result[0], result[1] = 0, -1
    cells = past.shape[1]
    for first in range(0, cells, blocks.shape[1]):
        last = min(first + blocks.shape[1], cells)
        width = last - first
        for k in range(classes.size):
            i = classes[k]
            given = past[i, first:last], potential[i, first:last]
            here = rules, regions[first:last], saturation[first:last], i
            _change(given, blocks[k][:width], here, (direction[i], elasticity[i]))
        if corrects:
            count, failed = correct(
                (blocks, past), (first, width), (rules, regions, direction), carried, spare
            )
            result[0] += count
            if failed >= 0:
                result[1] = failed
                return
        _add(blocks, width, found, saturation.size > 0)
        for k in range(classes.size):
            if kept[classes[k]]:
                _copy(blocks[k], now[classes[k], first:last])


@cached()
def _choose(scores: Any, where: Any, use: Any, counts: Any) -> None:
    potential, bonus = scores
    allowed, regions = where
    counts[:] = 0
    for j in range(use.size):
        best, chosen = -999999999.0, use[j]
        for to in range(bonus.size):
            score = potential[to, j] + bonus[to]
            better = allowed[regions[j], use[j], to] & (score > best)
            best = score if better else best
            chosen = to if better else chosen
        use[j] = chosen
        counts[chosen] += 1


class NumbaKernel(CompiledKernel):
    """Computes blocks of cells; threads share the classes, where cells are not corrected."""

    def attempt(self, trial: Trial, pull: Pull, sums: Floats) -> tuple[int, int]:
        """See `Kernel.attempt`."""
        is_shared = not trial.corrects and trial.past.shape[1] >= MANY
        threads = min(self.threads, pull.classes.size) if is_shared else 1
        shares = trial.past, trial.potential, trial.now
        where = trial.rules, trial.regions, trial.saturation
        parts = []
        for some in np.array_split(pull.classes, max(threads, 1)):
            rows = ROWS + 2 * some.size if trial.corrects else 0
            spare = np.empty((rows, BLOCK)), np.empty(BLOCK + 1, np.int64), np.empty(BLOCK + 1, np.int64)
            room = np.empty(some.size), np.empty((some.size, BLOCK)), np.empty(len(trial.rules)), spare
            given = pull.direction, pull.elasticity, some, pull.kept, trial.corrects
            parts.append((shares, where, given, room, np.empty(2, np.int64)))
        self._run(self._prepare("attempt", (_attempt,), parts[0]), parts)
        sums[pull.classes] = np.concatenate([room[0] for *_, room, _ in parts])
        corrected, failed = parts[0][-1].tolist()
        return corrected, failed

    def choose(self, potential: Floats, bonus: Floats, allowed: Flags, regions: Whole, use: Whole) -> Whole:
        """See `Kernel.choose`."""
        counts = np.empty(len(potential), np.int64)
        arguments = ((potential, bonus), (allowed, regions), use, counts)
        self._run(self._prepare("choose", (_choose,), arguments), [arguments])
        return counts

    def lua_sort(self, potential: Floats, cells: Whole) -> None:
        """See `Kernel.lua_sort`."""
        arguments = (potential, cells, loops.stack())
        self._run(self._prepare("lua_sort", (_lua_sort,), arguments), [arguments])
