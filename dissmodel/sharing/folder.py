"""A new folder of files, and JSON in them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dissmodel import temporary
from dissmodel.errors import UsageError, disk_errors
from dissmodel.experiment.layout import RECORD
from dissmodel.record import store
from dissmodel.sharing.bundle_archive import Member, copied
from dissmodel.storage.uri import parse


def new_folder_at(given: str) -> Path:
    """Return the path of a folder that is to be made.

    Raises
    ------
    UsageError
        If there is something of that name, or it is not on this machine.
    """
    place = parse(given).path
    if place is None or os.path.lexists(place):
        why = "it is not on this machine" if place is None else "it exists already"
        raise UsageError(f"--output {given}: {why}.", "Give the name of a new folder.", code="output_exists")
    return Path(os.path.abspath(place))  # noqa: PTH100  (resolve() would follow the user's links)


def write_folder(path: Path, members: Iterable[Member]) -> None:
    """Write a folder whole or not at all."""
    hint = "Choose a folder that you may write to, on a disk with room."
    with disk_errors(f"{path}: can't be written", hint), temporary.new_folder(path.parent) as folder:
        inner = folder / "crate"
        for one in members:
            target = store.artifact_path(inner / RECORD, one.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as stream:
                copied(one, stream, one.size)
        inner.rename(path)
    store.sync_folder(path.parent)


def as_json(document: Any) -> bytes:
    """Return a document as people read it."""
    return f"{json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()
