"""What an executor's class says of itself, and whether that is of the kind that it has to be."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

_LONGEST = 80
_SUFFIX = "text that begins with a dot, such as '.tif'; '/' for a folder, '' where the model decides"


@dataclass(frozen=True)
class Wrong:
    """An attribute of a class that is not what it has to be."""

    attribute: str
    found: str
    wanted: str
    example: str

    @property
    def message(self) -> str:
        """What the attribute is and what it has to be, as a sentence without its full stop."""
        return f"{self.attribute} is {self.found}; it has to be {self.wanted}"


def wrong_declarations(executor: type) -> Iterator[Wrong]:
    """Yield each attribute whose declaration does not fit the contract."""
    for name, (is_right, wanted, example) in _WANTED.items():
        value = getattr(executor, name, None)
        if not is_right(value):
            yield Wrong(name, _described(value), wanted, example)


def _is_model(value: Any) -> bool:
    return value is None or (isinstance(value, type) and issubclass(value, BaseModel))


def _is_suffix(value: Any) -> bool:
    return isinstance(value, str) and (value in {"", "/"} or value.startswith("."))


def _are_suffixes(value: Any) -> bool:
    return isinstance(value, tuple | list | set | frozenset) and all(map(_is_suffix, value))


_WANTED: Mapping[str, tuple[Any, str, str]] = {
    "Parameters": (
        _is_model,
        "a subclass of pydantic.BaseModel, or None",
        "Parameters = MyParameters, with class MyParameters(pydantic.BaseModel)",
    ),
    "substrate": (lambda value: isinstance(value, str), "'raster', 'vector' or ''", 'substrate = "raster"'),
    "output_suffix": (_is_suffix, _SUFFIX, 'output_suffix = ".tif"'),
    "output_suffixes": (
        _are_suffixes,
        "a tuple of texts that begin with a dot",
        'output_suffixes = (".tif", ".tiff")',
    ),
    "legends": (
        lambda value: isinstance(value, Mapping),
        "a mapping from a band or column to its classes",
        "legends = {}",
    ),
}


def _described(value: Any) -> str:
    """Return a description of a value; a property has no value on the class."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if inspect.isroutine(value) or hasattr(value, "__get__"):
        return f"a {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
