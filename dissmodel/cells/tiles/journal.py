"""What of a run in tiles is finished, so that a run that was killed goes on there."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dissmodel import bounded
from dissmodel.cells.tiles.folder import journal_of
from dissmodel.errors import UsageError
from dissmodel.materialize.key import user_key
from dissmodel.record import ExperimentRecord, store

_MOST_BYTES = 256 << 20
_UNNAMED = "result.tif"  # what a model of cells writes of a raster


@dataclass(frozen=True)
class Journal:
    """The state after a round.

    Attributes
    ----------
    run : dict
        What determines the run: see `run_of`.
    seed : int or None
        Of its draws.
    step : int
        The last step that is finished.
    state : dict of str to list
        Field → the name of its file, and what the file keeps while nobody writes it.
    rows : list of dict
        The measures of each finished step.
    kept : dict of str to dict
        A step whose state was kept → the names of its files here, the ends of their names beside the result,
        and its sha256.
    """

    run: Mapping[str, Any]
    seed: int | None
    step: int
    state: Mapping[str, list[Any]]
    rows: list[dict[str, Any]]
    changed: bool
    kept: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def run_of(record: ExperimentRecord) -> dict[str, Any]:
    """Return what determines the result of a run: model, code, inputs, parameters, names."""
    code = {} if record.code is None else record.code.model_dump(mode="json")
    kit = {} if record.runtime is None else record.runtime.dissmodel.model_dump(mode="json")
    which = ("version", "source_digest", "model_digest", "commit", "diff_digest")
    return {
        "model": record.model_name,
        "code": {name: code.get(name) for name in which},
        "dissmodel": {name: kit.get(name) for name in which},
        "input": {one.name: [one.checksum, one.sidecars, one.layer] for one in record.inputs},
        "fields": {
            one.name: _plain({name: list(vars(read).values()) for name, read in one.fields.items()})
            for one in record.sources
        },
        "parameters": _plain(record.parameters) | {"seed": None},
        "names": [_plain(one) for one in (record.band_map, record.column_map, record.class_map)],
        "until": record.until,
        "suffix": Path(record.output_path or _UNNAMED).suffix,
        "seed": record.seed if record.parameters.get("seed") is None else record.parameters["seed"],
    }


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as JSON reads them again."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(given), default=str))
    return plain


def write(journal: Journal, folder: Path) -> None:
    """Write the journal, so that there is the old one or the new one; the disk has it when this returns."""
    content = json.dumps(asdict(journal))
    document = {"journal": content, "mac": _mac(content, folder, make=True)}
    store.write_atomically(journal_of(folder), json.dumps(document).encode())


def read(folder: Path, run: Mapping[str, Any]) -> Journal:
    """Return the journal of this run.

    Raises
    ------
    UsageError
        If it is of another run, or not this user's own, or a file of the state is not what it was.
    """
    path = journal_of(folder)
    try:
        document = json.loads(bounded.contents(path, _MOST_BYTES))
        content = document["journal"]
        if not hmac.compare_digest(_mac(content, folder, make=False), document["mac"]):
            raise _refused(folder, "it was not written by this user on this machine, or is a copy")
        journal = Journal(**json.loads(content))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _refused(folder, f"{path.name} can't be read") from error
    apart = [name for name in run if journal.run.get(name) != run[name]]
    if apart:
        raise _refused(folder, f"it is of another run ({', '.join(apart)} differ)")
    for name, (file, kept) in journal.state.items():
        if identity(folder / file) != kept:
            raise _refused(folder, f"the file of {name} changed since")
    return journal


def identity(path: Path) -> list[int]:
    """Return what a file keeps while nobody writes it: number, size, time of change; empty without a file."""
    try:
        found = path.lstat()
    except OSError:
        return []
    return [found.st_ino, found.st_size, found.st_mtime_ns]


def _refused(folder: Path, why: str) -> UsageError:
    return UsageError(
        f"{folder}: the run can't go on from there: {why}.",
        "Leave --resume out: it begins anew.",
        code="resume",
    )


def _mac(content: str, folder: Path, *, make: bool) -> str:
    place = f"{os.path.realpath(folder)}\0{folder.stat().st_ino}"
    return hmac.digest(user_key(make=make), f"tiles\0{place}\0{content}".encode(), hashlib.sha256).hex()
