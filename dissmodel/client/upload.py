"""Inputs of a job: a local file is uploaded unless the server has it; a URL is the server's to read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from dissmodel.client.arrival import Sent
from dissmodel.client.server import Server
from dissmodel.errors import Differs, InvalidInput, UsageError
from dissmodel.io.locate import existing
from dissmodel.io.sidecars import sidecars
from dissmodel.progress import Reporter
from dissmodel.record.digest import sha256_file
from dissmodel.storage.arrival import SentFile
from dissmodel.storage.transfer import Pool
from dissmodel.storage.uri import is_remote, parse

_PATH = "/data/upload"
_NOT_IN_NAMES = re.compile(r"[^\w .()+=,@-]")
_LONGEST = 90


@dataclass(frozen=True)
class _Upload:
    """What the server says of a file that it has."""

    uri: str
    checksum: str


def uploaded(server: Server, place: str, reporter: Reporter) -> tuple[str, Sent]:
    """Return the URI of an input for the server, and what was sent; a file goes there once.

    Raises
    ------
    InvalidInput
        If there is no such file, or it is only a part of a dataset (code ``"several_files"``).
    Differs
        If the server stores other bytes than were sent (code ``"upload_differs"``).
    DissmodelError
        As `Server.ask`.
    """
    if is_remote(place):
        if parse(place).recorded != place:
            raise UsageError(
                f"{parse(place).shown}: a URL with a password or a token in it is not sent to a server.",
                "Give the file itself; it is uploaded.",
            )
        return place, Sent()
    path = existing(place)
    beside = sidecars(path)
    if beside:
        raise InvalidInput(
            f"{path}: one file is uploaded; {', '.join(one.name for one in beside)} would be read with it.",
            "Zip them, and give the zip.",
            code="several_files",
        )
    sha256, name = (
        sha256_file(path),
        _NOT_IN_NAMES.sub("_", f"{path.stem[:_LONGEST]}{path.suffix[:_LONGEST]}"),
    )
    name = name if re.match(r"\w", name) else f"_{name}"
    try:
        found = server.get(f"{_PATH}/{sha256}/{quote(name)}", _Upload)
    except UsageError as error:
        if error.code != "object_missing":
            raise
        found = _send(server, path, sha256, name, reporter)
    if found.checksum != sha256:
        raise Differs(
            f"{server.url}: it has other bytes under the name {sha256}/{name} than {path}.",
            "Give the file another name; if the error stays, ask who runs the server.",
            code="upload_differs",
        )
    return found.uri, Sent(sha256, path)


def _send(server: Server, path: Path, sha256: str, name: str, reporter: Reporter) -> _Upload:
    """Send a file as a form; the label is its digest, so that it is found again."""
    mark = uuid4().hex
    head = (
        f'--{mark}\r\nContent-Disposition: form-data; name="label"\r\n\r\n{sha256}\r\n'
        f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{mark}--\r\n".encode()
    file, pool = SentFile(path, sha256, server.url), Pool(reporter)
    pool.expect("push", file.size)

    def form() -> Iterator[bytes]:
        with pool.moving(file.size) as progress:
            yield head
            for piece in file.pieces():
                yield piece
                progress(len(piece))
            yield tail

    try:
        headers = {
            "Content-Type": f"multipart/form-data; boundary={mark}",
            "Content-Length": str(len(head) + file.size + len(tail)),
        }
        return server.ask("POST", _PATH, _Upload, body=form(), headers=headers, retries=False)
    finally:
        file.close()
