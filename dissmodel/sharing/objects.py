"""One object of a place: its state, and how it is sent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from dissmodel import temporary
from dissmodel.errors import Differs, DissmodelError
from dissmodel.experiment.layout import Place
from dissmodel.record import store
from dissmodel.record.digest import sha256_bytes
from dissmodel.sharing.pushable import File
from dissmodel.storage.base import Stat

Result = TypeVar("Result")
State = Literal["missing", "damaged", "there"]

_MD5 = re.compile(r"[0-9a-f]{32}")
# Larger ones went in parts, each checked by its own sum; MD5 takes longer than all else of a second push.
_MD5_BYTES = 64 << 20


def state_of(place: Place, file: File) -> State:
    """Return whether an object exists and has a file's bytes.

    Its size, its noted sha256 and, if it is small, its ETag are believed; in doubt the object is read back.

    ``"damaged"`` is an incomplete or changed copy of this file.

    Raises Differs if another object has its name (code ``"object_exists"``).
    """
    stat = place.storage.stat(place.key(file.name))
    if stat is None:
        return "missing"
    if stat.sha256 is None:
        if stat.size == file.size and _read_back(place, file) == file.sha256:
            return "there"
        raise other_content(f"{place.uri}{file.name}")
    if stat.sha256 != file.sha256:
        raise other_content(f"{place.uri}{file.name}")
    if stat.size != file.size:
        return "damaged"
    # An ETag need not be an MD5 even where it looks like one.
    return "there" if _has_md5(file, stat) or _read_back(place, file) == file.sha256 else "damaged"


def send(place: Place, file: File, state: State, progress: Callable[[int], None]) -> bool:
    """Send a file that `state_of` found missing or damaged; return whether this call stored it.

    Raises Differs if another object got its name meanwhile, or the file changed; StorageError if it can't be
    put.
    """
    try:
        place.storage.put(
            file.path,
            place.key(file.name),
            sha256=file.sha256,
            media_type=file.media_type,
            only_new=state == "missing",
            progress=progress,
        )
    except DissmodelError as error:
        # Another push of the same file was faster.
        if error.code == "object_exists" and state_of(place, file) == "there":
            return False
        raise
    return True


def other_content(uri: str) -> Differs:
    """Return the error for an object of other content that has the name."""
    return Differs(
        f"{uri}: another object has this name already; it is not overwritten.",
        "Push to another place: --to s3://BUCKET/PREFIX",
        code="object_exists",
    )


def _has_md5(file: File, stat: Stat) -> bool:
    etag = (stat.etag or "").strip('"').lower()
    if file.size > _MD5_BYTES or not _MD5.fullmatch(etag):
        return True
    with file.path.open("rb") as stream:
        found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return found == etag


def _read_back(place: Place, file: File) -> str | None:
    try:
        return place.sha256(file.name, limit=file.size)
    except DissmodelError as error:
        if error.code in {"object_missing", "object_too_large"}:
            return None
        raise


def with_file_of(name: str, document: Mapping[str, Any], act: Callable[[File], Result]) -> Result:
    """Return the result of `act` for a temporary file `name` with a record's document."""
    with temporary.new_folder() as folder:
        path, data = folder / name, store.dumps(document)
        path.write_bytes(data)
        return act(File(path, name, len(data), sha256_bytes(data), "application/json"))
