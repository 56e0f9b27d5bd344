"""An experiment that is pulled: each file is checked as it arrives, the record is written last."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dissmodel import locks, materialize
from dissmodel.errors import Differs, DissmodelError, StorageError, UsageError, disk_errors
from dissmodel.experiment.layout import OUTPUT, relocated
from dissmodel.record import MAIN, digest, store
from dissmodel.record.digest import sha256_file
from dissmodel.sharing.pullable import Pullable, Wanted
from dissmodel.storage.base import Progress
from dissmodel.storage.transfer import Pool

_PATIENCE_S = 0.3
_ASK = "Pull it again; if the error stays, ask the person who stored it."


@dataclass(frozen=True)
class PulledExperiment:
    """An experiment that was pulled whole.

    - `experiment_id`: its id.
    - `uri`: where its record came from.
    - `record`: its record here.
    - `files`: the files of the result by name; the input is ``input``, unless a file of the result has that
      name, and another input ``input NAME``.
    - `received`: bytes received; files that were here already are not received again.
    """

    experiment_id: str
    uri: str
    record: Path
    files: Mapping[str, Path]
    received: int


def arrive(one: Pullable, to: Path, pool: Pool) -> PulledExperiment:
    """Fetch the missing files of an experiment into its folder below `to`; no file there is changed.

    Raises Differs if a file that is here, or that comes, is not as recorded; UsageError if another process
    brings it here; StorageError if it can't be written, or the place fails.
    """
    experiment_id = one.source.record.experiment_id
    folder = to.absolute() / experiment_id
    record_path = folder / f"{OUTPUT}{store.SUFFIX}"
    with _claimed(to.absolute(), experiment_id) as scratch:
        try:
            is_here = _refuse_other(record_path, one.source.digest)
            missing = [wanted for wanted in one.wanted if not _is_here(folder, wanted)]
            _refuse_full(to, missing)
            for wanted in one.wanted:
                with pool.moving(wanted.size) as progress:
                    if wanted in missing:
                        fetch(wanted, scratch, progress)
            finals = {wanted.path: folder.joinpath(*wanted.path.split("/")) for wanted in missing}
            with materialize.undisturbed():
                materialize.promote(scratch / "new", finals)
                if not is_here or one.inputs:
                    document = relocated(
                        one.source.document, one.paths, output=one.paths.get(MAIN, ""), sources=one.inputs
                    )
                    folder.mkdir(exist_ok=True)
                    store.write_atomically(record_path, store.dumps(document))
        except Differs:
            materialize.discard(scratch)  # there is nothing to go on with
            raise
        materialize.discard(scratch)
    files = {name: folder.joinpath(*path.split("/")) for name, path in one.paths.items()}
    for data, path in zip(one.source.record.inputs, one.inputs, strict=False):
        files.setdefault(data.called, folder.joinpath(*path.split("/")))
    received = sum(wanted.size for wanted in missing)
    return PulledExperiment(experiment_id, one.source.given, record_path, files, received)


@contextlib.contextmanager
def _claimed(to: Path, experiment_id: str) -> Iterator[Path]:
    """Give the scratch folder of a pull; after an interruption it stays, so that the next pull continues."""
    lock = to / f"{materialize.PREFIX}{experiment_id}.lock"
    with contextlib.ExitStack() as stack:
        with _writing(to):
            to.mkdir(parents=True, exist_ok=True)
            is_ours = stack.enter_context(locks.held(lock, patience=_PATIENCE_S))
            if is_ours:
                scratch = materialize.make(to / f"{experiment_id}{store.SUFFIX}", "pull")
                materialize.work(scratch).mkdir(exist_ok=True)
        if not is_ours:
            raise UsageError(
                locks.busy(f"{to / experiment_id}: another process is fetching this experiment.", lock),
                "Wait for it, or give another folder: --to FOLDER",
                code="output_busy",
            )
        try:
            yield scratch
        finally:
            came = materialize.work(scratch)
            if not came.is_dir() or not any(came.iterdir()):
                materialize.discard(scratch)  # there is nothing to go on with


def _refuse_other(record_path: Path, expected: str) -> bool:
    if not os.path.lexists(record_path):
        return False
    try:
        found = digest.record_digest(store.read_document(record_path))
    except DissmodelError as error:
        raise _in_the_way(record_path) from error
    if found != expected:
        raise _in_the_way(record_path)
    return True


def _is_here(folder: Path, wanted: Wanted) -> bool:
    """Return whether a wanted file is here already and intact."""
    path = folder
    for part in wanted.path.split("/"):
        if path.is_symlink() or (os.path.lexists(path) and not path.is_dir()):
            raise _in_the_way(path)
        path /= part
    if not os.path.lexists(path):
        return False
    if not path.is_symlink() and path.is_file() and _holds(path, wanted):
        return True
    raise _in_the_way(path)


def _holds(path: Path, wanted: Wanted) -> bool:
    with contextlib.suppress(OSError):
        return wanted.sha256 is None or (
            path.stat().st_size == wanted.size and sha256_file(path) == wanted.sha256
        )
    return False


def _refuse_full(to: Path, missing: list[Wanted]) -> None:
    needed = sum(wanted.size for wanted in missing)
    try:
        free = shutil.disk_usage(to).free
    except OSError:
        return
    if needed > free:
        raise StorageError(
            f"{to}: {needed:,} bytes have to be fetched, and the disk has room for {free:,}.",
            "Make room, or give a folder on another disk: --to FOLDER",
            code="disk_full",
        )


def fetch(wanted: Wanted, scratch: Path, progress: Progress) -> None:
    """Fetch an object into `materialize.work` of a scratch folder, unless it is there already.

    Raises Differs if it is not as recorded; StorageError if it can't be written, or the place fails.
    """
    target = (scratch / "new").joinpath(*wanted.path.split("/"))
    part = scratch / "part"
    with _writing(scratch):
        if wanted.sha256 is not None and target.is_file() and _holds(target, wanted):
            return
        target.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        wanted.place.storage.get(wanted.place.key(wanted.key), part, limit=wanted.size, progress=progress)
    except DissmodelError as error:
        said = {
            "object_missing": "the record names it, but it does not exist",
            "object_too_large": f"it has more than the {wanted.size:,} bytes that the record says",
        }.get(error.code)
        if said is None:
            raise
        raise Differs(f"{wanted.uri}: {said}.", _ASK, code=error.code) from error
    with _writing(scratch):
        size = part.stat().st_size
        found = sha256_file(part)
        if size != wanted.size or found != (wanted.sha256 or found):
            part.unlink()
            raise Differs(
                f"{wanted.uri}: it has {size:,} bytes and the sha256 {found}; "
                f"the record says {wanted.size:,} bytes and {wanted.sha256}.",
                _ASK,
                code="storage_differs",
            )
        part.replace(target)


def _in_the_way(path: Path) -> Differs:
    return Differs(
        f"{path}: another file has this name; it is not overwritten.",
        "Move it away, or give another folder: --to FOLDER",
        code="in_the_way",
    )


def _writing(path: Path) -> contextlib.AbstractContextManager[None]:
    return disk_errors(f"{path}: can't be written", "Give a folder that you may write to: --to FOLDER")
