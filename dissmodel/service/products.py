"""What is made of a result for whoever looks at it: a cache that can be deleted."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

from dissmodel import temporary
from dissmodel.errors import DissmodelError, StorageError, UsageError
from dissmodel.experiment.layout import RECORD
from dissmodel.experiment.source import InPlace, placed
from dissmodel.record.digest import sha256_bytes
from dissmodel.record.report_file import POLICY
from dissmodel.service import foreign, inputs
from dissmodel.service.refusals import refused
from dissmodel.service.service import Service

# What is typed for each product, by the ending of its name; the record and the product come after it.
_COMMANDS = {
    "preview.png": ("record", "show", "--preview-to"),
    "report.html": ("report", "--output"),
    "bundle.zip": ("record", "bundle", "--output"),
    "ro-crate.zip": ("record", "export", "--format", "ro-crate", "--output"),
    "prov.json": ("record", "export", "--format", "prov", "--output"),
    "stac.json": ("record", "export", "--format", "stac", "--output"),
    "datacite.json": ("record", "export", "--format", "datacite", "--output"),
}
EXPORTS = tuple(name for name in _COMMANDS if name not in {"preview.png", "report.html"})
"""What others read."""
REPORT_POLICY = f"{POLICY}; frame-ancestors 'none'; sandbox allow-scripts allow-modals allow-downloads"
"""Nothing in a report can act for the user."""
_WITH_INPUTS = frozenset({"bundle.zip", "ro-crate.zip"})
_LICENSE = re.compile(r"[A-Za-z0-9.+-]{1,60}")
_MOST, _MOST_BYTES = 1000, 4 << 30
_LARGEST = 1 << 30
_ONE = threading.Lock()  # making takes a processor and much memory
_UNDRAWN: set[Path] = set()  # what this process could not draw, which it does not try again


def product(service: Service, experiment: str, name: str, license_: str = "") -> Path:
    """Return the file of a product of an experiment's result; a process of its own makes it once.

    Parameters
    ----------
    service : Service
        Whose experiment.
    experiment : str
        Its id.
    name : str
        ``preview.png`` (before, after and change), ``report.html`` or one of `EXPORTS`.
    license_ : str
        The licence of the result, where its record names none, as SPDX names it.

    Raises
    ------
    UsageError
        If the result can't be drawn (code ``"no_picture"``), or exported (the code of the export).
    DissmodelError
        If there is no such experiment, or it did not complete.
    """
    if name not in _COMMANDS or (license_ and not _LICENSE.fullmatch(license_)):
        raise refused("no_product", f"There is no {name[:80]!r} of a result, licence {license_[:80]!r}.")
    record = service.completed(experiment)
    mark = sha256_bytes(json.dumps([record.record_digest, license_]).encode())[:16]
    file = service.settings.data_dir / "products" / f"{experiment}.{mark}.{name}"
    if file.exists():
        return file
    if sum(one.size or 0 for one in record.files.values()) > _LARGEST:
        raise refused("no_product", f"{experiment}: the result is too large for a {name} to be made here.")
    file.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(_ONE)
        if file.exists():  # who waited finds it
            return file
        if file in _UNDRAWN:
            raise _no_picture(experiment)
        made = stack.enter_context(temporary.new_folder(file.parent)) / name
        source = stack.enter_context(placed(service.truth.experiment(experiment), RECORD))
        source.bring()
        words = [*_COMMANDS[name], str(made), str(source.path), "--json"]
        words += [f"--license={license_}"] if license_ else []
        words += _inputs(source, service, stack) if name in _WITH_INPUTS else []
        try:
            _make(name, experiment, words)
        except UsageError as error:
            if error.code == "no_picture":
                if len(_UNDRAWN) >= _MOST:
                    _UNDRAWN.clear()
                _UNDRAWN.add(file)
            raise
        made.replace(file)
    _tidy(file)
    return file


def _inputs(source: InPlace, service: Service, stack: ExitStack) -> list[str]:
    """Return the words that say where the inputs are now; if one is not there, that none goes in."""
    words = []
    for one in source.record.inputs:
        try:
            found = stack.enter_context(inputs.recorded(source, service.settings, one))
        except StorageError:
            raise
        except DissmodelError:  # it was removed or changed, or no job may read it
            return ["--no-input"]
        words.append(f"--input={one.name}={found.path}" if one.name else f"--input={found.path}")
    return words


def _make(name: str, experiment: str, words: list[str]) -> None:
    try:
        foreign.run("dissmodel", *words)
    except StorageError as error:
        if name == "preview.png":
            raise _no_picture(experiment) from error
        if not isinstance(error.__cause__, subprocess.CalledProcessError):
            raise
        said = {"message": f"The {name} of {experiment} can't be made.", "hint": "", "code": "no_product"}
        with suppress(ValueError, LookupError):
            said |= json.loads(error.__cause__.stdout)["error"]
        raise UsageError(str(said["message"]), str(said["hint"]), code=str(said["code"])) from error


def _no_picture(experiment: str) -> UsageError:
    what = f"There is no picture of {experiment}: its result is no map that can be drawn."
    return refused("no_picture", what)


def _tidy(made: Path) -> None:
    """Remove the oldest products but `made` while there are too many, or they have too many bytes."""
    found = []
    for one in made.parent.iterdir():
        with suppress(FileNotFoundError):  # another process removed it
            status = one.stat()
            if stat.S_ISREG(status.st_mode):  # what is being made is in a folder
                found.append((one != made, -status.st_mtime, status.st_size, one))
    left, room = _MOST, _MOST_BYTES
    for is_another, _, size, one in sorted(found):
        left, room = left - 1, room - size
        if is_another and (left < 0 or room < 0):
            one.unlink(missing_ok=True)
