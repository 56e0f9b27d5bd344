"""A model package that works at once."""

from __future__ import annotations

import ast
import keyword
import os
import re
import string
import sys
from dataclasses import dataclass
from importlib import metadata, resources, util
from pathlib import Path
from typing import Literal

from dissmodel.errors import UsageError, did_you_mean, disk_errors
from dissmodel.registry import plugins

Substrate = Literal["raster", "vector"]

_SUFFIX: dict[Substrate, str] = {"raster": "tif", "vector": "gpkg"}
_LONGEST = 60
# What a model needs beside its input: lines of model.toml, lines of the class of its tests, a file.
_NOTHING_MORE = ("", "", None)
_MORE = {
    "urban_growth": (
        'demand = "demand.csv"\n',
        '    parameters = {"demand": {"year": [2021, 2022, 2023, 2024], "cells": [50, 60, 70, 80]}}\n',
        "demand.csv",
    )
}


@dataclass(frozen=True)
class Made:
    """The files that were made in `folder`; `suffix` is that of the example input, without the dot.

    The model and its Python package have one name, `model`.
    """

    folder: Path
    model: str
    files: tuple[str, ...]
    suffix: str


def init(path: Path, substrate: Substrate = "raster", like: str | None = None) -> Made:
    """Write a model package, named as the folder `path`, into that new or empty folder.

    The model is a copy of the built-in model `like`, by default a small one; `substrate` is that of the
    example input.

    Raises UsageError if the folder is not empty, its name can't be a package's, or no model can start from
    `like`; StorageError if it can't be written.
    """
    folder = Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow the user's own links)
    model = _module(folder.name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "the folder is not empty" if folder.is_dir() else "there is a file of that name"
        raise UsageError(f"{folder}: {what}.", "Give the name of a new folder: dissmodel init NAME")
    start = "growth" if like is None else _start(like)
    names = {"name": folder.name, "module": model, "suffix": _SUFFIX[substrate]}
    names["bands"] = _text(f"templates/inputs/{start}.py.txt")
    names["in_toml"], names["in_tests"], table = _MORE.get(start, _NOTHING_MORE)
    source = _text("templates/common/growth.py.txt" if like is None else f"models/{start}.py")
    source, names["class_name"], names["summary"] = _renamed(source, model)
    files = {place: string.Template(_text(of)).substitute(names) for place, of in _plan(model, substrate)}
    files[f"{model}/model.py"] = source
    if table is not None:
        files[table] = _text(f"templates/inputs/{table}.txt")
    with disk_errors(f"{folder}: can't be written", "Give a folder that you may write to."):
        for place, text in files.items():
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
    return Made(folder, model, tuple(sorted(files)), names["suffix"])


def _module(name: str) -> str:
    """Return the Python package of a project's name."""
    module = name.lower().replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", module) or len(module) > _LONGEST:
        why = "a model's name begins with a letter and has letters, digits and - only"
    elif keyword.iskeyword(module) or module in sys.stdlib_module_names or module in {"tests", "registry"}:
        why = "Python itself, or the package, uses that name"
    elif _is_installed(module) or module in {offer.name for offer in plugins.offers()}:
        why = "a model or package already has that name"
    else:
        return module
    raise UsageError(f"{name!r}: {why}.", "Give another name: dissmodel init coast-growth", code="model_name")


def _is_installed(module: str) -> bool:
    """Say whether there is a package of that name, which the new one would hide from all that imports it."""
    if any(metadata.distributions(name=module)):
        return True
    found = util.find_spec(module)
    return found is not None and found.origin is not None  # a folder without code has none


def _start(like: str) -> str:
    """Return the name of the built-in model `like`; raise UsageError if it is not a model in one file."""
    built_in = {one.name: one.entry_point.module for one in plugins.offers() if one.origin == plugins.BUILTIN}
    name = like.removeprefix(f"{plugins.BUILTIN}/")
    starts = [one for one, module in built_in.items() if module == f"dissmodel.models.{one}"]
    if name in starts:
        return name
    many = f": {name} is more than one file" if name in built_in else ""
    raise UsageError(
        f"A new model can't start from {like!r}{many}.", did_you_mean(name, starts), code="unknown_model"
    )


def _renamed(source: str, model: str) -> tuple[str, str, str]:
    """Return the source of a model under another name, the new name of its class, and its summary."""
    old = next(node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    class_name = "".join(part.capitalize() for part in model.split("_"))
    if class_name != old.name and re.search(rf"\b{class_name}\b", source):
        class_name += "Model"  # the source has that name already, such as Classes
    source = re.sub(rf"\b{old.name}\b", class_name, source)
    source = re.sub(r'(?m)^    name = ".*"$', f'    name = "{model}"', source, count=1)
    source = re.sub(r"(?m)  # noqa:.*$", "", source)  # of our linter
    return source, class_name, (ast.get_docstring(old) or "").partition("\n")[0]


def _plan(model: str, substrate: Substrate) -> list[tuple[str, str]]:
    """Return each file of the package beside the model's, and its template."""
    files = {
        "pyproject.toml": "common/pyproject.toml.txt",
        "README.md": "common/README.md.txt",
        ".gitignore": "common/gitignore.txt",
        "model.toml": "common/model.toml.txt",
        f"registry/{model}.toml": "common/spec.toml.txt",
        f"{model}/__init__.py": "common/__init__.py.txt",
        "make_input.py": f"{substrate}/make_input.py.txt",
        "tests/test_model.py": "common/tests/test_model.py.txt",
    }
    return [(place, f"templates/{template}") for place, template in files.items()]


def _text(place: str) -> str:
    """Return a file of dissmodel's own."""
    return resources.files("dissmodel").joinpath(*place.split("/")).read_text(encoding="utf-8")
