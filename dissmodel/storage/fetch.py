"""A remote dataset, fetched into the cache."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from dissmodel.errors import Differs, DissmodelError, InvalidInput, MissingFile, StorageError, UsageError
from dissmodel.progress import current
from dissmodel.record.digest import sha256_bytes, sha256_file
from dissmodel.storage.base import Progress, Stat, Storage
from dissmodel.storage.cache import Cache
from dissmodel.storage.local_copy import Fetched
from dissmodel.storage.place import open_storage
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.uri import Uri, parse

_PATIENCE_S = 3600.0
_LONGEST_NAME = 200
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]')
# Each is only a part of a shapefile, and the names of the other parts are unknown.
_PARTS_OF_SHAPEFILES = frozenset({".shp", ".shx", ".dbf"})


@dataclass(frozen=True)
class _Source:
    uri: Uri
    storage: Storage
    keys: tuple[str, ...]

    @property
    def name(self) -> str:
        """A name that depends on the URI alone, not on the credentials."""
        asked = self.uri.text.partition("#")[0].partition("?")[2] if self.uri.scheme != "s3" else ""
        return _digest(self.storage.shown, asked, *self.keys)

    def entry(self, versions: Sequence[str]) -> str:
        return _digest(self.name, *versions)

    def shown(self, key: str) -> str:
        return f"{self.uri.shown.rpartition('/')[0]}/{key.rpartition('/')[2]}"


@contextlib.contextmanager
def fetched(
    uri: str,
    cache: Cache,
    settings: StorageSettings,
    *,
    sidecars: Sequence[str] = (),
    limit: int | None = None,
) -> Iterator[Fetched]:
    """Fetch a dataset unless the cache has it, and keep it for the block.

    The server is asked each time whether the dataset has changed. An error that leaves the block names the
    dataset by its URI.

    - `uri`: ``s3://BUCKET/KEY`` or ``https://...``.
    - `sidecars`: the names of files beside it that belong to it.
    - `limit`: how many bytes it may have; by default as many as the cache.

    Raises
    ------
    UsageError
        If it names no object.
    InvalidInput
        If there is no such object, or it is part of a shapefile.
    Differs
        If its sha256 is not the one that was stored with it.
    StorageError
        If the server, or the cache, fails, or the object is larger (code ``"object_too_large"``).
    """
    source = _source(uri, settings, sidecars)
    largest = cache.limit if limit is None else min(limit, cache.limit)
    with contextlib.ExitStack() as stack:
        stats = _stats(source)
        versions = [stat.etag for stat in stats if stat is not None and stat.etag]
        known = source.entry(versions) if len(versions) == len(source.keys) else None
        entry = cache.take(known, stack) if known is not None else None
        if entry is None:
            with cache.filling(source.name, patience=_PATIENCE_S) as data:
                # The process that had the folder before may have fetched this dataset.
                entry = cache.take(known, stack) if known is not None else None
                if entry is None:
                    entry = cache.take(_download(source, stats, cache, data, largest), stack)
        if entry is None:
            raise StorageError(
                f"{cache.folder}: it does not keep the files that are written there.", "Check the disk."
            )
        cache.make_room(0)
        kind: Literal["s3", "http"] = "s3" if source.uri.scheme == "s3" else "http"
        found = Fetched(entry.path, kind, source.uri.recorded, entry.version, entry.sha256, entry.size)
        try:
            yield found
        except DissmodelError as error:
            error.message, error.hint = found.named(error.message), found.named(error.hint)
            error.args = (error.message,)
            raise


def file_name(key: str) -> str:
    """Return a name for the file of an object that every system allows; its suffix stays.

    >>> file_name("grids/coast: 2020.tif"), file_name("a" * 300 + ".tif")[-6:]
    ('coast_ 2020.tif', 'aa.tif')
    """
    name = _NOT_IN_NAMES.sub("_", key.rpartition("/")[2])
    suffix = PurePosixPath(name).suffix[:20]
    stem = name.removesuffix(suffix).encode()[: _LONGEST_NAME - len(suffix.encode())].decode(errors="ignore")
    return f"{stem}{suffix}".rstrip(" .") or "object"


def _source(text: str, settings: StorageSettings, sidecars: Sequence[str]) -> _Source:
    uri = parse(text)
    storage, key = open_storage(text, settings)
    if not key or key.endswith("/"):
        raise UsageError(f"{uri.shown} names no object.", "Write s3://BUCKET/KEY or https://HOST/PATH.")
    if PurePosixPath(key).suffix.lower() in _PARTS_OF_SHAPEFILES:
        raise InvalidInput(
            f"{uri.shown}: a shapefile is several files, and only this one would be fetched.",
            "Zip the files, and give the URL of the zip.",
            code="shapefile_part",
        )
    folder = key[: len(key) - len(key.rpartition("/")[2])]
    return _Source(uri, storage, (key, *(f"{folder}{name}" for name in sidecars)))


def _stats(source: _Source) -> list[Stat | None]:
    """Return what the server knows of each file; None where it refuses to tell."""
    found: list[Stat | None] = []
    for key in source.keys:
        try:
            stat = source.storage.stat(key)
        except StorageError as error:
            # A URL that is signed for GET is refused for HEAD.
            if error.code != "storage_denied" or source.uri.scheme == "s3":
                raise
            found.append(None)
            continue
        if stat is None:
            what = source.shown(key)
            raise MissingFile(f"{what} does not exist.", "Check its name.")
        found.append(stat)
    return found


def _download(source: _Source, stats: Sequence[Stat | None], cache: Cache, data: Path, limit: int) -> str:
    """Fetch the files into `data`, make them an entry of the cache, and return its key."""
    said = sum(max(stat.size, 0) for stat in stats if stat is not None)
    names = [file_name(key) for key in source.keys]
    if len({name.casefold() for name in names}) < len(names):
        raise InvalidInput(f"{source.uri.shown}: two of its files would have the same name.", "Zip them.")
    if said <= limit:
        cache.make_room(said)
    reporter, done = current(), 0
    reporter.phase("download")

    def counted(number: int) -> None:
        nonlocal done
        done += number
        reporter.transferred(done, max(said, done))

    files: dict[str, str] = {}
    etags: list[str] = []
    for key, name in zip(source.keys, names, strict=True):
        etag, files[name] = _get(source, key, data / name, limit, counted)
        etags.append(etag)
    # Without an ETag the digest is the version, and the file is fetched each time.
    entry = source.entry([etag or one for etag, one in zip(etags, files.values(), strict=True)])
    cache.add(entry, data, files, etags[0])
    return entry


def _get(source: _Source, key: str, path: Path, limit: int, counted: Progress) -> tuple[str, str]:
    """Fetch one file; return its ETag and its sha256."""
    try:
        stat = source.storage.get(key, path, limit=limit, progress=counted)
    except InvalidInput as error:
        if error.code != "object_too_large":
            raise
        raise StorageError(
            f"{source.shown(key)} has more than {limit:,} bytes, the limit.",
            "If that is the cache's own limit, raise it: dissmodel config set cache_size 100GB",
            code=error.code,
        ) from error
    found = sha256_file(path)
    if stat.sha256 not in {None, found}:
        raise Differs(
            f"{source.shown(key)}: its sha256 is {found}; the sha256 stored with it is {stat.sha256}.",
            "Ask the person who stored it.",
            code="storage_differs",
        )
    return stat.etag or "", found


def _digest(*texts: str) -> str:
    return sha256_bytes("\0".join(texts).encode())[:32]
