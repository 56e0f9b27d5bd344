"""Records on disk: their names, how they are written, and how far a file is trusted when it is read."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from types import NoneType
from typing import Any

from pydantic import ValidationError

from dissmodel import bounded, temporary
from dissmodel.errors import InvalidInput, StorageError, UsageError
from dissmodel.placeholders import refuse_pointer
from dissmodel.record.digest import record_digest
from dissmodel.record.known_secrets import known
from dissmodel.record.plain import as_text, plain
from dissmodel.record.redact import redact_document
from dissmodel.record.schema import SCHEMA_VERSION, ExperimentRecord, Package, Runtime

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 100
SUFFIX = ".record.json"


def record_path(output: Path) -> Path:
    """Return where the record of an output is: beside it, with the last suffix replaced.

    >>> record_path(Path("out/flood.v2.tif")).as_posix(), record_path(Path("out/val/")).as_posix()
    ('out/flood.v2.record.json', 'out/val.record.json')

    Raises UsageError if `output` names no file, such as ``.`` or ``/``.
    """
    return output.with_name(f"{_stem(output)}{SUFFIX}")


def failed_record_path(output: Path, experiment_id: str) -> Path:
    """Return where the record of a run that doesn't complete is: under a name that no result needs.

    >>> failed_record_path(Path("out/flood.tif"), "1a2b3c4d5e6f").name
    'flood.1a2b3c4d.record.json'
    """
    short = re.sub(r"[^0-9A-Za-z]", "", experiment_id)[:8]
    return output.with_name(f"{_stem(output)}.{short}{SUFFIX}")


def artifact_path(record_path: Path, artifact_path: str) -> Path:
    """Return the path of an artifact, from what its record says; it can't lead out of the record's folder.

    A name in that folder may be a symbolic link that the user made; what a record says is only a name.

    >>> artifact_path(Path("out/flood.record.json"), "maps/flood.png").as_posix()
    'out/maps/flood.png'

    Raises InvalidInput if `artifact_path` is empty, absolute or a URL, or holds ``..``, a backslash, a drive
    or a control character.
    """
    relative = PurePosixPath(artifact_path)
    refused = (
        not relative.parts
        or relative.is_absolute()
        or ".." in relative.parts
        or "://" in artifact_path
        or re.search(r"^[A-Za-z]:|[\\\x00-\x1f\x7f]", artifact_path)
        or (os.name == "nt" and ":" in artifact_path)
    )
    if refused:
        raise InvalidInput(
            f"{record_path}: it names a file outside its folder: {artifact_path[:200]!r}.",
            "A record names its files relative to itself. Ask the sender of this record for a correct one.",
            code="artifact_path",
        )
    return record_path.parent.joinpath(*relative.parts)


def to_document(record: ExperimentRecord) -> dict[str, Any]:
    """Return a record as plain JSON types without secrets, in the order of the schema; it never fails.

    Executors put whatever they have into a record. NumPy scalars and arrays become numbers and lists, dates
    ISO 8601, sets sorted lists, floats that JSON lacks ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``, large
    arrays and anything else a short text. A field whose value doesn't fit the schema moves to ``misfits``.
    """
    runtime = record.runtime
    packages = _texts(runtime.packages) if isinstance(runtime, Runtime) else None
    if runtime is None or packages is None:
        return _document(record)
    # There are hundreds, the same ones in every record that this process writes.
    document = _document(record.model_copy(update={"runtime": runtime.model_copy(update={"packages": {}})}))
    if document["runtime"] is None:  # a misfit
        return _document(record)
    shown = _packages_document(packages, known())
    document["runtime"]["packages"] = {name: dict(package) for name, package in shown.items()}
    return document


def _texts(packages: Any) -> tuple[tuple[Any, ...], ...] | None:
    """Return name, version, URL and commit of each package; None where they are not all texts or None."""
    if not isinstance(packages, dict):
        return None
    found = []
    for name, package in packages.items():
        if type(package) is not Package or package.model_extra:
            return None
        texts = (name, package.version, package.url, package.commit)
        if not {str, NoneType}.issuperset(map(type, texts)):
            return None
        found.append(texts)
    return tuple(found)


@lru_cache(maxsize=4)
def _packages_document(packages: tuple[tuple[Any, ...], ...], _secrets: tuple[str, ...]) -> dict[str, Any]:
    """Return the document of packages; the second argument is what it depends on, too."""
    names = Package.model_fields
    whole = {name: dict(zip(names, values, strict=True)) for name, *values in packages}
    shown: dict[str, Any] = redact_document({"packages": plain(whole)})["packages"]
    return shown


def _document(record: ExperimentRecord) -> dict[str, Any]:
    document: dict[str, Any] = plain(record)
    if isinstance(document.get("logs"), list):
        document["logs"] = [as_text(line) for line in document["logs"]]
    if isinstance(document.get("artifacts"), dict):
        sums = document["artifacts"].items()
        document["artifacts"] = {name: as_text(value) for name, value in sums if value is not None}
    try:
        fitting = ExperimentRecord.model_validate(document)
    except ValidationError as error:
        names = {str(detail["loc"][0]) for detail in error.errors(include_input=False, include_url=False)}
        kept = {name: value for name, value in document.items() if name not in names}
        kept["misfits"] = {name: document[name] for name in sorted(names)}
        fitting = ExperimentRecord.model_validate(kept)
    # Once through the schema: what is written is exactly what a reader will write again.
    return redact_document(plain(fitting))


def written(record: ExperimentRecord) -> dict[str, Any]:
    """Return the document that is written of a record: `to_document`, and ``output_sha256`` as a field.

    It repeats the digest of the main artifact for readers that look for it beside ``output_path``.
    """
    document = to_document(record)
    return document | {"output_sha256": document["artifacts"].get("output")}


def dumps(document: Mapping[str, Any]) -> bytes:
    """Return a record's document as people read it: indented, the schema's fields first and in its order."""
    known = [name for name in ExperimentRecord.model_fields if name in document]
    ordered = {name: document[name] for name in [*known, *document]}
    runtime = document.get("runtime")
    packages = runtime.get("packages") if isinstance(runtime, dict) else None
    if not isinstance(runtime, dict) or not isinstance(packages, dict) or not packages:
        return f"{_indented(ordered)}\n".encode()
    text = _indented(ordered | {"runtime": {**runtime, "packages": {}}})
    # Hundreds of packages take ten times as long as all the rest. A text has no line break of its own.
    head, name, tail = text.partition('\n  "runtime": {')
    before, place, after = tail.partition('\n    "packages": ')
    own = _indented_packages(json.dumps(packages, ensure_ascii=False, allow_nan=False))
    return f"{head}{name}{before}{place}{own}{after.removeprefix('{}')}\n".encode()


def _indented(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


@lru_cache(maxsize=4)
def _indented_packages(packages: str) -> str:
    return _indented(json.loads(packages)).replace("\n", "\n    ")


def write(
    record: ExperimentRecord | Mapping[str, Any], path: Path, *, staging: Path | None = None
) -> dict[str, Any]:
    """Write a record with its digest, whole or not at all, and return what was written.

    `record` is a record, whose ``record_digest`` is set; or a document of plain JSON types, written as it is.
    `staging` is as for `write_atomically`.

    Raises StorageError if `path` can't be written, or if the record is larger than one that would be read
    again.
    """
    document, data = document_and_bytes(record, path)
    write_atomically(path, data, staging=staging)
    if isinstance(record, ExperimentRecord):
        record.record_digest = document["record_digest"]
    return document


def document_and_bytes(
    record: ExperimentRecord | Mapping[str, Any], path: Path
) -> tuple[dict[str, Any], bytes]:
    """Return the document, with its digest, and the bytes that `write` would put at `path`."""
    document = written(record) if isinstance(record, ExperimentRecord) else dict(record)
    document["record_digest"] = record_digest(document)
    data = dumps(document)
    if len(data) > MAX_BYTES:
        sizes = {name: len(json.dumps(value)) for name, value in document.items()}
        raise StorageError(
            f"{path}: the record would have {len(data)} bytes, more than {MAX_BYTES}; "
            f"most of them are in {max(sizes, key=sizes.__getitem__)!r}.",
            "Let the model write large results into files.",
            code="record_too_large",
        )
    return document, data


def write_atomically(path: Path, data: bytes, *, staging: Path | None = None) -> None:
    """Write a file so that its name never holds a part of it, not even after a power cut.

    `staging` is a folder on the same file system where it is written first; by default the file's own.

    Raises StorageError if it can't be written; what was there before is then as it was.
    """
    try:
        with temporary.new_file(staging or path.parent) as stream:
            stream.write(data)
            temporary.replace(stream, path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise StorageError(
            f"{path}: can't be written: {getattr(error, 'strerror', None) or error}.",
            "Choose a folder that you may write to, on a disk with room.",
        ) from error
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Ask the system to keep the names in `folder`; where it can't (Windows, some network disks), do nothing.

    Raises StorageError if the disk fails: the names are there now, and may be lost with the power.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # a folder that may be written to and not read
        return
    try:
        temporary.sync(handle)
    except OSError as error:
        raise StorageError(
            f"{folder}: the disk could not store its new file names: {error.strerror or error}.",
            "Check the disk, and then the files in this folder.",
            code="not_synced",
        ) from error
    finally:
        os.close(handle)


def read_document(path: Path) -> dict[str, Any]:
    """Return a record's document as the file has it; the file is not trusted.

    Raises InvalidInput if there is no such file (code ``record_missing``), if it is larger than 16 MiB,
    nested deeper than 100, has a key twice, is not JSON in UTF-8 or not a record (``not_a_record``), or if a
    newer version wrote it (``record_newer``); StorageError if it can't be read.
    """
    data = _read(path)
    try:
        text = data.decode("utf-8-sig")
        document = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=str,
            parse_float=_parse_float,
        )
        _check_depth(document)
        if "\\u" in text:  # only an escape can write half of a surrogate pair, which UTF-8 lacks
            json.dumps(document, ensure_ascii=False).encode()
    except RecursionError:
        raise _not_a_record(path, f"it is nested deeper than {MAX_DEPTH}") from None
    except ValueError as error:
        raise _not_a_record(path, str(error)) from error
    if not isinstance(document, dict) or not isinstance(document.get("experiment_id"), str):
        raise _not_a_record(path, "it has no experiment_id")
    version = document.get("schema_version", 0)
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        raise _not_a_record(path, f"its schema_version is {version!r}")
    if version > SCHEMA_VERSION:
        raise InvalidInput(
            f"{path}: a newer dissmodel wrote this record (schema {version}, not {SCHEMA_VERSION}).",
            "Upgrade dissmodel.",
            code="record_newer",
        )
    return document


def read(path: Path) -> ExperimentRecord:
    """Return the record in a file; errors as for `read_both`."""
    return read_both(path)[0]


def read_both(path: Path) -> tuple[ExperimentRecord, dict[str, Any]]:
    """Return the record in a file, and its document; the file is read once.

    A record of the public DisSModel 0.6 has ``schema_version`` 0.

    Raises
    ------
    InvalidInput, StorageError
        As `read_document`, and if a field has a value that the schema doesn't allow.
    """
    document = read_document(path)
    return of_document(document, path), document


def of_document(document: Mapping[str, Any], path: Path) -> ExperimentRecord:
    """Return the record that a document holds; `path` is what an error calls the record.

    Raises InvalidInput if a field has a value that the schema doesn't allow.
    """
    try:
        return ExperimentRecord.model_validate({"schema_version": 0, **document})
    except ValidationError as error:
        raise misfit(path, error) from error


def misfit(shown: Path | str, error: ValidationError) -> InvalidInput:
    """Return the error of a record, shown as `shown`, with a field whose value the schema doesn't allow."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return _not_a_record(shown, f"{where[:200]}: {first['msg']}")


def _stem(output: Path) -> str:
    if not output.stem or output.name == "..":
        raise UsageError(f"{output}: this names no file.", "Give the result a name: --output result.tif")
    return output.stem


def _read(path: Path) -> bytes:
    try:
        data = bounded.contents(path, MAX_BYTES)
    except bounded.Unfit as error:
        raise _not_a_record(path, str(error)) from None
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise InvalidInput(
            f"{path}: there is no such record.",
            "A record is beside its result, as NAME.record.json.",
            code="record_missing",
        ) from error
    except OSError as error:
        raise StorageError(
            f"{path}: can't be read: {error.strerror or error}.",
            "Check the rights of the file and of its folders.",
        ) from error
    refuse_pointer(data, path)
    return data


def _not_a_record(path: Path | str, why: str) -> InvalidInput:
    return InvalidInput(
        f"{path}: this is not a record: {why}.",
        "Give the .record.json file that a run left beside its result.",
        code="not_a_record",
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:200]!r} is given twice in one object")
    return found


def _parse_float(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _check_depth(document: Any) -> None:
    level = [value for value in (document,) if isinstance(value, (dict, list))]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            below += value.values() if isinstance(value, dict) else value
        level = [value for value in below if isinstance(value, (dict, list))]
        if not level:
            return
    raise ValueError(f"it is nested deeper than {MAX_DEPTH}")
