"""The files to pull of an experiment: those that its record names and may name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dissmodel.errors import Differs, DissmodelError, InvalidInput, StorageError
from dissmodel.experiment import statements
from dissmodel.experiment.files import clash, contradicted, name_of, paths_of
from dissmodel.experiment.layout import (
    FOLDER,
    INPUTS,
    OUTPUT,
    RECORD,
    RESERVED,
    Place,
    object_place,
    open_place,
)
from dissmodel.experiment.recorded_input import recorded_url
from dissmodel.experiment.source import InPlace
from dissmodel.record import DataSource, store
from dissmodel.record.redact import redact
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.uri import is_remote, parse

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Wanted:
    """An object of an experiment: `key` in `place`, for the `path` in the experiment's folder.

    No more than `size` bytes are taken. `sha256` is None for signatures and statements, which are checked
    later.
    """

    place: Place
    key: str
    path: str
    size: int
    sha256: str | None

    @property
    def uri(self) -> str:
        """What an error calls it."""
        return f"{self.place.uri}{self.key}"


@dataclass(frozen=True)
class Pullable:
    """An experiment in a place, as its record has it.

    The own digest of the record of `source` holds, and its id can be a folder's name. `paths` are those of
    the result's files relative to the record, by name; `inputs` those of the inputs, if these are pulled too.
    `wanted` has all files but the record.
    """

    source: InPlace
    paths: dict[str, str]
    wanted: tuple[Wanted, ...]
    inputs: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of all files but the record."""
        return sum(one.size for one in self.wanted)


def pullable(source: InPlace, settings: StorageSettings, agree: Callable[[str], None] | None) -> Pullable:
    """Return the files to pull; only the record is fetched yet.

    `agree` is called with the URL of an input that only the record names, before it is asked for; None: the
    input is not wanted.

    Raises Differs if the record was changed, or a file that it names is not there; InvalidInput if the run
    did not complete, or its input is wanted and is nowhere; StorageError if the record names what it may not
    name (code ``"artifact_path"``), or the place fails.
    """
    source.refuse_changed()
    source.refuse_unfinished("to pull", "not_completed")
    uri = source.given
    paths = paths_of(source.files, uri)
    wanted = [*_files(source, paths), *_signatures(source)]
    inputs = []
    if agree is not None:
        for data in source.record.inputs:
            found = list(_inputs(source, data, settings, agree))
            inputs.append(found[0].path)
            wanted += found
    twice = clash(one.path for one in wanted)
    if twice is not None:
        raise _lying(uri, f"two files have the name {twice[:200]!r}")
    return Pullable(source, paths, tuple(wanted), tuple(inputs))


def _files(source: InPlace, paths: dict[str, str]) -> Iterator[Wanted]:
    for name in contradicted(source.record):
        raise _lying(source.given, f"it has two digests for its {name[:80]!r}")
    for name, one in source.files.items():
        path = paths[name]
        _refuse_elsewhere(path, source.given)
        yield _wanted(source.place, path, path, one.artifact.sha256, one.size, uri=source.given)


def _signatures(source: InPlace) -> Iterator[Wanted]:
    """Yield signatures and statements; `verify` tells who signed them, and about which record."""
    for key, size in source.signed():
        path = statements.beside(key, source.name, f"{OUTPUT}{store.SUFFIX}")
        assert path is not None  # a signed file has a name beside any record
        yield Wanted(source.place, key, path, size, None)


def _inputs(
    source: InPlace, data: DataSource, settings: StorageSettings, agree: Callable[[str], None]
) -> Iterator[Wanted]:
    uri = source.given
    if not _SHA256.fullmatch(data.checksum):
        raise InvalidInput(
            f"{uri}: the record does not identify its {data.called}.",
            "Leave --with-input out.",
            code="input_unknown",
        )
    folder, key = _input_place(source, data, settings)
    here = f"{INPUTS}/{data.folder}"
    for one in (key, *data.sidecars):
        _refuse_elsewhere(f"{here}{one}", uri, reserved=False)
        if "/" in one:
            raise _lying(uri, f"it names an input in a folder of its own: {one[:80]!r}")
    if is_remote(folder.uri):
        agree(f"{folder.uri}{key}")
    yield _wanted(folder, key, f"{here}{key}", data.checksum, data.size, uri=uri)
    for one, digest in data.sidecars.items():
        yield _wanted(folder, one, f"{here}{one}", digest, None, uri=uri)


def _input_place(source: InPlace, data: DataSource, settings: StorageSettings) -> tuple[Place, str]:
    """Return the folder of an input, and its name in it."""
    uri = source.place.uri
    # A record is only text: of this machine's own files only those are read that were put beside experiments.
    if parse(uri).path is not None:
        top = Path(uri).parent.parent if Path(uri).parent.name == FOLDER else Path(uri)
        inputs = open_place(str(top), settings).below(INPUTS).below(data.checksum)
        return inputs, name_of(data.uri)
    url = recorded_url(data.uri)
    if url is None:
        raise InvalidInput(
            f"{source.given}: its {data.called} was not pushed; it is {redact(data.uri)[:200]!r}, which is"
            " unknown here.",
            "Leave --with-input out; or ask for it: dissmodel push RECORD --with-input",
            code="input_missing",
        )
    try:
        return object_place(url, settings)
    except DissmodelError as error:
        raise StorageError(
            f"{source.given}, its {data.called}: {error.message}", error.hint, code=error.code
        ) from error


def _wanted(place: Place, key: str, path: str, sha256: str, size: int | None, *, uri: str) -> Wanted:
    if size is None:  # the public DisSModel does not note it
        stat = place.storage.stat(place.key(key))
        if stat is None:
            raise Differs(
                f"{place.uri}{key}: the record names it, but it does not exist.",
                "Ask the person who stored it.",
                code="object_missing",
            )
        size = stat.size
    if size < 0 or not _SHA256.fullmatch(sha256):
        raise _lying(uri, f"no file has {size} bytes and the sha256 {sha256[:80]!r}")
    return Wanted(place, key, path, size, sha256)


def _refuse_elsewhere(path: str, uri: str, *, reserved: bool = True) -> None:
    try:
        plain = store.artifact_path(Path(RECORD), path).as_posix()
    except InvalidInput:
        plain = ""
    if plain != path or (reserved and RESERVED.match(path)):
        raise _lying(uri, f"no file of a result may have the name {path[:200]!r}")


def _lying(uri: str, what: str) -> StorageError:
    return StorageError(f"{uri}: {what}.", "Ask the person who stored it.", code="artifact_path")
