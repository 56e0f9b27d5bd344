"""From ``K=V`` on a command line to a name and a value."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from dissmodel.errors import UsageError
from dissmodel.literals import parse_value

MAX_LENGTH = 10_000
_INPUT_NAME = re.compile(r"[^\W\d][\w.]*=")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_parameters(items: Iterable[str]) -> dict[str, Any]:
    """Return the parameters of every ``K=V``.

    A value is read as TOML has it: integers, floats, ``true``, quoted text, lists and tables; a list or a
    table may be JSON too. The rest is text.

    Raises UsageError if there is no ``=``, no name, or one name has two values.

    Examples
    --------
    >>> parse_parameters(["end_time=10", "rate=1e-3", "on=true", "at=[1, 2]", "name=coast"])
    {'end_time': 10, 'rate': 0.001, 'on': True, 'at': [1, 2], 'name': 'coast'}
    """
    return _collect(items, "--param", parse_value)


def parse_names(items: Iterable[str], option: str) -> dict[str, str]:
    """Return the map of every ``CANONICAL=NAME``; both are text."""
    found = _collect(items, option, lambda text: text.strip("\"'"), "NAME")
    for canonical, name in found.items():
        if not name:
            raise UsageError(f"{option} {canonical}=: a name is missing.", f"{option} {canonical}=NAME")
    return found


def parse_varied(items: Iterable[str]) -> dict[str, str]:
    """Return what varies, and its values as they were typed, of every ``NAME=VALUES``."""
    return _collect(items, "--vary", str.strip, "VALUES")


def parse_inputs(items: Iterable[str]) -> list[tuple[str, str]]:
    """Return each input: its name, empty without one, and its place.

    A file whose own name has a ``=`` is an input without a name.

    Raises UsageError if a name has no file.

    Examples
    --------
    >>> parse_inputs(["grid.tif", "demand=new.csv", "s3://bucket/a=b.tif"])
    [('', 'grid.tif'), ('demand', 'new.csv'), ('', 's3://bucket/a=b.tif')]
    """
    found = []
    for item in items:
        is_named = _INPUT_NAME.match(item) is not None and not os.path.lexists(item)
        name, _, place = item.partition("=") if is_named else ("", "", item)
        if not place:
            raise UsageError(f"--input {item}: a file is missing.", f"--input {name or 'NAME'}=FILE")
        found.append((name, place))
    return found


def parse_moved(items: Iterable[str]) -> tuple[str | None, dict[str, str]]:
    """Return where the first input of a record is now, None if it was not moved, and other inputs by name."""
    found = parse_inputs(items)
    first = [place for name, place in found if not name]
    if len(first) > 1:
        raise UsageError(
            f"--input {first[1]}: the first input is {first[0]}.", "Name the others: --input NAME=FILE"
        )
    return next(iter(first), None), {name: place for name, place in found if name}


def parse_seed(text: str) -> int:
    """Return a seed.

    Raises UsageError if it is not a whole number of 0 or more.
    """
    given = parse_value(text)
    if type(given) is not int or given < 0:
        raise UsageError(f"--seed {text}: a seed is a whole number of 0 or more.", "--seed 1")
    return given


def parse_span(text: str) -> timedelta | None:
    """Return a span of time: a number and its unit (s, m, h, d); None if the text is none.

    >>> parse_span("90m"), parse_span("1 day")
    (datetime.timedelta(seconds=5400), None)
    """
    span = re.fullmatch(r"([0-9]{1,7})([smhd])", text.strip())
    return timedelta(seconds=int(span[1]) * _SECONDS[span[2]]) if span is not None else None


def _collect(items: Iterable[str], option: str, parse: Any, value: str = "VALUE") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        name, sign, text = item.partition("=")
        name = name.strip()
        if len(item) > MAX_LENGTH:
            raise UsageError(
                f"{option} {name[:40]}…: this has {len(item)} characters; at most {MAX_LENGTH} are allowed.",
                "Put long values into a TOML file: --toml FILE",
            )
        if not sign or not name:
            raise UsageError(
                f"{option} {item!r}: there is no {'name' if sign else '='}.",
                f"{option} {name or 'NAME'}={value}",
            )
        given = parse(text)
        if name in found and found[name] != given:
            raise UsageError(
                f"{option} {name} is given twice, with {found[name]!r} and {given!r}.", "Give one."
            )
        found[name] = given
    return found
