"""What there is to pull of an experiment: what its record names, if that is nothing it may not name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dissmodel.errors import Differs, DissmodelError, InvalidInput, StorageError
from dissmodel.experiment.layout import (
    FOLDER,
    INPUTS,
    OUTPUT,
    RECORD,
    RESERVED,
    Place,
    PlacedRecord,
    keys_below,
    open_place,
    paths_of,
)
from dissmodel.experiment.recorded_input import remote_places
from dissmodel.record import ExperimentRecord, sign, store
from dissmodel.record.redact import redact
from dissmodel.storage.place import open_storage
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.uri import is_remote, parse

_SHA256 = re.compile(r"[0-9a-f]{64}")
_STATEMENT = re.compile(r"(\.attest-[0-9A-Za-z_-]{1,64}\.json(?:\.sig)?)")
_MOST_STATEMENTS = 1000


@dataclass(frozen=True)
class Wanted:
    """An object that belongs to an experiment.

    Attributes
    ----------
    place : Place
        Where it is.
    key : str
        Its name in `place`.
    path : str
        Where it goes in the experiment's folder, with ``/`` between parts.
    size : int
        Its bytes; no more are taken.
    sha256 : str or None
        What it has to be; None for a signature, which speaks for itself.
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

    Attributes
    ----------
    experiment_id : str
        Fit to be the name of a folder.
    document : dict
        The record as it stands there.
    digest : str
        Its own, which holds.
    paths : dict of str to str
        The path of each file of the result relative to the record, by name.
    wanted : tuple of Wanted
        Everything but the record.
    source : str or None
        The path of the input relative to the record, if it comes too.
    """

    experiment_id: str
    document: dict[str, Any]
    digest: str
    paths: dict[str, str]
    wanted: tuple[Wanted, ...]
    source: str | None

    @property
    def size(self) -> int:
        """Bytes of everything but the record."""
        return sum(one.size for one in self.wanted)


def pullable(
    place: Place,
    name: str,
    placed: PlacedRecord,
    settings: StorageSettings,
    agree: Callable[[str], None] | None,
) -> Pullable:
    """Return what there is to pull; nothing is fetched yet.

    Parameters
    ----------
    place : Place
        The folder of the record.
    name : str
        The record's name in it.
    placed : PlacedRecord
        The record.
    settings : StorageSettings
        How the place of the input is reached.
    agree : callable or None
        Is called with the URL of an input that only the record names, before it is asked for; what it raises
        is raised. None: the input is not wanted.

    Raises
    ------
    Differs
        If something that the record names is not there.
    InvalidInput
        If the run did not complete, or its input is wanted and is nowhere.
    StorageError
        If the record names what it may not name (code ``"artifact_path"``), or the place fails.
    """
    record = placed.record
    uri = f"{place.uri}{name}"
    if record.status != "completed":
        raise InvalidInput(
            f"{uri}: this run did not complete: it is {record.status[:40]!r}.",
            "Only what completed has a result.",
            code="not_completed",
        )
    paths = paths_of(record, uri)
    wanted = [*_files(place, uri, record, paths), *_signatures(place, name)]
    source = None
    if agree is not None:
        inputs = list(_inputs(place, uri, record, settings, agree))
        wanted += inputs
        source = inputs[0].path
    _refuse_twice(wanted, uri)
    return Pullable(record.experiment_id, placed.document, placed.digest, paths, tuple(wanted), source)


def _files(place: Place, uri: str, record: ExperimentRecord, paths: dict[str, str]) -> Iterator[Wanted]:
    for name, path in paths.items():
        _refuse_elsewhere(path, uri)
        artifact = record.files.get(name)
        expected = artifact.sha256 if artifact is not None else record.artifacts[name]
        if record.artifacts.get(name, expected) != expected:
            raise _lying(uri, f"it has two digests for its {name[:80]!r}")
        size = artifact.size if artifact is not None else None
        yield _wanted(place, path, path, expected, size, uri=uri)


def _signatures(place: Place, record: str) -> Iterator[Wanted]:
    """Yield what someone signed: whose it is, and whether it is about this record, `verify` tells."""
    stem = record.removesuffix(".json").removesuffix(".record")
    names = {f"{record}{sign.SUFFIX}": f"{OUTPUT}.{RECORD}{sign.SUFFIX}"}
    if not place.uri.startswith(("http://", "https://")):  # a web server tells no names
        for name in keys_below(place, f"{stem}.attest-", most=_MOST_STATEMENTS):
            end = _STATEMENT.fullmatch(name.removeprefix(stem))
            if end is not None:
                names[name] = f"{OUTPUT}{end[1]}"
    for key, path in names.items():
        stat_now = place.storage.stat(place.key(key))
        if stat_now is not None and 0 < stat_now.size <= sign.MAX_BYTES:
            yield Wanted(place, key, path, stat_now.size, None)


def _inputs(
    place: Place, uri: str, record: ExperimentRecord, settings: StorageSettings, agree: Callable[[str], None]
) -> Iterator[Wanted]:
    source = record.source
    if not _SHA256.fullmatch(source.checksum):
        raise InvalidInput(
            f"{uri}: it does not say which input was read.",
            "Leave --with-input out.",
            code="input_unknown",
        )
    folder, key = _input_place(place, uri, record, settings)
    for one in (key, *source.sidecars):
        _refuse_elsewhere(f"{INPUTS}/{one}", uri, reserved=False)
        if "/" in one:
            raise _lying(uri, f"it names an input in a folder of its own: {one[:80]!r}")
    if is_remote(folder.uri):
        agree(f"{folder.uri}{key}")
    yield _wanted(folder, key, f"{INPUTS}/{key}", source.checksum, source.size, uri=uri)
    for one, digest in source.sidecars.items():
        yield _wanted(folder, one, f"{INPUTS}/{one}", digest, None, uri=uri)


def _input_place(
    place: Place, uri: str, record: ExperimentRecord, settings: StorageSettings
) -> tuple[Place, str]:
    """Return the folder of the input, and its name in it."""
    source = record.source
    # A record is only text: of this machine's own files only those are read that were put beside experiments.
    if parse(place.uri).path is not None:
        top = Path(place.uri).parent.parent if Path(place.uri).parent.name == FOLDER else Path(place.uri)
        inputs = open_place(str(top), settings).below(INPUTS).below(source.checksum)
        return inputs, source.uri.replace("\\", "/").rpartition("/")[2]
    places = remote_places(record, is_s3=False)
    if not places:
        raise InvalidInput(
            f"{uri}: its input was not pushed; it is {redact(source.uri)[:200]!r}, which is not known here.",
            "Leave --with-input out; or ask for it: dissmodel push RECORD --with-input",
            code="input_missing",
        )
    try:
        storage, key = open_storage(places[0], settings)
    except DissmodelError as error:
        raise StorageError(f"{uri}, its input: {error.message}", error.hint, code=error.code) from error
    above, slash, name = key.rpartition("/")
    return Place(storage, above + slash, f"{parse(places[0]).shown.rpartition('/')[0]}/"), name


def _wanted(place: Place, key: str, path: str, sha256: str, size: int | None, *, uri: str) -> Wanted:
    if size is None:  # the public DisSModel does not note it
        stat = place.storage.stat(place.key(key))
        if stat is None:
            raise Differs(
                f"{place.uri}{key}: the record names it, and it is not there.",
                "Ask whoever put it there.",
                code="object_missing",
            )
        size = stat.size
    if size < 0 or not _SHA256.fullmatch(sha256):
        raise _lying(uri, f"no file has {size} bytes and the sha256 {sha256[:80]!r}")
    return Wanted(place, key, path, size, sha256)


def _refuse_elsewhere(path: str, uri: str, *, reserved: bool = True) -> None:
    try:
        plain = store.artifact_path(Path(RECORD), path).as_posix()
    except InvalidInput as error:
        raise StorageError(
            error.message.replace(RECORD, uri, 1), "Ask whoever put it there.", code=error.code
        ) from None
    if plain != path or (reserved and RESERVED.match(path)):
        raise _lying(uri, f"no file of a result may have the name {path[:200]!r}")


def _refuse_twice(wanted: list[Wanted], uri: str) -> None:
    # Also where a file system takes two names for one, and where one is the folder of another.
    taken: dict[str, Wanted] = {}
    for one in wanted:
        if taken.setdefault(one.path.casefold(), one) is not one:
            raise _lying(uri, f"two files have the name {one.path[:200]!r}")
    folders = {str(above) for one in taken for above in Path(one).parents}
    for path in taken:
        if str(Path(path)) in folders:
            raise _lying(uri, f"{path[:200]!r} is a file and a folder")


def _lying(uri: str, what: str) -> StorageError:
    return StorageError(f"{uri}: {what}.", "Ask whoever put it there.", code="artifact_path")
