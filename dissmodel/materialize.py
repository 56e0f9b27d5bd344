"""From scratch to results: files get their final names, whole or not at all.

A run works in a hidden folder beside its destination, so that a rename is all it takes to deliver. Nothing
here decides whether a result is good; it moves files and says what it moved. A pair of output and record
takes more than one rename, so it is journalled:

1. `begin` puts a record with status ``replacing`` at the record's place. It names the scratch folder, which
   keeps the old record, and then the old files;
2. `promote` moves the new files to their final names;
3. the caller writes the new record over the ``replacing`` one: now the new pair stands;
4. `discard` removes the scratch folder.

Before step 3, `recover` brings back what was there before; the next command that meets a ``replacing``
record calls it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dissmodel.errors import InvalidInput, StorageError
from dissmodel.record import ExperimentRecord, Replacement, store

PREFIX = ".dissmodel-"
_OLD_RECORD = "old.record.json"
_OLD = "old"
_NEW = "new"


@dataclass(frozen=True)
class Promotion:
    """What `promote` did: final paths by name, and the names whose source was not there."""

    moved: Mapping[str, Path]
    missing: tuple[str, ...]


def open_scratch(folder: Path, experiment_id: str) -> Path:
    """Make the folder in which a run works: hidden, on the file system of its destination.

    Returns
    -------
    Path
        The scratch folder; the run's own files go into its subfolder `work`.

    Raises
    ------
    StorageError
        If `folder` can't be made or written.
    """
    scratch = folder / f"{PREFIX}{experiment_id[:8]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch.mkdir()
        work(scratch).mkdir()
    except OSError as error:
        raise StorageError(
            f"{folder}: can't be written: {error.strerror or error}.",
            "Give an output in a folder that you may write to: --output FOLDER/NAME",
        ) from error
    return scratch


def work(scratch: Path) -> Path:
    """Return the folder in which the run's own files go."""
    return scratch / _NEW


def discard(scratch: Path) -> None:
    """Remove a scratch folder and all that is in it; what can't be removed stays."""
    shutil.rmtree(scratch, ignore_errors=True)


def begin(
    record: ExperimentRecord, record_path: Path, scratch: Path, old: Iterable[Path], new: Iterable[Path]
) -> None:
    """Journal that a pair is about to be written, and move the files in its way into the scratch folder.

    Parameters
    ----------
    record : ExperimentRecord
        The run's own, which stands in where there is no earlier one.
    record_path : Path
        Where the pair's record lies or will lie.
    scratch : Path
        The run's scratch folder, beside it.
    old, new : Iterable of Path
        The files that go and those that come, beside the record or below.

    Raises
    ------
    StorageError
        If something can't be moved; `recover` then brings back what was.
    """
    kept = scratch / _OLD
    names = {str(number): _relative(path, record_path) for number, path in enumerate(old)}
    under_way = Replacement(
        scratch=scratch.name, old=names, new=[_relative(path, record_path) for path in new]
    )
    try:
        kept.mkdir()
        if record_path.exists():
            record = store.read(record_path)
            shutil.copy2(record_path, scratch / _OLD_RECORD)
            _sync(scratch / _OLD_RECORD)
        store.write(record.model_copy(update={"status": "replacing", "replacing": under_way}), record_path)
        for number, name in names.items():
            (record_path.parent / name).replace(kept / number)
    except OSError as error:
        raise StorageError(f"{record_path}: can't be replaced: {error.strerror or error}.") from error


def promote(source: Path, finals: Mapping[str, Path]) -> Promotion:
    """Move files of the folder `source` to their final names.

    Each is on disk before its name changes, so that a final name never holds part of a file. Called again, it
    has the same outcome: what was moved already counts as moved.

    Parameters
    ----------
    source : Path
        The folder that a run worked in.
    finals : Mapping of str to Path
        Name in `source`, with ``/`` for subfolders → final path.

    Raises
    ------
    StorageError
        If a file can't be moved.
    """
    moved: dict[str, Path] = {}
    missing: list[str] = []
    for name, final in finals.items():
        path = source / name
        try:
            if path.is_file():
                _sync(path)
                final.parent.mkdir(parents=True, exist_ok=True)
                path.replace(final)
            elif not final.is_file():
                missing.append(name)
                continue
        except OSError as error:
            raise StorageError(f"{final}: can't be written: {error.strerror or error}.") from error
        moved[name] = final
    for folder in {final.parent for final in moved.values()}:
        store.sync_folder(folder)
    return Promotion(moved, tuple(missing))


def recover(record_path: Path) -> bool:
    """Bring back the pair that a run began to replace and never did; idempotent.

    Returns
    -------
    bool
        Whether there was something to bring back.

    Raises
    ------
    InvalidInput
        If the record at `record_path` can't be read or names a place that is not beside it.
    StorageError
        If something can't be moved back.
    """
    if not record_path.exists():
        return False
    under_way = store.read(record_path).replacing
    if under_way is None:
        return False
    if not under_way.scratch.startswith(PREFIX) or Path(under_way.scratch).name != under_way.scratch:
        raise InvalidInput(f"{record_path}: {under_way.scratch!r} is no scratch folder.")
    scratch = record_path.parent / under_way.scratch
    old = {number: store.artifact_path(record_path, name) for number, name in under_way.old.items()}
    new = [store.artifact_path(record_path, name) for name in under_way.new]
    try:
        # A name that is old and new is either still the old file, or comes back by the rename below.
        for path in set(new) - set(old.values()):
            path.unlink(missing_ok=True)
        for number, path in old.items():
            kept = scratch / _OLD / Path(number).name
            if kept.exists():
                kept.replace(path)
        if (scratch / _OLD_RECORD).exists():
            (scratch / _OLD_RECORD).replace(record_path)
        else:
            record_path.unlink()
    except OSError as error:
        raise StorageError(f"{record_path}: can't be restored: {error.strerror or error}.") from error
    discard(scratch)
    return True


def _relative(path: Path, record_path: Path) -> str:
    return path.relative_to(record_path.parent).as_posix()


def _sync(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
