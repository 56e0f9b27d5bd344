"""All measures of two maps of land use: of classes, and of shares of classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dissmodel.metrics.arrays import common_positions, counted, inside_of, taken
from dissmodel.metrics.change import ChangeAgreement, change_kinds
from dissmodel.metrics.differences import Difference, difference
from dissmodel.metrics.fuzzy import RADIUS, FuzzyAgreement, agreement_inside
from dissmodel.metrics.matrix import Disagreement, TransitionMatrix, disagreement, kappa
from dissmodel.metrics.resolution import (
    ResolutionFit,
    ResolutionTally,
    class_differences,
    multiresolution_fit,
)

UNIT = 512
"""Rows and columns of the blocks in which maps are compared: a power of 2."""


@dataclass(frozen=True, kw_only=True)
class ClassMeasures:
    """A simulated map of classes and its reference; the last three are None without a start map.

    Where cells are on no grid, `fit` and `fuzzy` are of no cells.
    """

    matrix: TransitionMatrix  # rows of the simulation, columns of the reference
    disagreement: Disagreement
    kappa: float | None
    fit: ResolutionFit
    fuzzy: FuzzyAgreement
    change: ChangeAgreement | None = None
    observed: TransitionMatrix | None = None  # from the start to the reference
    simulated: TransitionMatrix | None = None  # from the start to the simulation

    @property
    def agreement(self) -> int:
        """How many cells have the class of the reference."""
        return int(sum(size for (a, b), size in self.matrix.sizes.items() if a == b))

    @property
    def fuzzy_kappa(self) -> float | None:
        """See `FuzzyAgreement.kappa`."""
        return self.fuzzy.kappa(self.matrix)

    def document(self, names: Mapping[int, str]) -> dict[str, Any]:
        """Return the measures for JSON, classes by their names; a measure that is not defined is None."""
        apart, change = self.disagreement, self.change
        return {
            "matrix": {
                "rows": "result",
                "columns": "reference",
                "classes": [names[code] for code in self.matrix.classes],
                "cells": self.matrix.table(),
            },
            "quantity": apart.quantity,
            "allocation": apart.allocation,
            "exchange": apart.exchange,
            "shift": apart.shift,
            "by_class": {names[code]: asdict(one) for code, one in apart.classes.items()},
            "kappa": self.kappa,
            "fuzzy": self.fuzzy.similarity,
            "fuzzy_kappa": self.fuzzy_kappa,
            "change": None if change is None else {name: int(size) for name, size in asdict(change).items()},
            "figure_of_merit": None if change is None else change.figure_of_merit,
            "multiresolution": asdict(self.fit),
        }


@dataclass(frozen=True, kw_only=True)
class ShareMeasures:
    """A simulated map of shares less its reference, by class, and the fit of all classes."""

    differences: Mapping[str, Difference]
    fit: ResolutionFit

    @property
    def quantity(self) -> float:
        """Half the sum of the quantity of all classes: the part of the space that has another class."""
        return sum(one.quantity or 0.0 for one in self.differences.values()) / 2

    @property
    def allocation(self) -> float:
        """Half the sum of the allocation of all classes."""
        return sum(one.allocation or 0.0 for one in self.differences.values()) / 2


class Block(NamedTuple):
    """A part of a map, with the frame of `RADIUS` cells that fuzzy agreement looks at.

    `corner` is its first row and column; `cells` are the rows and columns of the part and of its frame that
    the map has, `beyond` how many more rows and columns the frame has on each side.
    """

    corner: tuple[int, int]
    cells: tuple[slice, slice]
    beyond: tuple[tuple[int, int], tuple[int, int]]

    @property
    def inner(self) -> tuple[slice, ...]:
        """Where the part is in an array of `cells`."""
        return tuple(
            slice(RADIUS - before, cells.stop - cells.start - RADIUS + after)
            for cells, (before, after) in zip(self.cells, self.beyond, strict=True)
        )


def blocks(shape: tuple[int, int], size: tuple[int, int]) -> Iterator[Block]:
    """Cut a map into blocks of `size` rows and columns, row by row; the last are smaller."""

    def cut(start: int, length: int, whole: int) -> tuple[slice, tuple[int, int]]:
        first, end = start - RADIUS, min(start + length, whole) + RADIUS
        return slice(max(first, 0), min(end, whole)), (max(-first, 0), max(end - whole, 0))

    for top in range(0, shape[0], size[0]):
        for left in range(0, shape[1], size[1]):
            ways = cut(top, size[0], shape[0]), cut(left, size[1], shape[1])
            yield Block((top, left), (ways[0][0], ways[1][0]), (ways[0][1], ways[1][1]))


class ClassTally:
    """What is counted of maps of classes that come block by block; any blocks give the same bits.

    Parameters
    ----------
    shape : tuple of (int, int), optional
        Rows and columns of the maps; None: their cells are on no grid.
    unit : int
        Each block begins at a multiple of it, a power of 2, and ends at a multiple or with the map.
    """

    def __init__(self, shape: tuple[int, int] | None = None, unit: int = UNIT) -> None:
        self._sizes: Counter[tuple[int, ...]] = Counter()
        self._tally = None if shape is None else ResolutionTally(shape, unit)
        self._fuzzy = FuzzyAgreement()

    def add(
        self, maps: Sequence[NDArray[Any]], inside: NDArray[np.bool_], block: Block | None = None
    ) -> None:
        """Add cells of the simulation, the reference and, if there is one, the start.

        `inside` says which of them count. On a grid the arrays are what `block` has in `Block.cells`.
        """
        if block is not None:
            inside = np.pad(inside, block.beyond)
            maps = [np.pad(one, block.beyond, mode="edge") for one in maps]
        codes, positions = common_positions(maps, inside)
        if block is not None:
            assert self._tally is not None
            self._fuzzy += agreement_inside(positions[:2])
            frame = np.s_[RADIUS:-RADIUS, RADIUS:-RADIUS]
            positions, inside = [one[frame] for one in positions], inside[frame]
            self._tally.add(block.corner, inside, class_differences(codes, positions[:2]))
        kept = [one[inside] for one in positions]
        if kept[0].size:
            found = counted(kept, [len(codes)] * len(kept), None)
            self._sizes.update({tuple(codes[at] for at in places): size for places, size in found.items()})

    def amounts(self, place: int) -> dict[int, int]:
        """Return class → cells in a map, counted from 0 in the order of `add`."""
        found: Counter[int] = Counter()
        for codes, size in self._sizes.items():
            found[codes[place]] += size
        return dict(sorted(found.items()))

    def measures(self) -> ClassMeasures:
        """Return the measures of the cells that were added."""
        matrix = self._matrix(0, 1)
        found: dict[str, Any] = {}
        if any(len(codes) > 2 for codes in self._sizes):  # noqa: PLR2004  (there is a start)
            simulated, reference, start = np.array(list(self._sizes)).T
            kinds = change_kinds(start, reference, simulated).tolist()
            sizes = Counter[int]()
            for kind, size in zip(kinds, self._sizes.values(), strict=True):
                sizes[kind] += size
            found["change"] = ChangeAgreement(*(sizes[kind] for kind in range(5)))
            found |= {"observed": self._matrix(2, 1), "simulated": self._matrix(2, 0)}
        return ClassMeasures(
            matrix=matrix,
            disagreement=disagreement(matrix),
            kappa=kappa(matrix),
            fit=ResolutionFit({}, None) if self._tally is None else self._tally.fit(),
            fuzzy=self._fuzzy,
            **found,
        )

    def _matrix(self, one: int, other: int) -> TransitionMatrix:
        sizes: Counter[tuple[int, int]] = Counter()
        for codes, size in self._sizes.items():
            sizes[codes[one], codes[other]] += size
        return TransitionMatrix(dict(sorted(sizes.items())))


def compare_classes(
    simulated: ArrayLike,
    reference: ArrayLike,
    start: ArrayLike | None = None,
    *,
    mask: ArrayLike | None = None,
) -> ClassMeasures:
    """Return every measure of two maps of classes, shape (rows, columns); see the functions of each measure.

    >>> compare_classes([[1, 2]], [[2, 2]], [[1, 1]]).change.figure_of_merit
    0.5
    """
    given = {"simulated": simulated, "reference": reference} | ({} if start is None else {"start": start})
    taken(given, area=None, mask=mask, kinds="iub")
    maps = [np.asarray(one) for one in given.values()]
    inside = inside_of(mask, maps[0].shape)
    rows, columns = maps[0].shape
    tally = ClassTally((rows, columns))
    for block in blocks((rows, columns), (UNIT, UNIT)):
        tally.add([one[block.cells] for one in maps], inside[block.cells], block)
    return tally.measures()


def compare_shares(
    simulated: NDArray[np.float64],
    reference: NDArray[np.float64],
    *,
    names: Sequence[str],
    tolerance: float = 0.01,
    mask: ArrayLike | None = None,
) -> ShareMeasures:
    """Return every measure of two maps of shares, shape (classes, rows, columns)."""
    return ShareMeasures(
        differences={
            name: difference(a, b, tolerance=tolerance, mask=mask)
            for name, a, b in zip(names, simulated, reference, strict=True)
        },
        fit=multiresolution_fit(simulated, reference, mask=mask),
    )
