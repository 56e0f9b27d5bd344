"""Buckets on S3, MinIO and whatever speaks as they do."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from xml.etree.ElementTree import ParseError

from minio import Minio
from minio.error import MinioException, S3Error

from dissmodel.errors import Differs, DissmodelError, StorageError
from dissmodel.io.storage import faults
from dissmodel.io.storage.arrival import check_limit, missing, write_new
from dissmodel.io.storage.base import Progress, Stat
from dissmodel.io.storage.credentials import Access
from dissmodel.io.storage.names import check_bucket, check_key, shown
from dissmodel.io.storage.parts import PART_BYTES, Departure, Md5, Parts, checked_etag, is_md5
from dissmodel.io.storage.pool import make_pool
from dissmodel.io.storage.refusals import refusal
from dissmodel.io.storage.settings import Patience

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_NOTED = "x-amz-meta-sha256"
_PIECE = 1 << 18
_READ_BACK_BYTES = 8 << 20
_TAKEN = {"PreconditionFailed", "ConditionalRequestConflict"}
_HEX = frozenset("0123456789abcdef")


def connect(access: Access, patience: Patience) -> Minio:
    """Return a client of minio's for one endpoint and one pair of credentials; it opens no connection yet.

    Raises
    ------
    UsageError
        If ``SSL_CERT_FILE`` names no file.
    """
    endpoint, credentials = access.endpoint, access.credentials
    return Minio(
        endpoint.host,
        access_key=credentials.access_key if credentials else None,
        secret_key=credentials.secret_key if credentials else None,
        session_token=credentials.session_token if credentials else None,
        secure=endpoint.secure,
        region=endpoint.region,
        http_client=make_pool(endpoint.shown, patience),
    )


class S3Storage:
    """The objects of a bucket.

    Parameters
    ----------
    access : Access
        Where the server is, and as whom it is asked.
    bucket : str
        The bucket's name.
    patience : Patience
        How long the server is waited for.

    Raises
    ------
    StorageError
        If no bucket may have this name (code ``"storage_bucket"``).
    """

    def __init__(self, access: Access, bucket: str, patience: Patience) -> None:
        self._place = access.endpoint.shown
        self._bucket = check_bucket(bucket, self._place)
        self._patience = patience
        self._origin = access.credentials.origin if access.credentials else ""
        self._client = connect(access, patience)
        self._is_there = False

    def __repr__(self) -> str:
        return f"S3Storage({self.shown!r})"

    @property
    def shown(self) -> str:
        """What an error calls the place: the bucket and the endpoint."""
        return f"s3://{self._bucket} at {self._place}"

    def stat(self, key: str) -> Stat | None:
        """Return what is known of an object; see `Storage.stat`."""
        check_key(key, self.shown)
        with self._speaking(key):
            try:
                return self._stat(key)
            except S3Error as error:
                if error.code == "NoSuchKey" and self._is_there:
                    return None
            # An answer to HEAD has no body that says why.
            try:
                self._close(self._client.get_object(self._bucket, key, offset=0, length=1))
            except S3Error as error:
                if error.code != "NoSuchKey":
                    raise
                self._is_there = True
                return None
            return self._stat(key)

    def get(self, key: str, path: Path, *, limit: int, progress: Progress | None = None) -> Stat:
        """Download an object; see `Storage.get`."""
        check_key(key, self.shown)
        what = self._shown(key)
        with self._speaking(key):
            try:
                response = self._client.get_object(self._bucket, key)
            except S3Error as error:
                if error.code == "NoSuchKey":
                    raise missing(what) from error
                raise
            try:
                said = response.headers.get("Content-Length")
                check_limit(int(said or 0), limit, what)
                pieces = response.stream(_PIECE, decode_content=False)
                size = write_new(pieces, path, what, limit=limit, progress=progress)
            finally:
                self._close(response)
        return _from(key, size, response)

    def put(
        self,
        path: Path,
        key: str,
        *,
        sha256: str,
        media_type: str = "application/octet-stream",
        only_new: bool = False,
        progress: Progress | None = None,
    ) -> Stat:
        """Upload a file; see `Storage.put`. Above 8 MiB it goes in parts, three at a time.

        Raises
        ------
        Differs
            If the file is not what `sha256` says, or the server has something else than was sent (code
            ``"storage_differs"``).
        StorageError
            As `Storage` says.
        """
        check_key(key, self.shown)
        if only_new and self.stat(key) is not None:
            raise self._taken(key)
        headers = {"Content-Type": media_type, _NOTED: sha256}
        condition = {"If-None-Match": "*"} if only_new else {}
        with Departure(path, sha256, self._shown(key)) as departure:
            try:
                if departure.size <= PART_BYTES:
                    sums = self._put_whole(key, departure, {**headers, **condition})
                    if progress is not None:
                        progress(departure.size)
                else:
                    sums = self._put_parts(key, departure, headers, condition, progress)
            except _PassedBy:
                return self._already(key, departure, only_new=only_new)
            return self._arrived(key, departure, sums, only_new=only_new)

    def list(self, prefix: str) -> Iterator[Stat]:
        """Yield the objects whose key begins with `prefix`; those with a name that nothing here takes are left out."""
        found = []
        with self._speaking(prefix):
            for one in self._client.list_objects(self._bucket, prefix or None, recursive=True):
                key = str(one.object_name)
                with suppress(StorageError):
                    found.append(Stat(check_key(key, ""), one.size or 0, etag=_plain(one.etag)))
        yield from sorted(found, key=lambda stat: stat.key)  # not every server keeps the order

    def delete(self, key: str) -> None:
        """Remove an object; see `Storage.delete`."""
        check_key(key, self.shown)
        with self._speaking(key):
            self._client.remove_object(self._bucket, key)

    def _stat(self, key: str) -> Stat:
        found = self._client.stat_object(self._bucket, key)
        self._is_there = True
        noted = (found.metadata or {}).get(_NOTED)
        return Stat(key, found.size or 0, _sha256(noted), _plain(found.etag))

    def _put_whole(self, key: str, departure: Departure, headers: dict[str, str]) -> list[Md5]:
        content = departure.read(departure.size)
        departure.check_read()
        md5 = hashlib.md5(content, usedforsecurity=False)
        headers["Content-MD5"] = base64.b64encode(md5.digest()).decode("ascii")
        with self._speaking(key), self._once(key, headers):
            response = self._client._execute("PUT", self._bucket, key, body=content, headers=headers)  # noqa: SLF001  (the public call takes no condition)
            if not checked_etag(response.headers, md5.hexdigest()):
                self._withdraw(key)
                raise self._differs(key)
        return [Md5(md5.digest(), is_confirmed=is_md5(response.headers))]
