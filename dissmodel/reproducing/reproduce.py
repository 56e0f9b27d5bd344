"""Run again what a record describes, and compare the results."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from dissmodel import temporary
from dissmodel.comparing.compare import map_place, refuse_other_than_raster
from dissmodel.comparison import Comparison, Tolerance
from dissmodel.errors import Differs, DissmodelError, InvalidInput, RunFailed, UsageError, shell_word
from dissmodel.experiment.at_hand import AtHand, refuse_offline
from dissmodel.experiment.files import Recorded
from dissmodel.experiment.hosts import asking
from dissmodel.experiment.layout import FOLDER
from dissmodel.experiment.naming import naming
from dissmodel.experiment.recorded_input import other_inputs, recorded_input
from dissmodel.experiment.source import Source, open_source
from dissmodel.progress import Reporter, current, reporting
from dissmodel.record import MAIN, ExperimentRecord, Reproduction, store
from dissmodel.record.diff import Difference
from dissmodel.reproducing.artifacts import compare_artifacts, drawn, worst
from dissmodel.reproducing.recorded_model import open_recorded, refuse_package
from dissmodel.reproducing.reproduction import Reproduced, ReproduceRequest
from dissmodel.reproducing.run_context import before, differences, tell, thread_limit
from dissmodel.running.others import recorded_inputs
from dissmodel.running.repeat import Repeat
from dissmodel.running.run import RunRequest, RunResult, run
from dissmodel.storage.uri import is_remote, parse, shown
from dissmodel.warn import keeping_warnings

__all__ = ["ReproduceRequest", "Reproduced", "reproduce"]

_FORMATS = frozenset({"auto", "raster", "tiff", "vector"})


def reproduce(request: ReproduceRequest, reporter: Reporter) -> Reproduced:
    """Run again from the record alone, compare, and leave a record of that beside the new result.

    A bundle is a record too: the new result is beside the zip then. Of a record that is not on this machine
    it is in the current folder.

    Nothing is run, and no model imported, before the input is known to be the recorded bytes.

    Raises
    ------
    InvalidInput, StorageError
        If the record or its input can't be read, or the record is none of a run that completed.
    UsageError
        If the model is not here, or the new result has no place.
    Differs
        If the input is not the recorded one; if `strict` is asked for and the code is not.
    DissmodelError
        As `dissmodel.running.run.run`.
    """
    given: Path | str = str(request.record)
    refuse_offline(str(given), offline=request.consent.offline)
    if not is_remote(given):
        given = Path(os.path.abspath(parse(request.record).local()))  # noqa: PTH100  (resolve() would follow the user's links)
    with reporting(reporter), open_source(given) as source, naming({str(source.beside): str(source.given)}):
        return _reproduce_opened(request, source, reporter)


def _reproduce_opened(request: ReproduceRequest, source: Source, reporter: Reporter) -> Reproduced:
    source.bring()
    path, record, old = source.beside, source.record, source.files
    _refuse_unfit(source)
    _refuse_original(request, path, old)
    chosen_map = _map_place(request, path, old)
    source.tell_of_crate()
    if source.is_changed:
        look = f"dissmodel record verify {shell_word(str(source.given))}"
        reporter.warn(f"{path.name} was changed after it was written; look: {look}")
    typed = str(request.record)
    agree = asking(request.consent, reporter.output, typed=typed, record=shown(typed))
    with (
        contextlib.nullcontext(request.at_hand)
        if request.at_hand is not None
        else recorded_input(source, request.input, offline=request.consent.offline, agree=agree) as found,
        contextlib.nullcontext(request.others_at_hand)
        if request.at_hand is not None
        else other_inputs(source, request.others, offline=request.consent.offline, agree=agree) as others,
        open_recorded(
            path, record, request.model, request.consent, as_recorded=request.env == "recorded"
        ) as model,
    ):
        repeat = Repeat(record, path, model, others)
        shown_as = [source.shown(one.shown) for one in (found, *others.values())]
        judge = _Judge(source, shown_as, _tolerance(request.tolerance, repeat))
        return _reproduce(request, repeat, [found, *others.values()], judge, chosen_map)


def _reproduce(
    request: ReproduceRequest,
    repeat: Repeat,
    found: Sequence[AtHand],
    judge: _Judge,
    chosen_map: Path | None,
) -> Reproduced:
    source, reporter = judge.recorded, current()
    path, record, old = source.beside, source.record, source.files
    if repeat.dropped():
        reporter.warn(f"The model has no parameter {', '.join(repeat.dropped())}: it is left out.")
    threads = request.threads if request.threads is not None else thread_limit(record)
    tell(before(repeat, threads), reporter, strict=request.strict)
    # The folder of a result without --output; with --check it is removed afterwards.
    with temporary.new_folder() if request.check else contextlib.nullcontext(path.parent) as folder:
        again = _run_request(request, repeat, found, folder, old[MAIN])
        try:
            result = run(again, reporter, judge)
        except (DissmodelError, KeyboardInterrupt) as error:
            _tell_of_this(error, request, repeat)
            raise
        written = _write_map(chosen_map, old, result, judge)
    left = not request.check
    return Reproduced(
        recorded=record,
        recorded_path=source.given,
        record=result.record,
        record_path=result.record_path if left else None,
        files=result.files if left else {},
        artifacts=judge.artifacts,
        drawn=drawn(old),
        changed=judge.changed,
        diff_map=written,
        warnings=tuple(dict.fromkeys(judge.warnings)),
    )


def _tell_of_this(
    error: DissmodelError | KeyboardInterrupt, request: ReproduceRequest, repeat: Repeat
) -> None:
    """Let the error of a run fit a reproduction."""
    if request.check:  # what it left is gone with the folder
        error.record_path = None  # type: ignore[union-attr]  # an exception takes any attribute
    if not isinstance(error, DissmodelError):
        return
    if request.check and isinstance(error, RunFailed):
        error.hint = f"{error.hint} To keep the record of the run, leave --check out.".strip()
    if error.code in {"parameter", "unknown_parameter"}:
        name = request.model or repeat.model.host.info.name
        error.hint = f"See its parameters now: dissmodel show {name}. Name another: --model NAME"


@dataclass
class _Judge:
    """Compares the new result before it is delivered, and writes the verdict into its record."""

    recorded: Source
    inputs_shown: Sequence[str]
    tolerance: Tolerance | None
    artifacts: dict[str, Comparison] = field(default_factory=dict)
    changed: tuple[Difference, ...] = ()
    warnings: list[str] = field(default_factory=list)

    def __call__(self, record: ExperimentRecord, files: Mapping[str, Path]) -> ExperimentRecord:
        recorded, old, tolerance = self.recorded.record, self.recorded.files, self.tolerance
        expected, found = ([one.checksum.lower() for one in run.inputs] for run in (recorded, record))
        if expected != found:
            raise Differs(
                "The input was changed at the start of the run.", "Run it again.", code="input_changed"
            )
        with keeping_warnings(self.warnings):
            self.artifacts = compare_artifacts(old, recorded, record, files, tolerance)
        self.changed = differences(recorded, record)
        reproduction = Reproduction(
            record_digest=self.recorded.digest,
            verdict=worst(self.artifacts, drawn(old)),
            artifacts={name: _document(one) for name, one in self.artifacts.items()},
            changed=[asdict(one) for one in self.changed],
            tolerance={"rtol": tolerance.rtol, "atol": tolerance.atol} if tolerance else None,
        )
        source, *sources = (
            one.model_copy(update={"uri": shown})
            for one, shown in zip(record.inputs, self.inputs_shown, strict=True)
        )
        return record.model_copy(update={"reproduction": reproduction, "source": source, "sources": sources})


def _refuse_unfit(source: Source) -> None:
    path, record, old = source.beside, source.record, source.files
    if record.sweep is not None:
        raise UsageError(
            f"{path}: this is the record of a whole sweep, and a reproduction is of a run.",
            f"Reproduce its runs, or check their results: dissmodel record verify {shell_word(str(path))}",
            code="is_sweep",
        )
    source.refuse_unfinished("to compare with", "nothing_to_reproduce")
    if MAIN not in old:
        raise InvalidInput(
            f"{path}: there is no result to compare with: the record names no output.",
            "Give the record of a run that completed.",
            code="nothing_to_reproduce",
        )
    main, said = old[MAIN].artifact, record.main_path or ""
    # A pushed record notes the place that it was pushed to; the path in `files` tells which file is meant.
    is_pushed = said.lower().startswith("s3://") or said.replace("\\", "/").endswith(
        f"/{FOLDER}/{record.experiment_id}/{main.path}"
    )
    if record.schema_version and said and not main.external and not is_pushed:
        store.artifact_path(path, said)
    refuse_package(path, record)
    if record.seed is not None and record.seed < 0:
        raise InvalidInput(
            f"{path}: its seed is {str(record.seed)[:40]}; a seed is a whole number of 0 or more.",
            "Ask the sender of this record.",
            code="not_a_record",
        )
    if record.input_format not in _FORMATS:
        raise InvalidInput(
            f"{path}: {record.input_format[:40]!r} is not an input format.",
            f"There are {', '.join(sorted(_FORMATS))}.",
            code="not_a_record",
        )


def _map_place(request: ReproduceRequest, path: Path, old: Mapping[str, Recorded]) -> Path | None:
    """Return where the map goes; refuse it without the recorded result, or over a file that has to stay."""
    if request.diff_map is None:
        return None
    before = old[MAIN].intact()
    if before is None:
        raise UsageError(
            f"--diff-map: the recorded result is not beside {path}, or was changed.", "Leave --diff-map out."
        )
    refuse_other_than_raster(before, None)
    chosen = map_place(request.diff_map, (before,), overwrite=request.overwrite)
    if request.output is not None and Path(os.path.abspath(request.output)) == chosen:  # noqa: PTH100  (as above)
        raise UsageError(f"--diff-map {request.diff_map}: this is the output.", "--diff-map difference.tif")
    return chosen


def _write_map(
    path: Path | None, old: Mapping[str, Recorded], result: RunResult, judge: _Judge
) -> Path | None:
    before = old[MAIN].path
    if path is None or before is None:
        return None
    if judge.artifacts[MAIN].verdict == "not-comparable":
        judge.warnings.append(f"{path} was not written: files that can't be compared have no difference.")
        return None
    from dissmodel.comparison.raster import write_difference  # noqa: PLC0415  (it loads GDAL)

    write_difference(before, result.files[MAIN], path)
    return path


def _refuse_original(request: ReproduceRequest, path: Path, old: Mapping[str, Recorded]) -> None:
    """Refuse an output whose place the recorded run has."""
    if request.output is None:
        return
    if request.check:
        raise UsageError("--check keeps no result, so it contradicts --output.", "Give one of the two.")
    output = Path(request.output).resolve()
    beside = [one.path for one in old.values() if one.path is not None and not one.artifact.external]
    if any(one.resolve().is_relative_to(output) for one in (path, *beside)):
        raise UsageError(
            f"--output {request.output}: this is the recorded result, which a reproduction never replaces.",
            "Give another name, or leave --output out.",
            code="output_is_original",
        )


def _run_request(
    request: ReproduceRequest,
    repeat: Repeat,
    found: Sequence[AtHand],
    folder: Path,
    main: Recorded,
) -> RunRequest:
    record, (source, *others) = repeat.record, found
    at_hand = {one.name: here for one, here in zip(record.sources, others, strict=True)}
    experiment_id = request.experiment_id
    return RunRequest(
        input=str(source.path),
        at_hand=source,
        output=request.output or str(folder / _name(repeat, experiment_id, main)) + _end(main),
        band_map=record.band_map,
        column_map=record.column_map,
        class_map=record.class_map,
        format=record.input_format,
        layer=record.source.layer,
        fields={record.source.name: ""} if record.source.name else {},
        others=recorded_inputs(record, at_hand),
        overwrite=request.overwrite,
        seed=record.seed,
        until=record.until,
        cog=record.cog,
        threads=request.threads if request.threads is not None else thread_limit(record),
        memory=None if record.tiles is None else record.tiles.memory,
        command=request.command,
        experiment_id=experiment_id,
        repeats=repeat,
    )


def _name(repeat: Repeat, experiment_id: str, main: Recorded) -> str:
    """Return a name of its own for the new result, made of the recorded one's."""
    tag = f"repro-{experiment_id[:8]}"
    path = PurePosixPath(main.artifact.path)
    if main.artifact.external or not path.name:
        info = repeat.model.host.info
        return f"{info.name}.{tag}{info.output_suffix}"
    if len(path.parts) > 1:
        return f"{path.parts[0]}.{tag}"
    # Where there is no suffix, what follows a dot would be taken for one.
    return f"{path.stem}.{tag}{path.suffix}" if path.suffix else f"{path.name}-{tag}"


def _end(main: Recorded) -> str:
    """Return the end of a name: a slash for a folder, a suffix for a file."""
    return os.sep if not main.artifact.external and len(PurePosixPath(main.artifact.path).parts) > 1 else ""


def _tolerance(asked: Tolerance | None, repeat: Repeat) -> Tolerance | None:
    """Return the tolerance, with the classes that the model knows under the names they have in the data."""
    if asked is None:
        return None
    maps: Mapping[str, Any] = {**repeat.record.band_map, **repeat.record.column_map}
    names = set(repeat.model.host.info.legends)
    return Tolerance(asked.rtol, asked.atol, frozenset(names | {str(maps.get(one, one)) for one in names}))


def _document(found: Comparison) -> dict[str, Any]:
    parts = [{**asdict(part), "share": part.share} for part in found.parts]
    return {"verdict": found.verdict, "kind": found.kind, "why": list(found.why), "parts": parts}
