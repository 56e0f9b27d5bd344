"""The only sha256 of bytes and files in the project, and the digest of a record itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# The paths of files are not part of what a run was: a pair that moves keeps its digest and its signatures.
_OUTSIDE = frozenset({"record_digest", "output_path"})
_SMALL = 2**16


def new() -> hashlib._Hash:
    """Return an empty sha256, to be fed piece by piece."""
    return hashlib.sha256()


def sha256_bytes(data: bytes) -> str:
    """Return the sha256 of `data` as 64 hex digits.

    >>> sha256_bytes(b"")[:16]
    'e3b0c44298fc1c14'
    """
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: str | Path) -> str:
    """Return the sha256 of a file as 64 hex digits; the file streams, it is never read whole."""
    with Path(path).open("rb") as stream:
        digest = hashlib.sha256(head := stream.read(_SMALL))
        if len(head) == _SMALL:  # else it is all; `file_digest` clears a buffer of 256 KiB first
            hashlib.file_digest(stream, lambda: digest)
        return digest.hexdigest()


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the bytes that a record's digest and its signatures cover.

    JSON in UTF-8 with keys in the order of their code points, no white space, numbers as Python's ``repr``
    writes them (the shortest text that reads back as the same float) and only the escapes that JSON demands;
    without ``record_digest`` and without locations: ``output_path``, ``source.uri``, each ``sources.*.uri``
    and each ``files.*.path``.

    `document` is a record as parsed from JSON, or as `dissmodel.record.store.to_document` makes it. Fields
    that this version doesn't know are covered too.

    Raises ValueError if it holds a NaN, an infinity or half of a surrogate pair, which JSON in UTF-8 can't;
    TypeError if it holds something that is not a JSON type.

    Examples
    --------
    >>> canonical({"status": "completed", "metrics": {"b": 1.0, "a": 0.1}, "output_path": "x/result.tif"})
    b'{"metrics":{"a":0.1,"b":1.0},"status":"completed"}'
    """
    kept = {name: value for name, value in document.items() if name not in _OUTSIDE}
    kept["source"] = _without(kept.get("source"), "uri")
    kept["files"] = kept.get("files")
    if isinstance(kept["files"], Mapping):
        kept["files"] = {name: _without(entry, "path") for name, entry in kept["files"].items()}
    if isinstance(kept.get("sources"), list):
        kept["sources"] = [_without(one, "uri") for one in kept["sources"]]
    present = {name: value for name, value in kept.items() if name in document}
    text = json.dumps(present, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def record_digest(document: Mapping[str, Any]) -> str:
    """Return the digest of a record, ``sha256:`` and the 64 hex digits of its canonical bytes.

    >>> record_digest({"status": "failed"}) == record_digest({"output_path": "r.tif", "status": "failed"})
    True
    """
    return f"sha256:{sha256_bytes(canonical(document))}"


def is_changed(document: Mapping[str, Any], digest: str) -> bool:
    """Return whether a record with this digest does not match the digest that is written in it.

    Only the public DisSModel wrote records without a digest; from any other record it was removed.
    """
    noted = document.get("record_digest")
    return noted != digest and (noted is not None or document.get("schema_version", 0) > 0)


def _without(value: Any, name: str) -> Any:
    return {key: kept for key, kept in value.items() if key != name} if isinstance(value, Mapping) else value
