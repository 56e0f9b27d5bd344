"""From scratch to results: files get their final names, whole or not at all.

A run works in a hidden folder beside its destination, so that a rename is all it takes to deliver. Whoever
holds the lock beside that folder may touch it, and the pair of output and record that it is for; a lock
ends with its process, however that ends. Nothing here decides whether a result is good; it moves files and
says what it moved. A pair takes more than one rename, so it is journalled:

1. `begin` puts a record with status ``replacing`` at the record's place. It names the scratch folder, which
   keeps the old record, and then the old files;
2. `promote` moves the new files to their final names;
3. the caller writes the new record over the ``replacing`` one: now the new pair stands;
4. leaving `claim` removes the scratch folder.

A run that is killed before step 3 leaves what the next one needs to bring back what was there before.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from dissmodel import locks, temporary
from dissmodel.errors import DissmodelError, InvalidInput, StorageError, UsageError
from dissmodel.record import ExperimentRecord, Replacement, store
from dissmodel.record.digest import sha256_file

PREFIX = ".dissmodel-"
_LOCK = ".lock"
_NO_FOLDER = (FileExistsError, NotADirectoryError)
_LOOK = "Check the rights of the folder and the space on the disk, then run it again."
_OLD_RECORD = "old.record.json"
_OLD = "old"
_NEW = "new"
_PATIENCE = 0.3  # a run that only sweeps this folder holds a lock for a moment


@dataclass(frozen=True)
class Promotion:
    """What `promote` did: final paths by name, and the names whose source was not there."""

    moved: Mapping[str, Path]
    missing: tuple[str, ...]


@contextlib.contextmanager
def claim(record_path: Path) -> Iterator[Path]:
    """Hold the right to write one pair of output and record, for the time of the block.

    What a killed run left of this pair is settled first, and of others in this folder too.

    Yields
    ------
    Path
        The scratch folder, new and empty but for the folder `work`; it is gone after the block.

    Raises
    ------
    UsageError
        If another process holds it.
    StorageError
        If the folder can't be made or written.
    """
    folder = record_path.parent
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            scratch = stack.enter_context(_locked(record_path, patience=_PATIENCE))
            _clear(record_path, scratch)
            stack.callback(discard, scratch)
            _sweep(folder)
            work(scratch).mkdir(parents=True)
        except OSError as error:
            why = "this is no folder" if isinstance(error, _NO_FOLDER) else error.strerror or error
            raise StorageError(
                f"{folder}: can't be written: {why}.",
                "Give an output in a folder that you may write to: --output FOLDER/NAME",
            ) from error
        yield scratch


def settle(record_path: Path) -> None:
    """Bring back the pair that a killed run was replacing; do nothing where there is none.

    Raises
    ------
    UsageError
        If a run is just writing it.
    """
    try:
        under_way = record_path.exists() and store.read(record_path).status == "replacing"
    except InvalidInput:  # what is no record journals nothing
        return
    if under_way:
        with _locked(record_path, patience=_PATIENCE) as scratch:
            _clear(record_path, scratch)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Hold signals to stop back, so that what takes more than one step is not cut in two.

    One that came is raised after the block, unless an exception leaves it.
    """
    if threading.current_thread() is not threading.main_thread():  # signals don't come to others
        yield
        return
    came: list[int] = []

    def note(signum: int, _frame: FrameType | None) -> None:
        came.append(signum)

    # A mask would not do: the system would hand the signal to another thread, and Python on to this one.
    before = {signum: signal.signal(signum, note) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, signal.SIG_DFL if handler is None else handler)
    if came:
        signal.raise_signal(came[0])


def work(scratch: Path) -> Path:
    """Return the folder in which the run's own files go."""
    return scratch / _NEW


def discard(folder: Path) -> None:
    """Remove what a run worked in; what can't be removed, the next run sweeps."""
    with undisturbed(), contextlib.suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)


def gather(folder: Path, mark: str, into: Path) -> None:
    """Move the files and folders of `folder` with `mark` in their names into a run's scratch folder.

    Raises
    ------
    StorageError
        If something can't be moved.
    """
    try:
        for path in sorted(folder.iterdir()):
            if mark in path.name and not path.name.startswith("."):
                path.replace(into / path.name)
    except OSError as error:
        raise StorageError(
            f"{folder}: can't be read or written: {error.strerror or error}.", _LOOK
        ) from error


def begin(
    record: ExperimentRecord,
    record_path: Path,
    scratch: Path,
    old: Iterable[Path],
    new: Mapping[Path, str],
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
    old : Iterable of Path
        The files that go, beside the record or below.
    new : Mapping of Path to str
        Those that come, there too → their sha256.

    Raises
    ------
    StorageError
        If something can't be moved; `recover` then brings back what was.
    """
    kept = scratch / _OLD
    names = {str(number): _relative(path, record_path) for number, path in enumerate(old)}
    coming = {_relative(path, record_path): digest for path, digest in new.items()}
    under_way = Replacement(scratch=scratch.name, old=names, new=coming)
    try:
        kept.mkdir()
        if record_path.exists():
            record = store.read(record_path)
            shutil.copy2(record_path, scratch / _OLD_RECORD)
            _sync(scratch / _OLD_RECORD)
        journal = record.model_copy(update={"status": "replacing", "replacing": under_way})
        store.write(journal, record_path, staging=scratch)
        for number, name in names.items():
            (record_path.parent / name).replace(kept / number)
    except OSError as error:
        raise StorageError(f"{record_path}: can't be replaced: {error.strerror or error}.", _LOOK) from error


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
            raise StorageError(f"{final}: can't be written: {error.strerror or error}.", _LOOK) from error
        moved[name] = final
    for folder in {final.parent for final in moved.values()}:
        store.sync_folder(folder)
    return Promotion(moved, tuple(missing))


def abandon(record_path: Path, source: Path, finals: Mapping[str, Path]) -> None:
    """Undo `begin` and `promote`, unless the new record stands already."""
    if _under_way(record_path) is None:
        return
    for name, final in finals.items():
        path = source / name
        if not path.exists() and final.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            final.replace(path)
    recover(record_path)


def recover(record_path: Path) -> bool:
    """Bring back the pair that a run began to replace and never did; idempotent.

    The caller holds the pair's lock. A record is only text, and time has passed: only a file with the digest
    of the run's own is removed, and no other is overwritten.

    Returns
    -------
    bool
        Whether there was something to bring back.

    Raises
    ------
    InvalidInput
        If the record at `record_path` can't be read or names a place that is not beside it, or a file of
        someone else's lies where an old one belongs.
    StorageError
        If something can't be moved back.
    """
    under_way = _under_way(record_path)
    if under_way is None:
        return False
    scratch = _scratch(record_path)
    if under_way.scratch != scratch.name:
        raise InvalidInput(
            f"{record_path}: {under_way.scratch!r} is not its scratch folder.",
            "Move the record away, or give another name: --output NAME",
        )
    old = {number: store.artifact_path(record_path, name) for number, name in under_way.old.items()}
    new = {store.artifact_path(record_path, name): digest for name, digest in under_way.new.items()}
    kept = {scratch / _OLD / Path(number).name: path for number, path in old.items()}
    back = {aside: path for aside, path in kept.items() if aside.is_file()}
    try:
        for path, digest in new.items():
            # A name that is old and new is still the old file where that was not moved aside.
            if path in {*back.values(), *(new.keys() - set(old.values()))} and _is(path, digest):
                path.unlink()
        for path in back.values():
            if path.exists():
                raise InvalidInput(
                    f"{path}: a file of someone else's lies where the old result belongs.",
                    f"Move it away; then type again what you typed. The old one is in {scratch / _OLD}.",
                    code="in_the_way",
                )
        for aside, path in back.items():
            aside.replace(path)
        if (scratch / _OLD_RECORD).exists():
            (scratch / _OLD_RECORD).replace(record_path)
        else:
            record_path.unlink()
    except OSError as error:
        raise StorageError(f"{record_path}: can't be restored: {error.strerror or error}.", _LOOK) from error
    return True


def _under_way(record_path: Path) -> Replacement | None:
    if not record_path.exists():
        return None
    record = store.read(record_path)
    return record.replacing if record.status == "replacing" else None


def _scratch(record_path: Path) -> Path:
    return record_path.with_name(PREFIX + record_path.name.removesuffix(store.SUFFIX))


@contextlib.contextmanager
def _locked(record_path: Path, *, patience: float = 0.0) -> Iterator[Path]:
    scratch = _scratch(record_path)
    with locks.held(scratch.with_name(scratch.name + _LOCK), patience=patience) as held:
        if not held:
            raise UsageError(
                f"{record_path}: another run is writing this result.",
                "Wait for it, or give another name: --output NAME",
                code="output_busy",
            )
        yield scratch


def _clear(record_path: Path, scratch: Path) -> None:
    """Settle what a killed run left of one pair; the caller holds its lock."""
    recover(record_path)
    if scratch.is_symlink():
        scratch.unlink()
    elif scratch.exists():
        try:
            shutil.rmtree(scratch)
        except RecursionError as error:
            raise StorageError(
                f"{scratch}: what a killed run left is nested too deep to be removed.",
                f"Remove it yourself: rm -r {scratch}",
            ) from error


def _sweep(folder: Path) -> None:
    """Settle what killed runs left of other pairs in this folder; what lives or resists is left alone."""
    temporary.remove_left_files(folder)
    for path in sorted(folder.glob(f"{PREFIX}*")):
        stem = path.name.removeprefix(PREFIX).removesuffix(_LOCK)
        record_path = folder / f"{stem}{store.SUFFIX}"
        with contextlib.suppress(OSError, DissmodelError), _locked(record_path) as scratch:
            _clear(record_path, scratch)


def _is(path: Path, digest: str) -> bool:
    return path.is_file() and sha256_file(path) == digest


def _relative(path: Path, record_path: Path) -> str:
    return path.relative_to(record_path.parent).as_posix()


def _sync(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
