"""An experiment, wherever it is stored: in a folder, in a bundle, or in a place such as a bucket.

A bundle and a place are not trusted. Their record names its files relative to itself; a record that names
another host, a file of this machine or a folder above itself is refused before a file is asked for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from dissmodel import bounded, materialize, temporary
from dissmodel.config import load_settings
from dissmodel.errors import Differs, InvalidInput, StorageError, UsageError, shell_word
from dissmodel.experiment import statements
from dissmodel.experiment.at_hand import at_hand
from dissmodel.experiment.explain import why_missing
from dissmodel.experiment.files import Recorded, artifacts_of, clash, located
from dissmodel.experiment.layout import RECORD, Place, keys_below, object_place
from dissmodel.experiment.naming import naming, renamed
from dissmodel.io import unzip
from dissmodel.progress import current
from dissmodel.record import Artifact, ExperimentRecord, digest, sign, store
from dissmodel.record.export import ro_crate
from dissmodel.storage.fetch import file_name
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.uri import is_remote, parse

INPUT = "input"
"""The folder of the input in a bundle."""

_MOST_FILES = 10_000
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_ASK = "Ask the person who stored it."
_MISSING, _TOO_LARGE = "object_missing", "object_too_large"


class Source:
    """An experiment: its record, read once, and what the record names.

    Attributes
    ----------
    given : Path or str
        What the user calls it; a text is a URL without credentials.
    names : dict of str to str
        Paths of this machine, with the names that the user knows instead.
    is_remote : bool
        Whether its files are not on this machine: no file of this machine is taken for a file of a remote
        result.
    """

    given: Path | str
    names: dict[str, str]
    is_remote = False
    _all_beside = True

    @property
    def beside(self) -> Path:
        """What new results are beside: the record, the bundle, or where a fetched one would be here."""
        return self.given if isinstance(self.given, Path) else Path.cwd() / file_name(self.given)

    @property
    def path(self) -> Path:
        """Where the record is on this machine."""
        return self.beside

    def _read(self) -> tuple[ExperimentRecord, dict[str, Any]]:
        return store.read_both(self.path)

    @cached_property
    def _both(self) -> tuple[ExperimentRecord, dict[str, Any]]:
        return self._read()

    @property
    def record(self) -> ExperimentRecord:
        """The record; the first use reads it, and raises if it can't be read."""
        return self._both[0]

    @property
    def document(self) -> dict[str, Any]:
        """The record as its file has it."""
        return self._both[1]

    @cached_property
    def digest(self) -> str:
        """The digest of the record as it is now."""
        return digest.record_digest(self.document)

    @property
    def is_changed(self) -> bool:
        """Whether the record does not match its own digest."""
        return digest.is_changed(self.document, self.digest)

    @property
    def in_bucket(self) -> bool:
        """Whether it is in a bucket, and so its input may be in that of inputs."""
        return str(self.given).lower().startswith("s3://")

    @cached_property
    def crate_is_edited(self) -> bool:
        """Whether the crate that the record is in was changed after dissmodel had written it."""
        crate = self.path.with_name(ro_crate.NAME)
        try:
            is_there = self.path.name == RECORD and not self.is_remote
            return is_there and ro_crate.is_edited(bounded.contents(crate, store.MAX_BYTES))
        except FileNotFoundError:
            return False
        except (OSError, bounded.Unfit):
            return True

    def tell_of_crate(self) -> None:
        """Warn of a crate that was edited."""
        if self.crate_is_edited:
            current().warn(
                f"{self.given}: its {ro_crate.NAME} was edited after dissmodel wrote it; only the record "
                "in it counts."
            )

    def located(self, artifact: Artifact) -> Path | None:
        """Return where a file is, or is brought; None if the record doesn't say it.

        Raises
        ------
        InvalidInput, StorageError
            If the record names what it may not name; the latter for a remote record.
        """
        return located(self.path, artifact, all_beside=self._all_beside)

    @cached_property
    def files(self) -> dict[str, Recorded]:
        """The files of the result by name; errors as for `located`."""
        return {name: Recorded(one, self.located(one)) for name, one in artifacts_of(self.record).items()}

    def refuse_unfinished(self, what: str, code: str) -> None:
        """Refuse the record of a run that did not complete; `what` can't be done with it.

        Raises
        ------
        InvalidInput
            With `code`.
        """
        if self.record.status != "completed":
            status = self.record.status[:40]
            raise InvalidInput(
                f"{self.given}: there is nothing {what}: the run is {status}, not completed.",
                f'See what to do: dissmodel record show "{self.given}"'
                if is_interrupted(self.path, self.record)
                else "Give the record of a run that completed.",
                code=code,
            )

    def not_as_recorded(self, name: str, done: str, *, is_missing: bool = False) -> Differs:
        """Return the error for a file or a record that isn't as recorded, and so isn't `done`."""
        what = "is missing" if is_missing else "does not match its digest"
        return Differs(
            f"{self.given}: its {name[:80]} {what}; such a record is not {done}.",
            f"See what differs: dissmodel record verify {shell_word(str(self.given))}",
            code="record_changed",
        )

    def bring(self) -> None:
        """Bring the files of the result here, as far as they exist.

        Raises
        ------
        Differs
            If a remote record was changed.
        InvalidInput, StorageError
            If a bundle is damaged or dishonest, or the record names what it may not name.
        """

    def bring_signed(self) -> None:
        """Bring the signature and the statements about the record here, beside the record."""

    def digest_of(self, file: Path, size: int | None = None) -> tuple[str | None, str]:
        """Return the sha256 of a file; or None, and why it has none.

        A record is only text: what it names may be a pipe that never ends, or no name at all. No more than
        the recorded size of a remote file is fetched.
        """
        del size
        try:
            if stat.S_ISREG(file.stat().st_mode):
                return digest.sha256_file(file), ""
        except (FileNotFoundError, NotADirectoryError):
            return None, why_missing(file)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            return None, f"can't be read: {getattr(error, 'strerror', None) or error}"
        return None, "not a regular file"

    def shown(self, text: str) -> str:
        """Return a text with the names that a user knows."""
        return renamed(text, self.names)


class InFolder(Source):
    """A record in a folder of this machine, its result beside it or where the model put it.

    `document` is that of the record, where it was read already.
    """

    _all_beside = False

    def __init__(self, path: Path, document: dict[str, Any] | None = None) -> None:
        self.given = path
        self.names = {}
        self._known = document

    def _read(self) -> tuple[ExperimentRecord, dict[str, Any]]:
        document = store.read_document(self.path) if self._known is None else self._known
        record = store.of_document(document, self.path)
        if is_interrupted(self.path, record):
            current().warn(interruption(self.path, record))
        return record, document


class InBundle(Source):
    """A zip with a record and what belongs to it, unpacked as far as it is asked for.

    Unpacked are the record, the files of the result that it names, what is signed about it, and the input: no
    other file of the zip counts.
    """

    def __init__(self, file: Path, given: Path | str, folder: Path) -> None:
        self._file, self._folder, self.given = file, folder, given
        self.names = {str(folder): str(given), str(file): str(given)}
        self._is_unpacked = False

    @property
    def path(self) -> Path:
        """See `Source.path`."""
        return self._unpacked[0]

    @cached_property
    def _unpacked(self) -> tuple[Path, dict[str, str]]:
        """Where the record is now, and what each file in the bundle is called in the archive."""
        file = self._file
        with unzip.opened(file) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        names = [entry.filename for entry in entries]
        name = self._record_name(names)
        if next(entry.file_size for entry in entries if entry.filename == name) > store.MAX_BYTES:
            raise InvalidInput(
                f"{file}: its {name} has more than {store.MAX_BYTES} bytes: this is not a record.",
                "Ask the sender of this bundle.",
                code="not_a_record",
            )
        path = store.artifact_path(self._folder / RECORD, name)
        small = [one.filename for one in entries if one.file_size <= store.MAX_BYTES]
        crate = {ro_crate.NAME: path.with_name(ro_crate.NAME)} if ro_crate.NAME in small else {}
        unzip.extract(file, {name: path, **crate})
        members = {PurePosixPath(one).as_posix(): one for one in names}
        if len(members) < len(names):
            raise self._clash()
        return path, members

    def _record_name(self, names: Iterable[str]) -> str:
        records = [one for one in names if PurePosixPath(one).name == RECORD or one.endswith(store.SUFFIX)]
        found = [name for name in records if "/" not in name and not name.startswith(".")]
        if len(found) == 1:
            return found[0]
        if found:
            raise InvalidInput(
                f"{self._file}: it holds {len(found)} records: {', '.join(sorted(found)[:5])}.",
                "Unpack it and give one of them.",
                code="several_records",
            )
        below = (
            f"Unpack it and give {min(records)}." if records else "Make one: dissmodel record bundle RECORD"
        )
        raise InvalidInput(
            f"{self._file}: it holds no record, so it is not a bundle.", below, code="no_record"
        )

    def bring(self) -> None:
        """See `Source.bring`; all that belongs to the record comes, so that the archive is unpacked once."""
        if self._is_unpacked:
            return
        path, members = self._unpacked
        files = self.files.values()
        wanted = {PurePosixPath(one.artifact.path).as_posix() for one in files if one.path is not None}
        wanted |= {
            name
            for name in members
            if name.startswith(f"{INPUT}/") or statements.beside(name, path.name, path.name)
        }
        chosen = sorted((wanted & members.keys()) - {path.name})
        if clash([*chosen, path.name]) is not None:
            raise self._clash()
        targets = {members[name]: store.artifact_path(path, name) for name in chosen}
        try:
            for target in targets.values():
                target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"{self._file} could not be unpacked: {error.strerror or error}.",
                "Unpack it yourself and give the record in it.",
            ) from error
        unzip.extract(self._file, targets)
        self._is_unpacked = True

    def bring_signed(self) -> None:
        """See `Source.bring_signed`; statements that are beside the bundle count as those in it do."""
        self.bring()
        for number, statement in enumerate(statements.attestations(self._file)):
            here = self.path.with_name(f"{statements.start(self.path.name)}beside-{number}.json")
            for one, copy in ((statement, here), (sign.signature_path(statement), sign.signature_path(here))):
                data = sign.read(one)
                if data is not None:
                    copy.write_bytes(data)
            self.names[str(here)] = str(statement)

    def _clash(self) -> InvalidInput:
        return InvalidInput(
            f"{self._file} is refused: two of its entries have the same name.",
            "Ask the sender of this bundle.",
            code="archive_refused",
        )


class InPlace(Source):
    """A record in a place, such as a bucket, a web server's folder, or a folder that was pushed to.

    Parameters
    ----------
    place : Place
        The folder of the record.
    name : str
        The record's name in the place.
    folder : Path
        The empty folder of this machine that stands for the place.
    limit : int
        The bytes that the record may have.
    """

    is_remote = True

    def __init__(self, place: Place, name: str, folder: Path, limit: int = store.MAX_BYTES) -> None:
        self.place, self.name, self._folder, self._limit = place, name, folder, limit
        self.given: str = f"{place.uri}{name}"
        self.names = {str(self.path): self.given, str(folder): place.uri.rstrip("/")}

    @property
    def path(self) -> Path:
        """See `Source.path`."""
        return self._folder / file_name(self.name)

    def _read(self) -> tuple[ExperimentRecord, dict[str, Any]]:
        try:
            self.place.storage.get(self.place.key(self.name), self.path, limit=self._limit)
            return super()._read()
        except InvalidInput as error:
            if error.code == _MISSING:
                raise InvalidInput(
                    f"{self.given}: there is no such record, or its experiment is not complete yet: the"
                    " record is stored last.",
                    "Check the name, or try again later.",
                    code="record_missing",
                ) from error
            raise StorageError(error.message, _ASK, code=error.code) from error

    def refuse_changed(self) -> None:
        """Refuse a record that does not match its own digest.

        Raises
        ------
        Differs
            If it isn't (code ``"record_changed"``).
        """
        if self.is_changed:
            raise Differs(
                f"{self.given}: this record was changed: its digest is {self.digest}; the digest "
                f"written in it is {self.record.record_digest}.",
                _ASK,
                code="record_changed",
            )

    def located(self, artifact: Artifact) -> Path | None:
        """See `Source.located`."""
        try:
            return super().located(artifact)
        except InvalidInput as error:
            raise StorageError(error.message, _ASK, code=error.code) from None

    @cached_property
    def files(self) -> dict[str, Recorded]:
        """See `Source.files`; no two files may have one name."""
        found = super().files
        named = [one.path for one in found.values() if one.path is not None]
        if clash(path.relative_to(self._folder).as_posix() for path in (self.path, *named)) is not None:
            raise StorageError(f"{self.given}: two files have the same name.", _ASK, code="artifact_path")
        if len(found) > _MOST_FILES:
            raise StorageError(f"{self.given}: it names more than {_MOST_FILES:,} files.", _ASK)
        return found

    def bring(self) -> None:
        """See `Source.bring`; a file that is not there, or too large, is left out."""
        self.refuse_changed()
        sizes: dict[Path, int] = {}
        for one in self.files.values():
            size = one.size if one.path is None or one.size is not None else self._size(one.path)
            if one.path is not None and size is not None and size >= 0:
                sizes[one.path] = size
        total, free = sum(sizes.values()), shutil.disk_usage(self._folder).free
        if total > free:
            raise StorageError(
                f"{self.given}: {total:,} bytes are needed; the temporary folder has room for {free:,}.",
                "Set another temporary folder: TMPDIR=FOLDER",
                code="disk_full",
            )
        reporter, done = current(), 0
        reporter.phase("download")
        for path, size in sizes.items():
            try:
                self._fetch(path, size)
            except InvalidInput as error:
                if error.code not in {_MISSING, _TOO_LARGE}:
                    raise
            done += size
            reporter.transferred(done, total)

    def bring_signed(self) -> None:
        """See `Source.bring_signed`; a record that names what it may not name is refused first."""
        _ = self.files
        for name, _size in self.signed():
            self._fetch(self._folder / name, sign.MAX_BYTES)

    def signed(self) -> Iterator[tuple[str, int]]:
        """Yield the names of the signature and, where the place lists them, of the statements; and the bytes.

        Whose they are, and whether they are about this record, is not known yet.
        """
        names = [f"{self.name}{sign.SUFFIX}"]
        if self.place.is_listed:
            found = keys_below(self.place, statements.start(self.name), most=statements.MOST)
            names += [key for key in found if statements.beside(key, self.name, self.name)]
        for name in names:
            known = self.place.storage.stat(self.place.key(name))
            if known is not None and 0 < known.size <= sign.MAX_BYTES:
                yield name, known.size

    def digest_of(self, file: Path, size: int | None = None) -> tuple[str | None, str]:
        """See `Source.digest_of`; a file that wasn't brought is fetched, hashed and let go."""
        if file.exists():
            return super().digest_of(file)
        limit = max((self._size(file) if size is None else size) or 0, 0)
        try:
            return self.place.sha256(file.relative_to(self._folder).as_posix(), limit=limit), ""
        except InvalidInput as error:
            if error.code == _TOO_LARGE:
                return f"more than the {limit:,} bytes that the record says", ""
            if error.code != _MISSING:
                raise
            return None, "no such object"

    def _key(self, file: Path) -> str:
        return self.place.key(file.relative_to(self._folder).as_posix())

    def _size(self, file: Path) -> int | None:
        known = self.place.storage.stat(self._key(file))
        return None if known is None else known.size

    def _fetch(self, file: Path, limit: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.place.storage.get(self._key(file), file, limit=limit)


@contextlib.contextmanager
def open_source(given: Path | str) -> Iterator[Source]:
    """Open an experiment for the block; what an error of the block names has the names that a user knows.

    Parameters
    ----------
    given : Path or str
        A record or a bundle; a text may be an ``s3://`` or ``https://`` URL of either. A remote bundle
        is fetched at once; any other file only when it is needed.

    Raises
    ------
    UsageError
        If it is neither a path nor the URL of a file.
    DissmodelError
        If a remote bundle can't be fetched.
    """
    with contextlib.ExitStack() as stack:
        if is_remote(given):
            text = os.fspath(given)
            if is_remote_bundle(text):
                zipped = stack.enter_context(at_hand(text))
                folder = stack.enter_context(temporary.new_folder())
                source: Source = InBundle(zipped.path, zipped.shown, folder)
            else:
                place, name = object_place(text, StorageSettings.of(load_settings()))
                if not name:
                    shown = parse(text).shown
                    raise UsageError(f"{shown} names no record.", f"Give one: {shown.rstrip('/')}/{RECORD}")
                source = stack.enter_context(placed(place, name))
        else:
            path = given if isinstance(given, Path) else parse(given).local()
            if is_bundle(path):
                source = InBundle(path, path, stack.enter_context(temporary.new_folder()))
            else:
                source = InFolder(path)
        with naming(source.names):
            yield source


@contextlib.contextmanager
def placed(place: Place, name: str, *, limit: int = store.MAX_BYTES) -> Iterator[InPlace]:
    """Open a record in a place, for the block; see `InPlace` and `open_source`."""
    with temporary.new_folder() as folder:
        source = InPlace(place, name, folder, limit)
        with naming(source.names):
            yield source


def is_bundle(path: Path) -> bool:
    """Tell whether a file is a zip, or is to be taken for a damaged one; a ``.json`` is not opened."""
    try:
        if path.suffix.lower() == ".json" or not stat.S_ISREG(path.stat().st_mode):  # a pipe never ends
            return False
        with path.open("rb") as stream:
            return stream.read(4) in _ZIP or path.suffix.lower() == ".zip"
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return False


def is_remote_bundle(text: str) -> bool:
    """Tell whether a text is the URL of a zip.

    >>> is_remote_bundle("https://example.org/a.zip?download=1"), is_remote_bundle("s3://b/record.json")
    (True, False)
    """
    return is_remote(text) and parse(text).shown.lower().endswith(".zip")


def refuse_remote(text: str | os.PathLike[str], what: str) -> None:
    """Refuse a remote record where something has to be beside it.

    Raises
    ------
    UsageError
        If it is remote.
    """
    if is_remote(text):
        shown = parse(text).shown
        is_record = f".{shown.rpartition('/')[2]}".endswith(store.SUFFIX)
        raise UsageError(
            f"{shown}: {what} beside the record, and that is not on this machine.",
            f"Fetch it first: dissmodel pull {shown}"
            if is_record
            else "Copy the record and its files to this machine first.",
            code="remote_record",
        )


def is_interrupted(path: Path, record: ExperimentRecord) -> bool:
    """Return whether a run began to replace the pair of a record that is where the run put it."""
    return record.status == "replacing" and path.name.endswith(store.SUFFIX)


def interruption(path: Path, record: ExperimentRecord) -> str:
    """Return what to report of a pair that a run began to replace: which file is where, and what to do."""
    found = materialize.interruption(Path(os.path.abspath(path)), record)  # noqa: PTH100  (links stay)
    return f"{found.message} {found.hint}"
