"""From the text of a value, or of several, to what it stands for."""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dissmodel.errors import UsageError

MOST_VALUES = 100_000
"""So many values may a text, or a list, have."""

_NUMBER = r"[+-]?(?:\d{1,400}\.?\d{0,400}|\.\d{1,400})(?:[eE][+-]?\d{1,3})?"
_SPAN = re.compile(rf"(log:)?({_NUMBER}):({_NUMBER})(?::({_NUMBER}))?")
_WHOLE = re.compile(r"[+-]?\d+")
_SHOWN = 60
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
        is_right = -math.inf < self.low < self.high < math.inf and (self.low > 0 or not self.log)
        if not is_right or (self.step is not None and not 0 < self.step <= self.high - self.low):
            steps = f", in steps of {self.step}" if self.step is not None else ""
            what = f"are no bounds: a number{' above 0' * self.log}, and a greater one"
            raise UsageError(f"{self}{steps} {what}.", _HOW)

    def __str__(self) -> str:
        return f"{'log:' if self.log else ''}{self.low!r}:{self.high!r}"


def parse_value(text: str) -> Any:
    """Return the value that a text stands for.

    >>> [parse_value(text) for text in ("007", ".5", "nan", "TRUE", '"10"', "2020-01-01", "a b")]
    [7, 0.5, nan, True, '10', '2020-01-01', 'a b']
    >>> parse_value("{rate = 0.5}"), parse_value('{"rate": [0.5, null]}')
    ({'rate': 0.5}, {'rate': [0.5, None]})

    Raises UsageError if it is a JSON object in which one key stands twice.
    """
    text = text.strip()
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    if text[:1] in {'"', "'", "[", "{"}:
        import tomllib  # noqa: PLC0415  (most values need none of it)

        try:
            document = tomllib.loads(f"value = {text}")
        except (tomllib.TOMLDecodeError, RecursionError):
            return _parse_json(text) if text[:1] in {"[", "{"} else text
        if document.keys() == {"value"}:
            return document["value"]
    return text


def _parse_json(text: str) -> Any:
    import json  # noqa: PLC0415  (as above)

    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):  # it is text that only begins as a list or a table does
        return text


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"The key {twice[:40]!r} is given twice in one table.", "Give each key once.")
    return found


def parse_values(text: str, name: str, *, texts: bool = False) -> tuple[Any, ...] | Bounds:
    """Return the values, or the bounds, that a text stands for; `name` is theirs, for errors.

    `texts`: all of them are texts, such as paths; quotes keep a comma in one.

    A list has commas; a range ``LOW:HIGH:STEP`` has both of its ends, where a step meets the second, and is
    computed in decimals; ``log:LOW:HIGH:N`` are N values whose logarithms are equally far apart. Without a
    step or a number they are bounds. What stands in quotes, brackets or braces is one value.

    Raises
    ------
    UsageError
        If that can't be read, or has no value or more than `MOST_VALUES`.

    Examples
    --------
    >>> [parse_values(text, "rate") for text in ("0:0.3:0.1", "10,20", "log:1e-3:1e-1:3")]
    [(0.0, 0.1, 0.2, 0.3), (10, 20), (0.001, 0.01, 0.1)]
    >>> parse_values("0:1", "rate")
    Bounds(low=0, high=1, log=False, step=None)
    """
    found: list[Any] = []
    parts = list(_parts(text))
    for part in parts:
        values = (_unquoted(part),) if texts else _values(part, name)
        if isinstance(values, Bounds) and len(parts) == 1:
            return values
        if isinstance(values, Bounds) or not part:
            what = "these are bounds, not values" if part else "a value is missing"
            raise wrong_values(name, part or text, what)
        found += values
        refuse_many(len(found), name)
    return tuple(found)


def _unquoted(part: str) -> str:
    return part[1:-1] if part[:1] in {'"', "'"} and part[1:].endswith(part[0]) else part


def _values(part: str, name: str) -> tuple[Any, ...] | Bounds:
    """Return the value, the range or the bounds that stand between two commas."""
    span = _SPAN.fullmatch(part.replace(" ", ""))
    if span is None:
        return (finite(parse_value(part), name),)
    log, *texts = span.groups()
    if texts[2] is None:
        return Bounds(parse_value(texts[0]), parse_value(texts[1]), bool(log))
    low, high, last = map(Decimal, texts)
    if not last or (min(low, high, last) <= 0 if log else (high - low) * last < 0):
        raise wrong_values(name, part, "it leads nowhere")
    steps = last - 1 if log else _EXACT.divide(_EXACT.subtract(high, low), last)
    refuse_many(steps + 1, name)
    count = int(steps)
    if log and (count != steps or not count):
        raise wrong_values(name, part, "the last number says how many values: 2 or more")
    if log:
        ratio = _POWERS.divide(high, low)
        shares = (_POWERS.divide(Decimal(at), Decimal(count)) for at in range(1, count))
        inner = (_POWERS.multiply(low, _POWERS.power(ratio, share)) for share in shares)
        return tuple(finite(float(one), name) for one in (low, *inner, high))
    kind = int if all(map(_WHOLE.fullmatch, texts)) else float
    multiples = (_EXACT.multiply(last, Decimal(at)) for at in range(count + 1))
    return tuple(finite(kind(_EXACT.add(low, one)), name) for one in multiples)


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


def refuse_many(number: int | Decimal, name: str) -> None:
    """Refuse more than `MOST_VALUES`, and none."""
    if not 0 < number <= MOST_VALUES:
        what = f"more than {MOST_VALUES:,} values" if number else "no value"
        raise UsageError(f"{name} has {what}.", _HOW)


def finite(value: Any, name: str) -> Any:
    """Return a value; refuse a number that is not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        raise wrong_values(name, value, "only finite numbers can be varied")
    return value


def wrong_values(name: str, given: object, what: str) -> UsageError:
    """Return the error of values, which says how they are written."""
    return UsageError(f"{name}={str(given)[:_SHOWN]}: {what}.", _HOW)
