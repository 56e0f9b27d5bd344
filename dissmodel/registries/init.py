"""A model package that works at once."""

from __future__ import annotations

import keyword
import os
import re
import string
import sys
from dataclasses import dataclass
from importlib import metadata, resources, util
from pathlib import Path
from typing import Literal

from dissmodel.errors import UsageError, disk_errors
from dissmodel.registry import plugins

Substrate = Literal["raster", "vector"]

_SUFFIX: dict[Substrate, str] = {"raster": "tif", "vector": "gpkg"}
_LONGEST = 60


@dataclass(frozen=True)
class Made:
    """The files that were made in `folder`; `suffix` is that of the example input, without the dot.

    The model and its Python package have one name, `model`.
    """

    folder: Path
    model: str
    files: tuple[str, ...]
    suffix: str


def init(path: Path, substrate: Substrate = "raster") -> Made:
    """Write a model package, named as the folder `path`, into that new or empty folder.

    Raises UsageError if the folder is not empty or its name can't be a package's; StorageError if it can't be
    written.
    """
    folder = Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow the user's own links)
    model = _module(folder.name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "the folder is not empty" if folder.is_dir() else "there is a file of that name"
        raise UsageError(f"{folder}: {what}.", "Give the name of a new folder: dissmodel init NAME")
    names = {
        "name": folder.name,
        "module": model,
        "class_name": "".join(part.capitalize() for part in model.split("_")),
        "suffix": _SUFFIX[substrate],
    }
    files = {place: _filled(source, names) for place, source in _plan(model, substrate).items()}
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


def _plan(model: str, substrate: Substrate) -> dict[str, str]:
    """Return each file of the package → its template."""
    return {
        "pyproject.toml": "common/pyproject.toml.txt",
        "README.md": "common/README.md.txt",
        ".gitignore": "common/gitignore.txt",
        "model.toml": "common/model.toml.txt",
        f"registry/{model}.toml": "common/spec.toml.txt",
        f"{model}/__init__.py": "common/__init__.py.txt",
        f"{model}/rule.py": "common/rule.py.txt",
        f"{model}/executor.py": f"{substrate}/executor.py.txt",
        "make_input.py": f"{substrate}/make_input.py.txt",
        "tests/test_model.py": "common/tests/test_model.py.txt",
    }


def _filled(source: str, names: dict[str, str]) -> str:
    template = resources.files("dissmodel").joinpath("templates", *source.split("/"))
    return string.Template(template.read_text(encoding="utf-8")).substitute(names)
