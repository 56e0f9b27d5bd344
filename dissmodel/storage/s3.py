"""Buckets on S3, MinIO and compatible servers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property, partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qs, quote, urlencode, urlsplit
from xml.etree.ElementTree import ParseError

from minio import Minio
from minio import time as clock
from minio.credentials.credentials import Credentials as MinioCredentials
from minio.error import MinioException, S3Error, ServerError
from minio.signer import sign_v4_s3

from dissmodel.errors import DissmodelError, StorageError
from dissmodel.record import digest
from dissmodel.storage import faults, multipart
from dissmodel.storage.arrival import SentFile, check_limit, missing, read_all, write_new
from dissmodel.storage.base import Progress, Stat, at_most
from dissmodel.storage.credentials import Access
from dissmodel.storage.multipart import PART_BYTES, UNSIGNED, Checksum, checksum_of
from dissmodel.storage.names import check_bucket, check_key, shown
from dissmodel.storage.pool import make_pool
from dissmodel.storage.refusals import CLOCK, differs, refusal
from dissmodel.storage.settings import Patience

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

_NOTED = "x-amz-meta-sha256"
_CONDITION = "If-None-Match"
_SIGNED = "x-amz-content-sha256"
_PIECE = 1 << 18
_REFUSED = (400, 401, 403)
_MOST_SKEW_S = 15 * 60
_LOOK_S = 1.0
_MISSING = "NoSuchKey"
_PASSED_BY = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchUpload"}
_STATUS = re.compile(r"Response code: (\d{3})")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def connect(access: Access, patience: Patience, pool: PoolManager | None = None) -> Minio:
    """Return a minio client for an endpoint and its credentials; it opens no connection yet.

    Raises UsageError if ``SSL_CERT_FILE`` names no file.
    """
    credentials = access.credentials
    return Minio(
        endpoint=access.endpoint.host,
        access_key=credentials.access_key if credentials else None,
        secret_key=credentials.secret_key if credentials else None,
        session_token=credentials.session_token if credentials else None,
        secure=access.endpoint.secure,
        region=access.endpoint.region,
        http_client=pool or make_pool(access.endpoint.shown, patience),
    )


@contextmanager
def speaking(what: str, patience: Patience, *, origin: str = "") -> Iterator[None]:
    """Turn what minio and the connections raise in the block into errors that name `what`, and no secret."""
    try:
        with faults.reaching(what, patience):
            yield
    except DissmodelError:
        raise
    except S3Error as error:
        code = CLOCK if _is_late(error) else error.code
        raise refusal(what, code, error.response.status, origin=origin) from error
    except ServerError as error:
        raise refusal(what, None, error.status_code, origin=origin) from error
    except (MinioException, ParseError, ValueError) as error:
        status = _STATUS.search(str(error))
        if status is not None:  # an answer that is not XML, as a proxy gives one
            raise refusal(what, None, int(status[1]), origin=origin) from error
        raise StorageError(
            f"{what}: the answer of the server could not be understood.", "Is it an S3 server?"
        ) from error


class S3Storage:
    """The objects of a bucket; raises StorageError (code ``"storage_bucket"``) for an invalid name."""

    def __init__(self, access: Access, bucket: str, patience: Patience) -> None:
        self._place = access.endpoint.shown
        self._bucket = check_bucket(bucket, self._place)
        self._access = access
        self._patience = patience
        self._origin = access.credentials.origin if access.credentials else ""
        self._pool = make_pool(self._place, patience)
        self._client = connect(access, patience, self._pool)
        self._is_there = False

    def __repr__(self) -> str:
        return f"S3Storage({self.shown!r})"

    @property
    def shown(self) -> str:
        """What an error calls the place: the bucket and the endpoint."""
        return f"s3://{self._bucket} at {self._place}"

    def stat(self, key: str) -> Stat | None:
        """Return what is known of an object; see `Storage.stat`."""
        with self._speaking(check_key(key, self.shown)):
            try:
                return self._stat(key)
            except S3Error as error:
                if error.code == _MISSING and self._is_there:
                    return None
            # An answer to HEAD has no body, so it doesn't say why: ask with GET.
            try:
                _close(self._client.get_object(bucket_name=self._bucket, object_name=key, offset=0, length=1))
            except S3Error as error:
                if error.code != _MISSING:
                    raise
                self._is_there = True
                return None
            return self._stat(key)

    def get(self, key: str, path: Path, *, limit: int, progress: Progress | None = None) -> Stat:
        """Download an object; see `Storage.get`."""
        what = self._shown(check_key(key, self.shown))
        with self._speaking(key), self._opened(key) as response:
            check_limit(int(response.headers.get("Content-Length", "0")), limit, what)
            pieces = response.stream(_PIECE, decode_content=False)
            size = write_new(pieces, path, what, limit=limit, progress=progress)
        return Stat(key, size, _noted(response.headers), _plain(response.headers.get("ETag")))

    def read(self, key: str, *, limit: int) -> bytes:
        """Return the content of a small object; see `Storage.read`."""
        what = self._shown(check_key(key, self.shown))
        with self._speaking(key), self._opened(key) as response:
            check_limit(int(response.headers.get("Content-Length", "0")), limit, what)
            return read_all(response.stream(_PIECE, decode_content=False), what, limit=limit)

    def put(
        self,
        content: Path | bytes,
        key: str,
        *,
        sha256: str,
        media_type: str = "application/octet-stream",
        only_new: bool = False,
        progress: Progress | None = None,
    ) -> Stat:
        """Upload a file; see `Storage.put`. Above 8 MiB it goes in parts, four at a time."""
        if only_new and self.stat(key) is not None:
            raise self._taken(key)
        headers = {"Content-Type": media_type, _NOTED: sha256}
        condition = {_CONDITION: "*"} if only_new else {}
        with closing(SentFile(content, sha256, self._shown(check_key(key, self.shown)))) as file:
            try:
                if file.size <= PART_BYTES:
                    checksum = self._put_whole(key, file, {**headers, **condition}, progress)
                else:
                    checksum = self._put_parts(key, file, headers, condition, progress)
            except StorageError as error:
                if _reason(error) not in _PASSED_BY:
                    raise
                return self._already(key, file, error, only_new=only_new)
            return self._arrived(key, file, checksum, only_new=only_new)

    def list(self, prefix: str, *, most: int | None = None) -> Iterator[Stat]:
        """Yield the objects whose key begins with `prefix`; objects with an invalid key are left out.

        Raises
        ------
        StorageError
            As `Storage` says; those that are left out count too.
        """
        found = []
        with self._speaking(prefix):
            objects = self._client.list_objects(
                bucket_name=self._bucket, prefix=prefix or None, recursive=True
            )
            for one in at_most(objects, most, self._shown(prefix)):
                with suppress(StorageError):
                    key = check_key(str(one.object_name), self.shown)
                    found.append(Stat(key, one.size or 0, etag=_plain(one.etag)))
        yield from sorted(found, key=lambda stat: stat.key)  # not every server keeps the order

    def delete(self, key: str) -> None:
        """Remove an object; see `Storage.delete`."""
        with self._speaking(check_key(key, self.shown)):
            self._client.remove_object(bucket_name=self._bucket, object_name=key)

    def presign(self, key: str, seconds: int) -> str:
        """Return a URL to read an object by; its host is that of ``MINIO_URL``, if this is set."""
        with self._speaking(check_key(key, self.shown)):
            _, region = self._address  # asked for here: the public address may be out of reach
            endpoint = replace(self._access.public or self._access.endpoint, region=region)
            client = connect(replace(self._access, endpoint=endpoint), self._patience, self._pool)
            url: str = client.get_presigned_url(
                "GET", bucket_name=self._bucket, object_name=key, expires=timedelta(seconds=seconds)
            )
            return url

    def _stat(self, key: str) -> Stat:
        found = _stat(self._client, self._bucket, key)
        self._is_there = True
        return found

    @contextmanager
    def _opened(self, key: str) -> Iterator[BaseHTTPResponse]:
        try:
            response = self._client.get_object(bucket_name=self._bucket, object_name=key)
        except S3Error as error:
            if error.code == _MISSING:
                raise missing(self._shown(key)) from error
            raise
        try:
            yield response
        finally:
            _close(response)

    def _put_whole(
        self, key: str, file: SentFile, headers: Mapping[str, str], progress: Progress | None
    ) -> Checksum:
        content = b"".join(file.pieces())
        etag, md5 = checksum_of(content)
        answer = self._request(key, "PUT", body=content, headers={**headers, **UNSIGNED, "Content-MD5": md5})
        if progress is not None:
            progress(len(content))
        verdict = multipart.says(answer.headers, etag)
        return Checksum(etag, verdict is True, verdict)

    def _put_parts(
        self,
        key: str,
        file: SentFile,
        headers: Mapping[str, str],
        condition: Mapping[str, str],
        progress: Progress | None,
    ) -> Checksum:
        request = partial(self._request, key)
        pieces = file.pieces(multipart.part_bytes(file.size))
        checksum = multipart.upload(
            request, pieces, self._shown(key), headers=headers, condition=condition, progress=progress
        )
        # Parts that a killed upload of this object left. An upload that still runs finds the object whole.
        with suppress(DissmodelError):
            for upload_id in multipart.left_over(request, key, self._shown(key)):
                multipart.abort(request, upload_id)
        return checksum

    def _request(
        self,
        key: str,
        method: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        about_bucket: bool = False,
    ) -> BaseHTTPResponse:
        with self._speaking(key):
            name, given = "" if about_bucket else key, dict(headers or {})
            try:
                return self._send(method, name, body, given, query or {})
            except S3Error as error:
                if error.code != "NotImplemented" or given.pop(_CONDITION, None) is None:
                    raise
            return self._send(method, name, body, given, query or {})

    def _send(
        self, method: str, name: str, body: bytes | None, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> BaseHTTPResponse:
        """Send a request about an object, or the bucket where `name` is empty; minio's signer signs it.

        minio's calls send no condition, compare no part's checksum and list no upload that was left. Its
        `put_object`, with a reader that hashes, reached 0.72 to 0.77 of the rate of a bare `fput_object`
        (512 MiB to rclone on loopback), parts that are signed here 0.93: over http, `put_object` hashes each
        part once more.
        """
        bucket, region = self._address
        path = (bucket.path + quote(name)).removesuffix("" if name else "/") or "/"
        url = bucket._replace(path=path, query=urlencode(sorted(query.items()), quote_via=quote))
        date = clock.utcnow()
        sent: dict[str, Any] = {"Host": url.netloc, "x-amz-date": clock.to_amz_date(date), **headers}
        if body is not None:
            sent["Content-Length"] = str(len(body))
        if self._access.credentials is not None:
            sent.setdefault(_SIGNED, digest.sha256_bytes(body or b""))
            secrets = self._access.credentials
            if secrets.session_token:
                sent["X-Amz-Security-Token"] = secrets.session_token
            sent = sign_v4_s3(
                method=method,
                url=url,
                region=region,
                headers=sent,
                credentials=MinioCredentials(secrets.access_key, secrets.secret_key),
                content_sha256=sent[_SIGNED],
                date=date,
            )
        response = self._pool.urlopen(method, url.geturl(), body=body, headers=sent)
        if response.status < HTTPStatus.MULTIPLE_CHOICES:
            return response
        try:
            error: MinioException = S3Error.fromxml(response)
        except (ParseError, ValueError):  # an answer that is not XML, as a proxy gives one
            error = ServerError("", response.status)
        raise error

    @cached_property
    def _address(self) -> tuple[SplitResult, str]:
        """The bucket's URL, which ends in a slash, and its region."""
        url = self._client.get_presigned_url(method="GET", bucket_name=self._bucket, object_name="x")
        parts = urlsplit(url)
        scope = parse_qs(parts.query).get("X-Amz-Credential", [""])[0]  # KEY/DATE/REGION/s3/aws4_request
        return parts._replace(path=parts.path[:-1], query=""), "".join(scope.split("/")[-3:-2])

    def _arrived(self, key: str, file: SentFile, checksum: Checksum, *, only_new: bool) -> Stat:
        """Return the stored object, if it is what was sent."""
        if checksum.is_whole is False:
            raise self._withdrawn(key)
        confirmed = Stat(key, file.size, file.sha256, checksum.etag)  # the same MD5 is the same size too
        if checksum.is_whole and not only_new:
            return confirmed
        found = self._seen(key, is_large=file.size > PART_BYTES, is_whole=checksum.is_whole is True)
        if found is None:
            return confirmed
        verdict = multipart.says({"ETag": found.etag or ""}, checksum.etag) if checksum.is_confirmed else None
        is_ours = found.size == file.size and verdict is not False and found.sha256 in {None, file.sha256}
        if not is_ours and only_new and (checksum.is_whole or found.sha256 != file.sha256):
            raise self._taken(key)  # the server knows no conditions, and another client was later
        if not is_ours and found.sha256 not in {None, file.sha256}:
            raise differs(self._shown(key))
        if not is_ours or not (
            checksum.is_confirmed or file.size > PART_BYTES or self._reads_back(key, file)
        ):
            raise self._withdrawn(key)
        return found

    def _seen(self, key: str, *, is_large: bool, is_whole: bool) -> Stat | None:
        """Return the stored object; None if the server confirmed it whole and takes long to look it up.

        Some servers read a large object again to know its ETag; left to see is only whether another client
        was later.
        """
        if not (is_large and is_whole):
            with self._speaking(key):
                return self._stat(key)
        impatient = replace(self._patience, silence_s=min(_LOOK_S, self._patience.silence_s))
        try:
            with self._speaking(key):
                return _stat(connect(self._access, impatient), self._bucket, key)
        except StorageError as error:
            if error.code != faults.UNREACHABLE:
                raise
            return None

    def _already(self, key: str, file: SentFile, error: StorageError, *, only_new: bool) -> Stat:
        """Return the stored object, where another upload, or our own first try, was faster."""
        found = self.stat(key)
        is_ours = found is not None and (found.size, found.sha256) == (file.size, file.sha256)
        if found is not None and is_ours and (not only_new or _was_repeated(error)):
            return found
        raise self._taken(key) if only_new and found is not None else error

    def _reads_back(self, key: str, file: SentFile) -> bool:
        hashed = digest.new()
        with self._speaking(key), self._opened(key) as response:
            for piece in response.stream(_PIECE, decode_content=False):
                hashed.update(piece)
        return hashed.hexdigest() == file.sha256

    def _withdrawn(self, key: str) -> DissmodelError:
        # The noted sha256 is right, so later checks would take the object for whole.
        with suppress(DissmodelError):
            self.delete(key)
        return differs(self._shown(key))

    def _taken(self, key: str) -> StorageError:
        return StorageError(f"{self._shown(key)} exists already.", "Give another name.", code="object_exists")

    def _speaking(self, key: str) -> AbstractContextManager[None]:
        return speaking(self._shown(key), self._patience, origin=self._origin)

    def _shown(self, key: str) -> str:
        return f"s3://{self._bucket}/{shown(key)} at {self._place}"


def _stat(client: Minio, bucket: str, key: str) -> Stat:
    found = client.stat_object(bucket_name=bucket, object_name=key)
    return Stat(key, found.size or 0, _noted(found.metadata or {}), _plain(found.etag))


def _is_late(error: S3Error) -> bool:
    """Tell whether the clocks explain a refusal; not every server says so by its code."""
    if error.response.status not in _REFUSED:
        return False
    try:
        server = parsedate_to_datetime(error.response.headers["Date"])
        return abs((clock.utcnow() - server).total_seconds()) > _MOST_SKEW_S
    except (KeyError, TypeError, ValueError):
        return False


def _reason(error: DissmodelError) -> str | None:
    cause = error.__cause__
    return cause.code if isinstance(cause, S3Error) else None


def _was_repeated(error: DissmodelError) -> bool:
    """Tell whether a request was sent more than once, so that the first may have been obeyed."""
    cause = error.__cause__
    retries = cause.response.retries if isinstance(cause, S3Error) else None
    return bool(retries and retries.history)


def _close(response: BaseHTTPResponse) -> None:
    response.close()
    response.release_conn()


def _noted(headers: Mapping[str, str]) -> str | None:
    noted = headers.get(_NOTED, "")
    return noted if _SHA256.fullmatch(noted) else None


def _plain(etag: str | None) -> str | None:
    return (etag or "").strip('"') or None
