"""The files that parameters name: where they are meant to be, and where they are."""

from __future__ import annotations

import os
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from pydantic import BaseModel, FilePath

from dissmodel.errors import UsageError

_FILE = typing.get_args(FilePath)[1:]


class TakesFile:
    """Metadata of a type, as in ``Annotated[TYPE, TakesFile()]``: its values may be the names of files."""

    @property
    def takes(self) -> str:
        """What a value is, for people."""
        return "path"


@dataclass(frozen=True)
class NamedFile:
    """A file that a parameter names.

    `parameter` says where: the parameter's name and, within its value, keys and indexes, such as
    ``update.0.source``. `path` is absolute.
    """

    parameter: str
    path: str


_Kind = tuple[Any, Sequence[Any]]

Locate = Callable[[str, str], str]
"""From the place in a parameter and the name there to the file's absolute path."""


def takes_file(annotation: Any, metadata: Sequence[Any] = (), within: tuple[Any, ...] = ()) -> bool:
    """Tell whether a value of a type may be the name of a file, or hold such names.

    `within` are the types that the type is a part of.

    >>> takes_file(list[FilePath]), takes_file(str)
    (True, False)
    """
    # A table may hold tables of its own kind.
    return _is_file(metadata) or any(
        takes_file(inner, inside, (*within, annotation))
        for inner, inside in _inner(annotation)
        if all(inner is not one for one in within)
    )


def located(annotation: Any, metadata: Sequence[Any], value: Any, place: str, locate: Locate) -> Any:
    """Return a parameter's value with each name of a file replaced by what `locate` returns.

    A value without such a name is returned itself. `place` is the parameter's name.
    """
    if _is_file(metadata) and isinstance(value, str | PurePath):
        return locate(place, os.fspath(value))
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return located(arguments[0], arguments[1:], value, place, locate)
    if origin in (typing.Union, types.UnionType):
        for one in arguments:
            found = located(one, (), value, place, locate)
            if found is not value:
                return found
        return value
    kinds = _kinds_of_items(origin or annotation, arguments, value)
    if not kinds:
        return value
    items = dict(value) if isinstance(value, Mapping) else dict(enumerate(value))
    inner = {
        key: located(*kinds[key], one, f"{place}.{key}", locate) for key, one in items.items() if key in kinds
    }
    if all(one is items[key] for key, one in inner.items()):
        return value
    items |= inner
    return items if isinstance(value, Mapping) else list(items.values())


def _kinds_of_items(plain: Any, arguments: tuple[Any, ...], value: Any) -> dict[Any, _Kind]:
    """Return the type of each item of a list or a table: index or key → type and metadata."""
    if not isinstance(plain, type):
        return {}
    if isinstance(value, list | tuple) and issubclass(plain, (Sequence, set, frozenset)) and arguments:
        fixed = len(arguments) == len(value) and arguments[-1] is not ...
        return {number: (arguments[number if fixed else 0], ()) for number in range(len(value))}
    if isinstance(value, Mapping) and issubclass(plain, BaseModel):
        return {
            name: (field.annotation, field.metadata)
            for called, field in plain.model_fields.items()
            for name in (called, field.alias, field.validation_alias)
            if isinstance(name, str)
        }
    if isinstance(value, Mapping) and issubclass(plain, Mapping) and len(arguments) > 1:
        return dict.fromkeys(value, (arguments[1], ()))
    return {}


def below(folder: str, *, within: bool) -> Locate:
    """Return how names of files are located that are relative to a folder; `within`: they may not leave it.

    The locating raises UsageError for a URL, and for a name that leaves the folder where it may not.
    """

    def locate(parameter: str, name: str) -> str:
        if "://" in name:
            raise UsageError(
                f"{parameter} = {name[:200]!r}: this is a URL, and a parameter names a file of this machine.",
                "Fetch it first, and name the file.",
                code="parameter_file",
            )
        path = os.path.abspath(os.path.join(folder, name))  # noqa: PTH100, PTH118  (links stay; a name may hold anything)
        if within and not _is_below(path, folder):
            raise UsageError(
                f"{parameter} = {name[:200]!r}: this names a file outside the folder of its TOML.",
                f"Give your own: --param {parameter}=FILE",
                code="parameter_file",
            )
        return path

    return locate


def known_as(files: Mapping[str, str], origin: str) -> Locate:
    """Return how names of files are located where only these files may be read: parameter → path."""

    def locate(parameter: str, name: str) -> str:
        if parameter in files:
            return files[parameter]
        raise UsageError(
            f"{parameter} = {name[:200]!r}: a {origin} can't name a file of this machine.",
            "Give the values themselves, or run the model here with a file of your own.",
            code="parameter_file",
        )

    return locate


def _is_below(path: str, folder: str) -> bool:
    try:
        return Path(path).resolve().is_relative_to(Path(folder).resolve())
    except (OSError, ValueError):  # a NUL in the name
        return False


def _is_file(metadata: Sequence[Any]) -> bool:
    return any(isinstance(one, TakesFile) or one in _FILE for one in metadata)


def _inner(annotation: Any) -> list[_Kind]:
    """Return the types that a type is made of, each with its metadata."""
    if typing.get_origin(annotation) is typing.Annotated:
        inner, *metadata = typing.get_args(annotation)
        return [(inner, metadata)]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [(one.annotation, one.metadata) for one in annotation.model_fields.values()]
    return [(one, ()) for one in typing.get_args(annotation)]
