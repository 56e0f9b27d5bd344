"""What a model measures after a step, in parts: of each tile a number that adds up to that of the whole.

``measure`` is called for each tile: its sums and counts are noted, in their order. Then it is called once
more, with the sums over all tiles. So it must not compute a sum from another sum, nor decide by a sum which
sums it asks for: what it gets of a tile is a `Pending`, which refuses both.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.links import addends, per_cell
from dissmodel.cells.reach import NeedsWhole, reach_of
from dissmodel.cells.sums import Part, exact_part, sum_of_parts

if TYPE_CHECKING:
    from dissmodel.cells.space import CellSpace

_OF_CELLS = frozenset({"area", "choice", "neighbors", "random", "x", "y"})


class PartialSums:
    """What ``measure`` asks of the cells of a tile: sums over the tile's own cells.

    Attributes
    ----------
    size : int
        The number of cells of the whole.
    parts : list of (str, int or Part)
        What was asked, in this order, and the sum over the own cells.
    reach : int
        How far the values of the sums reach.
    """

    def __init__(self, space: CellSpace, own: slice | NDArray[np.bool_], size: int) -> None:
        self._space, self._own = space, own
        self.size = size
        self.parts: list[tuple[str, Part | int]] = []
        self.reach = 0
        self.opened = False

    def count(self, where: Any) -> Any:
        """See `CellSpace.count`."""
        return self._noted("count", int(np.count_nonzero(self._of_own(where, "count"))))

    def total(self, values: Any) -> Any:
        """See `CellSpace.total`."""
        return self._noted("total", self._sum(self._of_own(values, "total")))

    def mean(self, values: Any) -> Any:
        """See `CellSpace.mean`."""
        return self._noted("mean", self._sum(self._of_own(values, "total")))

    def __getattr__(self, name: str) -> Any:
        if name not in _OF_CELLS:
            raise NeedsWhole(f"cells.{name}(…)")
        return getattr(self._space, name)

    def _of_own(self, values: Any, what: str) -> NDArray[Any]:
        self.reach = max(self.reach, reach_of(values))
        return np.ndarray.view(per_cell(values, self._space.size, what), np.ndarray)[self._own]

    def _sum(self, values: NDArray[Any]) -> Part | int:
        added = addends(values.astype(np.int64) if values.dtype.kind == "b" else values, self.size)
        return exact_part(added) if added.dtype.kind == "f" else int(added.sum())

    def _noted(self, asked: str, part: Part | int) -> Any:
        if self.opened:
            raise NeedsWhole("a sum after a decision, or a function, that needs another sum")
        self.parts.append((asked, part))
        return Pending(self, part if isinstance(part, int) else sum_of_parts([part]))


class WholeSums(PartialSums):
    """What ``measure`` asks of the whole: the sums of all tiles, in the order in which they were asked."""

    def __init__(self, space: CellSpace, size: int, found: Iterator[tuple[str, float]]) -> None:
        super().__init__(space, slice(None), size)
        self._found = found

    def _noted(self, asked: str, part: Part | int) -> Any:  # noqa: ARG002  (that of a made-up cell)
        kind, value = next(self._found, ("", 0))
        if kind != asked:
            raise NeedsWhole("sums that differ from tile to tile")
        return value / self.size if asked == "mean" else value


def summed(parts: list[list[tuple[str, Part | int]]]) -> Iterator[tuple[str, float]]:
    """Yield what was asked, and the sum over the tiles: an int of whole numbers."""
    if any([asked for asked, _ in one] != [asked for asked, _ in parts[0]] for one in parts):
        raise NeedsWhole("sums that differ from tile to tile")
    for same in zip(*parts, strict=True):
        values = [value for _, value in same]
        whole = all(isinstance(value, int) for value in values)
        yield same[0][0], sum(values) if whole else sum_of_parts(values)


class Pending:
    """A sum that is known for one tile only: numbers can be computed with it, arrays can't."""

    __array_ufunc__ = None  # NumPy hands its arrays to the methods below
    __hash__ = None  # type: ignore[assignment]  # as of what is compared

    def __init__(self, sums: PartialSums, value: float) -> None:
        self._sums, self._value = sums, value

    def _open(self) -> float:
        """Return the value where a number is needed: from here on, no sum may depend on it."""
        self._sums.opened = True
        return self._value

    def __bool__(self) -> bool:
        return bool(self._open())

    def __float__(self) -> float:
        return float(self._open())

    def __int__(self) -> int:
        value = self._open()
        return int(value) if math.isfinite(value) else 0

    __index__ = __int__

    def __round__(self, digits: int | None = None) -> Pending:
        return self

    def __neg__(self) -> Pending:
        return Pending(self._sums, -self._value)

    def __abs__(self) -> Pending:
        return Pending(self._sums, abs(self._value))

    def __eq__(self, other: object) -> bool:
        return bool(self._open() == other)


def _number_of(other: Any) -> float | None:
    if isinstance(other, np.ndarray) and other.ndim:
        raise NeedsWhole("values that depend on a sum")
    if isinstance(other, Pending):
        return other._value  # noqa: SLF001  (of its own kind)
    return float(other) if isinstance(other, int | float | np.generic | np.ndarray) else None


def _computing(compute: Callable[[Any, Any], Any], *, swapped: bool = False) -> Any:
    def method(self: Pending, other: Any) -> Any:
        number = _number_of(other)
        if number is None:
            return NotImplemented
        try:
            pair = self._value, number
            return Pending(self._sums, float(compute(*(pair[::-1] if swapped else pair))))
        except (ArithmeticError, TypeError):  # of this tile's part, which is no result
            return Pending(self._sums, math.nan)

    return method


def _comparing(compare: Callable[[Any, Any], bool]) -> Any:
    def method(self: Pending, other: Any) -> Any:
        number = _number_of(other)
        return NotImplemented if number is None else compare(self._open(), number)

    return method


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    setattr(Pending, f"__{_name}__", _computing(getattr(operator, _name)))
    setattr(Pending, f"__r{_name}__", _computing(getattr(operator, _name), swapped=True))
for _name in ("lt", "le", "gt", "ge"):
    setattr(Pending, f"__{_name}__", _comparing(getattr(operator, _name)))
