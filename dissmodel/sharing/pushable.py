"""The files to push of a record, each with its recorded digest."""

from __future__ import annotations

import contextlib
import mimetypes
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dissmodel.errors import Differs, DissmodelError, InvalidInput, UsageError, shell_word
from dissmodel.experiment import statements
from dissmodel.experiment.files import contradicted, paths_of
from dissmodel.experiment.layout import RECORD, experiment_name, object_names
from dissmodel.experiment.recorded_input import NOT_FOUND, look_for, recorded_input, sidecars_of
from dissmodel.experiment.source import Source, open_source
from dissmodel.io.sidecars import before_statistics
from dissmodel.record import DataSource, digest

_OCTETS = "application/octet-stream"


@dataclass(frozen=True)
class File:
    """A file that is as recorded, and its `name` in the folder that it goes to."""

    path: Path
    name: str
    size: int
    sha256: str
    media_type: str


@dataclass(frozen=True)
class Pushable:
    """An experiment that completed and whose record holds, with all that is pushed.

    `path` is the record's; its id can be a folder's name. `names` has, for each file of the result, its name
    in the experiment's folder. `signatures` are the record's and the statements about it; `inputs` each
    input and its sidecars, for the folder ``<sha256>/`` of the inputs, if they are to be pushed.
    """

    path: Path
    source: Source
    names: dict[str, str]
    files: tuple[File, ...]
    signatures: tuple[File, ...]
    inputs: tuple[tuple[File, ...], ...]

    @property
    def size(self) -> int:
        """Bytes of all but the record."""
        inputs = (file for one in self.inputs for file in one)
        return sum(file.size for file in (*self.files, *self.signatures, *inputs))


def pushable(path: Path, stack: contextlib.ExitStack, agree: Callable[[str], None] | None) -> Pushable:
    """Return the files to push of a record; every file is hashed.

    `stack` keeps what had to be fetched or unpacked. `agree` is as `recorded_input` takes it; None: the input
    is not pushed.

    Raises
    ------
    Differs
        If the record, or a file that it describes, has changed, or is missing.
    UsageError
        If the run did not complete.
    InvalidInput
        If it is not a record, or its input is wanted and can't be found.
    StorageError
        If something can't be read.
    """
    source = stack.enter_context(open_source(path))
    record = source.record
    if record.status != "completed":
        raise UsageError(
            f"{path}: this run did not complete: it is {record.status}. There is no result to push.",
            f"See why: dissmodel record show {shell_word(str(path))}",
            code="not_completed",
        )
    if source.is_changed:
        raise source.not_as_recorded("record", "pushed")
    experiment_name(record.experiment_id, str(path))
    source.bring()
    source.bring_signed()
    names = object_names(paths_of(source.files, str(path)))
    return Pushable(
        path,
        source,
        names,
        tuple(_files(source, names)),
        tuple(_signatures(source)),
        () if agree is None else tuple(_inputs(source, stack, agree)),
    )


def _files(source: Source, names: dict[str, str]) -> Iterator[File]:
    for name in contradicted(source.record):
        raise source.not_as_recorded(name, "pushed")
    for name, one in source.files.items():
        # Only what has the recorded digest leaves this machine, wherever the record says that it is.
        assert one.path is not None  # it has a name in the place
        found = _hashed(one.path, names[name], one.artifact.media_type)
        if found is None or found.sha256 != one.artifact.sha256:
            raise source.not_as_recorded(name, "pushed")
        yield found


def _signatures(source: Source) -> Iterator[File]:
    for path, _ in statements.signed(source.path):
        name = statements.beside(path.name, source.path.name, RECORD)
        assert name is not None  # a signed file has a name beside any record
        yield _there(path, name)


def _inputs(
    source: Source, stack: contextlib.ExitStack, agree: Callable[[str], None]
) -> Iterator[tuple[File, ...]]:
    # The place that it was read from may be closed to others, or change: the recorded bytes are pushed.
    for data in source.record.inputs:
        try:
            found = recorded_input(source, None, offline=False, agree=agree, data=data)
            here = stack.enter_context(found).path
        except DissmodelError as error:
            if error.code in NOT_FOUND:
                todo = "put it beside the record, or leave --with-input out"
                error.hint = f"{look_for(data)} and {todo}"
            raise
        yield tuple(_of_input(here, data))


def _of_input(here: Path, data: DataSource) -> Iterator[File]:
    yield _there(here, here.name)
    for name, file, expected in sidecars_of(here, data):
        if before_statistics(here, file, expected) is not None:
            raise Differs(
                f"{file}: a viewer added statistics to it, so its bytes are not the recorded ones.",
                "A bundle holds the recorded bytes: dissmodel record bundle FILE.record.json",
            )
        yield _there(file, name)


def _there(path: Path, name: str) -> File:
    found = _hashed(path, name)
    if found is None:
        raise InvalidInput(
            f"{path}: it vanished, or is not a regular file.", "Let no other program write there."
        )
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
