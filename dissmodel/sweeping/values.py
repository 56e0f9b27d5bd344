"""What varies in a sweep: from a text, or from what Python gives, to values or bounds."""

from __future__ import annotations

import decimal
import math
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from dissmodel.errors import UsageError, WrongType
from dissmodel.literals import parse_value

INPUT = "input"
"""What varies the first input; ``input.NAME`` varies another one."""
MOST_VALUES = 100_000
"""So many values may a name have."""

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?"
_SPAN = re.compile(rf"(log:)?\s*({_NUMBER})\s*:\s*({_NUMBER})(?:\s*:\s*({_NUMBER}))?")
_WHOLE = re.compile(r"[+-]?\d+")
_NAME = re.compile(r"[^\W\d][\w.-]*")
_LONGEST = 1 << 20
_SHOWN = 60
_PAIR = 2
# A double has at most 767 digits: a sum of such numbers is exact.
_EXACT = decimal.Context(prec=1100, traps=[decimal.InvalidOperation, decimal.DivisionByZero])
_POWERS = decimal.Context(prec=40, traps=[decimal.InvalidOperation, decimal.DivisionByZero])
_HOW = (
    "Values are 0.5,1,2 or 0:1:0.1 or log:1e-4:1e-1:7; the bounds of a design are LOW:HIGH or log:LOW:HIGH."
)


@dataclass(frozen=True)
class Bounds:
    """The least and the greatest value of a parameter in a design.

    `log`: its logarithm varies evenly. `step`: its values are `low` and multiples of the step above it; None:
    any number.
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    def __post_init__(self) -> None:
        """Refuse bounds between which no value is."""
        if not all(map(math.isfinite, (self.low, self.high))) or self.low >= self.high:
            raise UsageError(f"{self}: the first bound has to be below the second.", "LOW:HIGH, such as 0:1")
        if self.log and self.low <= 0:
            raise UsageError(f"{self}: a logarithm needs bounds above 0.", "log:1e-4:1e-1")

    def __str__(self) -> str:
        return f"{'log:' if self.log else ''}{self.low!r}:{self.high!r}"


Varied: TypeAlias = tuple[Any, ...] | Bounds
"""The values of a parameter, or its bounds."""


def parse_vary(text: str) -> tuple[str, Varied]:
    """Return what varies, and its values, of ``NAME=VALUES``.

    A list has commas; a range ``LOW:HIGH:STEP`` has both of its ends, where a step meets the second, and is
    computed in decimals; ``log:LOW:HIGH:N`` are N values whose logarithms are equally far apart. Without a
    step or a number they are bounds. What stands in quotes, brackets or braces is one value.

    Raises
    ------
    UsageError
        If that can't be read, has no value or more than `MOST_VALUES`.

    Examples
    --------
    >>> parse_vary("rate=0:0.3:0.1"), parse_vary("end_time=10,20"), parse_vary("k=log:1e-3:1e-1:3")
    (('rate', (0.0, 0.1, 0.2, 0.3)), ('end_time', (10, 20)), ('k', (0.001, 0.01, 0.1)))
    >>> parse_vary("rate=0:1"), parse_vary("input=a.tif,b.tif")
    (('rate', Bounds(low=0, high=1, log=False, step=None)), ('input', ('a.tif', 'b.tif')))
    """
    name, sign, values = text.partition("=")
    name = name.strip()
    if not sign or _NAME.fullmatch(name) is None:
        raise UsageError(
            f"--vary {_brief(text)}: there is no {'name' if sign else '='}.", "--vary NAME=VALUES"
        )
    return name, parse_values(values, name)


def parse_values(text: str, name: str) -> Varied:
    """Return the values or the bounds that a text has, as `parse_vary` does; `name` is for an error."""
    if len(text) > _LONGEST:
        raise UsageError(
            f"{name}: the values have {len(text)} characters.", "Put them into a CSV: --design FILE"
        )
    parts = list(_parts(text))
    found: list[Any] = []
    for part in parts:
        if not part:
            raise UsageError(f"{name}={_brief(text)}: a value is missing.", _HOW)
        span = None if name.partition(".")[0] == INPUT else _SPAN.fullmatch(part)
        values = (_place(part),) if name.partition(".")[0] == INPUT else _of_part(part, span, name)
        if isinstance(values, Bounds):
            if len(parts) == 1:
                return values
            raise UsageError(f"{name}={_brief(text)}: {part} are bounds, not values.", _HOW)
        found += values
        _count(len(found), name)
    return tuple(found)


def varied(given: object, name: str) -> Varied:
    """Return the values or the bounds that Python gives.

    A text is as on the command line; a list, a range or an array are values; a tuple ``(low, high)`` or
    ``(low, high, "log")`` are bounds; anything else is one value.

    Raises
    ------
    UsageError
        If it is none of these, or has no value or too many of them.
    """
    if isinstance(given, str):
        return parse_values(given, name)
    if isinstance(given, Bounds):
        return given
    if isinstance(given, tuple):
        is_log = given[_PAIR:] == ("log",)
        if len(given) != _PAIR + is_log or not all(map(_is_number, given[:_PAIR])):
            raise WrongType(
                f"vary[{name!r}]={_brief(repr(given))}: a tuple is (low, high) or (low, high, 'log').",
                "Values are a list.",
            )
        return Bounds(_plain(given[0]), _plain(given[1]), is_log)
    numpy = sys.modules.get("numpy")
    if isinstance(given, list | range) or (numpy is not None and isinstance(given, numpy.ndarray)):
        _count(len(given), name)
        values = tuple(map(_plain, given))
    else:
        values = (_plain(given),)
    for value in values:
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{name}: {value} is not a number that can be varied.", _HOW)
    return values


def _of_part(part: str, span: re.Match[str] | None, name: str) -> tuple[Any, ...] | Bounds:
    """Return the value of a part of a list, or the values of a range in it."""
    if span is None:
        value = parse_value(part)
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{name}: {_brief(part)} is not a number that can be varied.", _HOW)
        return (value,)
    log, low, high, step = span.groups()
    numbers = [parse_value(one) for one in (low, high)]
    if step is None:
        return Bounds(numbers[0], numbers[1], bool(log))
    try:
        ends = Decimal(low), Decimal(high)
        values = _powers(*ends, Decimal(step), name) if log else _range(*ends, Decimal(step), name)
    except decimal.DecimalException as error:
        raise UsageError(f"{name}={_brief(part)}: these numbers are too far apart.", _HOW) from error
    if not log and all(_WHOLE.fullmatch(one) for one in (low, high, step)):
        return tuple(map(int, values))
    found = tuple(map(float, values))
    if not all(map(math.isfinite, found)):
        raise UsageError(f"{name}={_brief(part)}: a number is too large.", _HOW)
    return found


def _range(low: Decimal, high: Decimal, step: Decimal, name: str) -> Iterable[Decimal]:
    if not step or (high - low) * step < 0:
        raise UsageError(
            f"{name}={low}:{high}:{step}: the step leads nowhere.", "LOW:HIGH:STEP, such as 0:1:0.1"
        )
    steps = _EXACT.divide(_EXACT.subtract(high, low), step)
    _count(steps + 1, name)
    return [_EXACT.add(low, _EXACT.multiply(step, Decimal(at))) for at in range(int(steps) + 1)]


def _powers(low: Decimal, high: Decimal, number: Decimal, name: str) -> Iterable[Decimal]:
    _count(number, name)
    count = int(number)
    if low <= 0 or high <= 0 or count != number or count < _PAIR:
        raise UsageError(
            f"{name}=log:{low}:{high}:{number}: it takes two numbers above 0, and how many values.",
            "log:LOW:HIGH:N, such as log:1e-4:1e-1:7",
        )
    ratio = _POWERS.divide(high, low)
    inner = (
        _POWERS.power(ratio, _POWERS.divide(Decimal(at), Decimal(count - 1))) for at in range(1, count - 1)
    )
    return [low, *(_POWERS.multiply(low, one) for one in inner), high]


def _count(number: int | Decimal, name: str) -> None:
    if number > MOST_VALUES or number < 1:
        what = "no value" if number < 1 else f"more than {MOST_VALUES:,} values"
        raise UsageError(f"{name} has {what}.", _HOW)


def _parts(text: str) -> Iterable[str]:
    """Yield what stands between the commas of a text that are outside of quotes and brackets."""
    depth, quote, start = 0, "", 0
    for at, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote and text[at - 1] != "\\" else quote
        elif letter in "\"'" and not text[start:at].strip():
            quote = letter
        elif letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        elif letter == "," and depth <= 0:
            yield text[start:at].strip()
            start = at + 1
    yield text[start:].strip()


def _place(part: str) -> str:
    """Return the path of an input; quotes keep a comma in it."""
    is_quoted = len(part) > 1 and part[0] in "\"'" and part[0] == part[-1]
    return part[1:-1] if is_quoted else part


def _is_number(given: object) -> bool:
    return isinstance(_plain(given), int | float) and not isinstance(given, bool)


def _plain(given: Any) -> Any:
    """Return a value as JSON has it: of a NumPy scalar what it stands for, of a path its text."""
    item = getattr(given, "item", None)
    if item is not None and not isinstance(given, Mapping):
        return item()
    return str(given) if hasattr(given, "__fspath__") else given


def _brief(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
