"""``s3://`` for those who read and write data: with a client that was given, else with one of our own."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path, PurePosixPath
from typing import Any

from dissmodel import temporary
from dissmodel.errors import UsageError
from dissmodel.record.digest import sha256_bytes
from dissmodel.storage.base import Storage
from dissmodel.storage.place import bucket_and_key, open_storage
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.uri import Uri, parse

# Whoever wants less says so to `Storage.get`.
_LARGEST = 1 << 40

_client: ContextVar[Any] = ContextVar("dissmodel_storage_client", default=None)


def set_default_client(client: Any) -> None:
    """Use `client` for ``s3://`` from here on; None goes back to what the environment says.

    Parameters
    ----------
    client : object or None
        Anything with ``get_object(bucket, key)``, which returns something to ``read``, and
        ``put_object(bucket_name, object_name, data, length, content_type)``, as MinIO's client has.
    """
    _client.set(client)


def has_default_client() -> bool:
    """Return whether `set_default_client` was given one."""
    return _client.get() is not None


def get_default_client() -> Any:
    """Return the client that `set_default_client` was given, else a new one of minio's.

    That one is for what the environment says: ``MINIO_ENDPOINT``, ``MINIO_ACCESS_KEY``, ``MINIO_SECRET_KEY``
    and ``MINIO_SECURE``, or the other places that `dissmodel.storage.credentials.find` knows.

    Raises
    ------
    StorageError
        If there is no endpoint, or there are no credentials.
    """
    client = _client.get()
    if client is not None:
        return client
    from dissmodel.storage.credentials import find  # noqa: PLC0415  (what has no s3:// loads none of it)
    from dissmodel.storage.s3 import connect  # noqa: PLC0415

    settings = StorageSettings()
    return connect(find(settings, os.environ), settings.patience)


def get_object(uri: Uri, client: Any = None) -> bytes:
    """Read an ``s3://`` object whole.

    Raises
    ------
    InvalidInput
        If there is none.
    StorageError
        If it can't be read.
    """
    bucket, key = _bucket_and_key(uri)
    client = _client.get() if client is None else client
    if client is None:
        with _fetched(uri) as path:
            return path.read_bytes()
    with _speaking(uri, client):
        response = client.get_object(bucket, key)
        try:
            content: bytes = response.read()
        finally:
            if hasattr(response, "close"):  # a client of a package's own tests may have none
                response.close()
            if hasattr(response, "release_conn"):
                response.release_conn()
    return content


def put_object(uri: Uri, data: bytes, content_type: str, client: Any = None) -> None:
    """Write an ``s3://`` object.

    Raises
    ------
    Differs
        If the server has something else than was sent.
    StorageError
        If it can't be written.
    """
    bucket, key = _bucket_and_key(uri)
    client = _client.get() if client is None else client
    if client is not None:
        with _speaking(uri, client):
            client.put_object(
                bucket_name=bucket,
                object_name=key,
                data=io.BytesIO(data),
                length=len(data),
                content_type=content_type,
            )
        return
    storage, _ = _opened(uri)
    with temporary.new_folder() as folder:
        copy = folder / "object"
        copy.write_bytes(data)
        storage.put(copy, key, sha256=sha256_bytes(data), media_type=content_type)


@contextmanager
def local_copy(uri: str | os.PathLike[str], client: Any = None) -> Iterator[Path]:
    """Give the local path of `uri`, a temporary copy where it is an ``s3://`` object.

    Raises
    ------
    InvalidInput
        If it is an object, and there is none.
    StorageError
        If it is remote and can't be fetched.
    """
    place = parse(uri)
    if place.scheme != "s3":
        yield place.local()
    elif client is None and _client.get() is None:
        with _fetched(place) as copy:
            yield copy
    else:
        content = get_object(place, client)
        with _named(place) as copy:
            copy.write_bytes(content)
            yield copy


@contextmanager
def _fetched(uri: Uri) -> Iterator[Path]:
    storage, key = _opened(uri)
    with _named(uri) as copy:
        storage.get(key, copy, limit=_LARGEST)
        yield copy


@contextmanager
def _named(uri: Uri) -> Iterator[Path]:
    with temporary.new_folder() as folder:
        yield folder / ("object" + PurePosixPath(_bucket_and_key(uri)[1]).suffix)


def _opened(uri: Uri) -> tuple[Storage, str]:
    _bucket_and_key(uri)
    return open_storage(uri.text, StorageSettings())


@contextmanager
def _speaking(uri: Uri, client: Any) -> Iterator[None]:
    """Explain what minio's client raises; what another one raises is its own affair."""
    if not type(client).__module__.startswith("minio"):
        yield
        return
    from dissmodel.storage.s3 import speaking  # noqa: PLC0415

    with speaking(uri.shown, StorageSettings().patience):
        yield


def _bucket_and_key(uri: Uri) -> tuple[str, str]:
    bucket, key = bucket_and_key(uri)
    if not bucket or not key:
        raise UsageError(f"{uri.shown} names no object.", "Write s3://BUCKET/KEY.")
    return bucket, key
