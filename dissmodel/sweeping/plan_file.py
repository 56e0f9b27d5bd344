"""A plan as a TOML: read with bounds on its size, and written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dissmodel import bounded
from dissmodel.config import toml
from dissmodel.errors import InvalidInput, UsageError, did_you_mean, near_names
from dissmodel.executor.named_files import is_class_map_file
from dissmodel.record.digest import sha256_bytes
from dissmodel.storage.uri import is_remote
from dissmodel.sweeping.designs import FileDesign
from dissmodel.sweeping.values import Bounds, Varied, is_input, varied

MAX_BYTES = 64 << 20
"""The bytes that the TOML of a plan may have."""

_SHOWN = 60
_MOST_NAMES = 100
_MOST_VALUES = 1_000_000
_SECTIONS = ("sweep", "plan")
_TEXTS = ("model", "toml", "toml_sha256", "resample", "format", "layer", "until", "keep", "design_sha256")
_NUMBERS = ("replicates", "seed")
_PLAIN: Mapping[str, tuple[type, str]] = dict.fromkeys(_NUMBERS, (int, "a whole number")) | {
    "cog": (bool, "true or false")
}
_TABLES = {"parameters": "parameters", "bands": "band_map", "columns": "column_map", "class_map": "class_map"}
_NAMES = (*_TEXTS, "input", *_PLAIN, "design", *_TABLES)


def settings(path: Path) -> dict[str, Any]:
    """Return the fields of a plan that a TOML has, in the forms that `Plan.of` makes a plan of.

    ``[sweep]`` has what is the same for all runs, each ``[[plan]]`` the values that are combined. A TOML with
    a ``[model]`` is the model's, too.

    Raises
    ------
    InvalidInput
        If it can't be read, or is no plan.
    """
    try:
        data = bounded.contents(path, MAX_BYTES)
        document = toml.parse(data)
        found = dict(_fields(document, path.parent))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InvalidInput(
            f"{path}: {why}.",
            "A plan has [sweep] with lines such as replicates = 10, and [[plan]] with NAME = [VALUES].",
            code="bad_plan",
        ) from error
    if "model" in document:
        found |= {"toml": path, "toml_sha256": sha256_bytes(data)}
    return found


def _fields(document: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, Any]]:
    given = _a(dict, document.get("sweep", {}), "[sweep]", "a table")
    tables = _a(list, document.get("plan", []), "plan", "one or more [[plan]]")
    for name in (one[:_SHOWN] for one in document.keys() - {*_SECTIONS, "model"}):
        if "model" not in document or near_names(
            name, _SECTIONS
        ):  # a model's TOML may have sections of its own
            raise ValueError(f"there is no section [{name}]. {did_you_mean(name, _SECTIONS)}")
    for name, value in given.items():
        if name not in _NAMES:
            raise ValueError(f"[sweep] has no {name[:_SHOWN]!r}. {did_you_mean(name[:_SHOWN], _NAMES)}")
        if name == "toml":
            yield name, Path(place(_a(str, value, name, "a path"), folder))
        elif name == "input":
            yield "inputs", tuple(_inputs(value, folder))
        elif name == "design" and isinstance(value, dict):
            yield name, _rows(value, folder)
        elif name in _PLAIN:
            yield name, _a(_PLAIN[name][0], value, name, _PLAIN[name][1])
        elif name in _TABLES:
            yield _TABLES[name], table(name, _a(dict, value, f"[sweep.{name}]", "a table"), folder)
        else:
            text = _a(str, value, name, "a text")
            yield name, placed_model(text, folder) if name == "model" else text
    yield "grids", list(_grids(tables, folder))
    yield "folder", folder


def _grids(tables: list[Any], folder: Path) -> Iterator[dict[str, Varied]]:
    left = _MOST_VALUES
    for one in tables:
        grid: dict[str, Varied] = {}
        for name, given in _a(dict, one, "[[plan]]", "a table").items():
            grid[name] = values = _varied(given, name)
            left -= 1 if isinstance(values, Bounds) else len(values)
            if left < 0 or len(grid) > _MOST_NAMES:
                most = f"{_MOST_NAMES} names, and all of them together {_MOST_VALUES:,} values"
                raise ValueError(f"it varies too much: a [[plan]] may have {most}")
        yield placed(grid, folder)


def _a(kind: type, value: Any, name: str, wanted: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
        raise ValueError(f"{name} = {str(value)[:_SHOWN]}: it is {wanted}")
    return value


def _inputs(given: Any, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the inputs of a path, of a table of them by name, or of a list of pairs."""
    pairs = list(given.items()) if isinstance(given, dict) else given
    for pair in [["", given]] if isinstance(given, str) else _a(list, pairs, "input", "a path"):
        if not isinstance(pair, list | tuple) or [*map(type, pair)] != [str, str]:
            raise ValueError(f"input = {str(given)[:_SHOWN]}: it is a path, or a table of paths by name")
        yield pair[0], place(pair[1], folder)


def _rows(given: Mapping[str, Any], folder: Path) -> FileDesign:
    file = _a(str, given.get("file"), "file", "a path")
    names, rows = (_a(list, given.get(name), name, "a list") for name in ("names", "rows"))
    if not all(isinstance(one, list) and len(one) == len(names) for one in rows):
        raise ValueError("each of rows is a list with a value for each of names")
    return FileDesign(
        path=Path(place(file, folder)), names=tuple(map(str, names)), cells=tuple(map(tuple, rows))
    )


def _varied(given: Any, name: str) -> Varied:
    """Return the values of a list, of a text as ``--vary`` has it, or of a single value; or bounds."""
    if not isinstance(given, dict):
        return varied(given, name)
    try:
        return Bounds(**given)
    except TypeError:
        raise ValueError(f"{name} = {str(given)[:_SHOWN]}: bounds are low, high, log and step") from None


def placed(vary: Mapping[str, Varied], folder: Path) -> dict[str, Varied]:
    """Return what varies, with the absolute paths of inputs, which are relative to a folder."""
    for name, values in vary.items():
        if is_input(name) and (isinstance(values, Bounds) or not all(isinstance(one, str) for one in values)):
            raise UsageError(f"{name}: its values are paths.", f"--vary {name}=a.tif,b.tif")
    return {
        name: tuple(place(one, folder) for one in values) if is_input(name) else values  # type: ignore[union-attr]
        for name, values in vary.items()
    }


def placed_model(given: str, folder: Path) -> str:
    """Return a model, if it is in a file by the absolute path of the file: a worker may be elsewhere."""
    file, suffix, name = given.partition(".py")
    return f"{place(file, folder)}{suffix}{name}" if suffix and name[:1] in {"", ":"} else given


def place(given: str, folder: Path) -> str:
    """Return the absolute path of an input in a folder; a URL as it is."""
    return given if is_remote(given) else os.path.abspath(folder / given)  # noqa: PTH100  (as typed)


def table(name: str, given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return parameters or a map, with the absolute paths of class maps that are files."""
    is_map = name == "class_map"
    return {
        key: place(one, folder) if is_map and is_class_map_file(one) else one for key, one in given.items()
    }


def text_of(fields: Mapping[str, Any], grids: Sequence[Mapping[str, Varied]]) -> str:
    """Return the TOML of a plan's fields, of which `grids` may have bounds.

    Raises
    ------
    UsageError
        If it has a value that TOML does not have.
    """
    design = fields["design"]
    sweep = {name: str(fields[name]) for name in _TEXTS if fields.get(name)}
    sweep |= {"input": fields["inputs"]} | {name: fields[name] for name in _PLAIN if fields[name] is not None}
    tables = {name: fields[one] for name, one in _TABLES.items() if fields[one]}
    if isinstance(design, FileDesign):
        tables["design"] = {"file": str(design.path), "names": design.names, "rows": design.cells}
    elif design is not None:
        sweep |= {"design": str(design), "design_sha256": design.sha256}
    sections = [("[sweep]", sweep), *((f"[sweep.{name}]", one) for name, one in tables.items())]
    sections += [("[[plan]]", {name: _as_written(one) for name, one in grid.items()}) for grid in grids]
    try:
        lines = (
            "\n".join([head, *(f"{toml.key(name)} = {toml.value(one)}" for name, one in table.items())])
            for head, table in sections
        )
        text = "\n\n".join(lines) + "\n"
        text.encode()
    except ValueError as error:  # a name of a file may be no text
        raise UsageError(
            f"The plan can't be written as TOML: {error}.", "Leave that value out, or rename the file."
        ) from error
    return text


def _as_written(values: Varied) -> Any:
    if not isinstance(values, Bounds):
        return values
    return {name: one for name, one in vars(values).items() if one is not None and one is not False}
