"""Bundles, and records that lie elsewhere, opened: they may come from anyone, and nothing is trusted."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from dissmodel import temporary
from dissmodel.errors import DissmodelError, InvalidInput, StorageError
from dissmodel.experiment.at_hand import at_hand
from dissmodel.experiment.remote_record import open_remote
from dissmodel.io import unzip
from dissmodel.record import ExperimentRecord, store
from dissmodel.storage.uri import is_remote, parse

RECORD = "record.json"
"""The name of the record in a bundle."""
INPUT = "input"
"""The folder of the input in a bundle."""
ATTESTATION = ".attest-"
"""What the name of a statement about the record has in it."""

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


def is_bundle(path: Path) -> bool:
    """Tell whether a file is a zip, or is to be taken for a damaged one."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for without end
            return False
        with path.open("rb") as stream:
            return stream.read(4) in _ZIP or path.suffix.lower() == ".zip"
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return False


def is_remote_bundle(text: Path | str) -> bool:
    """Tell whether a text is the URL of a zip.

    >>> is_remote_bundle("https://example.org/a.zip?download=1"), is_remote_bundle("s3://b/record.json")
    (True, False)
    """
    return isinstance(text, str) and is_remote(text) and parse(text).shown.lower().endswith(".zip")


@contextlib.contextmanager
def open_bundle(path: Path | str, *, record_only: bool = False) -> Iterator[Path]:
    """Unpack a bundle into a temporary folder, or fetch a remote record there, for the time of the block.

    Unpacked are the record, the files of the result that it names, its signature, the statements about it and
    the input: what else may be in the zip has no say. An error that leaves the block names the bundle, not
    the folder.

    Parameters
    ----------
    path : Path or str
        The bundle; any other file is taken for a record, and stays where it is. A text may be an ``s3://`` or
        ``https://`` URL of either.
    record_only : bool
        Whether the record is all that is wanted.

    Yields
    ------
    Path
        The record.

    Raises
    ------
    InvalidInput
        If the archive is damaged or dishonest (see `dissmodel.io.unzip`), holds no record or several, or if
        its record is none or names a file outside.
    StorageError
        If the temporary folder can't be written, or what lies elsewhere can't be fetched.
    Differs
        If a record that lies elsewhere was changed, and is not all that is wanted.
    """
    if isinstance(path, str):
        with _remote(path, record_only=record_only) as here:
            yield here
        return
    if not is_bundle(path):
        yield path
        return
    with temporary.new_folder() as folder:
        try:
            record_path, members = _unpack_record(path, folder)
            if not record_only:
                _unpack_rest(path, record_path, members)
            yield record_path
        except DissmodelError as error:
            error.message = shown(error.message, folder, path)
            error.hint = shown(error.hint, folder, path)
            error.args = (error.message,)
            raise


@contextlib.contextmanager
def _remote(text: str, *, record_only: bool) -> Iterator[Path]:
    if not is_remote(text):
        with open_bundle(parse(text).local(), record_only=record_only) as here:
            yield here
    elif is_remote_bundle(text):
        with at_hand(text) as zipped, open_bundle(zipped.path, record_only=record_only) as here:
            yield here
    else:
        with open_remote(text, whole=not record_only) as remote:
            yield remote.path


def shown(text: str, folder: Path, bundle: Path) -> str:
    """Return a text with the names that things have in a bundle, not those where it was unpacked.

    >>> shown("scratch/input/a.tif is gone", Path("scratch"), Path("b.zip"))
    'b.zip/input/a.tif is gone'
    """
    return text.replace(str(folder), str(bundle))


def _unpack_record(path: Path, folder: Path) -> tuple[Path, dict[str, str]]:
    """Return where the record is now, and what each file in the bundle is called in the archive."""
    with unzip.opened(path) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    names = [entry.filename for entry in entries]
    name = _record_name(path, names)
    if next(entry.file_size for entry in entries if entry.filename == name) > store.MAX_BYTES:
        raise InvalidInput(
            f"{path}: its {name} has more than {store.MAX_BYTES} bytes: this is no record.",
            "Ask whoever gave you this bundle.",
            code="not_a_record",
        )
    record_path = store.artifact_path(folder / RECORD, name)
    unzip.extract(path, {name: record_path})
    members = {PurePosixPath(one).as_posix(): one for one in names}
    if len(members) < len(names):
        raise _clash(path)
    return record_path, members


def _record_name(path: Path, names: Iterable[str]) -> str:
    records = [one for one in names if PurePosixPath(one).name == RECORD or one.endswith(store.SUFFIX)]
    found = [name for name in records if "/" not in name and not name.startswith(".")]
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidInput(
            f"{path}: it holds {len(found)} records: {', '.join(sorted(found)[:5])}.",
            "Unpack it and give one of them.",
            code="several_records",
        )
    below = f"Unpack it and give {min(records)}." if records else "Make one: dissmodel record bundle RECORD"
    raise InvalidInput(f"{path}: it holds no record, so it is no bundle.", below, code="no_record")


def _unpack_rest(path: Path, record_path: Path, members: dict[str, str]) -> None:
    wanted = _vouched_for(record_path, store.read(record_path))
    wanted |= {
        name
        for name in members
        if name.startswith(f"{INPUT}/")
        or name == f"{record_path.name}.sig"
        or (ATTESTATION in name and "/" not in name)
    }
    chosen = sorted((wanted & members.keys()) - {record_path.name})
    _refuse_clashes(path, [*chosen, record_path.name])
    targets = {members[name]: store.artifact_path(record_path, name) for name in chosen}
    try:
        for target in targets.values():
            target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{path} could not be unpacked: {error.strerror or error}.",
            "Unpack it yourself and give the record in it.",
        ) from error
    unzip.extract(path, targets)


def _vouched_for(record_path: Path, record: ExperimentRecord) -> set[str]:
    """Return the files of the result by their names in the bundle, those too that lay elsewhere."""
    named = [artifact.path for artifact in record.files.values()]
    if not named and record.output_path:  # of the public DisSModel: the path is of another machine
        named = [PurePosixPath(record.output_path.replace("\\", "/")).name]
    for name in named:
        store.artifact_path(record_path, name)
    return {PurePosixPath(name).as_posix() for name in named}


def _refuse_clashes(path: Path, names: Iterable[str]) -> None:
    """Refuse names that are one on a system where case doesn't count, and a file that is a folder too."""
    folded = [name.casefold() for name in names]
    folders = {parent.as_posix() for name in folded for parent in PurePosixPath(name).parents}
    if len(set(folded)) < len(folded) or folders & set(folded):
        raise _clash(path)


def _clash(path: Path) -> InvalidInput:
    return InvalidInput(
        f"{path} is refused: two of its entries have one name.",
        "Ask whoever gave you this bundle.",
        code="archive_refused",
    )
