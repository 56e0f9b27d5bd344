"""Run a model and leave the proof beside the result."""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dissmodel import materialize
from dissmodel.cells.tiles import folder as tiles
from dissmodel.errors import (
    DissmodelError,
    InvalidInput,
    RunFailed,
    UsageError,
    interruption_in,
    shell_word,
)
from dissmodel.executor.config import RunContext
from dissmodel.progress import Reporter, reporting
from dissmodel.record import MAIN, Code, ExperimentRecord, store
from dissmodel.running import account, cogs
from dissmodel.running.destination import Destination, replaced
from dissmodel.running.listening import Listener, listening
from dissmodel.running.model import open_model
from dissmodel.running.prepare import Prepared, RunRequest, prepare
from dissmodel.running.profiling import SHORT_ID, write_profiling
from dissmodel.running.results import LATEST, LET_END, Results, collect, take_over

_DONE = "done"
# What a run that used up its memory needs to say so: address space, and no page of it is touched.
_SPARE = 32 << 20

__all__ = ["RunRequest", "RunResult", "note_latest", "run"]


@dataclass(frozen=True)
class RunResult:
    """A run that completed: its record, where that is, and the files of the result by name."""

    record: ExperimentRecord
    record_path: Path
    files: Mapping[str, Path]


Conclusion = Callable[[ExperimentRecord, Mapping[str, Path]], ExperimentRecord]
"""From the record of a run that completed and its files by name, where they are now, to what it is to say."""


def run(request: RunRequest, reporter: Reporter, conclude: Conclusion | None = None) -> RunResult:
    """Run a model on an input; write the result and, last, its record.

    `conclude` looks at the result before it is delivered and returns the record with what it found.

    Raises
    ------
    DissmodelError
        If it can't begin: nothing is written then. If it began and did not complete, the error's
        ``record_path`` says where the record of what happened is. Nothing that was there before is touched.
    """
    with reporting(reporter), contextlib.ExitStack() as stack:
        repeats = request.repeats
        model = repeats.model if repeats is not None else stack.enter_context(open_model(request))
        prepared = prepare(request, model, reporter, stack)
        with materialize.claim(prepared.destination.record_path) as scratch:
            prepared.check()
            shown_as = {
                str(materialize.work(scratch)): str(prepared.destination.folder),
                **prepared.shown_as,
            }
            return _begin(prepared, scratch, Listener(reporter, shown_as), conclude)


def _begin(prepared: Prepared, scratch: Path, listener: Listener, conclude: Conclusion | None) -> RunResult:
    """Run; from here on whatever happens leaves a record."""
    working_files = tiles.folder_of(prepared.destination.record_path)
    if not prepared.request.resume:
        tiles.remove(working_files)
    elif not tiles.has_journal(working_files):
        raise UsageError(
            f"{prepared.request.output}: no run to it finished a round, so there is nothing to resume.",
            "Leave --resume out.",
            code="resume",
        )
    try:
        spare = mmap.mmap(-1, _SPARE)
    except OSError as none_left:
        raise MemoryError from none_left
    try:
        return _run(prepared, scratch, listener, conclude)
    except BaseException as raised:
        # A library that is interrupted while it is imported may raise an error of its own.
        error = interruption_in(raised) or raised
        spare.close()
        account.let_go(raised)
        with materialize.undisturbed():
            failure = account.as_failure(error, prepared.record.model_name, listener.current)
            failure = account.for_want_of_room(failure, materialize.work(scratch))
            if listener.current == _DONE:  # a signal came, or the copy can't be written: the result stands
                record_path: Path | None = prepared.destination.record_path
            else:
                materialize.discard(materialize.work(scratch))  # its disk may be full
                # What was made of an input that changed is worth nothing.
                if tiles.has_journal(working_files) and failure.code != "tainted":
                    _say_resumable(working_files, prepared.destination, failure, listener)
                else:
                    tiles.remove(working_files)
                usage = prepared.model.host.usage()
                record_path = _leave(
                    account.failed(prepared.record, error, failure, listener, usage), prepared
                )
            if failure is not error and not failure.hint:
                failure.hint = account.READ_ON
            told = error if isinstance(error, KeyboardInterrupt) else failure
            told.record_path = record_path  # type: ignore[union-attr]  # an exception takes any attribute
            if told is raised:
                raise
            raise told from raised


def _say_resumable(
    working_files: Path, destination: Destination, failure: DissmodelError, listener: Listener
) -> None:
    """Say what is left of a run in tiles, and how another run goes on from there."""
    size = tiles.bytes_in(working_files) / 1e6
    left = f"{working_files} has the state after the last finished round ({size:,.0f} MB)"
    if isinstance(failure, UsageError) and failure.code == "resume":  # the error says why this run does not
        listener.warn(f"{left}.")
    elif destination.named:
        listener.warn(f"{left}: the same command with --resume goes on.")
    else:  # without its name it would be a new run
        name = destination.name or f"{destination.stem}.tif"  # only rasters have tiles
        listener.warn(f"{left}: the same command with --output {shell_word(name)} --resume goes on.")


def _run(prepared: Prepared, scratch: Path, listener: Listener, conclude: Conclusion | None) -> RunResult:
    destination, opening = prepared.destination, prepared.record
    work = materialize.work(scratch)
    opening.runtime = prepared.model.host.runtime(opening.code or Code())
    opening.runtime.lock = prepared.model.lock
    opening.code_version = opening.runtime.dissmodel.version or ""
    opening.status = "running"
    opening.output_path = str(work / destination.name) if destination.name is not None else None
    typed = _typed(prepared)
    if typed is not None:  # with a folder, which packages cut off at the last slash
        opening.output_path = typed if os.path.dirname(typed) else f"./{typed}"  # noqa: PTH120  (pathlib drops "./")
    store.write(opening, scratch / "running.record.json")
    with listening(listener):
        threads = frozenset(threading.enumerate())
        saved = _execute(prepared, opening, work)
        if prepared.request.as_public:
            write_profiling(saved, work)
        listener.phase("promote")
        take_over(work, opening.model_name, lambda: threads.issuperset(threading.enumerate()))
        cogs.optimize(opening, saved, work, prepared.model.host.info, asked=prepared.request.cog is True)
        old = frozenset(replaced(destination, keep=prepared.inputs))
        tag = opening.experiment_id[:SHORT_ID]
        results = collect(work, saved, destination, tag=tag, free=old, as_laid_out=typed is not None)
    main = results.main_file
    if main is None or any(main.samefile(path) for path in prepared.inputs if path.exists()):
        what = "without an output" if main is None else f"its input as its output: {main}"
        raise RunFailed(
            f"{opening.model_name} returned {what}.",
            "The method save must write to record.output_path.",
            code="no_output",
        )
    changed = prepared.changed_input()
    if changed is not None:
        raise RunFailed(changed, "Run it again.", code="tainted")
    for sentence in prepared.unrecorded():
        listener.warn(sentence)
    with reporting(listener):
        record = account.completed(opening, saved, results, listener, prepared.model.host.usage())
        if typed is not None:
            record = _as_typed(record, saved, results, typed)
        if conclude is not None:
            record = conclude(record, results.here(work))
    with materialize.undisturbed():
        try:
            _deliver(record, results, destination.record_path, scratch, old)
        finally:
            # Also after an error: the disk may fail to say that it keeps the names of a pair that stands.
            if materialize.stands(record.experiment_id, destination.record_path):
                listener.phase(_DONE)
                tiles.remove(tiles.folder_of(destination.record_path))
    if not destination.named:
        note_latest(record, destination.folder / LATEST, scratch, prepared.inputs, listener)
    files = {name: destination.folder / artifact.path for name, artifact in results.files.items()}
    return RunResult(record, destination.record_path, files)


def _execute(prepared: Prepared, opening: ExperimentRecord, work: Path) -> ExperimentRecord:
    """Run the lifecycle on a copy of the record; keep the model's metrics and log, also after an error."""
    given = prepared.for_model(opening)
    typed, process = _typed(prepared), os.getpid()
    try:
        request = prepared.request
        context = RunContext(
            work,
            request.threads,
            opening.seed,
            hashes=True,
            memory=request.memory,
            tiles=tiles.folder_of(prepared.destination.record_path),
            resume=request.resume,
        )
        given = prepared.model.host.run(given, context)
    finally:
        if os.getpid() != process:  # a copy that the model made with fork: the run is its parent's
            os._exit(0)
        account.note(opening, given)
        if typed is not None:
            materialize.gather(prepared.destination.folder, opening.experiment_id[:SHORT_ID], work)
    if typed is not None and isinstance(given.output_path, str) and "://" not in given.output_path:
        said = Path(os.path.abspath(given.output_path))  # noqa: PTH100  (resolve() would follow the user's links)
        if said.is_relative_to(prepared.destination.folder):
            given.output_path = str(work / said.relative_to(prepared.destination.folder))
    return given


def _typed(prepared: Prepared) -> str | None:
    """Return the output's path as the user typed it, if the model is to see it so.

    It then writes to the path itself. That is safe only where the run's own id makes the name one that
    nothing has.
    """
    request = prepared.request
    if not request.as_public or request.output is None:
        return None
    mine = request.experiment_id[:SHORT_ID] in (prepared.destination.name or "")
    return request.output.rstrip("/\\") if mine else None


def _as_typed(
    whole: ExperimentRecord, saved: ExperimentRecord, results: Results, typed: str
) -> ExperimentRecord:
    """Return the record with the output's path as the user typed it, and with the model's own names."""
    written = results.files[MAIN].path.partition("/")[0]
    artifacts = dict(whole.artifacts)
    if MAIN not in saved.artifacts and artifacts[MAIN] in results.aliases.values():
        del artifacts[MAIN]
    return whole.model_copy(
        update={"output_path": str(Path(typed).with_name(written)), "artifacts": artifacts}
    )


def _deliver(
    record: ExperimentRecord, results: Results, record_path: Path, scratch: Path, old: frozenset[Path]
) -> None:
    """Promote the files and write the record; if that fails, everything is as it was."""
    try:
        new = {
            record_path.parent / one.path: one.sha256 for one in results.files.values() if not one.external
        }
        _refuse_changed(results.changed(materialize.work(scratch)), record)
        materialize.begin(record, record_path, scratch, sorted(old), new)
        promotion = materialize.promote(materialize.work(scratch), results.finals)
        if promotion.missing:
            raise RunFailed(
                f"These files of the result disappeared: {', '.join(promotion.missing)}.",
                "Let no other program write in that folder, then run it again.",
                code="no_output",
            )
        _refuse_changed(results.changed_since(), record)
        store.write(record, record_path, staging=scratch)
    except BaseException:
        materialize.abandon(record_path, materialize.work(scratch), results.finals)
        raise


def _refuse_changed(path: Path | None, record: ExperimentRecord) -> None:
    if path is not None:
        raise RunFailed(
            f"{path.name} changed after {record.model_name} had returned it.", LET_END, code="output_changed"
        )


def note_latest(
    record: ExperimentRecord | Mapping[str, Any],
    path: Path,
    scratch: Path,
    inputs: Collection[Path],
    reporter: Reporter,
) -> None:
    """Copy the record to the place of the latest one, unless something else is there."""
    try:
        if path in inputs:
            raise InvalidInput("it is the input")
        if os.path.lexists(path):
            store.read(path)  # only a record gives way
        store.write(record, path, staging=scratch)
    except DissmodelError as error:
        reporter.warn(f"{path.name} was not replaced: {error.message}")


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
