"""Python, dissmodel itself, and the packages that it needs."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import dissmodel
from dissmodel.executor.findings import Collector
from dissmodel.record.identity import direct_url

_64_BIT = 2**32


def look_at_python(found: Collector) -> None:
    """Find out whether dissmodel supports this Python."""
    version, implementation = platform.python_version(), platform.python_implementation()
    needed = _needed_python()
    if not SpecifierSet(needed).contains(version, prereleases=True):
        found.add(
            "error", f"{version}, and dissmodel needs {needed}", "Make an environment with a newer Python."
        )
    if sys.maxsize < _64_BIT:
        found.add(
            "error", f"{version} has 32 bits: grids don't fit, and packages are not built for it",
            "Install a Python of 64 bits.",
        )  # fmt: skip
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8":
        found.add(
            "warning", f"names of files are read as {encoding}, so some can't be opened", "Set PYTHONUTF8=1"
        )
    if not found.findings:
        found.add("ok", f"{implementation} {version}, 64 bits, UTF-8, {sys.executable}")


def look_at_dissmodel(found: Collector) -> None:
    """Find out which dissmodel runs, and from where."""
    root = Path(dissmodel.__file__).parent
    try:
        distribution = importlib.metadata.distribution("dissmodel")
    except importlib.metadata.PackageNotFoundError:
        found.add(
            "error",
            f"{dissmodel.__version__} runs from {root}, which was never installed: no model is known",
            f"Install it: python -m pip install {root.parent}",
        )
        return
    note = direct_url(distribution).get("dir_info")
    editable = ", editable" if isinstance(note, dict) and note.get("editable") else ""
    if distribution.version != dissmodel.__version__:
        found.add(
            "warning",
            f"{dissmodel.__version__} runs from {root}, but what is installed says {distribution.version}",
            "Install it again, from the same source.",
        )
        return
    found.add("ok", f"{dissmodel.__version__}, {root}{editable}")


def look_at_packages(found: Collector) -> None:
    """Find out whether each package that dissmodel needs is there, in a version that it admits."""
    try:
        lines = importlib.metadata.requires("dissmodel") or []
    except importlib.metadata.PackageNotFoundError:
        return  # told elsewhere
    needed = [
        requirement
        for requirement in map(Requirement, lines)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    ]
    for requirement in needed:
        hint = f'python -m pip install "{requirement.name}{requirement.specifier}"'
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            found.add("error", f"{requirement.name} is not installed", hint)
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            found.add(
                "error", f"{requirement.name} is {version}, and dissmodel needs {requirement.specifier}", hint
            )
    if not found.findings:
        found.add("ok", f"the {len(needed)} that dissmodel needs, in versions that do")


def _needed_python() -> str:
    try:
        return str(importlib.metadata.metadata("dissmodel")["Requires-Python"] or "")
    except (importlib.metadata.PackageNotFoundError, KeyError):
        return ""
