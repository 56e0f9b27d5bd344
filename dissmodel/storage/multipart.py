"""An upload in parts: S3's calls for it, a few parts at a time."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from dissmodel.errors import DissmodelError, StorageError
from dissmodel.storage.base import Progress
from dissmodel.storage.refusals import differs, refusal
from dissmodel.workers import Workers

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

UNSIGNED = MappingProxyType({"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
"""The header of a request whose signature does not cover its body."""

PART_BYTES = 8 << 20
_MOST_PARTS = 10_000
_AT_A_TIME = 4
_MD5 = re.compile(r"[0-9a-f]{32}")
_KEYED = ("aws:kms", "aws:kms:dsse")


Request = Callable[..., "BaseHTTPResponse"]
"""Sends a request about an object, or its bucket: method, ``body``, ``headers``, ``query``, ``about_bucket``.

It returns a good answer, and raises DissmodelError for any other.
"""


@dataclass(frozen=True)
class Checksum:
    """The MD5 of what was sent, as S3 writes it into an ETag: the server has to have the same.

    `etag` is 32 hex digits, and ``-`` and the number of parts where there were any. `is_confirmed`: the
    server confirmed each piece. `is_whole`: the server confirmed the object; None if that can't be compared.
    """

    etag: str
    is_confirmed: bool
    is_whole: bool | None


def checksum_of(content: bytes) -> tuple[str, str]:
    """Return the MD5 of `content` as an ETag has it, and as the header ``Content-MD5`` does.

    >>> checksum_of(b"")
    ('d41d8cd98f00b204e9800998ecf8427e', '1B2M2Y8AsgTpgAmY7PhCfg==')
    """
    md5 = hashlib.md5(content, usedforsecurity=False)
    return md5.hexdigest(), base64.b64encode(md5.digest()).decode("ascii")


def says(headers: Mapping[str, str], expected: str) -> bool | None:
    """Tell whether an answer's ETag is the `expected` one; None where it can't be compared."""
    if _is_keyed(headers):
        return None  # then it is not an MD5, though it looks like one
    etag = headers.get("ETag", "").strip('"').lower()
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

    `headers` are noted with the object, `condition` holds headers that say when it may not be stored. If
    `pieces` raises, nothing is stored.

    Raises Differs if the server has another checksum for a part (code ``"storage_differs"``); StorageError if
    the server refuses, or can't be reached.
    """
    answer = request("POST", headers=headers, query={"uploads": ""})
    query = {"uploadId": _text(_parsed(answer.data, what), "UploadId")}
    try:
        parts = _send(request, pieces, what, query, progress, with_md5=_is_keyed(answer.headers))
        said = _complete(request, [part.etag for part in parts], what, query, condition)
    except BaseException:
        abort(request, query["uploadId"])
        raise
    etag = f"{checksum_of(b''.join(bytes.fromhex(part.etag) for part in parts))[0]}-{len(parts)}"
    is_confirmed = all(part.is_confirmed for part in parts)
    return Checksum(etag, is_confirmed, says({"ETag": said}, etag) if is_confirmed else None)


def _is_keyed(headers: Mapping[str, str]) -> bool:
    return headers.get("x-amz-server-side-encryption") in _KEYED or any(
        name.lower().startswith("x-amz-server-side-encryption-customer") for name in headers
    )


def left_over(request: Request, key: str, what: str) -> list[str]:
    """Return the ids of the unfinished uploads of `key`, as far as the server lists them."""
    answer = request("GET", query={"uploads": "", "prefix": key}, about_bucket=True)
    uploads = _parsed(answer.data, what).findall("{*}Upload")
    return [_text(one, "UploadId") for one in uploads if _text(one, "Key") == key]


def abort(request: Request, upload_id: str) -> None:
    """Cancel an upload, so that the server drops its parts, if that can be done."""
    with suppress(DissmodelError):
        request("DELETE", query={"uploadId": upload_id})


def part_bytes(size: int) -> int:
    """Return how large the parts of an object are: 8 MiB, or more where more than 10,000 would be needed.

    >>> part_bytes(2 << 30) >> 20, part_bytes(1 << 40) >> 20
    (8, 105)
    """
    needed = -(-size // _MOST_PARTS)
    return max(PART_BYTES, -(-needed >> 20) << 20)


def _send(
    request: Request,
    pieces: Iterator[bytes],
    what: str,
    query: Mapping[str, str],
    progress: Progress | None,
    *,
    with_md5: bool,
) -> list[Checksum]:
    parts: list[Future[Checksum]] = []
    on_their_way: dict[Future[Checksum], int] = {}

    def settle(until: int) -> None:
        # In the order of the answers: no part waits for the oldest.
        while len(on_their_way) > until:
            for one in wait(on_their_way, return_when=FIRST_COMPLETED).done:
                one.result()
                size = on_their_way.pop(one)
                if progress is not None:
                    progress(size)

    with Workers(_AT_A_TIME) as pool:
        try:
            for number, piece in enumerate(pieces, start=1):
                part = {**query, "partNumber": str(number)}
                parts.append(pool.submit(_send_part, request, piece, what, part, with_md5=with_md5))
                on_their_way[parts[-1]] = len(piece)
                settle(_AT_A_TIME)
            settle(0)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [one.result() for one in parts]


def _send_part(
    request: Request, piece: bytes, what: str, query: Mapping[str, str], *, with_md5: bool
) -> Checksum:
    etag, md5 = checksum_of(piece)
    # Servers compute one more MD5 for the header, and the ETag tells of a damaged part anyway.
    headers = {**UNSIGNED, "Content-MD5": md5} if with_md5 else UNSIGNED
    answer = request("PUT", body=piece, headers=headers, query=query)
    verdict = says(answer.headers, etag)
    if verdict is False:
        raise differs(what)
    return Checksum(etag, verdict is True, verdict)


def _complete(
    request: Request, etags: list[str], what: str, query: Mapping[str, str], condition: Mapping[str, str]
) -> str:
    root = ET.Element("CompleteMultipartUpload")
    for number, etag in enumerate(etags, start=1):
        part = ET.SubElement(root, "Part")
        ET.SubElement(part, "PartNumber").text = str(number)
        ET.SubElement(part, "ETag").text = f'"{etag}"'
    headers = {"Content-Type": "application/xml", **condition}
    answer = request("POST", body=ET.tostring(root), headers=headers, query=query)
    document = _parsed(answer.data, what)
    if document.tag.rpartition("}")[2] == "Error":  # it may come late, after a 200 that keeps the line open
        raise refusal(what, _text(document, "Code"), answer.status)
    return _text(document, "ETag")


def _parsed(content: bytes, what: str) -> ET.Element:
    try:
        return ET.fromstring(content)  # noqa: S314  (expat expands no bombs, and ET loads nothing from elsewhere)
    except ET.ParseError as error:
        raise StorageError(
            f"{what}: the answer of the server could not be understood.", "Is it an S3 server?"
        ) from error


def _text(element: ET.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}", "")
