"""The scratch folder of a run: its owner, the remains of a killed run, its removal."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from uuid import uuid4

from dissmodel import locks, temporary
from dissmodel.errors import DissmodelError, InvalidInput, StorageError, UsageError
from dissmodel.materialize import journal
from dissmodel.materialize.names import NEW, OLD, PREFIX, is_scratch_of, records_of, stem_of
from dissmodel.materialize.replace import is_settled, recover
from dissmodel.progress import current
from dissmodel.record import store

_LOCK = ".lock"
_NO_FOLDER = (FileExistsError, NotADirectoryError)
_PATIENCE = 0.3  # a run that only sweeps this folder holds a lock for a moment


@contextlib.contextmanager
def claim(record_path: Path) -> Iterator[Path]:
    """Hold the right to write one pair of output and record, for the time of the block.

    What a killed run of this user left of this pair is settled first. Of other pairs in this folder only
    scratch folders are removed in which nothing is kept.

    Yields
    ------
    Path
        The scratch folder, new and empty but for its mark and the folder `work`; it is gone after the block.

    Raises
    ------
    UsageError
        If another process holds it.
    InvalidInput
        If a run began to replace this pair that is not this user's own, on this machine.
    StorageError
        If the folder can't be made or written.
    """
    folder = record_path.parent
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_locked(record_path, patience=_PATIENCE))
            _clear(record_path)
            _sweep(folder)
            scratch = make(record_path, "run")
            stack.callback(discard, scratch)
            work(scratch).mkdir()
        except OSError as error:
            raise _unwritable(folder, error) from error
        yield scratch


def make(record_path: Path, kind: journal.Kind) -> Path:
    """Return a scratch folder for a pair: a marked one that is there already, else a new one.

    The caller holds the pair's lock. A folder of that name that is not this user's own stays.
    """
    for scratch in _scratches(record_path.parent):
        if is_scratch_of(scratch.name, record_path) and journal.is_ours(scratch, record_path, kind):
            return scratch
    scratch = record_path.with_name(PREFIX + stem_of(record_path))
    try:
        scratch.mkdir()
    except FileExistsError:
        current().warn(
            f"{scratch} was not made by this user on this machine, or is a copy: it is left alone. "
            "If no run uses it, remove it."
        )
        scratch = scratch.with_name(f"{scratch.name}.{uuid4().hex[:8]}")
        scratch.mkdir()
    journal.prove(scratch, record_path, kind)
    return scratch


def settle(record_path: Path) -> None:
    """Bring back the pair that a killed run was replacing; do nothing where there is none.

    Raises
    ------
    UsageError
        If a run is just writing it.
    InvalidInput
        If that run was not this user's own, on this machine.
    StorageError
        If it can't be brought back.
    """
    try:
        under_way = record_path.exists() and store.read(record_path).status == "replacing"
    except InvalidInput:  # what is not a record journals nothing
        return
    if under_way:
        try:
            with _locked(record_path, patience=_PATIENCE):
                _clear(record_path)
        except OSError as error:
            raise _unwritable(record_path.parent, error) from error


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
    return scratch / NEW


def discard(folder: Path) -> None:
    """Remove what a run worked in; what can't be removed, the next run sweeps."""
    with undisturbed(), contextlib.suppress(OSError, RecursionError):
        _remove(folder)


def gather(folder: Path, mark: str, into: Path) -> None:
    """Move the files and folders of `folder` with `mark` in their names into a run's scratch folder."""
    try:
        for path in sorted(folder.iterdir()):
            if mark in path.name and not path.name.startswith("."):
                path.replace(into / path.name)
    except OSError as error:
        raise StorageError(
            f"{folder}: can't be read or written: {error.strerror or error}.",
            "Check the rights of the folder and the space on the disk, then run it again.",
        ) from error


def _remove(folder: Path) -> None:
    """Remove a folder: what is kept in it first, its mark last.

    When this is cut, the next run still knows that the rest is its own.
    """
    for path in sorted(folder.iterdir(), key=lambda path: (journal.rank(path.name), path.name != OLD)):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        if os.path.lexists(path):
            path.unlink()  # it fails for a folder that can't be removed
    folder.rmdir()


@contextlib.contextmanager
def _locked(record_path: Path, *, patience: float = 0.0) -> Iterator[None]:
    lock = record_path.with_name(f"{PREFIX}{stem_of(record_path)}{_LOCK}")
    with locks.held(lock, patience=patience) as held:
        if not held:
            raise UsageError(
                locks.busy(f"{record_path}: another run is writing this result.", lock),
                "Wait for it, or give another name: --output NAME",
                code="output_busy",
            )
        yield


def _clear(record_path: Path) -> None:
    """Settle what a killed run left of one pair; the caller holds its lock."""
    recover(record_path)
    for scratch in _scratches(record_path.parent):
        if is_scratch_of(scratch.name, record_path):
            _remove_left(scratch, record_path)


def _remove_left(scratch: Path, record_path: Path) -> None:
    if not journal.is_ours(scratch, record_path, "run"):
        with contextlib.suppress(OSError):  # a run that was killed before it could mark it left it empty
            scratch.rmdir()
    elif is_settled(record_path, scratch):
        try:
            _remove(scratch)
        except RecursionError as error:
            raise StorageError(
                f"{scratch}: what a killed run left is nested too deep to be removed.",
                f"Remove it yourself: rm -r {scratch}",
            ) from error


def _sweep(folder: Path) -> None:
    """Remove what killed runs left of other pairs in this folder; folders in use stay.

    A pair that a run was replacing stays as it is: the next run to that output settles it.
    """
    temporary.remove_left_files(folder)
    for path in _scratches(folder):
        records = records_of(path)
        with contextlib.suppress(OSError, DissmodelError), contextlib.ExitStack() as stack:
            ours = [one for one in records if journal.is_ours(path, one, "run")]
            if ours or not any(path.iterdir()):
                for record_path in records:
                    stack.enter_context(_locked(record_path))
                _remove_left(path, (ours or list(records))[0])
    for path in sorted(folder.glob(f"{PREFIX}*{_LOCK}*")):
        name, _, end = path.name.removeprefix(PREFIX).rpartition(_LOCK)
        if not end or locks.is_owner_file(end):
            with contextlib.suppress(OSError, DissmodelError), _locked(folder / f"{name}{store.SUFFIX}"):
                pass


def _scratches(folder: Path) -> list[Path]:
    """Return the subfolders with the name of a scratch folder."""
    with os.scandir(folder) as entries:
        return sorted(
            Path(entry.path)
            for entry in entries
            if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False)
        )


def _unwritable(folder: Path, error: OSError) -> StorageError:
    why = "this is not a folder" if isinstance(error, _NO_FOLDER) else error.strerror or error
    return StorageError(
        f"{folder}: can't be written: {why}.",
        "Give an output in a folder that you may write to: --output FOLDER/NAME",
    )
