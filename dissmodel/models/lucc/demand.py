"""How much of each class there should be in each step: rows of a table, or a line between two dates."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dissmodel import bounded
from dissmodel.errors import InvalidInput, near_names
from dissmodel.models.lucc.space import Floats

MAX_BYTES = 16 << 20
"""The bytes that a table may have."""

_TIMES = ("year", "step")


def read_demand(path: Path, classes: Sequence[str]) -> Floats:
    """Return the demands of a CSV file, shape (steps, classes); its columns may be in any order.

    Raises
    ------
    InvalidInput
        For a file that can't be read, a missing, unknown or repeated column, a value that is no area, and a
        year or step that is not one more than the one before.
    """
    try:
        text = bounded.contents(path, MAX_BYTES).decode("utf-8-sig")
        records = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), strict=True)]
    except (OSError, ValueError, csv.Error) as error:  # ValueError: no UTF-8, or a NUL in the name
        raise _wrong(path, getattr(error, "strerror", None) or str(error)) from error
    header, *rows = [row for row in records if any(row)] or [[]]
    _check_header(path, header, classes)
    values = []
    for number, row in enumerate(rows, 2):
        try:
            values.append([float(text) for text in row])
        except ValueError as error:
            raise _wrong(path, f"row {number}: {error}") from None
        if len(row) != len(header):
            raise _wrong(path, f"row {number} has {len(row)} values, the header {len(header)}")
    table = np.array(values, np.float64).reshape(len(rows), len(header))
    areas = table[:, [header.index(name) for name in classes]]
    for number, area in enumerate(areas.tolist(), 2):
        wrong = [
            f"{name} = {one:g}" for name, one in zip(classes, area, strict=True) if not 0 <= one < math.inf
        ]
        if wrong:
            raise _wrong(path, f"row {number}: {wrong[0]} is no area")
    for name in set(header) & set(_TIMES):
        for before, after in itertools.pairwise(table[:, header.index(name)].tolist()):
            if after != before + 1:
                raise _wrong(path, f"{name} {after:g} comes after {before:g}, not {before + 1:g}")
    return areas


def _check_header(path: Path, header: Sequence[str], classes: Sequence[str]) -> None:
    missing = [name for name in classes if name not in header]
    extra = [name for name in header if name not in {*classes, *_TIMES} or header.count(name) > 1]
    if missing:
        near = "".join(f"; did you mean {one!r}?" for one in near_names(missing[0], extra)[:1])
        raise _wrong(path, f"there is no column {', '.join(missing)}{near}")
    if extra:
        raise _wrong(path, f"the column {extra[0]!r} is no class, or there twice")


def _wrong(path: Path, what: str) -> InvalidInput:
    hint = "A demand has a column for each class, maybe year or step, and a row for each step."
    return InvalidInput(f"demand_csv = {path.name}: {what}.", hint, code="demand")


def two_dates(
    start: Sequence[float], final: Sequence[float], years: int, signs: Sequence[int], steps: int
) -> Floats:
    """Return the demands between two dates and on, shape (steps, classes), in whole units of area.

    Parameters
    ----------
    start, final : sequence of float
        The area of each class in the first year, and `years` later.
    signs : sequence of int
        1: the class grows by the same area each year; -1: it shrinks; 0: it stays.

    >>> two_dates([10.0, 0.0], [4.0, 6.0], 4, [-1, 1], 6).tolist()
    [[10.0, 0.0], [9.0, 2.0], [8.0, 4.0], [7.0, 6.0], [4.0, 6.0], [3.0, 8.0]]
    """
    dates = zip(start, final, signs, strict=True)
    yearly = [abs(after - before) / years * sign for before, after, sign in dates]
    rows = [[math.floor(area + 0.5) for area in start]]
    for step in range(1, steps):
        here = final if step == years else [a + b for a, b in zip(rows[-1], yearly, strict=True)]
        rows.append([math.floor(area + 0.5) for area in here])
    return np.array(rows, np.float64)
