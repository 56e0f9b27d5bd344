"""Remote data, as a local file: by a storage client that was given, else as ``--input`` does it.

A storage client is an object with ``get_object(bucket, key)``, which returns something to ``read``, and
``put_object(bucket_name, object_name, data, length, content_type)``, as MinIO's client has. It serves ``s3://``.
"""
# ruff: noqa: PLC0415  (what is on this machine needs none of the object stores)

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from dissmodel import temporary
from dissmodel.config import load_settings
from dissmodel.errors import UsageError
from dissmodel.record.digest import sha256_file
from dissmodel.storage.uri import Uri, parse

_client: ContextVar[Any] = ContextVar("dissmodel_storage_client", default=None)


def set_default_client(client: Any) -> None:
    """Use a storage client for ``s3://`` from here on; None goes back to what the user's settings say."""
    _client.set(client)


def has_default_client() -> bool:
    """Return whether `set_default_client` was given a client."""
    return _client.get() is not None


def get_default_client() -> Any:
    """Return the client that `set_default_client` was given, else a new one of minio's.

    It is for the object store of the user's settings; ``MINIO_ENDPOINT``, ``MINIO_ACCESS_KEY``,
    ``MINIO_SECRET_KEY`` and ``MINIO_SECURE`` go before them. Raises StorageError without an endpoint or
    credentials.
    """
    client = _client.get()
    if client is not None:
        return client
    from dissmodel.storage.credentials import find
    from dissmodel.storage.s3 import connect
    from dissmodel.storage.settings import StorageSettings

    settings = StorageSettings.of(load_settings())
    return connect(find(settings, os.environ), settings.patience)


@contextmanager
def local_copy(uri: str | os.PathLike[str], client: Any = None) -> Iterator[Path]:
    """Give the local path of a file for the time of the block.

    A remote file is fetched into the cache, with the user's settings, as ``--input`` does; a
    storage client's object is copied into a temporary folder. Raises as `dissmodel.storage.fetch.fetched`.
    """
    place = parse(uri)
    client = _client.get() if client is None else client
    if place.path is not None or _is_folder(place):
        yield place.local()
        return
    from dissmodel.storage.cache import Cache
    from dissmodel.storage.fetch import fetched, file_name
    from dissmodel.storage.settings import StorageSettings

    if client is None or place.scheme != "s3":
        settings = load_settings()
        with fetched(place.text, Cache.of(settings), StorageSettings.of(settings)) as found:
            yield found.path
    else:
        bucket, key = _bucket_and_key(place)
        with temporary.new_folder() as folder:
            copy = folder / file_name(key)
            with _explained(place, client):
                response = client.get_object(bucket, key)
                try:
                    copy.write_bytes(response.read())
                finally:
                    for end in ("close", "release_conn"):  # a client of a package's own tests may have none
                        getattr(response, end, lambda: None)()
            yield copy


@contextmanager
def written(uri: str | os.PathLike[str], content_type: str, client: Any = None) -> Iterator[Path]:
    """Give the local path where the block writes the file of `uri`; its end uploads ``s3://`` objects.

    These are the file and what the block wrote beside it. Raises as `Storage.put`.
    """
    place = parse(uri)
    if place.scheme != "s3" or _is_folder(place):
        yield place.local()
        return
    from dissmodel.storage.fetch import file_name

    _, key = _bucket_and_key(place)
    client = _client.get() if client is None else client
    with temporary.new_folder() as folder:
        copy = folder / file_name(key)
        yield copy
        # The parts of a shapefile go first: whoever sees the file itself finds them.
        for file in sorted(filter(Path.is_file, folder.iterdir()), key=lambda one: (one == copy, one.name)):
            _upload(file, place, client, f"{key.removesuffix(copy.suffix)}{file.suffix}", content_type)


def _upload(file: Path, place: Uri, client: Any, key: str, content_type: str) -> None:
    from dissmodel.storage.place import bucket_and_key, open_storage
    from dissmodel.storage.settings import StorageSettings

    if client is None:
        storage, _ = open_storage(place.text, StorageSettings.of(load_settings()))
        storage.put(file, key, sha256=sha256_file(file), media_type=content_type)
        return
    with _explained(place, client), file.open("rb") as stream:
        client.put_object(
            bucket_name=bucket_and_key(place)[0],
            object_name=key,
            data=stream,
            length=file.stat().st_size,
            content_type=content_type,
        )


def _explained(uri: Uri, client: Any) -> Any:
    """Explain what minio's client raises in the block; errors of another client are not changed."""
    if not type(client).__module__.startswith("minio"):
        return nullcontext()
    from dissmodel.storage.s3 import speaking
    from dissmodel.storage.settings import StorageSettings

    return speaking(uri.shown, StorageSettings().patience)


def _is_folder(uri: Uri) -> bool:
    """Return whether a name is that of a Zarr, which is a folder: it is neither fetched nor uploaded."""
    return uri.shown.rstrip("/").lower().endswith(".zarr")


def _bucket_and_key(uri: Uri) -> tuple[str, str]:
    from dissmodel.storage.place import bucket_and_key

    bucket, key = bucket_and_key(uri)
    if not bucket or not key:
        raise UsageError(f"{uri.shown} names no object.", "Write s3://BUCKET/KEY.")
    return bucket, key
