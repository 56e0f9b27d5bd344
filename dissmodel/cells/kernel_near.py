"""What a rule asks of one cell's neighbours: one source, for Python and compiled.

The functions see the neighbours through `places`, `has`, `at`, `weight`, `zero`, `narrow` and `limits`.
Compiled rules have others under these names, of the same meaning.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

Value: TypeAlias = int | Any  # to a type checker a number in the rule, and anything in a call of the rule
"""A value of the cell itself, in a rule; where the rule is called, an array of one value for each cell."""


class Neighbors:
    """The values of one cell's neighbours, in a rule; ``cells.neighbors(values)`` where the rule is called.

    ``for value in near`` and ``len(near)`` work too. Results are those of ``cells.neighbors(values)``.
    """

    def __init__(self, kind: str, values: list[Any], weights: list[float] | None, limits: Any) -> None:
        self.kind, self.values, self.weights, self.limits = kind, values, weights, limits

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Value]:
        return iter(self.values)

    def sum(self) -> Value:
        """Return the sum, each value times its weight where there are weights."""
        return total(self)

    def count(self, code: float | None = None) -> int:
        """Return how many neighbours have the value `code`; without it how many are true, of numbers all."""
        asked = METHODS[self.kind]["count"]
        return int(asked(self) if code is None else count_of(self, code))

    def any(self, code: float | None = None) -> bool:
        """Return whether a neighbour has the value `code`; without it whether one is not 0."""
        return any_true(self) if code is None else any_of(self, code)

    def min(self) -> Value:
        """Return the smallest value; NaN if a neighbour is NaN, or without neighbours."""
        return METHODS[self.kind]["min"](self)

    def max(self) -> Value:
        """Return the largest value; NaN if a neighbour is NaN, or without neighbours."""
        return METHODS[self.kind]["max"](self)

    def mean(self) -> float:
        """Return the sum by the number of neighbours, or by the sum of their weights; NaN if that is 0."""
        return mean(self)


def places(near: Any) -> int:
    """Return how many places may have a neighbour."""
    return len(near.values)


def has(near: Any, k: int) -> bool:  # noqa: ARG001  (on a grid, a place may be outside of the space)
    """Tell whether there is a neighbour at a place."""
    return True


def at(near: Any, k: int) -> Any:
    """Return the value of a neighbour."""
    return near.values[k]


def weight(near: Any, k: int) -> Any:
    """Return the weight of a neighbour; the integer 1 without weights."""
    return 1 if near.weights is None else near.weights[k]


def zero(near: Any) -> Any:
    """Return what sums begin with: 0.0 for sums of floats or with weights, else 0."""
    return 0 if near.weights is None and near.kind != "f" else 0.0


def narrow(near: Any, count: int) -> int:  # noqa: ARG001  (compiled, small counts have a byte each)
    """Return a count of neighbours."""
    return count


def limits(near: Any) -> Any:
    """Return the least and the largest value of the values' type."""
    return near.limits


def number(near: Any) -> int:
    """Return how many neighbours there are."""
    found = narrow(near, 0)
    for k in range(places(near)):
        if has(near, k):
            found = narrow(near, found + 1)
    return found


def count_of(near: Any, code: float) -> int:
    """Return how many neighbours have a value."""
    found = narrow(near, 0)
    for k in range(places(near)):
        if has(near, k) and at(near, k) == code:
            found = narrow(near, found + 1)
    return found


def count_true(near: Any) -> int:
    """Return how many neighbours are not 0."""
    found = narrow(near, 0)
    for k in range(places(near)):
        if at(near, k) != 0:
            found = narrow(near, found + 1)
    return found


def any_of(near: Any, code: float) -> bool:
    """Tell whether a neighbour has a value."""
    return count_of(near, code) > 0


def any_true(near: Any) -> bool:
    """Tell whether a neighbour is not 0."""
    return count_true(near) > 0


def total(near: Any) -> Any:
    """Return the sum, one value at a time in visiting order, each times its weight."""
    found = zero(near)
    for k in range(places(near)):
        found += at(near, k) * weight(near, k)
    return found


def mean(near: Any) -> float:
    """Return the sum by the sum of the weights."""
    weights = 0.0
    for k in range(places(near)):
        if has(near, k):
            weights += weight(near, k)
    return float(total(near)) / weights if weights != 0.0 else math.nan


def least(near: Any) -> Any:
    """Return the smallest value; the largest of their type without neighbours."""
    found = limits(near)[1]
    for k in range(places(near)):
        if has(near, k):
            value = at(near, k) + zero(near)  # which of 0.0 and -0.0 is smaller would depend on the machine
            if value < found or value != value:  # noqa: PLR0124  (NaN)
                found = value
    return found


def largest(near: Any) -> Any:
    """Return the largest value; the smallest of their type without neighbours."""
    found = limits(near)[0]
    for k in range(places(near)):
        if has(near, k):
            value = at(near, k) + zero(near)  # as above
            if value > found or value != value:  # noqa: PLR0124  (NaN)
                found = value
    return found


def least_float(near: Any) -> float:
    """Return the smallest value; NaN without neighbours."""
    return least(near) if number(near) != 0 else math.nan


def largest_float(near: Any) -> float:
    """Return the largest value; NaN without neighbours."""
    return largest(near) if number(near) != 0 else math.nan


def all_true(near: Any) -> bool:
    """Tell whether no neighbour is 0."""
    return count_of(near, 0) == 0


_COMMON = {"sum": total, "count": number, "any": any_true, "mean": mean, "min": least, "max": largest}
METHODS = {
    "b": _COMMON | {"count": count_true, "min": all_true, "max": any_true},
    "i": _COMMON,
    "f": _COMMON | {"min": least_float, "max": largest_float},
}
"""For truths, integers and floats: the functions of what a rule asks of its neighbours."""
WITH_CODE = {"count": count_of, "any": any_of}
NO_PLACE_NEEDED = (total, count_true, any_true)
"""Functions to which a place without a cell may look like a 0."""
