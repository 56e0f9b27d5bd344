"""The running dissmodel as a wheel, which every environment gets."""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.metadata
import os
import re
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import dissmodel
from dissmodel.errors import StorageError
from dissmodel.record.digest import new
from dissmodel.record.store import write_atomically

_EPOCH = (1980, 1, 1, 0, 0, 0)
_SKIPPED = {"__pycache__", ".mypy_cache", ".ruff_cache"}
_METADATA = ("METADATA", "entry_points.txt")


@dataclass(frozen=True)
class Build:
    """The running code: its version with a local part that its digest gives, and what is in it."""

    version: str
    digest: str

    @property
    def file_name(self) -> str:
        """The wheel's name."""
        return f"dissmodel-{self.version}-py3-none-any.whl"


@functools.cache
def running() -> Build:
    """Return the build that runs, as its files were when this was first asked.

    The digest covers every file of the package by name and content, the dependencies and the entry points.

    Raises StorageError if dissmodel runs from a bare folder that was never installed: its dependencies are
    unknown then.

    Examples
    --------
    >>> running().version.startswith(dissmodel.__version__)
    True
    """
    digest = new()
    for name, data in _contents():
        digest.update(f"{name}\0{len(data)}\n".encode("utf-8", "surrogateescape"))
        digest.update(data)
    found = digest.hexdigest()
    version, _, local = dissmodel.__version__.partition("+")
    tag = f"{local}.build" if local else "build"
    return Build(f"{version}+{tag}.{found[:12]}", found)


def write_wheel(folder: Path) -> Path:
    """Write the running dissmodel as a wheel in `folder`, unless it is there, and return its path.

    Raises StorageError if it can't be written.
    """
    build = running()
    path = folder / build.file_name
    if not path.exists():
        write_atomically(path, _packed(build))
    return path


def _packed(build: Build) -> bytes:
    info = f"dissmodel-{build.version}.dist-info"
    files = dict(_contents())
    for name in _METADATA:
        files[f"{info}/{name}"] = files.pop(name)
    head, sep, rest = files[f"{info}/METADATA"].partition(b"\n\n")
    head = re.sub(rb"(?m)^Version:.*$", f"Version: {build.version}".encode(), head, count=1)
    files[f"{info}/METADATA"] = head + sep + rest
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: dissmodel\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    sums = {
        name: base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        for name, data in files.items()
    }
    lines = [f"{name},sha256={sums[name]},{len(data)}" for name, data in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


@functools.cache
def _contents() -> tuple[tuple[str, bytes], ...]:
    """Return what is in the wheel, read once: what is packed is what was digested."""
    root = Path(dissmodel.__file__).parent
    names = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in _SKIPPED]
        names += [Path(folder) / name for name in files if not name.endswith((".pyc", ".pyo"))]
    by_name = sorted((f"dissmodel/{path.relative_to(root).as_posix()}", path) for path in names)
    distribution = importlib.metadata.distribution("dissmodel")
    texts = [(name, (distribution.read_text(name) or "").encode()) for name in _METADATA]
    if not texts[0][1]:
        raise StorageError(
            "dissmodel runs from a folder that was never installed: a model's environment can't have it.",
            f"Install it: python -m pip install {root.parent}",
            code="not_installed",
        )
    return (*((name, path.read_bytes()) for name, path in by_name), *texts)
