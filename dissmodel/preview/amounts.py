"""The amounts of each class before and after, counted piece by piece, and the table of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dissmodel.geo.legend import Legend
from dissmodel.visualization.shrink import LOWEST_CODE, WholeNumbers, whole_numbers
from dissmodel.visualization.table import Table

_MOST_ROWS = 25
_MINUS = "−"
# From how many m² on, the unit, and how many m² it has.
_UNITS = ((1e9, "km²", 1e6), (1e4, "ha", 1e4), (0.0, "m²", 1.0))


@dataclass(frozen=True)
class Amounts:
    """The cells and the area (m²) of a class; None where the state before, or the area, is unknown."""

    code: int
    name: str
    cells_before: int | None
    cells_after: int
    area_before: float | None
    area_after: float | None


def amounts(legend: Legend, before: CellCounts | None, after: CellCounts) -> tuple[Amounts, ...]:
    """Return the amounts of each class that has cells, in the legend's order."""

    def area(counts: CellCounts | None, code: int) -> float | None:
        return None if counts is None or counts.areas is None else counts.areas.get(code, 0.0)

    found = [
        Amounts(
            one.code,
            one.name,
            None if before is None else before.cells.get(one.code, 0),
            after.cells.get(one.code, 0),
            area(before, one.code),
            area(after, one.code),
        )
        for one in legend
    ]
    return tuple(one for one in found if one.cells_before or one.cells_after)


def class_table(legend: Legend, found: tuple[Amounts, ...]) -> Table:
    """Return a row for each class, the largest where they are many, and a row for all."""
    colours = {one.code: one.colour for one in legend}
    compared = any(one.cells_before is not None for one in found)
    in_area = all(
        one.area_after is not None and (one.area_before is not None or not compared) for one in found
    )
    numbers = [
        (one.area_before or 0.0, one.area_after or 0.0)
        if in_area
        else (float(one.cells_before or 0), float(one.cells_after))
        for one in found
    ]
    total = (sum(old for old, _ in numbers), sum(new for _, new in numbers))
    unit, divisor, decimals = "cells", 1.0, 0
    if in_area:
        unit, divisor, decimals = next((name, by, 2) for least, name, by in _UNITS if max(total) >= least)
    shown = sorted(sorted(range(len(found)), key=lambda number: -max(numbers[number]))[:_MOST_ROWS])
    rows = [(_label(found[number]), *_row(numbers[number], divisor, decimals)) for number in shown]
    if len(found) > len(shown):
        rows.append((f"and {len(found) - len(shown)} more classes", "", "", ""))
    rows.append(("all", *_row(total, divisor, decimals)))
    swatches = tuple(colours[found[number].code] for number in shown)
    if not compared:
        return Table(("class", f"after, {unit}"), tuple((row[0], row[2]) for row in rows), swatches)
    gains = tuple(numbers[number][1] - numbers[number][0] for number in shown)
    return Table(("class", f"before, {unit}", f"after, {unit}", "difference"), tuple(rows), swatches, gains)


def measure_table(before: CellCounts | None, after: CellCounts) -> Table:
    """Return the range and the mean of measures."""
    names = ("least", "mean", "greatest", "cells")
    new = _measures(after)
    if before is None:
        rows = [(name, f"{value:.6g}") for name, value in zip(names, new, strict=True)]
        return Table(("", "after"), tuple(rows))
    return Table(
        ("", "before", "after", "difference"),
        tuple(
            (name, f"{was:.6g}", f"{now:.6g}", f"{now - was:+.6g}".replace("-", _MINUS))
            for name, was, now in zip(names, _measures(before), new, strict=True)
        ),
    )


def _label(one: Amounts) -> str:
    return one.name if one.name == str(one.code) else f"{one.name} ({one.code})"


def _row(pair: tuple[float, float], divisor: float, decimals: int) -> tuple[str, str, str]:
    old, new = (value / divisor for value in pair)
    before, after, gain = (f"{value:,.{decimals}f}" for value in (old, new, new - old))
    # A sum of areas may leave a rounding error behind, which is no gain.
    if not float(gain.replace(",", "")):
        return before, after, "0"
    return before, after, gain.replace("-", _MINUS) if gain[0] == "-" else f"+{gain}"


def _measures(counts: CellCounts) -> tuple[float, float, float, float]:
    return counts.low, counts.total / max(counts.number, 1), counts.high, float(counts.number)


class CellCounts:
    """Adds up the values of a band or a column.

    Attributes
    ----------
    cells : dict of int to int
        How many cells have each whole number from -32768 to 65535.
    areas : dict of int to float, or None
        Their area, m²; None where it is not known.
    number : int
        How many cells there are.
    low, high, total : float
        The least value, the greatest, and the sum of all.

    Examples
    --------
    >>> counts = CellCounts()
    >>> counts.add(np.array([2.0, 2.0, 3.0]), 900.0)
    >>> counts.cells, counts.areas, counts.outside({2})
    ({2: 2, 3: 1}, {2: 1800.0, 3: 900.0}, 1)
    """

    def __init__(self) -> None:
        self.cells: dict[int, int] = {}
        self.areas: dict[int, float] | None = {}
        self.number = 0
        self.low, self.high, self.total = math.inf, -math.inf, 0.0

    @property
    def all_whole(self) -> bool:
        """Whether all values are whole numbers that were counted one by one."""
        return sum(self.cells.values()) == self.number

    def outside(self, codes: Collection[int]) -> int:
        """Return how many cells have none of these codes."""
        return self.number - sum(self.cells.get(code, 0) for code in codes)

    def add(
        self,
        values: npt.NDArray[Any],
        area: npt.NDArray[np.float64] | float | None,
        whole: WholeNumbers | None = None,
    ) -> None:
        """Add finite values, shape (n,), and the area of each or of all, m²; one None makes areas unknown.

        `whole` is what `whole_numbers` says of them, where that is known.
        """
        if area is None:
            self.areas = None
        if not values.size:
            return
        self.number += values.size
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))
        self.total += float(values.sum(dtype=np.float64))
        codes, is_code = whole_numbers(values) if whole is None else whole
        codes = codes if is_code.all() else codes[is_code]
        counts = np.bincount(codes)
        for code in np.flatnonzero(counts).tolist():
            self.cells[code + LOWEST_CODE] = self.cells.get(code + LOWEST_CODE, 0) + int(counts[code])
        if self.areas is None or area is None:
            return
        weights = counts * area if isinstance(area, float) else np.bincount(codes, weights=area[is_code])
        sums = defaultdict(float, self.areas)
        for code in np.flatnonzero(counts).tolist():
            sums[code + LOWEST_CODE] += float(weights[code])
        self.areas = dict(sums)
