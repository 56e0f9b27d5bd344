"""Whether what an executor's class declares fits the contract."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

_LONGEST = 80
_SUFFIX = "text that begins with a dot, such as '.tif'; '/' for a folder, '' where the model decides"


def wrong_declarations(executor: type) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with each attribute that does not fit the contract, and a right example."""
    for name, (is_right, wanted, example) in _WANTED.items():
        value = getattr(executor, name, None)
        if not is_right(value):
            yield f"{name} is {_described(value)}; it has to be {wanted}", example


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
    "input_fields": (
        lambda value: isinstance(value, Mapping),
        "a mapping from a band or column to the values that it takes",
        "input_fields = {}",
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
