"""Records that lie elsewhere, brought here with what they name; nothing in them is trusted.

A record names its files relative to itself. Where one names anything else, such as another host, a file of
this machine or a folder above it, it is refused before a file is asked for.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dissmodel import temporary
from dissmodel.config import load_settings
from dissmodel.errors import Differs, DissmodelError, InvalidInput, StorageError, UsageError
from dissmodel.progress import current
from dissmodel.record import MAIN, ExperimentRecord, digest, sign, store
from dissmodel.storage.base import Storage
from dissmodel.storage.fetch import file_name
from dissmodel.storage.place import open_storage
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.uri import is_remote, parse

_MOST_FILES = 10_000
_MOST_STATEMENTS = 1000
_STATEMENT = re.compile(r"\.attest-[0-9A-Za-z_-]{1,64}\.json(?:\.sig)?")
_ASK = "Ask whoever put it there."


@dataclass(frozen=True)
class RemoteRecord:
    """A record that lies elsewhere, and the folder of this machine that stands for its own.

    Attributes
    ----------
    storage : Storage
        Where it is.
    prefix : str
        What the keys in its folder begin with.
    base : str
        The URI of its folder, without credentials, ending in a slash.
    name : str
        Its name there.
    is_listed : bool
        Whether the place says what it holds.
    folder : Path
        Where it and what it names is brought.
    """

    storage: Storage
    prefix: str
    base: str
    name: str
    is_listed: bool
    folder: Path

    @property
    def uri(self) -> str:
        """What it is called, without credentials."""
        return f"{self.base}{self.name}"

    @property
    def path(self) -> Path:
        """Where it is brought."""
        return self.folder / file_name(self.name)

    def shown(self, text: str) -> str:
        """Return a text with the names that things have there."""
        return text.replace(str(self.path), self.uri).replace(str(self.folder), self.base.rstrip("/"))

    def fetch(self, path: Path, *, limit: int) -> Path:
        """Bring a file of the record's folder here, to where the record names it.

        Raises
        ------
        DissmodelError
            As `dissmodel.storage.base.Storage.get`.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.storage.get(self._key(path), path, limit=limit)
        return path

    def size(self, path: Path) -> int | None:
        """Return the bytes of a file of the record's folder, None where there is none."""
        stat = self.storage.stat(self._key(path))
        return None if stat is None else stat.size

    def _key(self, path: Path) -> str:
        return self.prefix + (self.name if path == self.path else path.relative_to(self.folder).as_posix())


def record_name(text: str) -> str:
    """Return what the file of a remote record may be called here.

    >>> record_name("https://example.org/runs/a.record.json?token=1")
    'a.record.json'
    """
    place = parse(text)
    return file_name(place.shown)


@contextlib.contextmanager
def open_remote(text: str, *, whole: bool) -> Iterator[RemoteRecord]:
    """Bring a record here, for the block.

    Parameters
    ----------
    text : str
        ``s3://.../record.json`` or ``https://.../record.json``.
    whole : bool
        Whether its own digest has to hold, and the files that it names come too, each as far as it is there.

    Yields
    ------
    RemoteRecord
        An error that leaves the block has the names that things have there.

    Raises
    ------
    InvalidInput
        If there is no such record.
    Differs
        If it was changed.
    StorageError
        If the place fails, or what lies there is no record or names what it may not name.
    """
    storage, key = open_storage(text, StorageSettings.of(load_settings()))
    above, _, name = key.rpartition("/")
    shown = parse(text).shown
    if not name:
        raise UsageError(f"{shown} names no record.", f"Give one: {shown.rstrip('/')}/record.json")
    prefix, base = f"{above}/" if above else "", f"{shown.rpartition('/')[0]}/"
    is_listed = parse(text).scheme == "s3"
    with temporary.new_folder() as folder:
        remote = RemoteRecord(storage, prefix, base, name, is_listed, folder)
        try:
            record = _fetch_record(remote)
            if whole:
                _refuse_changed(remote, record)
                _fetch_files(remote, record)
            yield remote
        except DissmodelError as error:
            error.message, error.hint = remote.shown(error.message), remote.shown(error.hint)
            error.args = (error.message,)
            raise


def files_of(remote: RemoteRecord, record: ExperimentRecord) -> dict[str, Path]:
    """Return where each file of the result is brought, by its name in the record.

    Raises
    ------
    StorageError
        If the record names something else than files beside itself.
    """
    named = {name: artifact.path for name, artifact in record.files.items()}
    if MAIN in record.artifacts and MAIN not in named and record.output_path:
        # Of the public DisSModel: the path is of another machine.
        named[MAIN] = re.split(r"[\\/]", record.output_path)[-1]
    try:
        found = {name: store.artifact_path(remote.path, path) for name, path in named.items()}
    except InvalidInput as error:
        raise StorageError(error.message, _ASK, code=error.code) from None
    names = [remote.path, *found.values()]
    folded = [path.relative_to(remote.folder).as_posix().casefold() for path in names]
    above = {parent.as_posix() for one in folded for parent in PurePosixPath(one).parents}
    if len(set(folded)) < len(folded) or above & set(folded):
        raise StorageError(f"{remote.uri}: two of its files have one name.", _ASK, code="artifact_path")
    if len(found) > _MOST_FILES:
        raise StorageError(f"{remote.uri}: it names more than {_MOST_FILES:,} files.", _ASK)
    return found


def fetch_signatures(remote: RemoteRecord) -> None:
    """Bring what someone signed: the record, and, where the place lists them, statements about it."""
    names = [f"{remote.name}{sign.SUFFIX}"]
    stem = remote.name.removesuffix(store.SUFFIX).removesuffix(".json")
    if remote.is_listed:
        for stat in remote.storage.list(f"{remote.prefix}{stem}.attest-", most=_MOST_STATEMENTS):
            name = stat.key.removeprefix(remote.prefix)
            if _STATEMENT.fullmatch(name.removeprefix(stem)):
                names.append(name)
    for name in names:
        path = remote.folder / name
        if 0 < (remote.size(path) or 0) <= sign.MAX_BYTES:
            remote.fetch(path, limit=sign.MAX_BYTES)


def refuse_remote(text: str | os.PathLike[str], what: str) -> None:
    """Refuse a record that lies elsewhere where something has to lie beside it.

    Raises
    ------
    UsageError
        If it lies elsewhere.
    """
    if is_remote(text):
        shown = parse(text).shown
        is_record = f".{shown.rpartition('/')[2]}".endswith(store.SUFFIX)
        raise UsageError(
            f"{shown}: {what} beside the record, and that is not on this machine.",
            f"Bring it here first: dissmodel pull {shown}"
            if is_record
            else "Copy it and its files here first.",
            code="remote_record",
        )


def _fetch_record(remote: RemoteRecord) -> ExperimentRecord:
    try:
        remote.fetch(remote.path, limit=store.MAX_BYTES)
        record = store.read(remote.path)
    except InvalidInput as error:
        if error.code == "object_missing":
            raise InvalidInput(
                f"{error.message} The record of an experiment comes last: it may not be whole yet.",
                "Look at the URL, or try again later.",
                code="record_missing",
            ) from error
        raise StorageError(error.message, _ASK, code=error.code) from error
    return record


def _refuse_changed(remote: RemoteRecord, record: ExperimentRecord) -> None:
    found = digest.record_digest(store.read_document(remote.path))
    if record.record_digest != found and (record.schema_version or record.record_digest is not None):
        raise Differs(
            f"{remote.uri}: this record was changed: its digest is {found}, and it says "
            f"{record.record_digest}.",
            _ASK,
            code="record_changed",
        )


def _fetch_files(remote: RemoteRecord, record: ExperimentRecord) -> None:
    """Bring the files of a result; one that is not there, or too large, is left out."""
    sizes: dict[Path, int] = {}
    for name, path in files_of(remote, record).items():
        size = record.files[name].size if name in record.files else remote.size(path)
        if size is not None and size >= 0:
            sizes[path] = size
    total, free = sum(sizes.values()), shutil.disk_usage(remote.folder).free
    if total > free:
        raise StorageError(
            f"{remote.uri}: {total:,} bytes are to come, and the temporary folder has room for {free:,}.",
            "Set another temporary folder: TMPDIR=FOLDER",
            code="disk_full",
        )
    reporter, done = current(), 0
    reporter.phase("download")
    for path, size in sizes.items():
        try:
            remote.fetch(path, limit=size)
        except InvalidInput as error:
            if error.code not in {"object_missing", "object_too_large"}:
                raise
        done += size
        reporter.transferred(done, total)
