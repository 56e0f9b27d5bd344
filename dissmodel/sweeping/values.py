"""What varies in a sweep: from a text, or from what Python gives, to values or bounds."""

from __future__ import annotations

import sys
from typing import Any, TypeAlias

from dissmodel.literals import (
    Bounds,
    finite,
    parse_values,
    refuse_many,
    wrong_values,
)

__all__ = ["INPUT", "Bounds", "Varied", "is_input", "varied"]

INPUT = "input"
"""What varies the first input; ``input.NAME`` varies another one."""

Varied: TypeAlias = tuple[Any, ...] | Bounds
"""The values of a parameter or an input, or the bounds of a parameter."""

_PAIR = 2
_NUMBERS = {int, float}


def is_input(name: str) -> bool:
    """Tell whether it is the name of an input, not of a parameter."""
    return name == INPUT or name.startswith(f"{INPUT}.")


def varied(given: object, name: str) -> Varied:
    """Return the values or the bounds that were given for a name.

    A text is as `dissmodel.literals.parse_values` takes it; of an input its parts are paths. A list, a range
    or an array are values; a tuple ``(low, high)`` or ``(low, high, "log")`` are bounds; anything else is a
    single value.

    Raises
    ------
    UsageError
        If it is none of these, or has no value or too many of them.
    """
    if isinstance(given, str):
        return parse_values(given, name, texts=is_input(name))
    if isinstance(given, tuple):
        ends, rest = [_plain(one) for one in given[:_PAIR]], given[_PAIR:]
        if rest not in ((), ("log",)) or len(ends) < _PAIR or not {*map(type, ends)} <= _NUMBERS:
            what = "a tuple is (low, high) or (low, high, 'log'), and values are a list"
            raise wrong_values(name, given, what)
        return Bounds(ends[0], ends[1], bool(rest))
    if isinstance(given, Bounds):
        return given
    numpy = sys.modules.get("numpy")
    if not isinstance(given, list | range) and (numpy is None or not isinstance(given, numpy.ndarray)):
        return (finite(_plain(given), name),)
    refuse_many(len(given), name)
    return tuple(finite(_plain(one), name) for one in given)


def _plain(given: Any) -> Any:
    """Return a NumPy scalar as what it stands for, a path as its text, anything else as it is."""
    item = getattr(given, "item", None)
    return item() if callable(item) else str(given) if hasattr(given, "__fspath__") else given
