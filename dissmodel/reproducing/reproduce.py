"""Run again what a record describes, and say in how far the result is the same."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from dissmodel import temporary
from dissmodel.comparing.compare import map_place, refuse_other_than_raster
from dissmodel.comparison import Comparison, Tolerance
from dissmodel.errors import Differs, DissmodelError, InvalidInput, UsageError, shell_word
from dissmodel.experiment.at_hand import AtHand, refuse_offline
from dissmodel.experiment.files import Recorded, recorded_files
from dissmodel.experiment.hosts import asking
from dissmodel.experiment.recorded_input import recorded_input
from dissmodel.experiment.records import is_interrupted, open_record
from dissmodel.experiment.remote_record import record_name
from dissmodel.experiment.unbundle import open_bundle, shown
from dissmodel.progress import Reporter, reporting
from dissmodel.record import MAIN, ExperimentRecord, Reproduction, store
from dissmodel.record.diff import Difference
from dissmodel.record.digest import record_digest
from dissmodel.reproducing.artifacts import compare_artifacts, drawn, worst
from dissmodel.reproducing.circumstances import before, differences, tell, thread_limit
from dissmodel.reproducing.recorded_model import open_recorded, refuse_package
from dissmodel.reproducing.reproduction import Reproduced, ReproduceRequest
from dissmodel.running.repeat import Repeat
from dissmodel.running.run import RunRequest, RunResult, run
from dissmodel.storage.uri import is_remote, parse
from dissmodel.storage.uri import shown as called_of
from dissmodel.warn import keeping_warnings

__all__ = ["ReproduceRequest", "Reproduced", "reproduce"]

_FORMATS = frozenset({"auto", "raster", "tiff", "vector"})


def reproduce(request: ReproduceRequest, reporter: Reporter) -> Reproduced:
    """Run again from the record alone, compare, and leave a record of that beside the new result.

    A bundle is a record too: the new result lies beside the zip then. Of a record that is not on this machine
    it lies in the current folder.

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
    given = str(request.record)
    if not isinstance(request.record, str) or not is_remote(given):
        path = Path(os.path.abspath(parse(request.record).local()))  # noqa: PTH100  (resolve() would follow the user's links)
        with open_bundle(path) as here:
            return _reproduce_unpacked(request, path, here, reporter)
    refuse_offline(given, offline=request.consent.offline)
    called = parse(given).shown
    path = Path.cwd() / record_name(given)  # what the new result lies beside
    try:
        with reporting(reporter), open_bundle(given) as here:
            return replace(_reproduce_unpacked(request, path, here, reporter), recorded_path=called)
    except DissmodelError as error:
        error.message, error.hint = (text.replace(str(path), called) for text in (error.message, error.hint))
        error.args = (error.message,)
        raise


def _reproduce_unpacked(request: ReproduceRequest, path: Path, here: Path, reporter: Reporter) -> Reproduced:
    """Reproduce the record at `here`, which is `path` or was brought from there."""
    record, document = open_record(here)
    old = recorded_files(here, record)
    _refuse_unfit(path, record, old)
    _refuse_original(request, path, old)
    chosen_map = _map_place(request, path, old)
    digest = record_digest(document)
    if record.record_digest not in {None, digest} or (record.record_digest is None and record.schema_version):
        look = f"dissmodel record verify {shell_word(str(path))}"
        reporter.warn(f"{path.name} was changed after it was written; look: {look}")
    is_s3 = _is_in_bucket(str(request.record))
    typed = str(request.record)
    agree = asking(request.consent, reporter.output, typed=typed, record=called_of(typed))
    with (
        reporting(reporter),
        recorded_input(
            here, record, request.input, is_s3=is_s3, offline=request.consent.offline, agree=agree
        ) as source,
        open_recorded(
            path, record, request.model, request.consent, as_recorded=request.env == "recorded"
        ) as model,
    ):
        called = shown(source.shown, here.parent, path) if here != path else source.shown
        again = _Again(path, record, old, source, called, digest, chosen_map)
        return _reproduce(request, again, Repeat(record, path, model), reporter)


@dataclass(frozen=True)
class _Again:
    """What was found of the recorded run before its model was opened."""

    path: Path
    record: ExperimentRecord
    old: Mapping[str, Recorded]
    source: AtHand
    source_shown: str
    digest: str
    chosen_map: Path | None


def _reproduce(request: ReproduceRequest, found: _Again, repeat: Repeat, reporter: Reporter) -> Reproduced:
    path, record, old, chosen_map = found.path, found.record, found.old, found.chosen_map
    if repeat.dropped():
        reporter.warn(f"The model has no parameter {', '.join(repeat.dropped())}: left out.")
    threads = request.threads if request.threads is not None else thread_limit(record)
    tell(before(repeat, threads), reporter, strict=request.strict)
    with _folder(request, path) as folder:
        again = _run_request(request, repeat, found.source, folder, old[MAIN])
        judge = _Judge(repeat, found, _tolerance(request.tolerance, repeat))
        try:
            result = run(again, reporter, judge)
        except (DissmodelError, KeyboardInterrupt) as error:
            _tell_of_this(error, request, repeat)
            raise
        written = _write_map(chosen_map, old, result, judge)
    left = not request.check
    return Reproduced(
        recorded=record,
        recorded_path=path,
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
    """Make what a run's error says fit a reproduction."""
    if request.check:  # what it left is gone with the folder
        error.record_path = None  # type: ignore[union-attr]  # an exception takes any attribute
    if not isinstance(error, DissmodelError):
        return
    if request.check and error.hint.startswith("Its record"):
        error.hint = f"Leave --check out: i{error.hint[1:]}"
    if error.code in {"parameter", "unknown_parameter"}:
        name = request.model or repeat.model.host.info.name
        error.hint = f"See what the model takes now: dissmodel show {name}. Name another: --model NAME"


class _Judge:
    """Compares the new result before it is delivered, and writes the verdict into its record."""

    def __init__(self, repeat: Repeat, found: _Again, tolerance: Tolerance | None) -> None:
        self._repeat = repeat
        self._old = found.old
        self._digest = found.digest
        self._source_shown = found.source_shown
        self._tolerance = tolerance
        self.artifacts: dict[str, Comparison] = {}
        self.changed: tuple[Difference, ...] = ()
        self.warnings: list[str] = []

    def __call__(self, record: ExperimentRecord, files: Mapping[str, Path]) -> ExperimentRecord:
        recorded, tolerance = self._repeat.record, self._tolerance
        if record.source.checksum != recorded.source.checksum.lower():
            raise Differs("The input was changed as the run began.", "Run it again.", code="input_changed")
        with keeping_warnings(self.warnings):
            self.artifacts = compare_artifacts(self._old, recorded, record, files, tolerance)
        self.changed = differences(recorded, record)
        reproduction = Reproduction(
            record_digest=self._digest,
            verdict=worst(self.artifacts, drawn(self._old)),
            artifacts={name: _document(one) for name, one in self.artifacts.items()},
            changed=[asdict(one) for one in self.changed],
            tolerance={"rtol": tolerance.rtol, "atol": tolerance.atol} if tolerance else None,
        )
        source = record.source.model_copy(update={"uri": self._source_shown})
        return record.model_copy(update={"reproduction": reproduction, "source": source})


def _refuse_unfit(path: Path, record: ExperimentRecord, old: Mapping[str, Recorded]) -> None:
    if record.status != "completed":
        raise InvalidInput(
            f"{path}: there is nothing to compare with: the run is {record.status[:40]}, not completed.",
            f'See what settles it: dissmodel record show "{path}"'
            if is_interrupted(path, record)
            else "Give the record of a run that completed.",
            code="nothing_to_reproduce",
        )
    if MAIN not in old:
        raise InvalidInput(
            f"{path}: there is nothing to compare with: the record names no output.",
            "Give the record of a run that completed.",
            code="nothing_to_reproduce",
        )
    said = record.main_path or ""
    # One that was pushed says where to; which file is meant, its path beside the record says.
    if record.schema_version and said and not old[MAIN].artifact.external and not _is_in_bucket(said):
        store.artifact_path(path, said)
    refuse_package(path, record)
    if record.seed is not None and record.seed < 0:
        raise InvalidInput(
            f"{path}: its seed is {str(record.seed)[:40]}; a seed is a whole number of 0 or more.",
            "Ask whoever gave you this record.",
            code="not_a_record",
        )
    if record.input_format not in _FORMATS:
        raise InvalidInput(
            f"{path}: {record.input_format[:40]!r} is no input format.",
            f"There are {', '.join(sorted(_FORMATS))}.",
            code="not_a_record",
        )


def _is_in_bucket(text: str) -> bool:
    return text.lower().startswith("s3://")


def _map_place(request: ReproduceRequest, path: Path, old: Mapping[str, Recorded]) -> Path | None:
    """Return where the map goes, if there is something to draw and nothing is lost there."""
    if request.diff_map is None:
        return None
    before = old[MAIN].intact()
    if before is None:
        raise UsageError(
            f"--diff-map: the recorded result is not beside {path} as it was.", "Leave --diff-map out."
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
        judge.warnings.append(f"{path} was not written: there is no difference of what can't be compared.")
        return None
    from dissmodel.comparison.difference import write_difference  # noqa: PLC0415  (it loads GDAL)

    write_difference(before, result.files[MAIN], path)
    return path


@contextlib.contextmanager
def _folder(request: ReproduceRequest, path: Path) -> Iterator[Path]:
    """Give the folder for a result without a named place; where nothing is to be left, it goes again."""
    if not request.check:
        yield path.parent
        return
    with temporary.new_folder() as folder:
        yield folder


def _refuse_original(request: ReproduceRequest, path: Path, old: Mapping[str, Recorded]) -> None:
    """Refuse an output whose place the recorded run has."""
    if request.output is None:
        return
    if request.check:
        raise UsageError("--check leaves nothing, so --output has no place.", "Give one of the two.")
    output = Path(request.output).resolve()
    taken = [path, *(one.path for one in old.values() if one.path is not None)]
    if any(one.resolve().is_relative_to(output) for one in taken):
        raise UsageError(
            f"--output {request.output}: this is the recorded result, which a reproduction never replaces.",
            "Give another name, or leave --output out.",
            code="output_is_original",
        )


def _run_request(
    request: ReproduceRequest, repeat: Repeat, source: AtHand, folder: Path, main: Recorded
) -> RunRequest:
    record = repeat.record
    experiment_id = uuid4().hex
    return RunRequest(
        input=str(source.path),
        at_hand=source,
        output=request.output or str(folder / _name(repeat, experiment_id, main)) + _end(main),
        band_map=record.band_map,
        column_map=record.column_map,
        format=record.input_format,
        layer=record.source.layer,
        overwrite=request.overwrite,
        seed=record.seed,
        threads=request.threads if request.threads is not None else thread_limit(record),
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
    """Return what tells a folder from a file."""
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
