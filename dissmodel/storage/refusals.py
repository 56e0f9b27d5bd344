"""The refusals of an S3 server as errors, each with what to do."""

from __future__ import annotations

import re

from dissmodel.errors import Differs, DissmodelError, StorageError
from dissmodel.storage.faults import DENIED, MISSING

CLOCK = "RequestTimeTooSkewed"
"""S3's name for clocks that are too far apart."""

_CODE = re.compile(r"[A-Za-z0-9]{1,64}")
_LOST_ON_THE_WAY = {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"}
_ELSEWHERE = {
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
    "Redirect",
    "RetryHead",
    "TemporaryRedirect",
}
_WHO = {
    "InvalidAccessKeyId": "the server does not know the access key",
    "SignatureDoesNotMatch": "the secret key does not fit the access key",
    "ExpiredToken": "the session token has expired",
    "InvalidToken": "the session token is not valid",
    "TokenRefreshRequired": "the session token has expired",
}
_NOT_ALLOWED = {401, 403}
_DENIED = {"AccessDenied", "AllAccessDisabled", "AccountProblem", "UnsupportedAlgorithm"}
_MOVED = {301, 302, 303, 307, 308}
_SERVER_ERROR = 500


def refusal(what: str, code: str | None, status: int, *, origin: str = "") -> DissmodelError:
    """Return the error for an answer; `code` is S3's own name for it, `origin` that of the credentials.

    The server's own text is not shown: it may contain anything.

    >>> refusal("s3://bucket at http://host", "NoSuchBucket", 404).message
    's3://bucket at http://host: there is no such bucket.'
    """
    code = code if code and _CODE.fullmatch(code) else ""
    if code == CLOCK:
        return StorageError(
            f"{what}: the clocks of this machine and of the server are too far apart.",
            "Set the clock of this machine; best by NTP.",
            code=DENIED,
        )
    if code in _WHO:
        place = f"They are from {origin}." if origin else "Check the credentials."
        return StorageError(f"{what}: {_WHO[code]}.", place, code=DENIED)
    if code == "NoSuchBucket":
        return StorageError(
            f"{what}: there is no such bucket.", "Create it, or check its name.", code=MISSING
        )
    if code in _LOST_ON_THE_WAY:
        return differs(what)
    if code in _ELSEWHERE or status in _MOVED:
        hint = "If it is in another region, set that: dissmodel config set storage.region NAME"
        return StorageError(f"{what}: the server redirects to another address, which is not followed.", hint)
    if status in _NOT_ALLOWED or code in _DENIED:
        hint = (
            f"The credentials are from {origin}." if origin else "The request had no credentials: give them."
        )
        return StorageError(f"{what}: you have no right to do this.", hint, code=DENIED)
    said = ", ".join(str(one) for one in (code, status) if one)
    if status >= _SERVER_ERROR:
        return StorageError(f"{what}: the server fails ({said}).", "Try again later, or check the server.")
    return StorageError(f"{what}: the server refuses it ({said}).", "Check the server and the name.")


def differs(what: str) -> Differs:
    """Return the error for a server whose bytes are not those that were sent."""
    return Differs(
        f"{what}: the server has other bytes than were sent.",
        "Try again; if the error stays, check the network and the disks of the server.",
        code="storage_differs",
    )
