"""Object storage, as far as it goes: whoever brings a client can use ``s3://``."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path, PurePosixPath
from typing import Any

from dissmodel.errors import StorageError, UsageError
from dissmodel.io.uri import Uri, parse

_client: ContextVar[Any] = ContextVar("dissmodel_storage_client", default=None)


def set_default_client(client: Any) -> None:
    """Use `client` for ``s3://`` from here on; None takes it away again.

    Parameters
    ----------
    client : object or None
        Anything with ``get_object(bucket, key)``, which returns something to ``read``, and
        ``put_object(bucket_name, object_name, data, length, content_type)``, as MinIO's client has.
    """
    _client.set(client)


def get_default_client() -> Any:
    """Return the client that `set_default_client` was given.

    Raises
    ------
    StorageError
        If there is none (code ``"remote_unsupported"``).
    """
    client = _client.get()
    if client is None:
        raise StorageError(
            "s3:// isn't supported yet.",
            "Download the file first, then give its path.",
            code="remote_unsupported",
        )
    return client


def get_object(uri: Uri, client: Any = None) -> bytes:
    """Read an ``s3://`` object whole.

    Raises
    ------
    StorageError
        If there is no client.
    """
    bucket, key = _bucket_and_key(uri)
    client = get_default_client() if client is None else client
    content: bytes = client.get_object(bucket, key).read()
    return content


def put_object(uri: Uri, data: bytes, content_type: str, client: Any = None) -> None:
    """Write an ``s3://`` object.

    Raises
    ------
    StorageError
        If there is no client.
    """
    bucket, key = _bucket_and_key(uri)
    client = get_default_client() if client is None else client
    client.put_object(
        bucket_name=bucket,
        object_name=key,
        data=io.BytesIO(data),
        length=len(data),
        content_type=content_type,
    )


@contextmanager
def local_copy(uri: str | os.PathLike[str], client: Any = None) -> Iterator[Path]:
    """Give the local path of `uri`, a temporary copy where it is an ``s3://`` object.

    Raises
    ------
    StorageError
        If it is remote and can't be fetched.
    """
    place = parse(uri)
    if place.scheme != "s3" or (client is None and _client.get() is None):
        yield place.local()
        return
    content = get_object(place, client)
    with tempfile.TemporaryDirectory(prefix="dissmodel-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / ("object" + PurePosixPath(_bucket_and_key(place)[1]).suffix)
        copy.write_bytes(content)
        yield copy


def _bucket_and_key(uri: Uri) -> tuple[str, str]:
    bucket, _, key = uri.text.partition("://")[2].partition("/")
    if not bucket or not key:
        raise UsageError(f"{uri.shown} names no object.", "Write s3://BUCKET/KEY.")
    return bucket, key
