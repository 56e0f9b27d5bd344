"""Run a model and leave the proof beside the result."""

from __future__ import annotations

import random
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dissmodel import materialize, progress
from dissmodel.actions.destination import Destination, check, choose, replaced
from dissmodel.actions.listening import Listener, listening
from dissmodel.actions.model import find_model, parameter_layers
from dissmodel.actions.results import Results, collect
from dissmodel.errors import DissmodelError, InvalidInput, RunFailed
from dissmodel.executor import execute_lifecycle, parameters
from dissmodel.executor.config import output_base
from dissmodel.io import content
from dissmodel.io.locate import companions, existing
from dissmodel.record import DataSource, ExperimentRecord, Failure, Grid, Runtime, capture, identity, store
from dissmodel.record.digest import sha256_file
from dissmodel.record.redact import redact
from dissmodel.record.status import Outcome, decide
from dissmodel.registry import plugins
from dissmodel.registry.spec import Spec, load_spec


@dataclass(frozen=True)
class RunRequest:
    """What a user asked for.

    Attributes
    ----------
    model : str or None
        As `dissmodel.registry.plugins.find` takes it; None: the one that `toml` names.
    input : str
        The dataset.
    output : str or None
        The result's path; None: a name made of the model's and the run's.
    parameters : Mapping
        Given on the command line, under any of their names.
    band_map, column_map : Mapping of str to str
        Canonical name → name in the file; they win over those of the TOML.
    format : str
        ``auto``, ``raster``, ``tiff`` or ``vector``.
    command : tuple of str
        What was typed, for the record.
    """

    model: str | None
    input: str
    output: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    toml: Path | None = None
    band_map: Mapping[str, str] = field(default_factory=dict)
    column_map: Mapping[str, str] = field(default_factory=dict)
    format: str = "auto"
    layer: str | None = None
    overwrite: bool = False
    seed: int | None = None
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunResult:
    """A run that completed: its record, where that lies, and the files of the result by name."""

    record: ExperimentRecord
    record_path: Path
    files: Mapping[str, Path]


@dataclass(frozen=True)
class _Prepared:
    """A run that may begin: everything that could be refused before it has been looked at."""

    model: plugins.Model
    inputs: tuple[Path, ...]
    destination: Destination
    record: ExperimentRecord


def run(request: RunRequest, reporter: progress.Reporter) -> RunResult:
    """Run a model on an input; write the result and, last, its record.

    Raises
    ------
    DissmodelError
        If it can't begin: nothing is written then. If it began and did not complete, the error's
        ``record_path`` says where the record of what happened lies. Nothing that was there before is touched.
    """
    prepared = _prepare(request, reporter)
    listener = Listener(reporter)
    scratch = materialize.open_scratch(prepared.destination.folder, prepared.record.experiment_id)
    try:
        return _run(prepared, scratch, listener)
    except BaseException as error:
        failure = _as_failure(error, prepared, listener.current)
        failure.record_path = _leave_failure(error, failure, prepared, listener)
        if failure is error or not isinstance(error, Exception | SystemExit):
            raise
        raise failure from error
    finally:
        materialize.discard(scratch)


def _ignored(spec: Spec | None) -> list[str]:
    return [f"{spec.path}: the section [{name}] means nothing here." for name in spec.ignored] if spec else []


def _prepare(request: RunRequest, reporter: progress.Reporter) -> _Prepared:
    spec = load_spec(request.toml) if request.toml is not None else None
    model = find_model(request.model, spec)
    resolved = parameters.resolve(model.executor.Parameters, parameter_layers(spec, request.parameters))
    for message in (*resolved.warnings, *_ignored(spec)):
        reporter.warn(message)
    source = existing(request.input)
    code = identity.code_of(model.executor, model.distribution)
    record = ExperimentRecord(
        model_name=model.executor.name,
        model_commit=identity.commit_name(code),
        resolved_spec=spec.resolved if spec is not None else {},
        source=DataSource(uri=str(source), layer=request.layer),
        input_format="raster" if request.format == "tiff" else request.format,
        band_map={**(spec.bands if spec else {}), **request.band_map},
        column_map={**(spec.columns if spec else {}), **request.column_map},
        parameters=resolved.values,
        parameter_origin=resolved.origin,
        seed=request.seed,
        code=code,
        command=capture.command(request.command),
    )
    destination = choose(request.output, model.executor, record.experiment_id)
    inputs = (source, *companions(source))
    check(destination, inputs, overwrite=request.overwrite)
    record.source.size = source.stat().st_size
    record.source.checksum, *others = (sha256_file(path) for path in inputs)
    record.source.sidecars = {path.name: digest for path, digest in zip(inputs[1:], others, strict=True)}
    return _Prepared(model, inputs, destination, record)


def _run(prepared: _Prepared, scratch: Path, listener: Listener) -> RunResult:
    destination, opening = prepared.destination, prepared.record
    work = materialize.work(scratch)
    opening.runtime = capture.runtime()
    opening.code_version = opening.runtime.dissmodel.version or ""
    opening.status = "running"
    opening.output_path = str(work / destination.name) if destination.name is not None else None
    store.write(opening, scratch / "running.record.json")
    if opening.seed is not None:
        _seed(opening.seed)
    given = opening.model_copy(deep=True)
    with listening(listener), output_base(work):
        try:
            saved, _ = execute_lifecycle(prepared.model.executor(), given)
        finally:
            opening.metrics, opening.logs = given.metrics, given.logs
        opening.metrics, opening.logs = saved.metrics, saved.logs
        listener.phase("promote")
        free = frozenset(replaced(destination))
        results = collect(work, saved, destination, tag=opening.experiment_id[:8], free=free)
    unchanged = all(
        path.is_file() and sha256_file(path) == digest
        for path, digest in zip(prepared.inputs, _input_digests(opening), strict=True)
    )
    status = decide(Outcome("done", main_artifact=results.main is not None, input_unchanged=unchanged))
    if results.main is None:
        raise RunFailed(
            f"{opening.model_name} returned without an output.",
            "Its save has to write to record.output_path.",
            code="no_output",
        )
    if status == "tainted":
        raise RunFailed(f"{opening.source.uri} changed while the model ran.", "Run it again.", code="tainted")
    record = _finished(opening, saved, listener, status).model_copy(
        update={
            "files": dict(results.files),
            "artifacts": {name: artifact.sha256 for name, artifact in results.files.items()},
            "output_path": results.files[results.main].path,
            "grid": saved.grid or _grid(work, results),
        }
    )
    _deliver(record, results, destination, scratch, free)
    if not destination.named:
        store.write(record, destination.folder / "experiment_record.json")
    files = {name: destination.folder / artifact.path for name, artifact in results.files.items()}
    return RunResult(record, destination.record_path, files)


def _deliver(
    record: ExperimentRecord, results: Results, destination: Destination, scratch: Path, free: frozenset[Path]
) -> None:
    """Promote the files and write the record; if that fails, everything is as it was."""
    record_path = destination.record_path
    try:
        materialize.begin(record, record_path, scratch, sorted(free), results.finals.values())
        promotion = materialize.promote(materialize.work(scratch), results.finals)
        if promotion.missing:
            raise RunFailed(f"The result's files vanished: {', '.join(promotion.missing)}.", code="no_output")
        store.write(record, record_path)
    except BaseException:
        materialize.recover(record_path)
        raise


def _input_digests(record: ExperimentRecord) -> list[str]:
    return [record.source.checksum, *record.source.sidecars.values()]


def _grid(work: Path, results: Results) -> Grid | None:
    """Return the grid of the main file, where the executor noted none."""
    for name, final in results.finals.items():
        if results.main is not None and final.name == Path(results.files[results.main].path).name:
            return content.grid_of(work / name)
    return None


def _finished(
    opening: ExperimentRecord, saved: ExperimentRecord, listener: Listener, status: str
) -> ExperimentRecord:
    """Return the record of a run that is over: what the executor noted, under what was observed."""
    facts = (
        "experiment_id created_at model_name model_commit code_version resolved_spec source input_format "
        "column_map band_map parameters parameter_origin seed code command schema_version"
    )
    return saved.model_copy(
        update={
            **{name: getattr(opening, name) for name in facts.split()},
            "status": status,
            "finished_at": datetime.now(UTC),
            "logs": [redact(line) for line in saved.logs] + listener.lines,
            "runtime": _runtime(opening, saved),
            "peak_memory_bytes": capture.peak_memory_bytes(),
        }
    )


def _runtime(opening: ExperimentRecord, saved: ExperimentRecord) -> Runtime | None:
    """Return what ran: as it was before the model, with what only the run could tell."""
    if opening.runtime is None:
        return None
    ran = saved.runtime or opening.runtime
    return opening.runtime.model_copy(
        update={"native": capture.native(), "kernel": ran.kernel, "threads": ran.threads}
    )


def _as_failure(error: BaseException, prepared: _Prepared, phase: str) -> DissmodelError:
    """Return the error as a user is told of it."""
    if isinstance(error, DissmodelError):
        return error
    said = str(error) or "without a message"
    if phase == "validate" and isinstance(error, ValueError):
        return InvalidInput(said, code="validation")
    return RunFailed(
        f"{prepared.model.executor.name} failed in {phase}: {type(error).__name__}: {said}",
        "The record has the traceback.",
    )


def _leave_failure(
    error: BaseException, failure: DissmodelError, prepared: _Prepared, listener: Listener
) -> Path | None:
    """Write the record of a run that did not complete, where no good pair is in its way."""
    opening, destination = prepared.record, prepared.destination
    interrupted = isinstance(error, KeyboardInterrupt)
    outcome = Outcome("done", error="interrupt" if interrupted else "error")
    status = "tainted" if failure.code == "tainted" else decide(outcome)
    record = _finished(opening, opening, listener, status).model_copy(
        update={
            "output_path": None,
            "artifacts": {},
            "error": Failure(
                phase=listener.current,
                type=type(error).__name__,
                code=failure.code,
                message=redact("interrupted" if interrupted else failure.message),
                hint=failure.hint,
                traceback=redact("".join(traceback.format_exception(error))),
            ),
        }
    )
    name = store.failed_record_path(destination.folder / f"{destination.stem}.x", opening.experiment_id).name
    for folder in (destination.folder, Path(tempfile.gettempdir())):
        try:
            store.write(record, folder / name)
        except DissmodelError:  # the destination can't take it: the temporary folder, then nothing can
            continue
        return folder / name
    return None


def _seed(seed: int) -> None:
    """Seed the generators that a model may draw from without one of its own."""
    import numpy as np  # noqa: PLC0415  (only a seeded run needs it here)

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  (the global generator is the one to seed)
