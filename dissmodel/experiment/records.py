"""The record that a user means."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dissmodel.errors import DissmodelError, InvalidInput
from dissmodel.experiment.files import artifacts_of, located, main_name
from dissmodel.experiment.source import InFolder, is_bundle, open_source
from dissmodel.record import ExperimentRecord, store
from dissmodel.record.scan import names
from dissmodel.storage.uri import is_remote, parse

_MOST_RECORDS = 10_000
_MOST_ABOVE = 8
_HEAD_BYTES = 64


def open_record(
    path: Path | str, document: dict[str, Any] | None = None
) -> tuple[ExperimentRecord, dict[str, Any]]:
    """Read a record, and its document as it stands; nothing on the disk is changed.

    Of a bundle it is the record in it; a remote record is fetched. The reporter is warned of a pair that a
    run began to replace, with what settles it. `document` is that of the record, where `record_of` read it.

    Raises
    ------
    InvalidInput
        If there is none or it can't be read.
    StorageError
        If it is remote and can't be fetched.
    """
    if document is not None:
        here = InFolder(Path(path), document)
        return here.record, here.document
    with open_source(path) as source:
        source.tell_of_crate()
        return source.record, source.document


def record_of(given: str) -> tuple[str, dict[str, Any] | None]:
    """Return the record that a user means: what was given, or where that is a file of a result, its record.

    The record of a file is looked for beside the file, and beside the folders above it that may be the
    result; its document, which was read for that, comes with it.

    Raises
    ------
    UsageError
        If it is not a path.
    InvalidInput
        If it is neither a record nor a file that a record names.
    """
    if is_remote(given):
        return given, None
    path = parse(given).local()
    if f".{path.name}".endswith(store.SUFFIX):
        return given, None
    for candidate in _beside(path):
        document = _naming(candidate, path)
        if document is not None:
            return str(candidate), document
    if path.is_file() and not is_bundle(path) and not _may_be_json(path):
        raise InvalidInput(
            f"{given}: no record beside it names this file.",
            "A record is beside its result, as NAME.record.json; give its path.",
            code="record_missing",
        )
    return given, None


def _beside(path: Path) -> Iterator[Path]:
    """Yield the records that may name a file, those with its name first."""
    above = [
        one for one in (path, *itertools.islice(path.parents, _MOST_ABOVE)) if one.name not in {"", ".."}
    ]
    yield from (one for one in map(store.record_path, above) if one.is_file())
    with contextlib.suppress(InvalidInput):  # there is no such folder
        yield from (one.path for one in itertools.islice(names(path.parent, below=False), _MOST_RECORDS))


def _naming(record_path: Path, path: Path) -> dict[str, Any] | None:
    """Return the document of a record if it describes a file, or a folder with the file."""
    try:
        record, document = store.read_both(record_path)
        files = [located(record_path, one) for one in artifacts_of(record).values()]
    except DissmodelError:
        return None
    found = [one for one in files if one is not None]
    if not found and main_name(record):  # of the public DisSModel, which may note no digest
        found = [record_path.parent / main_name(record)]
    wanted = _straight(path)
    straight = [_straight(one) for one in found if "\0" not in str(one)]
    is_named = any(one == wanted or one.startswith(wanted + os.sep) for one in straight)
    return document if is_named else None


def _straight(path: Path) -> str:
    return os.path.normcase(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow the user's own links)


def _may_be_json(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b""}
    except OSError:
        return True
