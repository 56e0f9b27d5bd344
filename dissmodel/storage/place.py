"""From a URI to its storage, and the key in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from dissmodel.errors import StorageError, UsageError
from dissmodel.storage.base import Storage
from dissmodel.storage.credentials import find
from dissmodel.storage.names import check_key
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.uri import Uri, parse


def open_storage(
    uri: str | os.PathLike[str], settings: StorageSettings, *, environ: Mapping[str, str] | None = None
) -> tuple[Storage, str]:
    """Return the storage of an object, or of a prefix, and the key in it. No server is asked yet.

    `uri` is ``s3://bucket/key``, ``s3://bucket/prefix/``, ``s3://bucket`` (the key is empty then),
    ``https://...``, or a local path, whose folder is the place and whose name is the key.

    Raises StorageError if the bucket or the object can't have its name, there is no endpoint, or credentials
    are missing; UsageError if `uri` is none of these.

    Examples
    --------
    >>> storage, key = open_storage("results/output.tif", StorageSettings())
    >>> storage.shown, key
    ('results', 'output.tif')
    """
    place = parse(uri)
    if place.path is not None:
        from dissmodel.storage.local import LocalStorage  # noqa: PLC0415  (each loads only what it needs)

        path = place.path
        return LocalStorage(path.parent), check_key(path.name, str(path.parent))
    if place.scheme == "s3":
        return _bucket(place, settings, os.environ if environ is None else environ)
    from dissmodel.storage.http import HttpStorage  # noqa: PLC0415

    try:
        parts = urlsplit(place.text)
        is_whole = bool(parts.hostname) and parts.port != 0
        key = unquote(parts.path[1:], errors="strict")
    except ValueError:
        is_whole = False
    if not is_whole:
        raise UsageError("This URL names no host, or is malformed.", "Write it as https://HOST/PATH.")
    check_key(key, f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
    return HttpStorage(place.text, settings.patience), key


def bucket_and_key(place: Uri) -> tuple[str, str]:
    """Return the two parts of an ``s3://`` URI; each may be empty.

    >>> bucket_and_key(parse("s3://bucket/folder/a?b#c.tif"))
    ('bucket', 'folder/a?b#c.tif')
    """
    bucket, _, key = place.text.partition("://")[2].partition("/")
    return bucket, key


def _bucket(place: Uri, settings: StorageSettings, environ: Mapping[str, str]) -> tuple[Storage, str]:
    from dissmodel.storage.s3 import S3Storage  # noqa: PLC0415

    bucket, key = bucket_and_key(place)
    access = find(settings, environ)
    if "@" in bucket:
        raise StorageError(
            f"{access.endpoint.shown}: s3://{bucket.rpartition('@')[2]} has a user before its bucket.",
            "Leave keys out of the URL: set MINIO_ACCESS_KEY and MINIO_SECRET_KEY.",
            code="storage_bucket",
        )
    storage = S3Storage(access, bucket, settings.patience)
    return storage, check_key(key, storage.shown) if key else ""
