"""What the source of a built-in model declares, read without loading the model and its libraries."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

import dissmodel


class Declaration(NamedTuple):
    """A model's substrate, empty if unknown, and the first line of its docstring."""

    substrate: str
    summary: str


def declaration(value: str) -> Declaration | None:
    """Return what a class of dissmodel declares as literals; None if its source can't be read.

    `value` is that of an entry point, such as ``dissmodel.models.coastal.raster:CoastalRaster``.
    """
    module, _, name = value.partition(":")
    classes = _classes(Path(dissmodel.__file__).parent.joinpath(*module.split(".")[1:]).with_suffix(".py"))
    if name not in classes:
        return None
    summary = (ast.get_docstring(classes[name]) or "").partition("\n")[0]
    return Declaration(_substrate(classes[name], classes), summary)


@cache
def _classes(path: Path) -> dict[str, ast.ClassDef]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError):  # a package in a zip, or one whose source is left out
        return {}
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _substrate(declared: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> str:
    """Return the substrate of a class, or of the class in this file that it inherits from."""
    for node in declared.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "substrate":
            return str(ast.literal_eval(node.value))
    above = (classes.get(ast.unparse(base)) for base in declared.bases)
    return next((_substrate(base, classes) for base in above if base is not None), "")
