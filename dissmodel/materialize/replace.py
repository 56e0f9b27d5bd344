"""The replacing of a pair: begun, promoted, undone."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dissmodel import machine
from dissmodel.errors import InvalidInput, StorageError
from dissmodel.materialize import journal
from dissmodel.materialize.interrupted import interruption, user_name
from dissmodel.materialize.journal import Journal
from dissmodel.materialize.names import OLD, OLD_RECORD, PREFIX, pair_path, records_of
from dissmodel.record import ExperimentRecord, Replacement, store
from dissmodel.record.digest import sha256_bytes, sha256_file

_LOOK = "Check the rights of the folder and the space on the disk, then run it again."


@dataclass(frozen=True)
class Promotion:
    """What `promote` did: final paths by name, and the names whose source was not there."""

    moved: Mapping[str, Path]
    missing: tuple[str, ...]


def begin(
    record: ExperimentRecord,
    record_path: Path,
    scratch: Path,
    old: Iterable[Path],
    new: Mapping[Path, str],
) -> None:
    """Journal that a pair is about to be written, and move the files in its way into the scratch folder.

    `record` is the new run's; it also stands in where there is no earlier record. The files `old` go and the
    files `new` (→ sha256) come, beside the record or below.

    Raises
    ------
    InvalidInput
        If a file has a name that no file of this pair can have; nothing is moved then.
    StorageError
        If something can't be moved; `abandon` then brings back what was.
    """
    kept = scratch / OLD
    going = [_relative(path, record_path) for path in old]
    coming = {_relative(path, record_path): digest for path, digest in new.items()}
    for name in (*going, *coming):
        pair_path(record_path, name)
    under_way = Replacement(
        scratch=scratch.name,
        old={str(number): name for number, name in enumerate(going)},
        new=coming,
        host=machine.host(),
        user=user_name(),
    )
    try:
        kept.mkdir()
        shown, old_record = record, None
        if record_path.exists():
            shown = store.read(record_path)
            shutil.copy2(record_path, scratch / OLD_RECORD)
            _sync(scratch / OLD_RECORD)
            old_record = sha256_file(scratch / OLD_RECORD)
        update = {"status": "replacing", "replacing": under_way}
        _, data = store.document_and_bytes(shown.model_copy(update=update), record_path)
        files = tuple((name, journal.identity(record_path.parent / name)) for name in going)
        plan = Journal(record.experiment_id, sha256_bytes(data), old_record, files, coming)
        journal.write(plan, scratch, record_path)
        store.write_atomically(record_path, data, staging=scratch)
        for number, name in enumerate(going):
            (record_path.parent / name).replace(kept / str(number))
    except OSError as error:
        raise StorageError(f"{record_path}: can't be replaced: {error.strerror or error}.", _LOOK) from error


def promote(source: Path, finals: Mapping[str, Path]) -> Promotion:
    """Move files of the folder `source` to their final names.

    Each is on disk before its name changes, so that a final name never holds part of a file. Called again, it
    has the same outcome: what was moved already counts as moved.

    `finals` is name in `source`, with ``/`` for subfolders → final path.
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
    """Undo `begin` and `promote`, unless the new record is in place already."""
    scratch = source.parent
    plan = journal.read(scratch, record_path)
    if plan is None or not journal.is_under_way(plan, record_path):
        return
    try:
        for name, final in finals.items():
            path = source / name
            if not path.exists() and final.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                final.replace(path)
    except OSError as error:
        raise _not_restored(record_path, error) from error
    _bring_back(record_path, scratch, plan)


def stands(experiment_id: str, record_path: Path) -> bool:
    """Return whether the record of a run is at its place, and so its result."""
    try:
        found = store.read_document(record_path)
    except (InvalidInput, StorageError):
        return False
    return found["experiment_id"] == experiment_id and found.get("status") != "replacing"


def recover(record_path: Path) -> bool:
    """Bring back the pair that a run of this user began to replace; return whether there was one. Idempotent.

    The caller holds the pair's lock. Only this user's own journal is followed, and time has passed: only a
    file with the digest of the run's own is removed, and no other is overwritten.

    Raises
    ------
    InvalidInput
        If the record says ``replacing`` and no journal of this user on this machine is about that, or a file
        of another origin is where an old file belongs.
    StorageError
        If something can't be moved back.
    """
    found = [_bring_back(record_path, scratch, plan) for scratch, plan in journal.journals(record_path)]
    record = store.read(record_path) if record_path.exists() else None
    if record is not None and record.status == "replacing":
        raise interruption(record_path, record)
    return any(found)


def reserved(record_path: Path) -> frozenset[Path]:
    """Return the files beside a record that belong to other pairs which this user's runs began to replace.

    They may be missing now; a result that took such a name would be in the way when the pair comes back.
    """
    found: set[Path] = set()
    for scratch in record_path.parent.glob(f"{PREFIX}*"):
        for other in records_of(scratch):
            plan = journal.read(scratch, other) if other != record_path else None
            if plan is not None:
                found |= {other.parent / name for name in (*plan.new, *(name for name, _ in plan.old))}
    return frozenset(found)


def is_settled(record_path: Path, scratch: Path) -> bool:
    """Return whether nothing in a scratch folder of this user's is needed any more."""
    plan = journal.read(scratch, record_path)
    if plan is not None and journal.is_under_way(plan, record_path):
        return False
    kept = scratch / OLD
    is_empty = not os.path.lexists(kept) or not any(kept.iterdir())
    return is_empty or (plan is not None and stands(plan.experiment_id, record_path))


def _bring_back(record_path: Path, scratch: Path, plan: Journal) -> bool:
    """Undo what a journal says; return whether there was something to undo."""
    is_under_way = journal.is_under_way(plan, record_path)
    back = dict(_kept(record_path, scratch, plan))
    if not is_under_way:
        if not back or stands(plan.experiment_id, record_path):
            return False
        if os.path.lexists(record_path):
            raise _in_the_way(record_path, scratch)
    old_record = scratch / OLD_RECORD
    if plan.old_record is not None and journal.sha256_of(old_record) != plan.old_record:
        raise _not_as_kept(old_record, scratch, record_path)
    new = list(_promoted(record_path, plan, back.values())) if is_under_way else []
    try:
        _move_back(new, back)
        if plan.old_record is not None:
            old_record.replace(record_path)
        else:
            record_path.unlink(missing_ok=True)
        store.sync_folder(record_path.parent)
    except FileExistsError as error:
        raise _in_the_way(Path(error.filename), scratch) from error
    except OSError as error:
        raise _not_restored(record_path, error) from error
    return True


def _move_back(new: Collection[Path], back: Mapping[Path, Path]) -> None:
    for path in new:
        path.unlink()
    for path in back.values():
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    for aside, path in back.items():
        aside.replace(path)
    for folder in {path.parent for path in back.values()}:
        store.sync_folder(folder)


def _promoted(record_path: Path, plan: Journal, back: Collection[Path]) -> Iterator[Path]:
    """Yield the run's own files that have their final names already."""
    old = {pair_path(record_path, name) for name, _ in plan.old}
    for name, digest in plan.new.items():
        path = pair_path(record_path, name)
        # A name that is old and new is still the old file where that was not moved aside.
        if (path in back or path not in old) and journal.sha256_of(path) == digest:
            yield path


def _kept(record_path: Path, scratch: Path, plan: Journal) -> Iterator[tuple[Path, Path]]:
    """Yield each old file that is in the scratch folder, and where it belongs."""
    folder = scratch / OLD
    if not os.path.lexists(folder):
        return
    for number, (name, identity) in enumerate(plan.old):
        aside = folder / str(number)
        if not os.path.lexists(aside):
            continue
        if folder.is_symlink() or journal.identity(aside) != identity:
            raise _not_as_kept(aside, scratch, record_path)
        yield aside, pair_path(record_path, name)


def _in_the_way(path: Path, scratch: Path) -> InvalidInput:
    return InvalidInput(
        f"{path}: another file is in the place of the earlier result.",
        f"Move that file away; then type the command again. The earlier result is in {scratch / OLD}.",
        code="in_the_way",
    )


def _not_as_kept(path: Path, scratch: Path, record_path: Path) -> InvalidInput:
    return InvalidInput(
        f"{path}: this is not the file that was kept there.",
        f"Move what you need out of {scratch}, then remove that folder and {record_path}.",
        code="interrupted",
    )


def _not_restored(record_path: Path, error: OSError) -> StorageError:
    return StorageError(f"{record_path}: can't be restored: {error.strerror or error}.", _LOOK)


def _relative(path: Path, record_path: Path) -> str:
    return path.relative_to(record_path.parent).as_posix()


def _sync(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
