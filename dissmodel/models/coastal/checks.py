"""From values of a file to values of a cell space; each check names the values and counts their cells.

Bands are worked on in blocks along the first axis, so that a check needs little memory of its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.file_values import LARGEST_INTEGER
from dissmodel.errors import InvalidInput
from dissmodel.models.coastal.classes import LEGAL_SOIL, LEGAL_USE, NO_SOIL, NO_USE

LOWEST, HIGHEST = -500.0, 9000.0
"""Between these a number can be an elevation, m."""

_BLOCK = 1 << 20
_NAMED = 5
_INT32 = np.iinfo(np.int32)

Bools = NDArray[np.bool_]
FieldName = Literal["uso", "solo", "alt"]


def blocks(values: NDArray[Any]) -> Iterator[slice]:
    """Yield slices of the first axis that hold about a million values each."""
    width = max(1, math.prod(values.shape[1:]))
    height = max(1, _BLOCK // width)
    for first in range(0, len(values), height):
        yield slice(first, first + height)


class ValueCheck:
    """Land-use codes, soil codes or elevations of a cell space, checked block by block.

    Codes are bytes, `NO_USE` or `NO_SOIL` outside the space; elevations are float64 in metres, NaN outside.
    """

    def __init__(self, name: FieldName, shape: tuple[int, ...]) -> None:
        self._name = name
        self._legal = {"uso": LEGAL_USE, "solo": LEGAL_SOIL}.get(name)
        self._values: NDArray[Any] = np.empty(shape, np.float64 if self._legal is None else np.uint8)
        self._outside = self._values.dtype.type({"uso": NO_USE, "solo": NO_SOIL}.get(name, np.nan))
        self._wrong: Counter[float] = Counter()

    def put(self, rows: slice, given: NDArray[Any], keep: Bools) -> Bools:
        """Store rows of `given` (any real dtype) where `keep` is True, which means inside the space.

        Returns where they are illegal there.
        """
        if self._legal is None:
            values, legal = given, (given >= LOWEST) & (given <= HIGHEST)
        else:
            with np.errstate(invalid="ignore"):  # NaN has no byte; it is caught by the comparison
                values = given.astype(np.uint8)
            legal = (values == given) & self._legal[values]
        wrong: Bools = keep & ~legal
        _count(self._wrong, given[wrong])
        self._values[rows] = np.where(keep, values, self._outside)
        return wrong

    def checked(self, where: str = "") -> NDArray[Any]:
        """Return the whole field; the hint of an error begins with `where`.

        Raises InvalidInput if a value inside the space is not legal.
        """
        if self._legal is None:
            what = f"no elevation between {LOWEST:g} and {HIGHEST:g} m"
            # Only bands can declare a nodata value; their errors name no feature.
            hint = "Fix these cells" + (
                "." if where else ", or declare the value as nodata if it means no value."
            )
        else:
            what = "none of its codes"
            hint = f"The codes of {self._name} are {', '.join(map(str, np.flatnonzero(self._legal)))}."
        _refuse(f"{self._name} holds values that are {what}", self._wrong, where + hint)
        return self._values


def whole(name: FieldName, values: NDArray[Any]) -> NDArray[Any]:
    """Return a field of the values of features, which are all in the space."""
    field = ValueCheck(name, values.shape)
    first: int | None = None
    for block in blocks(values):
        wrong = field.put(block, values[block], np.ones(values[block].shape, np.bool_))
        if first is None and wrong.any():
            first = block.start + int(np.argmax(wrong))
    return field.checked("" if first is None else f"The first is feature {first}, counted from 0. ")


class VisitingOrder:
    """The visiting order of the cells of a raster, read block by block."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._inside = np.zeros(shape, dtype=np.bool_)
        self._numbers: dict[int, NDArray[np.signedinteger[Any]]] = {}
        self._wrong: Counter[float] = Counter()

    def put(self, rows: slice, given: NDArray[Any], keep: Bools) -> None:
        """Take over some rows of `given`, integers, smaller first, where they are in the space (`keep`)."""
        self._inside[rows] = keep
        given = given[keep]
        with np.errstate(invalid="ignore"):
            integer = (np.rint(given) == given) & (np.abs(given) <= LARGEST_INTEGER)
        _count(self._wrong, given[~integer])
        given = np.where(integer, given, 0).astype(np.int64)
        small = not given.size or (given.min() >= _INT32.min and given.max() <= _INT32.max)
        self._numbers[rows.start] = given.astype(np.int32) if small else given

    def checked(self) -> NDArray[np.signedinteger[Any]] | None:
        """Return each cell's place in the visiting order, -1 outside; None if that is row-major.

        Raises InvalidInput if a value in the space is not an integer or stands in two cells.
        """
        _refuse("order holds values that are not integers", self._wrong, "Give every cell its own number.")
        given = np.concatenate([self._numbers[first] for first in sorted(self._numbers)])
        self._numbers.clear()
        if np.all(given[1:] > given[:-1]):
            return None
        if given.min() == 0 and given.max() == given.size - 1:
            # What an earlier run wrote: most often places already, and there is nothing to sort.
            seen = np.zeros(given.size, dtype=np.bool_)
            seen[given] = True
            if seen.all():
                return _on_grid(given, self._inside)
        visit = np.argsort(given, kind="stable")
        ordered = given[visit]
        repeated = ordered[1:][ordered[1:] == ordered[:-1]]
        if repeated.size:
            _count(self._wrong, given[np.isin(given, repeated)])
            what = "order holds values that more than one cell has"
            _refuse(what, self._wrong, "Give every cell its own number.")
        del given, ordered
        return ranked(visit, self._inside)


def ranked(visit: NDArray[np.intp], inside: Bools) -> NDArray[np.signedinteger[Any]]:
    """Return the place of each cell of the space, given the cells (in row-major order) in visiting order."""
    kind: type[np.signedinteger[Any]] = np.int32 if visit.size <= _INT32.max else np.int64
    places = np.empty(visit.size, dtype=kind)
    places[visit] = np.arange(visit.size, dtype=kind)
    return _on_grid(places, inside)


def _on_grid(places: NDArray[np.signedinteger[Any]], inside: Bools) -> NDArray[np.signedinteger[Any]]:
    order = np.full(inside.shape, -1, dtype=places.dtype)
    order[inside] = places
    return order


def _count(counter: Counter[float], values: NDArray[Any]) -> None:
    if values.size:
        for value, cells in zip(*np.unique(values, return_counts=True), strict=True):
            counter[float(value)] += int(cells)


def _refuse(what: str, wrong: Counter[float], hint: str) -> None:
    if not wrong:
        return
    # NaN is not itself, so blocks count it under several keys.
    merged: Counter[str] = Counter()
    for value, cells in wrong.items():
        merged["none (NaN)" if math.isnan(value) else f"{value:.15g}"] += cells
    named = [f"{value} ({cells} cell{'s' * (cells > 1)})" for value, cells in merged.most_common(_NAMED)]
    more = f" and {len(merged) - _NAMED} more values" if len(merged) > _NAMED else ""
    raise InvalidInput(f"{what}: {', '.join(named)}{more}.", hint, code="illegal_value")
