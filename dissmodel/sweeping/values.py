"""What varies in a sweep: from a text, or from what Python gives, to values or bounds."""

from __future__ import annotations

import decimal
import math
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from dissmodel.errors import UsageError
from dissmodel.literals import parse_value

INPUT = "input"
"""What varies the first input; ``input.NAME`` varies another one."""
MOST_VALUES = 100_000
"""So many values may a parameter or an input have."""

_NUMBER = r"[+-]?(?:\d{1,400}\.?\d{0,400}|\.\d{1,400})(?:[eE][+-]?\d{1,3})?"
_SPAN = re.compile(rf"(log:)?({_NUMBER}):({_NUMBER})(?::({_NUMBER}))?")
_WHOLE = re.compile(r"[+-]?\d+")
_NAME = re.compile(r"[^\W\d][\w.-]*")
_SHOWN = 60
_PAIR = 2
_TRAPS = [decimal.DivisionByZero, decimal.InvalidOperation]
_EXACT = decimal.Context(prec=3000, traps=_TRAPS)  # more digits than a sum of two numbers of `_NUMBER` has
_POWERS = decimal.Context(prec=40, traps=_TRAPS)
_HOW = "Values are 0.5,1,2 or 0:1:0.1 or log:1e-4:1e-1:7; bounds for a design are 0:1 or log:1e-4:1e-1."


@dataclass(frozen=True)
class Bounds:
    """The least and the greatest value of a parameter in a design.

    `log`: its logarithm varies evenly. `step`: its values are `low` and what is whole steps above it.
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    def __post_init__(self) -> None:
        """Refuse bounds that have no value between them."""
        if not (-math.inf < self.low < self.high < math.inf) or (self.log and self.low <= 0):
            above = " above 0" * self.log
            raise UsageError(f"{self} are no bounds: a number{above}, and a greater one.", _HOW)

    def __str__(self) -> str:
        return f"{'log:' if self.log else ''}{self.low!r}:{self.high!r}"


Varied: TypeAlias = tuple[Any, ...] | Bounds
"""The values of a parameter or an input, or the bounds of a parameter."""


def is_input(name: str) -> bool:
    """Tell whether it is the name of an input, not of a parameter."""
    return name == INPUT or name.startswith(f"{INPUT}.")


def parse_vary(items: Iterable[str]) -> dict[str, Varied]:
    """Return the values of every ``NAME=VALUES``.

    A list has commas; a range ``LOW:HIGH:STEP`` has both of its ends, where a step meets the second, and is
    computed in decimals; ``log:LOW:HIGH:N`` are N values whose logarithms are equally far apart. Without a
    step or a number they are bounds. What stands in quotes, brackets or braces is one value.

    Raises
    ------
    UsageError
        If that can't be read, a name is there twice, or has no value or more than `MOST_VALUES`.

    Examples
    --------
    >>> parse_vary(["rate=0:0.3:0.1", "end_time=10,20", "k=log:1e-3:1e-1:3"])
    {'rate': (0.0, 0.1, 0.2, 0.3), 'end_time': (10, 20), 'k': (0.001, 0.01, 0.1)}
    >>> parse_vary(["rate=0:1", "input=a.tif,b.tif"])
    {'rate': Bounds(low=0, high=1, log=False, step=None), 'input': ('a.tif', 'b.tif')}
    """
    found: dict[str, Varied] = {}
    for item in items:
        name, sign, text = item.partition("=")
        name = name.strip()
        if not sign or not _NAME.fullmatch(name):
            what = "a name" if sign else "a ="
            raise UsageError(f"--vary {item[:_SHOWN]}: {what} is missing.", "--vary NAME=VALUES")
        if name in found:
            raise UsageError(f"--vary {name} is given twice.", f"--vary {name}=VALUES,VALUES")
        found[name] = parse_values(text, name)
    return found


def parse_values(text: str, name: str) -> Varied:
    """Return the values or the bounds that a text has, as `parse_vary`; `name` is for errors."""
    found: list[Any] = []
    parts = list(_parts(text))
    for part in parts:
        values = _inputs(part) if is_input(name) else _values(part, name)
        if isinstance(values, Bounds) and len(parts) == 1:
            return values
        if isinstance(values, Bounds) or not part:
            what = "these are bounds, not values" if part else "a value is missing"
            raise _wrong(name, part or text, what)
        found += values
        _refuse_many(len(found), name)
    return tuple(found)


def varied(given: object, name: str) -> Varied:
    """Return the values or the bounds that Python gives.

    A text is as on the command line. A list, a range or an array are values; a tuple ``(low, high)`` or
    ``(low, high, "log")`` are bounds; anything else is a single value.

    Raises
    ------
    UsageError
        If it is none of these, or has no value or too many of them.
    """
    if isinstance(given, str):
        return parse_values(given, name)
    if isinstance(given, tuple):
        ends, rest = [_plain(one) for one in given[:_PAIR]], given[_PAIR:]
        if rest not in ((), ("log",)) or [*map(type, ends)] not in _PAIRS:
            raise _wrong(name, given, "a tuple is (low, high) or (low, high, 'log'), and values are a list")
        return Bounds(ends[0], ends[1], bool(rest))
    if isinstance(given, Bounds):
        return given
    numpy = sys.modules.get("numpy")
    if not isinstance(given, list | range) and (numpy is None or not isinstance(given, numpy.ndarray)):
        return (_finite(_plain(given), name),)
    _refuse_many(len(given), name)
    return tuple(_finite(_plain(one), name) for one in given)


_PAIRS = [[one, other] for one in (int, float) for other in (int, float)]


def _inputs(part: str) -> tuple[str]:
    """Return the path of an input; quotes keep a comma in it."""
    return (part[1:-1],) if part[:1] in {'"', "'"} and part[1:].endswith(part[0]) else (part,)


def _values(part: str, name: str) -> tuple[Any, ...] | Bounds:
    """Return the value, the range or the bounds that stand between two commas."""
    span = _SPAN.fullmatch(part.replace(" ", ""))
    if span is None:
        return (_finite(parse_value(part), name),)
    log, *texts = span.groups()
    if texts[2] is None:
        return Bounds(parse_value(texts[0]), parse_value(texts[1]), bool(log))
    low, high, last = map(Decimal, texts)
    if not last or (min(low, high, last) <= 0 if log else (high - low) * last < 0):
        raise _wrong(name, part, "it leads nowhere")
    steps = last - 1 if log else _EXACT.divide(_EXACT.subtract(high, low), last)
    _refuse_many(steps + 1, name)
    count = int(steps)
    if log and (count != steps or not count):
        raise _wrong(name, part, "the last number says how many values: 2 or more")
    if log:
        ratio = _POWERS.divide(high, low)
        shares = (_POWERS.divide(Decimal(at), Decimal(count)) for at in range(1, count))
        inner = (_POWERS.multiply(low, _POWERS.power(ratio, share)) for share in shares)
        return tuple(_finite(float(one), name) for one in (low, *inner, high))
    kind = int if all(map(_WHOLE.fullmatch, texts)) else float
    multiples = (_EXACT.multiply(last, Decimal(at)) for at in range(count + 1))
    return tuple(_finite(kind(_EXACT.add(low, one)), name) for one in multiples)


def _parts(text: str) -> Iterator[str]:
    """Yield what stands between the commas of a text that are outside of quotes and brackets."""
    depth, quote, start = 0, "", 0
    for at, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote and text[at - 1] != "\\" else quote
        elif letter in "\"'" and (depth or not text[start:at].strip()):
            quote = letter
        elif letter in "[]{}":
            depth += 1 if letter in "[{" else -1
        elif letter == "," and depth <= 0:
            yield text[start:at].strip()
            start = at + 1
    yield text[start:].strip()


def _refuse_many(number: int | Decimal, name: str) -> None:
    if not 0 < number <= MOST_VALUES:
        what = f"more than {MOST_VALUES:,} values" if number else "no value"
        raise UsageError(f"{name} has {what}.", _HOW)


def _finite(value: Any, name: str) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise _wrong(name, value, "only finite numbers can be varied")
    return value


def _plain(given: Any) -> Any:
    """Return a NumPy scalar as what it stands for, a path as its text, anything else as it is."""
    item = getattr(given, "item", None)
    return item() if callable(item) else str(given) if hasattr(given, "__fspath__") else given


def _wrong(name: str, given: object, what: str) -> UsageError:
    return UsageError(f"{name}={str(given)[:_SHOWN]}: {what}.", _HOW)
