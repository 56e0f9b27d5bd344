"""The layout of an experiment in a place that others can reach: its objects, and the paths in its record.

An experiment is a folder ``experiments/<experiment_id>/``. It is whole once ``record.json`` is in it, which
is written last and names every other file relative to itself.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from dissmodel import temporary
from dissmodel.errors import InvalidInput, UsageError
from dissmodel.record import MAIN
from dissmodel.record.digest import sha256_file
from dissmodel.storage.base import Storage
from dissmodel.storage.place import open_storage
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.uri import parse

RECORD = "record.json"
OUTPUT = "output"
INPUTS = "inputs"
FOLDER = "experiments"
OUTPUTS_BUCKET = "dissmodel-outputs"
INPUTS_BUCKET = "dissmodel-inputs"
MOST_OBJECTS = 100_000

# Names that a file of the result can't have, in the place or in the folder that it is pulled to.
RESERVED = re.compile(
    rf"(record|{OUTPUT}\.record)\.json|(record|{OUTPUT})\.attest-|{INPUTS}(/|$)|\.dissmodel-"
)
_RECORD = re.compile(r"(?:.*\.)?record\.json")
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,127}")
_HIDDEN = re.compile(r"[\\/:\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Place:
    """A folder of objects.

    The keys in it begin with `prefix`, which is empty or ends in a slash. `uri` is what others would type,
    without credentials, ending in a slash.
    """

    storage: Storage
    prefix: str
    uri: str

    @property
    def is_listed(self) -> bool:
        """Whether it lists its objects; a web server doesn't."""
        return not self.uri.startswith(("http://", "https://"))

    def key(self, name: str) -> str:
        """Return the key of an object in it."""
        return self.prefix + name

    def sha256(self, name: str, *, limit: int) -> str:
        """Return the sha256 of an object, which is fetched and let go; errors as for `Storage.get`."""
        with temporary.new_folder() as folder:
            self.storage.get(self.key(name), folder / "object", limit=limit)
            return sha256_file(folder / "object")

    def below(self, name: str) -> Place:
        """Return the folder of that name in it."""
        return Place(self.storage, f"{self.prefix}{name}/", f"{self.uri}{name}/")


def open_place(text: str, settings: StorageSettings, *, new: bool = False) -> Place:
    """Return the folder that a user named, by itself or by the record in it (see `record_in`).

    `new`: a local folder that is not there is to be made by `Storage.put`.

    Raises
    ------
    UsageError
        If it is not a place.
    StorageError
        If it can't have that name, or there are no credentials for it.
    """
    uri = parse(text)
    if uri.path is not None:
        return _folder(uri.path.parent if _RECORD.fullmatch(uri.path.name) else uri.path, settings, new=new)
    place, name = object_place(text, settings)
    return place.below(name) if name and not _RECORD.fullmatch(name) else place


def object_place(text: str, settings: StorageSettings) -> tuple[Place, str]:
    """Return the folder of a remote object, and its name there; empty where the text names a folder.

    >>> place, name = object_place("https://example.org/runs/a.record.json?token=1", StorageSettings())
    >>> place.uri, name
    ('https://example.org/runs/', 'a.record.json')

    Raises
    ------
    DissmodelError
        As `open_place`.
    """
    storage, key = open_storage(text, settings)
    above, slash, name = key.rpartition("/")
    shown = parse(text).shown
    return Place(storage, above + slash, f"{shown.rpartition('/')[0] if name else shown.rstrip('/')}/"), name


def _folder(path: Path, settings: StorageSettings, *, new: bool) -> Place:
    folder = Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow the user's own links)
    uri = f"{folder.as_posix().rstrip('/')}/"
    missing: list[str] = []
    while new and folder.name and not os.path.lexists(folder):
        missing.append(f"{folder.name}/")
        folder = folder.parent
    storage, _ = open_storage(folder / RECORD, settings)  # a file's folder is the place
    return Place(storage, "".join(reversed(missing)), uri)


def record_in(text: str) -> str | None:
    """Return the name of the record that a user named, None if the text does not name a record.

    >>> record_in("s3://bucket/runs/flood.record.json"), record_in("s3://bucket/experiments")
    ('flood.record.json', None)
    """
    name = parse(text).shown.replace(os.sep, "/").rpartition("/")[2]
    return name if _RECORD.fullmatch(name) else None


def outputs_place(to: str | None, settings: StorageSettings) -> Place:
    """Return the place of experiments: the folder or bucket that is named, or the bucket of the settings.

    Raises
    ------
    UsageError
        If no folder is named, but a record.
    DissmodelError
        As `open_place`.
    """
    if to is None:
        return open_place(f"s3://{settings.bucket or OUTPUTS_BUCKET}", settings)
    is_record = record_in(to) is not None
    if is_record or parse(to).scheme in {"http", "https"}:
        name = "experiments are put into a folder, and this is the name of a record"
        why = name if is_record else "dissmodel only reads from a web server"
        raise UsageError(f"--to {parse(to).shown}: {why}.", "--to s3://BUCKET/PREFIX or --to FOLDER")
    return open_place(to, settings, new=True)


def inputs_place(to: str | None, settings: StorageSettings) -> Place:
    """Return the place of inputs: a bucket of their own, or a folder in the folder that is named."""
    if to is not None and parse(to).scheme != "s3":
        return open_place(to, settings, new=True).below(INPUTS)
    return open_place(f"s3://{settings.inputs_bucket or INPUTS_BUCKET}", settings)


def experiment_name(experiment_id: str, where: str) -> str:
    """Return the id of an experiment if it can be the name of its folder.

    Raises
    ------
    InvalidInput
        If it can't: a record is only text.
    """
    if not _ID.fullmatch(experiment_id):
        raise InvalidInput(
            f"{where}: {experiment_id[:80]!r} is not the id of an experiment.",
            "Ask the sender of this record.",
            code="experiment_id",
        )
    return experiment_id


def object_names(paths: Mapping[str, str]) -> dict[str, str]:
    """Return what each file of a result is called beside ``record.json``, whatever the result was called.

    Paths are relative to the record; an absolute path is elsewhere.

    Examples
    --------
    >>> object_names({"output": "flood.gpkg", "style": "flood.qml", "note": "note.txt"})
    {'output': 'output.gpkg', 'style': 'output.qml', 'note': 'note.txt'}
    >>> object_names({"output": "val/report.md", "map": "val/maps/a.png"})
    {'output': 'output/report.md', 'map': 'output/maps/a.png'}
    """
    parts = PurePosixPath(paths.get(MAIN, "")).parts
    stem = PurePosixPath(parts[-1]).stem if parts else ""
    if len(parts) > 1 and parts[0] != "/":
        stem = parts[0]
    found: dict[str, str] = {}
    for name, path in sorted(paths.items(), key=lambda item: item[0] != MAIN):
        given = _renamed(path, stem)
        while given in found.values() or RESERVED.match(given):
            given = f"other/{given}"
        found[name] = given
    return found


def _renamed(path: str, stem: str) -> str:
    if PurePosixPath(path).is_absolute() or re.match(r"[A-Za-z]:|\\", path):  # where the model put it
        path = _HIDDEN.sub("_", re.split(r"[\\/]", path)[-1])
    rest = path.removeprefix(stem) if stem else path
    return OUTPUT + rest if rest != path and rest[:1] in {"", ".", "/"} else path


def relocated(
    document: Mapping[str, Any],
    names: Mapping[str, str],
    *,
    output: str | None,
    sources: Sequence[str | None] = (),
) -> dict[str, Any]:
    """Return a record's document with other locations; its digest and its signatures hold.

    Parameters
    ----------
    document : Mapping
        As the record's file has it.
    names : Mapping of str to str
        The path of each file relative to the record.
    output : str or None
        What ``output_path`` says; None leaves it as it is.
    sources : sequence of str or None
        What the ``uri`` of each input says, the first one first; None leaves it as it is.
    """
    changed = copy.deepcopy(dict(document))
    for name, entry in (changed.get("files") or {}).items():
        entry["path"] = names[name]
    if output is not None:
        changed["output_path"] = output
    for entry, uri in zip(source_entries(changed), sources, strict=False):
        if uri is not None:
            entry["uri"] = uri
    return changed


def source_entries(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what a record's document says of each input, the first one first."""
    return [document.get("source") or {}, *(document.get("sources") or ())]


def keys_below(place: Place, start: str = "", *, most: int = MOST_OBJECTS) -> Iterator[str]:
    """Yield the keys in a folder of objects, without that of the folder, that begin with `start`.

    Raises
    ------
    StorageError
        If there are more than `most`.
    """
    for stat in place.storage.list(place.key(start), most=most):
        yield stat.key.removeprefix(place.prefix)
