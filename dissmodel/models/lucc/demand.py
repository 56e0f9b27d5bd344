"""How much of each class there should be in each step: rows of a table, or a line between two dates."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np

from dissmodel.errors import InvalidInput, did_you_mean
from dissmodel.models.lucc.space import Floats

_TIMES = ("year", "step")


def read_demand(lines: Iterable[str], classes: Sequence[str], where: str) -> Floats:
    """Return the demands of a CSV table, shape (steps, classes); its columns may be in any order.

    Raises
    ------
    InvalidInput
        For a missing, unknown or repeated column, text where a number belongs, and a year or step that does
        not follow on the one before.
    """
    reader = csv.reader(lines)
    header = [name.strip().removeprefix("\ufeff") for name in next(reader, [])]
    _check_header(header, classes, where)
    rows, times = [], []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise _wrong(where, f"line {reader.line_num} has {len(cells)} values, the header {len(header)}.")
        row = {}
        for name, text in zip(header, cells, strict=True):
            try:
                row[name] = float(text)
            except ValueError:
                raise _wrong(
                    where, f"line {reader.line_num}, {name}: {text.strip()!r} is no number."
                ) from None
        rows.append([row[name] for name in classes])
        times += [row[name] for name in header if name in _TIMES]
    for before, after in itertools.pairwise(times):
        if after != before + 1:
            raise _wrong(where, f"{after:g} follows on {before:g}; a year or step is one more than the last.")
    return np.array(rows, np.float64).reshape(len(rows), len(classes))


def _check_header(header: Sequence[str], classes: Sequence[str], where: str) -> None:
    missing = [name for name in classes if name not in header]
    if missing:
        near = did_you_mean(missing[0], set(header) - set(classes))
        raise _wrong(where, f"there is no column {', '.join(missing)}. {near}")
    extra = [name for name in header if name not in {*classes, *_TIMES}]
    twice = [name for place, name in enumerate(header) if name in header[:place]]
    if extra or twice or all(name in header for name in _TIMES):
        raise _wrong(where, f"its columns are {', '.join(header)}.")


def _wrong(where: str, what: str) -> InvalidInput:
    return InvalidInput(
        f"{where}: {what}",
        "A column for each class, and year or step if you like; a row for each step.",
        code="demand",
    )


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
    """
    yearly = [
        abs(after - before) / years * sign for before, after, sign in zip(start, final, signs, strict=True)
    ]
    rows = [[math.floor(area + 0.5) for area in start]]
    for step in range(1, steps):
        if step == years:
            rows.append([math.floor(area + 0.5) for area in final])
        else:
            rows.append([math.floor(area + more + 0.5) for area, more in zip(rows[-1], yearly, strict=True)])
    return np.array(rows, np.float64)
