"""Run a model and leave the proof beside the result."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dissmodel import materialize
from dissmodel.actions import account
from dissmodel.actions.destination import replaced
from dissmodel.actions.listening import Listener, listening
from dissmodel.actions.model import open_model
from dissmodel.actions.prepare import Prepared, RunRequest, prepare
from dissmodel.actions.results import LATEST, Results, collect
from dissmodel.errors import DissmodelError, InvalidInput, RunFailed, StorageError
from dissmodel.executor.host import Surroundings
from dissmodel.progress import Reporter, reporting
from dissmodel.record import Code, ExperimentRecord, store

_DONE = "done"
# What a run that used up its memory needs to say so; address space only, nothing is written into it.
_SPARE = 32 << 20

__all__ = ["RunRequest", "RunResult", "run"]


@dataclass(frozen=True)
class RunResult:
    """A run that completed: its record, where that lies, and the files of the result by name."""

    record: ExperimentRecord
    record_path: Path
    files: Mapping[str, Path]


Conclusion = Callable[[ExperimentRecord, Mapping[str, Path]], ExperimentRecord]
"""From the record of a run that completed and its files by name, where they lie now, to what it is to say."""


def run(request: RunRequest, reporter: Reporter, conclude: Conclusion | None = None) -> RunResult:
    """Run a model on an input; write the result and, last, its record.

    Parameters
    ----------
    request : RunRequest
        What to run.
    reporter : Reporter
        Hears how far it is.
    conclude : callable, optional
        Looks at the result before it is delivered and returns the record with what it found.

    Raises
    ------
    DissmodelError
        If it can't begin: nothing is written then. If it began and did not complete, the error's
        ``record_path`` says where the record of what happened lies. Nothing that was there before is touched.
    """
    with reporting(reporter), contextlib.ExitStack() as stack:
        repeats = request.repeats
        model = repeats.model if repeats is not None else stack.enter_context(open_model(request))
        prepared = prepare(request, model, reporter, stack)
        with materialize.claim(prepared.destination.record_path) as scratch:
            prepared.check()
            shown_as = {
                str(materialize.work(scratch)): str(prepared.destination.folder),
                str(prepared.source.path): prepared.source.shown,
            }
            return _begin(prepared, scratch, Listener(reporter, shown_as), conclude or _as_it_is)


def _as_it_is(record: ExperimentRecord, _files: Mapping[str, Path]) -> ExperimentRecord:
    return record


def _begin(prepared: Prepared, scratch: Path, listener: Listener, conclude: Conclusion) -> RunResult:
    """Run; from here on whatever happens leaves a record."""
    spare = [bytearray(_SPARE)]
    try:
        return _run(prepared, scratch, listener, conclude)
    except BaseException as error:
        spare.clear()
        account.let_go(error)
        with materialize.undisturbed():
            failure = account.as_failure(error, prepared.record.model_name, listener.current)
            if listener.current == _DONE:  # a signal came, or the copy can't be written: the result stands
                record_path: Path | None = prepared.destination.record_path
            else:
                materialize.discard(materialize.work(scratch))  # its disk may be full
                usage = prepared.model.host.usage()
                record_path = _leave(
                    account.failed(prepared.record, error, failure, listener, usage), prepared
                )
            told = error if isinstance(error, KeyboardInterrupt) else failure
            told.record_path = record_path  # type: ignore[union-attr]  # an exception takes any attribute
            if told is error:
                raise
            raise failure from error


def _run(prepared: Prepared, scratch: Path, listener: Listener, conclude: Conclusion) -> RunResult:
    destination, opening = prepared.destination, prepared.record
    work = materialize.work(scratch)
    opening.runtime = prepared.model.host.runtime(opening.code or Code())
    opening.runtime.lock = prepared.model.lock
    opening.code_version = opening.runtime.dissmodel.version or ""
    opening.status = "running"
    opening.output_path = str(work / destination.name) if destination.name is not None else None
    store.write(opening, scratch / "running.record.json")
    with listening(listener):
        saved = _execute(prepared, opening, work)
        listener.phase("promote")
        old = frozenset(replaced(destination, keep=prepared.inputs))
        results = collect(work, saved, destination, tag=opening.experiment_id[:8], free=old)
    if results.main_file is None:
        raise RunFailed(
            f"{opening.model_name} returned without an output.",
            "Its save has to write to record.output_path.",
            code="no_output",
        )
    changed = prepared.changed_input()
    if changed is not None:
        raise RunFailed(f"{changed} changed while the model ran.", "Run it again.", code="tainted")
    with reporting(listener):
        whole = account.completed(opening, saved, results, listener, prepared.model.host.usage())
        record = conclude(whole, results.here(work))
    with materialize.undisturbed():
        try:
            _deliver(record, results, destination.record_path, scratch, old)
        except StorageError:
            if materialize.stands(record.experiment_id, destination.record_path):
                listener.phase(_DONE)  # only the disk's word is missing that it keeps the names
            raise
        listener.phase(_DONE)
    if not destination.named:
        _note_latest(record, destination.folder / LATEST, scratch, prepared, listener)
    files = {name: destination.folder / artifact.path for name, artifact in results.files.items()}
    return RunResult(record, destination.record_path, files)


def _execute(prepared: Prepared, opening: ExperimentRecord, work: Path) -> ExperimentRecord:
    """Run the lifecycle on a copy of the record; what the model measured and said is kept, come what may."""
    given = prepared.for_model(opening)
    process = os.getpid()
    try:
        around = Surroundings(work, prepared.request.threads, opening.seed)
        given = prepared.model.host.run(given, around)
    finally:
        if os.getpid() != process:  # a copy that the model made with fork: the run is its parent's
            os._exit(0)
        account.note(opening, given)
    return given


def _deliver(
    record: ExperimentRecord, results: Results, record_path: Path, scratch: Path, old: frozenset[Path]
) -> None:
    """Promote the files and write the record; if that fails, everything is as it was."""
    try:
        new = {
            record_path.parent / one.path: one.sha256 for one in results.files.values() if not one.external
        }
        materialize.begin(record, record_path, scratch, sorted(old), new)
        promotion = materialize.promote(materialize.work(scratch), results.finals)
        if promotion.missing:
            raise RunFailed(
                f"The result's files vanished: {', '.join(promotion.missing)}.",
                "Let nothing else write in that folder, then run it again.",
                code="no_output",
            )
        changed = results.changed()
        if changed is not None:
            raise RunFailed(
                f"{changed.name} changed after {record.model_name} had returned it.",
                "Let its threads and processes end before its save returns.",
                code="output_changed",
            )
        store.write(record, record_path, staging=scratch)
    except BaseException:
        materialize.abandon(record_path, materialize.work(scratch), results.finals)
        raise


def _note_latest(
    record: ExperimentRecord, path: Path, scratch: Path, prepared: Prepared, listener: Listener
) -> None:
    """Copy the record to the place of the latest one, unless something else lies there."""
    try:
        if path in prepared.inputs:
            raise InvalidInput("it is the input")
        if os.path.lexists(path):
            store.read(path)  # only a record gives way
        store.write(record, path, staging=scratch)
    except DissmodelError as error:
        listener.warn(f"{path.name} was left as it is: {error.message}")


def _leave(record: ExperimentRecord, prepared: Prepared) -> Path | None:
    """Write the record of a run that did not complete, where no good pair is in its way."""
    destination = prepared.destination
    path = store.failed_record_path(destination.folder / f"{destination.stem}.x", record.experiment_id)
    # If it is too large, that is for what the model noted; if the destination can't take it, the temporary
    # folder may.
    brief = record.model_copy(update={"metrics": {}, "step_metrics": {}, "logs": []})
    for place in (path, Path(tempfile.gettempdir()) / path.name):
        for one in (record, brief):
            try:
                store.write(one, place)
            except DissmodelError:
                continue
            return place
    return None
