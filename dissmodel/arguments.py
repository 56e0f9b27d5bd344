"""The arguments of a Python call, checked: an error names the argument, what was given and what to give."""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import date, time
from pathlib import Path
from typing import TypeAlias, TypeVar

from dissmodel.errors import WrongType, WrongValue, did_you_mean

StrPath: TypeAlias = str | os.PathLike[str]
T = TypeVar("T")


def text(given: StrPath, name: str) -> str:
    """Return a path or URL as text."""
    if not isinstance(given, str | os.PathLike):
        raise WrongType(
            f"{name}={given!r}: this is not a path.", "Give a str or a pathlib.Path; a URL as str."
        )
    return os.fspath(given)


def optional_text(given: StrPath | None, name: str) -> str | None:
    """Return a path or URL as text, or None."""
    return None if given is None else text(given, name)


def optional_path(given: StrPath | None, name: str) -> Path | None:
    """Return a path, or None."""
    return None if given is None else Path(text(given, name))


def paths(given: Sequence[StrPath], name: str) -> tuple[Path, ...]:
    """Return several paths; a single text is an error, not its letters."""
    if isinstance(given, str):
        raise WrongType(f"{name}={given!r}: this is one path.", f"Give a list: {name}=[{given!r}]")
    return tuple(Path(text(one, name)) for one in given)


def choice(given: T, name: str, known: Sequence[T]) -> T:
    """Return one of the known values."""
    if given not in known:
        raise WrongValue(
            f"{name}={given!r}: this is not a valid choice.", did_you_mean(str(given), map(str, known))
        )
    return given


def whole_number(given: int | None, name: str, least: int = 0) -> int | None:
    """Return a whole number of `least` or more, or None."""
    if given is None:
        return None
    if isinstance(given, bool) or not hasattr(given, "__index__"):
        raise WrongType(f"{name}={given!r}: this is not a whole number.", f"{name}=1")
    if given < least:
        raise WrongValue(f"{name}={given!r}: it is a whole number of {least} or more.", f"{name}=1")
    return operator.index(given)  # NumPy has whole numbers of its own


def parameters(given: Mapping[str, object] | None) -> dict[str, object]:
    """Return parameters by name, each as a record can hold it."""
    return {name: _value(value, f"parameters[{name!r}]") for name, value in (given or {}).items()}


def _value(given: object, where: str) -> object:
    """Return a value as a record can hold it."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(given, numpy.generic):
        given = given.item()
    if given is None or isinstance(given, bool | int | float | str | date | time):
        return given
    if isinstance(given, list | tuple):
        return [_value(one, f"{where}[{number}]") for number, one in enumerate(given)]
    if isinstance(given, Mapping) and all(isinstance(key, str) for key in given):
        return {key: _value(one, f"{where}[{key!r}]") for key, one in given.items()}
    raise WrongType(
        f"{where}: a parameter can't be of the type {type(given).__name__}.",
        "Give a number, a text, a list (of an array: array.tolist()) or a mapping whose keys are texts.",
    )
