"""Records that are met on the way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dissmodel import materialize
from dissmodel.actions.unbundle import is_bundle, open_bundle
from dissmodel.io.uri import is_remote, parse
from dissmodel.progress import current
from dissmodel.record import ExperimentRecord, store


def open_record(path: Path | str) -> tuple[ExperimentRecord, dict[str, Any]]:
    """Read a record, and its document as it stands; nothing on the disk is changed.

    Of a bundle it is the record in it; a record that lies elsewhere is fetched. The reporter is warned of a
    pair that a run began to replace, with what settles it.

    Parameters
    ----------
    path : Path or str
        The record; a text may be an ``s3://`` or ``https://`` URL too.

    Raises
    ------
    InvalidInput
        If there is none or it can't be read.
    StorageError
        If it lies elsewhere and can't be fetched.
    """
    if isinstance(path, str):
        if is_remote(path):
            with open_bundle(path, record_only=True) as here:
                return store.read(here), store.read_document(here)
        path = parse(path).local()
    if is_bundle(path):
        with open_bundle(path, record_only=True) as here:
            return store.read(here), store.read_document(here)
    record, document = store.read(path), store.read_document(path)
    if is_interrupted(path, record):
        current().warn(interruption(path, record))
    return record, document


def is_interrupted(path: Path, record: ExperimentRecord) -> bool:
    """Return whether a run began to replace the pair of a record that lies where the run put it."""
    return record.status == "replacing" and path.name.endswith(store.SUFFIX)


def interruption(path: Path, record: ExperimentRecord) -> str:
    """Return what to tell of a pair that a run began to replace: what lies where, and what settles it."""
    found = materialize.interruption(Path(os.path.abspath(path)), record)  # noqa: PTH100  (links stay)
    return f"{found.message} {found.hint}"
