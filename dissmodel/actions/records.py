"""Records that are met on the way."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from dissmodel import materialize
from dissmodel.actions.unbundle import is_bundle, open_bundle
from dissmodel.errors import DissmodelError
from dissmodel.io.uri import is_remote, parse
from dissmodel.record import ExperimentRecord, store


def open_record(path: Path | str) -> tuple[ExperimentRecord, dict[str, Any]]:
    """Read a record, and its document as it stands; a pair that a killed run was replacing comes back first.

    Of a bundle it is the record in it; one that lies elsewhere is fetched.

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
    # What a living run is writing, or what lies where nothing can be written, is shown as it stands.
    with contextlib.suppress(OSError, DissmodelError):
        materialize.settle(path)
    return store.read(path), store.read_document(path)
