"""An upload in parts: S3's calls for it, and three parts on their way at a time."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from xml.etree import ElementTree as ET

from dissmodel.errors import Differs
from dissmodel.io.storage.base import Progress

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

PART_BYTES = 8 << 20
_MOST_PARTS = 10_000
_AT_A_TIME = 3
_MD5 = re.compile(r"[0-9a-f]{32}")
_KEYED = ("aws:kms", "aws:kms:dsse")


class Request(Protocol):
    """Sends one signed request about the object, or about its bucket, and returns the answer if it is a good one."""

    def __call__(
        self,
        method: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        about_bucket: bool = False,
    ) -> BaseHTTPResponse:
        """Send it."""


@dataclass(frozen=True)
class Checksum:
    """What a server has to have: the MD5 of what was sent, as S3 writes it into an ETag.

    Attributes
    ----------
    etag : str
        32 hex digits, and ``-`` and the number of parts where there were any.
    is_confirmed : bool
        Whether the server said it of each thing that was sent.
    """

    etag: str
    is_confirmed: bool


class Refused(Exception):  # noqa: N818  (it never leaves the room)
    """The end of an upload was answered with 200 and an error; its text is the error's code."""


def checksum_of(content: bytes) -> tuple[str, str]:
    """Return the MD5 of `content` as an ETag has it, and as the header ``Content-MD5`` does.

    >>> checksum_of(b"")
    ('d41d8cd98f00b204e9800998ecf8427e', '1B2M2Y8AsgTpgAmY7PhCfg==')
    """
    md5 = hashlib.md5(content, usedforsecurity=False)
    return md5.hexdigest(), base64.b64encode(md5.digest()).decode("ascii")


def says(headers: Mapping[str, str], expected: str) -> bool | None:
    """Tell whether an answer's ETag is the `expected` one; None where it can't be compared.

    Parameters
    ----------
    headers : Mapping
        Of the answer.
    expected : str
        The `Checksum`'s ETag.
    """
    etag = headers.get("ETag", "").strip('"').lower()
    if headers.get("x-amz-server-side-encryption") in _KEYED or any(
        name.lower().startswith("x-amz-server-side-encryption-customer") for name in headers
    ):
        return None  # then it is no MD5, though it looks like one
    md5, dash, count = etag.partition("-")
    # After parts, some servers give the MD5 of the whole.
    is_comparable = _MD5.fullmatch(md5) and (dash, count) == expected.partition("-")[1:]
    return etag == expected if is_comparable else None


def upload(
    request: Request,
    pieces: Iterator[bytes],
    what: str,
    *,
    headers: Mapping[str, str],
    condition: Mapping[str, str],
    progress: Progress | None,
) -> Checksum:
    """Store an object in parts, all of it or nothing, and return what the server has to have.

    Parameters
    ----------
    request : Request
        Sends a request about the object.
    pieces : iterator of bytes
        The parts; if it raises, nothing is stored.
    what : str
        What an error calls the object.
    headers : Mapping
        What is noted with the object.
    condition : Mapping
        Headers that say when it may not be stored.
    progress : callable or None
        Told of bytes that have gone over.

    Raises
    ------
    Differs
        If the server has another checksum for a part (code ``"storage_differs"``).
    Refused
        If the end was answered with an error.
    """
    answer = request("POST", headers=headers, query={"uploads": ""})
    query = {"uploadId": _text(ET.fromstring(answer.data), "UploadId")}
    try:
        parts = _send(request, pieces, what, query, progress)
        _complete(request, [part.etag for part in parts], query, condition)
    except BaseException:
        _abort(request, query)
        raise
    md5s = b"".join(bytes.fromhex(part.etag) for part in parts)
    return Checksum(f"{checksum_of(md5s)[0]}-{len(parts)}", all(part.is_confirmed for part in parts))
