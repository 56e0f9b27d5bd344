"""Valid names of buckets and objects, and how a name that is not trusted is shown."""

from __future__ import annotations

import re
import unicodedata

from dissmodel.errors import StorageError
from dissmodel.printable import printable

MAX_KEY_BYTES = 1024

_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_RESERVED_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_LONGEST_SHOWN = 200


def check_key(key: str, place: str) -> str:
    """Return `key` if it is a valid name of an object in every place; an error names `place`.

    Raises StorageError if it is empty, has more than 1024 bytes in UTF-8, begins with ``/``, has a part ``.``
    or ``..``, or a character that can't be seen (code ``"storage_key"``).

    Examples
    --------
    >>> check_key("experiments/1a2b/output.tif", "s3://bucket")
    'experiments/1a2b/output.tif'
    """
    why = _wrong_with(key)
    if why is None:
        return key
    raise StorageError(
        f"{place}: {shown(key)!r} is not a valid name of an object: {why}.",
        "Name it with letters, digits, - and _, and / between its parts.",
        code="storage_key",
    )


def check_bucket(name: str, place: str) -> str:
    """Return `name` if S3 allows it as a bucket's; raise StorageError (code ``"storage_bucket"``) if not.

    >>> check_bucket("dissmodel-outputs", "https://s3.amazonaws.com")
    'dissmodel-outputs'
    """
    is_wrong = (
        not _BUCKET.fullmatch(name)
        or _IPV4.fullmatch(name)
        or any(pair in name for pair in ("..", ".-", "-."))
        or name.startswith(_RESERVED_STARTS)
        or name.endswith(_RESERVED_ENDS)
    )
    if not is_wrong:
        return name
    raise StorageError(
        f"{place}: {shown(name)!r} is not a valid name of a bucket.",
        "A bucket's name has 3 to 63 small letters, digits and hyphens; no hyphen at the ends.",
        code="storage_bucket",
    )


def shown(text: str) -> str:
    r"""Return a name as an error may show it: short, with invisible characters as escapes.

    >>> shown("a" * 300)[-3:], shown("red[31m".replace("red", chr(27)))
    ('aa…', '\\x1b[31m')
    """
    return printable(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…")


def _wrong_with(key: str) -> str | None:
    if not key:
        return "it is empty"
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "it is not UTF-8"
    if size > MAX_KEY_BYTES:
        return f"it has {size} bytes, more than {MAX_KEY_BYTES}"
    if key.startswith("/"):
        return "it begins with a slash"
    if any(part in {".", ".."} for part in key.split("/")):
        return "it has '.' or '..' as a part"
    if any(unicodedata.category(one) in {"Cc", "Zl", "Zp"} for one in key):
        return "it has a control character"
    return None
