"""How an experiment lies in a place that others can reach: which object is what, and what its record says.

An experiment is a folder ``experiments/<experiment_id>/``. It is whole once ``record.json`` is in it, which
is written last and names every other file relative to itself.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from dissmodel import temporary
from dissmodel.errors import Differs, InvalidInput, StorageError, UsageError
from dissmodel.record import MAIN, ExperimentRecord, digest, store
from dissmodel.storage.base import Storage
from dissmodel.storage.place import bucket_and_key, open_storage
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.uri import parse

RECORD = "record.json"
OUTPUT = "output"
INPUTS = "inputs"
FOLDER = "experiments"
OUTPUTS_BUCKET = "dissmodel-outputs"
INPUTS_BUCKET = "dissmodel-inputs"
MOST_OBJECTS = 100_000

# Names that something else than a file of the result has, in the place or where it is pulled to.
RESERVED = re.compile(
    rf"(record|{OUTPUT}\.record)\.json|(record|{OUTPUT})\.attest-|{INPUTS}(/|$)|\.dissmodel-"
)
_RECORD = re.compile(r"(?:.*\.)?record\.json")
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,127}")
_HIDDEN = re.compile(r"[\\/:\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Place:
    """A folder of objects.

    Attributes
    ----------
    storage : Storage
        Where it is.
    prefix : str
        What the keys in it begin with: empty, or ending in a slash.
    uri : str
        Its name as others would type it, without credentials, ending in a slash.
    """

    storage: Storage
    prefix: str
    uri: str

    def key(self, name: str) -> str:
        """Return the key of an object in it."""
        return self.prefix + name

    def below(self, name: str) -> Place:
        """Return the folder of that name in it."""
        return Place(self.storage, f"{self.prefix}{name}/", f"{self.uri}{name}/")


@dataclass(frozen=True)
class PlacedRecord:
    """A record as it lies in a place: parsed, as it stands, and its own digest, which holds."""

    record: ExperimentRecord
    document: dict[str, Any]
    digest: str


def open_place(text: str, settings: StorageSettings, *, new: bool = False) -> Place:
    """Return the folder that a user named, by itself or by the record in it (see `record_in`).

    Parameters
    ----------
    text : str
        ``s3://BUCKET/PREFIX``, ``https://...`` or a local folder.
    settings : StorageSettings
        How storage is reached.
    new : bool
        Whether a local folder that is not there is one that `Storage.put` makes.

    Raises
    ------
    UsageError
        If it is no place.
    StorageError
        If it can't have that name, or there are no credentials for it.
    """
    uri = parse(text)
    if uri.path is not None:
        return _folder(uri.path.parent if _RECORD.fullmatch(uri.path.name) else uri.path, settings, new=new)
    storage, key = open_storage(text, settings)
    shown = f"s3://{'/'.join(bucket_and_key(uri))}" if uri.scheme == "s3" else uri.shown
    prefix, shown = (_without_record(one).rstrip("/") for one in (key, shown))
    return Place(storage, f"{prefix}/" if prefix else "", f"{shown}/")


def _folder(path: Path, settings: StorageSettings, *, new: bool) -> Place:
    folder = Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow the user's own links)
    uri = f"{folder.as_posix().rstrip('/')}/"
    missing: list[str] = []
    while new and folder.name and not os.path.lexists(folder):
        missing.append(f"{folder.name}/")
        folder = folder.parent
    storage, _ = open_storage(folder / RECORD, settings)  # a file's folder is the place
    return Place(storage, "".join(reversed(missing)), uri)


def _without_record(text: str) -> str:
    above, slash, name = text.rpartition("/")
    return above + slash if _RECORD.fullmatch(name) else text


def record_in(text: str) -> str | None:
    """Return the name of the record that a user named, None where it is no record that is named.

    >>> record_in("s3://bucket/runs/flood.record.json"), record_in("s3://bucket/experiments")
    ('flood.record.json', None)
    """
    name = parse(text).shown.replace(os.sep, "/").rpartition("/")[2]
    return name if _RECORD.fullmatch(name) else None


def outputs_place(to: str | None, settings: StorageSettings) -> Place:
    """Return the place of experiments: the one that is named, or the bucket that is set.

    Raises
    ------
    UsageError
        If no folder is named, but a record.
    DissmodelError
        As `open_place`.
    """
    if to is not None:
        _refuse_unwritten(to)
    named = f"s3://{settings.bucket or OUTPUTS_BUCKET}" if to is None else to
    return open_place(named, settings, new=True)


def _refuse_unwritten(to: str) -> None:
    place = parse(to)
    why = "a web server is only read" if place.scheme in {"http", "https"} else None
    if record_in(to) is not None:
        why = "experiments go into a folder, and this is the name of a record"
    if why is not None:
        raise UsageError(f"--to {place.shown}: {why}.", "--to s3://BUCKET/PREFIX or --to FOLDER")


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
            f"{where}: {experiment_id[:80]!r} is no id of an experiment.",
            "Ask whoever gave you this record.",
            code="experiment_id",
        )
    return experiment_id


def object_names(paths: Mapping[str, str]) -> dict[str, str]:
    """Return what each file of a result is called beside ``record.json``, whatever the result was called.

    Parameters
    ----------
    paths : Mapping of str to str
        Name → path relative to the record; an absolute one lies elsewhere.

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
    document: Mapping[str, Any], names: Mapping[str, str], *, output: str, source: str | None
) -> dict[str, Any]:
    """Return a record's document with other locations; its digest and its signatures hold.

    Parameters
    ----------
    document : Mapping
        As the record's file has it.
    names : Mapping of str to str
        The path of each file relative to the record.
    output : str
        What ``output_path`` says.
    source : str or None
        What ``source.uri`` says; None leaves it as it is.
    """
    changed = copy.deepcopy(dict(document))
    for name, entry in (changed.get("files") or {}).items():
        entry["path"] = names[name]
    changed["output_path"] = output
    if source is not None:
        changed["source"]["uri"] = source
    return changed


def read_placed(place: Place, key: str, uri: str, *, limit: int = store.MAX_BYTES) -> PlacedRecord:
    """Return a record of at most `limit` bytes that lies in a place; it is not trusted, but its digest holds.

    Raises
    ------
    InvalidInput
        If there is none (code ``"record_missing"``).
    Differs
        If it isn't what its own digest says (code ``"record_changed"``).
    StorageError
        If it can't be read or is no record.
    """
    with temporary.new_folder() as folder:
        path = folder / RECORD
        try:
            place.storage.get(key, path, limit=limit)
            record, document = store.read(path), store.read_document(path)
        except InvalidInput as error:
            if error.code == "object_missing":
                raise InvalidInput(
                    f"{uri}: there is no such experiment, or it isn't whole yet.",
                    "Its folder has a record.json once all of it is there.",
                    code="record_missing",
                ) from error
            said = error.message.replace(str(path), uri)
            raise StorageError(said, "Ask whoever put it there.", code=error.code) from error
    found = digest.record_digest(document)
    if record.record_digest != found and (record.schema_version or record.record_digest is not None):
        raise Differs(
            f"{uri}: this record was changed: its digest is {found}, and it says {record.record_digest}.",
            "Ask whoever put it there.",
            code="record_changed",
        )
    return PlacedRecord(record, document, found)


def paths_of(record: ExperimentRecord, where: str) -> dict[str, str]:
    """Return the path of each file as the record says it, by name.

    Raises
    ------
    InvalidInput
        If there is a file of which it doesn't say where it lies.
    """
    found = {name: artifact.path for name, artifact in record.files.items()}
    for name in record.unplaced:
        if name != MAIN or not record.output_path:
            raise InvalidInput(
                f"{where}: it does not say where its {name[:80]!r} lies.",
                "Run the model again with this version, then push that.",
                code="artifact_path",
            )
        # Of the public DisSModel, and of another machine: beside the record it has the same name.
        found[name] = re.split(r"[\\/]", record.output_path)[-1]
    return found


def keys_below(place: Place, start: str = "", *, most: int = MOST_OBJECTS) -> Iterator[str]:
    """Yield the keys in a folder of objects, without that of the folder, that begin with `start`.

    Raises
    ------
    StorageError
        If there are more than `most`.
    """
    for stat in place.storage.list(place.key(start), most=most):
        yield stat.key.removeprefix(place.prefix)
