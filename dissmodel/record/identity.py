"""Which code defines a class: its package, its files, its repository."""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution
from itertools import chain
from pathlib import Path
from types import FunctionType
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from dissmodel.progress import current
from dissmodel.record import observed
from dissmodel.record.digest import new, sha256_file
from dissmodel.record.git import checkout_of, suffix, without_credentials
from dissmodel.record.schema import Code

_OURS = "dissmodel"
_WITH_MODELS = {
    "models": 2,
    "estimating": 1,
}  # room → how many names of a path lead to what a model's code is


@dataclass(frozen=True)
class _Source:
    """Where a class is defined: its module, the module's file, and the folder of the package or the file."""

    module: str
    file: Path
    root: Path


def code_of(obj: type, distribution: str | None = None) -> Code:
    """Return the code that defines the class `obj`.

    - `obj`: a class, in a package or in a loose ``.py`` file.
    - `distribution`: the installed distribution that offers it, where the caller knows; found by its files
      otherwise.

    Returns
    -------
    Code
        ``repository`` and ``commit`` are what the installer noted (PEP 610) or, for code that is used where
        it was checked out, what git says; the current reporter hears what git can't say. ``source_digest``
        covers every ``.py`` file of the top-level package, in the order of their names: a line
        ``name NUL sha256`` each, names relative to the package's folder with ``/``; for a loose file it is
        the sha256 of its bytes. ``model_digest`` covers in the same way those files that are a built-in
        model's own.
    """
    source = _locate(obj)
    if source is None:
        return Code(module=obj.__module__)
    files = _sources(source.root)
    digest = _digest(source.root, files)  # of a file that each run loads anew it may be another
    code, problem = observed.once(
        (code_of, source, distribution, digest), lambda: _observe(source, distribution, files)
    )
    if problem:
        current().warn(problem)
    return code.model_copy()


def _observe(source: _Source, distribution: str | None, files: Mapping[str, str]) -> tuple[Code, str]:
    """Return the code, and what git can't say about it."""
    owner = _owner(source, distribution)
    code, problem = Code(module=source.module, source_digest=_digest(source.root, files)), ""
    own = _own_files(source.module, files)
    if own:
        code.model_digest = _digest(source.root, own)
    if owner is not None:
        origin = direct_url(owner)
        code.package, code.version = owner.metadata["Name"], owner.metadata["Version"]
        code.editable = _project(owner) is not None
        code.repository, code.commit = vcs_of(origin)
    # A virtual environment may be in a checkout that has nothing to do with the packages in it.
    if owner is None or code.editable:
        checkout = checkout_of(source.root)
        if checkout is not None:
            code.repository, code.commit = checkout.repository, checkout.commit
            code.dirty, code.diff_digest = checkout.dirty, checkout.diff_digest
            problem = f"{checkout.problem} {checkout.hint}".rstrip() if checkout.problem else ""
    return code, problem


def own_source(obj: type) -> Path | None:
    """Return the folder or the file with a model's own code; None if that is not known.

    Of a built-in model it has the files of ``model_digest``, else those of ``source_digest``.
    """
    source = _locate(obj)
    own = _own_path(source.module) if source is not None else ""
    if source is None or not own:
        return None if source is None else source.root
    folder = source.root / own
    return folder if folder.is_dir() else folder.with_suffix(".py")


def commit_name(code: Code) -> str:
    """Return the best name of a state of code, for the record's ``model_commit``; empty if it has none.

    >>> commit_name(Code(package="coast", version="1.2", commit="1f2e", dirty=True))
    '1f2e-dirty'
    >>> commit_name(Code(module="coast", commit="1f2e"))
    '1f2e-unknown'
    >>> commit_name(Code(package="coast", version="1.2"))
    'coast==1.2'
    """
    if code.commit:
        is_known = code.dirty is not None or not code.in_checkout
        return f"{code.commit}{suffix(bool(code.dirty) if is_known else None)}"
    if code.package and code.version:
        return f"{code.package}=={code.version}"
    return f"sha256:{code.source_digest}" if code.source_digest else ""


def direct_url(dist: Distribution) -> dict[str, Any]:
    """Return what the installer noted of where a distribution came from (PEP 610); empty if nothing."""
    try:
        noted = json.loads(dist.read_text("direct_url.json") or "{}")
    except ValueError:
        return {}
    return noted if isinstance(noted, dict) else {}


def vcs_of(noted: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return repository and commit of a distribution that was installed from version control."""
    vcs, url = noted.get("vcs_info"), noted.get("url")
    if not isinstance(vcs, dict) or not isinstance(url, str):
        return None, None
    commit = vcs.get("commit_id")
    return without_credentials(url), commit if isinstance(commit, str) else None


def _locate(obj: type) -> _Source | None:
    name = obj.__module__
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    is_script = name == "__main__"
    if is_script and spec is not None:  # python -m package.module
        name = spec.name
    filename = getattr(module, "__file__", None) or next(
        (value.__code__.co_filename for value in vars(obj).values() if isinstance(value, FunctionType)), None
    )
    file = Path(os.path.abspath(filename)) if filename else None  # noqa: PTH100  (resolve would follow links)
    if file is None or not file.is_file():
        return None
    is_loose = "." not in name and file.name != "__init__.py" and not is_script
    return _Source(name, file, file if is_loose else _package_root(file, name))


def _package_root(file: Path, module: str) -> Path:
    """Return the folder of the outermost package around `file`, or `file` if it is in none."""
    root = file
    while (root.parent / "__init__.py").is_file():
        root = root.parent
    if root == file and "." in module:  # a namespace package has no __init__.py
        top, depth = module.partition(".")[0], module.count(".")
        if len(file.parents) >= depth and file.parents[depth - 1].name == top:
            return file.parents[depth - 1]
    return root


def _sources(root: Path) -> dict[str, str]:
    """Return the sha256 of each ``.py`` file of a package, or of a file, by its name in the folder."""
    if root.is_file():
        return {root.name: sha256_file(root)} if root.suffix == ".py" else {}
    return observed.once((_of_package, root), lambda: _of_package(root))


def _of_package(root: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith(".") and name != "__pycache__"]
        inside = Path(folder).relative_to(root).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        found |= {
            f"{prefix}{name}": sha256_file(os.path.join(folder, name))  # noqa: PTH118  (there are many)
            for name in names
            if name.endswith(".py")
        }
    return found


def _own_files(module: str, files: Mapping[str, str]) -> dict[str, str]:
    """Return those of dissmodel's files that are the own code of the built-in model in a module, if any."""
    own = _own_path(module)
    return {name: one for name, one in files.items() if own and name.startswith((f"{own}/", f"{own}.py"))}


def _own_path(module: str) -> str:
    """Return where in dissmodel the own code of the built-in model in a module is; empty for others."""
    ours, *names = module.split(".")
    count = _WITH_MODELS.get(names[0], 0) if names and ours == _OURS else 0
    return "/".join(names[:count])


def _digest(root: Path, files: Mapping[str, str]) -> str | None:
    if root.is_file():
        return files.get(root.name)
    digest = new()
    for name, sha256 in sorted(files.items()):
        digest.update(f"{name}\0{sha256}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest() if files else None


def _owner(source: _Source, named: str | None) -> Distribution | None:
    """Return the distribution whose file this is, else the one that the caller named."""
    find = importlib.metadata.distributions
    offered = [*find(name=named)] if named else []
    for dist in chain(offered, find(name=source.root.stem), find()):
        if _owns(dist, source):
            return dist
    return offered[0] if offered else None


def _owns(dist: Distribution, source: _Source) -> bool:
    project = _project(dist)
    top_levels = (dist.read_text("top_level.txt") or "").split()
    if project is not None:
        # Other scripts are in the project's folder too: they are not the package.
        is_there = source.root.resolve().parent in {project, project / "src"}
        return is_there and (source.root.is_dir() or source.root.stem in top_levels)
    site = Path(os.path.abspath(str(dist.locate_file(""))))  # noqa: PTH100  (as the module's file was made)
    if not source.file.is_relative_to(site):
        return False
    listed = dist.read_text("RECORD")
    if listed is None:
        return source.root.stem in top_levels
    return f"\n{source.file.relative_to(site).as_posix()}," in f"\n{listed}"


def _project(dist: Distribution) -> Path | None:
    """Return the folder of a distribution that is used where its source is."""
    noted = direct_url(dist)
    folder, url = noted.get("dir_info"), noted.get("url")
    if not isinstance(folder, dict) or folder.get("editable") is not True or not isinstance(url, str):
        return None
    return Path(url2pathname(urlsplit(url).path)).resolve()
