"""A file that a client sends: streamed to a temporary file, then put where inputs are."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path
from typing import Any, cast

from python_multipart.exceptions import FileError, FormParserError
from python_multipart.multipart import File, FormParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from dissmodel import temporary
from dissmodel.errors import DissmodelError, UsageError, disk_errors
from dissmodel.experiment.layout import Place
from dissmodel.record.digest import sha256_file
from dissmodel.service.jobs import uri_of
from dissmodel.service.refusals import refused
from dissmodel.storage.base import Stat
from dissmodel.storage.local import LocalStorage

_NAME = re.compile(r"\w[\w .()+=,@-]{0,199}")
_FOLDER = "inputs"
_BYTES_OF_MB = 1_000_000
_FORM = {"MAX_FIELDS": 2, "MAX_FIELD_SIZE": 1000, "MAX_MEMORY_FILE_SIZE": 0}
logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it logs names as they were sent


async def receive(
    pieces: AsyncIterator[bytes], content_type: str, place: Place, scratch: Path
) -> dict[str, Any]:
    """Put the file of a multipart form where inputs are, as ``inputs/LABEL/FILE``; return what is there.

    Parameters
    ----------
    pieces : async iterator of bytes
        The form, as it comes.
    content_type : str
        The header of that name.
    place : Place
        Where inputs are.
    scratch : Path
        The folder of temporary files.

    Raises
    ------
    UsageError
        If it is no form with `file` and `label`, or they are not valid names (code ``"bad_upload"``).
    StorageError
        If another file has the name (code ``"object_exists"``), or a disk or the place fails.
    """
    fields: dict[str, str] = {}
    files: list[File] = []

    def keep(field: Any) -> None:
        fields[(field.field_name or b"").decode(errors="replace")] = (field.value or b"").decode(
            errors="replace"
        )

    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise _refused("this is not multipart/form-data")
    with disk_errors(f"{scratch}: the upload can't be stored", "Free some space on the disk."):
        await run_in_threadpool(scratch.mkdir, parents=True, exist_ok=True)
        with temporary.new_folder(scratch) as folder:
            config = cast("Any", {**_FORM, "UPLOAD_DIR": str(folder)})
            try:
                form = FormParser("multipart/form-data", keep, files.append, boundary=boundary, config=config)
                async for piece in pieces:
                    await run_in_threadpool(form.write, piece)
                await run_in_threadpool(form.finalize)
                if len(files) != 1 or files[0].field_name != b"file":
                    raise _refused("it has no file, or several")
                if files[0].in_memory:  # it is empty
                    files[0].flush_to_disk()
                files[0].file_object.flush()
                return await run_in_threadpool(_put, files[0], fields.get("label"), place)
            except FileError:  # of the disk
                raise
            except FormParserError as error:
                raise _refused("the form is malformed") from error
            finally:
                for file in files:
                    file.close()


def known(place: Place, label: str, name: str) -> dict[str, Any]:
    """Return what `receive` returned of a file that is there; its bytes are hashed if nothing else tells.

    Raises
    ------
    UsageError
        If there is no such file (code ``"object_missing"``), or it can't have that name (``"bad_upload"``).
    StorageError
        If the place fails.
    """
    key = _key(label, name)
    stat = place.storage.stat(place.key(key))
    if stat is None:
        raise refused("object_missing", f"{label}/{name}: there is no such upload.")
    return _about(place, key, _sha256(place, key, stat), stat.size)


def some(place: Place, most: int = 200) -> list[dict[str, Any]]:
    """Return files that are there, at most so many, by their labels and names: uri, label, name and size.

    Raises
    ------
    StorageError
        If the place fails.
    """
    found = []
    for stat in islice(place.storage.list(place.key(f"{_FOLDER}/")), most):
        _, label, name = ["", *stat.key.removeprefix(place.prefix).split("/")[1:], ""][:3]
        if _NAME.fullmatch(label) and _NAME.fullmatch(name):
            uri = uri_of(f"{place.uri}{_FOLDER}/{label}/{name}")
            found.append({"uri": uri, "label": label, "name": name, "size": stat.size})
    return sorted(found, key=lambda one: (one["label"], one["name"]))


def _put(file: File, label: str | None, place: Place) -> dict[str, Any]:
    name = (file.file_name or b"").decode(errors="replace")
    key = _key(label, name)
    assert file.actual_file_name is not None  # nothing stays in memory
    path = Path(file.actual_file_name.decode())
    sha256, size = sha256_file(path), path.stat().st_size
    try:
        place.storage.put(path, place.key(key), sha256=sha256, only_new=True)
    except DissmodelError as error:
        if error.code != "object_exists":
            raise
        stat = place.storage.stat(place.key(key))
        if stat is None or stat.size != size:
            raise
        if _sha256(place, key, stat) != sha256:
            raise
    return _about(place, key, sha256, size)


def _key(label: str | None, name: str) -> str:
    for what, text in (("label", label), ("the name of the file", name)):
        if text is None or not _NAME.fullmatch(text):
            raise _refused(f"{what} is {text[:80]!r}" if text else f"{what} is missing")
    return f"{_FOLDER}/{label}/{name}"


def _sha256(place: Place, key: str, stat: Stat) -> str:
    if isinstance(place.storage, LocalStorage):  # where it is hashed without a copy of it
        return sha256_file(place.storage.folder.joinpath(*place.key(key).split("/")))
    return stat.sha256 or place.sha256(key, limit=stat.size)


def _about(place: Place, key: str, sha256: str, size: int) -> dict[str, Any]:
    uri, label = uri_of(f"{place.uri}{key}"), key.split("/")[1]
    return {"uri": uri, "label": label, "checksum": sha256, "size_mb": round(size / _BYTES_OF_MB, 3)}


def _refused(why: str) -> UsageError:
    return refused("bad_upload", f"The upload is refused: {why}.")
