"""What there is to push of a record: its files, each with the digest that the record vouches for."""

from __future__ import annotations

import contextlib
import mimetypes
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dissmodel.errors import Differs, DissmodelError, InvalidInput, UsageError, shell_word
from dissmodel.experiment.attest import attestations
from dissmodel.experiment.files import recorded_files
from dissmodel.experiment.layout import RECORD, experiment_name, object_names, paths_of
from dissmodel.experiment.recorded_input import recorded_input, sidecars_of
from dissmodel.experiment.records import open_record
from dissmodel.io.sidecars import before_statistics
from dissmodel.record import ExperimentRecord, digest, sign

_OCTETS = "application/octet-stream"
_ATTESTATION = re.compile(r".*(\.attest-[0-9A-Za-z_-]{1,64}\.json)")


@dataclass(frozen=True)
class File:
    """A file that was found to be what it should be.

    Attributes
    ----------
    path : Path
        Where it is.
    name : str
        What it is called in the folder that it goes to.
    size : int
        Bytes.
    sha256 : str
        64 hex digits.
    media_type : str
        What it is.
    """

    path: Path
    name: str
    size: int
    sha256: str
    media_type: str


@dataclass(frozen=True)
class Pushable:
    """A record that completed and holds.

    Attributes
    ----------
    path : Path
        The record.
    experiment_id : str
        Fit to be the name of a folder.
    document : dict
        As the record's file has it.
    digest : str
        Its own.
    names : dict of str to str
        Name of each file of the result → what it is called in the experiment's folder.
    files : tuple of File
        Those of the result.
    signatures : tuple of File
        The record's, and what others stated about it.
    inputs : tuple of File
        The input and its sidecars, for the folder ``<sha256>/`` of the inputs; none if it isn't to be
        pushed.
    """

    path: Path
    experiment_id: str
    document: dict[str, Any]
    digest: str
    names: dict[str, str]
    files: tuple[File, ...]
    signatures: tuple[File, ...]
    inputs: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes of all but the record."""
        return sum(file.size for file in (*self.files, *self.signatures, *self.inputs))


def pushable(path: Path, *, inputs: contextlib.ExitStack | None, agree: Callable[[str], None]) -> Pushable:
    """Return what there is to push of a record; every file is hashed.

    Parameters
    ----------
    path : Path
        The record.
    inputs : ExitStack or None
        Keeps an input that had to be fetched until it closes; None: the input is not pushed.
    agree : callable
        As `dissmodel.experiment.recorded_input.recorded_input` takes it.

    Raises
    ------
    Differs
        If the record, or a file that it vouches for, is not what it was, or is missing.
    UsageError
        If the run did not complete.
    InvalidInput
        If it is no record, or its input is wanted and can't be found.
    StorageError
        If something can't be read.
    """
    record, document = open_record(path)
    own = digest.record_digest(document)
    if record.status != "completed":
        raise UsageError(
            f"{path}: this run did not complete: it is {record.status}. There is no result to push.",
            f"See why: dissmodel record show {shell_word(str(path))}",
            code="not_completed",
        )
    if record.record_digest != own and (record.schema_version or record.record_digest is not None):
        raise _changed(path, "record")
    name = experiment_name(record.experiment_id, str(path))
    names = object_names(paths_of(record, str(path)))
    return Pushable(
        path,
        name,
        document,
        own,
        names,
        tuple(_files(path, record, names)),
        tuple(_signatures(path)),
        () if inputs is None else tuple(_inputs(path, record, inputs, agree)),
    )


def _files(path: Path, record: ExperimentRecord, names: dict[str, str]) -> Iterator[File]:
    for name, one in recorded_files(path, record).items():
        expected = one.artifact.sha256
        if record.artifacts.get(name, expected) != expected:
            raise _changed(path, name)
        # Only what has the recorded digest leaves this machine, wherever the record says that it lies.
        file = path.parent / one.artifact.path if one.path is None else one.path
        found = _hashed(file, names[name], one.artifact.media_type)
        if found is None or found.sha256 != expected:
            raise _changed(path, name)
        yield found


def _signatures(path: Path) -> Iterator[File]:
    signature = sign.signature_path(path)
    if sign.read(signature) is not None:
        yield _there(signature, f"{RECORD}{sign.SUFFIX}")
    for statement in attestations(path):
        end = _ATTESTATION.fullmatch(statement.name)
        if end is None or sign.read(statement) is None:
            continue
        yield _there(statement, f"{RECORD.removesuffix('.json')}{end[1]}")
        signature = sign.signature_path(statement)
        if sign.read(signature) is not None:
            yield _there(signature, f"{RECORD.removesuffix('.json')}{end[1]}{sign.SUFFIX}")


def _inputs(
    path: Path, record: ExperimentRecord, stack: contextlib.ExitStack, agree: Callable[[str], None]
) -> Iterator[File]:
    # Where it was read from may be closed to others, or change: the one that was read is pushed.
    try:
        here = recorded_input(path, record, None, is_s3=False, offline=False, agree=agree)
        source = stack.enter_context(here).path
    except DissmodelError as error:
        error.hint = error.hint.replace(
            "give it: --input FILE", "put it beside the record, or leave --with-input out"
        )
        raise
    yield _there(source, source.name)
    for name, file, expected in sidecars_of(source, record.source):
        if before_statistics(source, file, expected) is not None:
            raise Differs(
                f"{file}: a viewer added statistics to it, so its bytes are not the recorded ones.",
                "A bundle holds the recorded bytes: dissmodel record bundle FILE.record.json",
            )
        yield _there(file, name)


def _there(path: Path, name: str) -> File:
    found = _hashed(path, name)
    if found is None:
        raise InvalidInput(f"{path}: it vanished, or is no regular file.", "Let nothing else write there.")
    return found


def _hashed(path: Path, name: str, media_type: str | None = None) -> File | None:
    """Return a file with its digest; None if there is no regular file that can be read."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            return None
        known = media_type or mimetypes.guess_type(name)[0] or _OCTETS
        return File(path, name, state.st_size, digest.sha256_file(path), known)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None


def _changed(path: Path, what: str) -> Differs:
    return Differs(
        f"{path}: its {what[:80]} is not as it should be; what isn't true isn't pushed.",
        f"See what differs: dissmodel record verify {shell_word(str(path))}",
        code="record_changed",
    )
