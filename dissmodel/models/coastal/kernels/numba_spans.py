"""Which spans of a row a step looks at, compiled.

A span is `SPAN` cells of a row. Its flags, kept from step to step, are the bits of `numba_classes` that any
of its cells has. What may happen in it follows from its flags and those of the spans around: its marks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from dissmodel.cells.kernel_build import inlined
from dissmodel.cells.kernel_lanes import SPAN, load, together
from dissmodel.models.coastal.kernels.numba_classes import CHANGES, SENDS, SENDS_WATER, SILTS
from dissmodel.models.coastal.kernels.numba_flood import Bytes

RISES = SENDS_WATER | SILTS
"""The marks of spans in which an elevation may change."""

READ = 128
"""The mark of spans that a step reads: something may happen in them or beside them."""

CHANGED = 255
"""The flags of a span whose classes have changed: anything may happen there in the next step."""


@inlined
def runs(marks: Bytes, bits: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the one after the last of spans in a row that have any of some bits."""
    first = 0
    for span in range(marks.size):
        if (marks[span] & bits) == 0:
            if first < span:
                yield first, span
            first = span + 1
    if first < marks.size:
        yield first, marks.size


@inlined
def sum_up(traits: Bytes, flags: Bytes) -> None:
    """Write the flags of spans. A flooded cell counts as a source: it may rise to be one in this step."""
    for span in range(flags.size):
        found = together(load(traits, span * SPAN))
        flags[span] = found | (found >> 7)


@inlined
def _beside(grid: Bytes, row: int, span: int) -> Any:
    """Return the bits of a span and of the eight around it."""
    found = np.uint8(0)
    for r in range(row - 1, row + 2):
        for s in range(span - 1, span + 2):
            found |= grid[r, s]
    return found


@inlined
def foresee_spans(flags: Bytes, silts: int, marks: Bytes) -> None:
    """Write the marks of spans within a frame of one span; `silts` are the flags that let elevations rise."""
    for row in range(1, flags.shape[0] - 1):
        for span in range(1, flags.shape[1] - 1):
            near, here = _beside(flags, row, span), flags[row, span]
            marks[row, span] = (
                (near & SENDS_WATER) | (here & CHANGES & ((near & SENDS) << 3)) | (here & silts)
            )
    for row in range(1, flags.shape[0] - 1):
        for span in range(1, flags.shape[1] - 1):
            marks[row, span] |= ((_beside(marks, row, span) & ~READ) != 0) * READ
