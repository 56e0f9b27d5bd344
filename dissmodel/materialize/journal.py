"""What a run is about to move, and the proof that a scratch folder is this user's own."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from dissmodel import machine
from dissmodel.materialize.key import user_key
from dissmodel.materialize.names import PREFIX, is_scratch_of
from dissmodel.record import store
from dissmodel.record.digest import sha256_file

Kind = Literal["run", "pull"]

_NAME = "journal.json"
_DIGITS = 32
_MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Journal:
    """What is needed to undo the replacing of a pair.

    `under_way` is the sha256 of the record that says ``replacing``, `old_record` of the record before it.
    `old` are the files that are moved into the scratch folder, each under its number: name and `identity`;
    `new` are the files that are coming: name → sha256.
    """

    experiment_id: str
    under_way: str
    old_record: str | None
    old: tuple[tuple[str, str], ...]
    new: Mapping[str, str]


def prove(scratch: Path, record_path: Path, kind: Kind) -> None:
    """Mark a scratch folder as this user's own.

    The mark is one empty file, so that it is there or not, whenever the run is killed. Its name is made with
    the user's key from the machine, the path and the folder's own number on the disk: no copy has the same.
    """
    mark = scratch / _mark(scratch, record_path, kind, user_key(make=True))
    os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def is_ours(scratch: Path, record_path: Path, kind: Kind) -> bool:
    """Return whether a scratch folder is this user's own, made on this machine for this record."""
    try:
        if not stat.S_ISDIR(scratch.lstat().st_mode):
            return False
        mark = scratch / _mark(scratch, record_path, kind, user_key(make=False))
        return stat.S_ISREG(mark.lstat().st_mode)
    except OSError:
        return False


def rank(name: str) -> int:
    """Return in which order a scratch folder's files are removed: the journal late, the mark last."""
    kind, _, digits = name.partition("-")
    is_mark = kind in {"run", "pull"} and len(digits) == _DIGITS
    return 2 if is_mark else int(name == _NAME)


def identity(path: Path) -> str:
    """Return what a file keeps when it is renamed and no other file has: number, size, time of change.

    Empty if there is no such file, or if it is neither a regular file nor a link.
    """
    try:
        state = path.lstat()
    except OSError:
        return ""
    if not (stat.S_ISREG(state.st_mode) or stat.S_ISLNK(state.st_mode)):
        return ""
    return f"{state.st_ino}-{state.st_size}-{state.st_mtime_ns}"


def write(journal: Journal, scratch: Path, record_path: Path) -> None:
    """Write a journal into the scratch folder; it is on the disk when this returns."""
    content = json.dumps(asdict(journal), sort_keys=True)
    document = {"journal": content, "mac": _mac(content, scratch, record_path, user_key(make=True))}
    store.write_atomically(scratch / _NAME, json.dumps(document).encode())


def read(scratch: Path, record_path: Path) -> Journal | None:
    """Return the journal in a scratch folder that this user wrote, here, for this record; else None.

    Raises
    ------
    OSError
        If it can't be read: what it says is not known then, and nothing may be removed.
    """
    path = scratch / _NAME
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or not is_ours(scratch, record_path, "run"):
            return None
    except OSError:
        return None
    with path.open("rb") as stream:
        data = stream.read(_MAX_BYTES)
    try:
        document = json.loads(data)
        content, mac = document["journal"], document["mac"]
        expected = _mac(content, scratch, record_path, user_key(make=False))
        if not hmac.compare_digest(expected, mac):
            return None
        given = json.loads(content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return Journal(**{**given, "old": tuple((name, number) for name, number in given["old"])})


def journals(record_path: Path) -> Iterator[tuple[Path, Journal]]:
    """Yield the scratch folders of a pair in which this user has a journal, and the journal."""
    with contextlib.suppress(OSError):
        for scratch in sorted(record_path.parent.glob(f"{PREFIX}*")):
            plan = read(scratch, record_path) if is_scratch_of(scratch.name, record_path) else None
            if plan is not None:
                yield scratch, plan


def is_under_way(plan: Journal, record_path: Path) -> bool:
    """Return whether the record at its place is the one that says ``replacing`` because of this journal."""
    return sha256_of(record_path) == plan.under_way


def sha256_of(path: Path) -> str | None:
    """Return the digest of a regular file, None if there is none; a link is not followed."""
    try:
        return sha256_file(path) if is_file(path) else None
    except FileNotFoundError:
        return None


def is_file(path: Path) -> bool:
    """Return whether a path leads to a regular file, without a link at its end."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _mark(scratch: Path, record_path: Path, kind: Kind, key: bytes) -> str:
    place = f"{_place(record_path)}\0{scratch.lstat().st_ino}"
    digits = hmac.digest(key, os.fsencode(f"{kind}\0{place}"), hashlib.sha256).hex()[:_DIGITS]
    return f"{kind}-{digits}"


def _mac(content: str, scratch: Path, record_path: Path, key: bytes) -> str:
    # The time at which the mark was made can't be set: an archive that is unpacked again has another.
    mark = (scratch / _mark(scratch, record_path, "run", key)).lstat()
    place = f"{_place(record_path)}\0{mark.st_ino}\0{mark.st_ctime_ns}"
    return hmac.digest(key, os.fsencode(f"journal\0{place}\0{content}"), hashlib.sha256).hex()


def _place(record_path: Path) -> str:
    folder = os.path.realpath(record_path.parent)
    return f"{machine.machine_id() or machine.host()}\0{folder}\0{record_path.name}"
