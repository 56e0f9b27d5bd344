"""The result of a comparison, and how the verdict follows from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dissmodel import markup
from dissmodel.errors import UsageError

Verdict = Literal["identical-file", "identical-content", "within-tolerance", "different", "not-comparable"]
"""From the same bytes to nothing that could be compared."""

PartVerdict = Literal["identical", "within-tolerance", "different"]

Value = bool | int | float | str | None
"""A value as it is shown; None: masked, null, or a geometry."""

Layers = tuple[str | None, str | None]
"""Which layer or archive member to read, in A and in B."""

SAME = frozenset({"identical-file", "identical-content", "within-tolerance"})
"""The verdicts that mean the same result."""


@dataclass(frozen=True)
class Tolerance:
    """How far `b` may be from `a`: ``|a - b| ≤ atol + rtol · |b|``, as `numpy.isclose` has it.

    It is for measured numbers. Classes are equal or different, without a tolerance: integers, texts,
    geometries, and floats with only whole numbers in A and in B.

    Attributes
    ----------
    rtol : float
        Relative to the value of B, no unit.
    atol : float
        In the unit of the band or column.
    classes : frozenset of str
        Bands or columns that hold classes, however they are stored.

    Raises
    ------
    UsageError
        If one of them is negative or not finite.
    """

    rtol: float = 0.0
    atol: float = 0.0
    classes: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            if not math.isfinite(value) or value < 0:
                raise UsageError(f"--{name} {value}: a tolerance is a number of 0 or more.", f"--{name} 1e-9")


@dataclass(frozen=True)
class ChangedValue:
    """Where a value changed.

    Attributes
    ----------
    row, col : int or None
        Of a raster's cell, from 0 at the upper left.
    x, y : float or None
        The cell's centre in the CRS of the raster; None without a georeference.
    feature : int or None
        Of a vector's feature, from 0 in the file's order.
    a, b : bool, int, float, str or None
        The two values; None where there is none, and for geometries.
    """

    a: Value
    b: Value
    row: int | None = None
    col: int | None = None
    x: float | None = None
    y: float | None = None
    feature: int | None = None


@dataclass(frozen=True)
class Move:
    """How many cells or features went from one class to another; None is not a value (masked, null, NaN)."""

    before: Value
    after: Value
    count: int


@dataclass(frozen=True)
class Part:
    """What became of a band or a column.

    Attributes
    ----------
    name : str
        As the content digest calls it; ``geometry`` is that of a vector dataset.
    types : tuple of (str, str)
        In A and in B: a band's dtype, or a column's kind.
    verdict : {"identical", "within-tolerance", "different"}
        From the values. It is not "identical" where the types differ.
    cells : int
        How many cells or features there are.
    changed : int
        How many differ at all. NaN equals NaN, no data equals no data, -0.0 equals 0.0; geometries differ as
        their canonical WKB does.
    beyond : int or None
        How many differ by more than the tolerance; None without one. Values that are not finite numbers on
        both sides must be equal.
    exact : bool
        Whether a tolerance was asked for and not applied, because these are not measured numbers.
    first, first_beyond : ChangedValue or None
        The first of them, row by row.
    max_abs, mean_abs : float or None
        Of the absolute differences where both are finite numbers, changed or not; None where none are.
    moves : tuple of Move
        The largest changes from class to class, for integer values of few classes, and texts.
    more_moves : int
        How many kinds of change are left out of `moves`.
    """

    name: str
    types: tuple[str, str]
    verdict: PartVerdict
    cells: int
    changed: int
    beyond: int | None = None
    exact: bool = False
    first: ChangedValue | None = None
    first_beyond: ChangedValue | None = None
    max_abs: float | None = None
    mean_abs: float | None = None
    moves: tuple[Move, ...] = ()
    more_moves: int = 0

    @property
    def share(self) -> float:
        """The changed part of all cells or features, from 0 to 1."""
        return self.changed / self.cells if self.cells else 0.0


@dataclass(frozen=True)
class Findings:
    """What was found by comparing two datasets of one kind."""

    apart: tuple[str, ...] = ()  # why they can't be compared, a sentence each
    lacking: tuple[str, ...] = ()  # what only one of them has, or has as another type, a sentence each
    notes: tuple[str, ...] = ()  # what else differs, such as the order of the bands, or is good to know
    parts: tuple[Part, ...] = ()  # what both have
    ordered: bool = True  # whether what both have is in the same order


@dataclass(frozen=True)
class Comparison:
    """The verdict on two files, and what it rests on.

    Attributes
    ----------
    verdict : str
        One of `Verdict`.
    kind : {"raster", "vector"} or None
        What both hold; None where they were compared by their bytes only.
    why : tuple of str
        Everything except values: why the files can't be compared, what else differs, where a tolerance was
        not applied.
    parts : tuple of Part
        Each band or column that both have, in A's order; none where the files are the same.
    tolerance : Tolerance or None
        What was asked for.
    """

    verdict: Verdict
    kind: Literal["raster", "vector"] | None = None
    why: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    tolerance: Tolerance | None = None

    def html(self) -> str:
        """Return the verdict and its parts as HTML."""
        rows = [
            (one.name, one.verdict, one.cells, one.changed, one.max_abs, one.mean_abs) for one in self.parts
        ]
        head = ("band or column", "verdict", "cells", "changed", "max |A - B|", "mean |A - B|")
        parts = markup.table(head, rows) if rows else ""
        return "".join([*map(markup.paragraph, (self.verdict, *self.why)), parts])

    @property
    def same(self) -> bool:
        """Whether it is the same result."""
        return self.verdict in SAME


def judge(kind: Literal["raster", "vector"], found: Findings, tolerance: Tolerance | None) -> Comparison:
    """Return the verdict that follows from what was found.

    >>> judge("raster", Findings(apart=("The CRS is another one.",)), None).verdict
    'not-comparable'
    >>> judge("raster", Findings(lacking=("B has no band 'alt'.",)), None).verdict
    'different'
    """
    verdict: Verdict
    if found.apart:
        verdict = "not-comparable"
    elif found.lacking or not found.ordered or any(part.verdict == "different" for part in found.parts):
        verdict = "different"
    elif any(part.verdict == "within-tolerance" for part in found.parts):
        verdict = "within-tolerance"
    else:
        verdict = "identical-content"
    exact = [part.name for part in found.parts if part.exact and part.changed]
    notes = [f"{name!r} holds no measured numbers: it was compared exactly." for name in exact]
    why = (*found.apart, *found.lacking, *found.notes, *notes)
    return Comparison(verdict, kind, why, found.parts, tolerance)


def match_names(a: Sequence[str], b: Sequence[str], what: str) -> tuple[list[str], tuple[str, ...], bool]:
    """Return the names that both have, in A's order; what only one has; whether the order is one.

    >>> match_names(["alt", "uso"], ["uso", "soil"], "band")
    (['uso'], ("B has no band 'alt'.", "A has no band 'soil'."), True)
    """
    in_a, in_b = set(a), set(b)
    shared = [name for name in a if name in in_b]
    lacking = [f"B has no {what} {name!r}." for name in a if name not in in_b]
    lacking += [f"A has no {what} {name!r}." for name in b if name not in in_a]
    return shared, tuple(lacking), shared == [name for name in b if name in in_a]
