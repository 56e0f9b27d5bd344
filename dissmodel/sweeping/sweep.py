"""The loop of a sweep: what is missing is run, what ended is written down."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from dissmodel import gdal_settings, locks, materialize, temporary
from dissmodel.cells.writing import RASTERS, VECTORS
from dissmodel.config import load_settings
from dissmodel.engines import Engine, EngineLost, open_engine
from dissmodel.errors import DissmodelError, RunFailed, StorageError, UsageError, disk_errors
from dissmodel.executor.host import InProcess, ModelInfo
from dissmodel.experiment.at_hand import at_hand
from dissmodel.io.locate import companions, kind_of
from dissmodel.io.sidecars import sidecars
from dissmodel.progress import Reporter, reporting
from dissmodel.record import Code, ExperimentRecord, OtherSource, identity
from dissmodel.running.model import OpenedModel, open_model
from dissmodel.running.others import INPUT, OtherInput, names_in_a_record
from dissmodel.running.prepare import RunRequest, observe, prepare
from dissmodel.storage.uri import is_remote
from dissmodel.sweeping import finished, keys
from dissmodel.sweeping.bucket import Bucket
from dissmodel.sweeping.designs import Design, FileDesign
from dissmodel.sweeping.dispatch import run_all
from dissmodel.sweeping.folder import SweepFolder
from dissmodel.sweeping.journal import COMPLETED, Header, Journal
from dissmodel.sweeping.plan import Plan, agree
from dissmodel.sweeping.progress import Progress
from dissmodel.sweeping.runs import NAME, SHORT_KEY, EndedRun, PlannedRun
from dissmodel.sweeping.standing import beside, determining
from dissmodel.sweeping.status import LOCK
from dissmodel.sweeping.swept import Estimate, Sweep, SweepRequest
from dissmodel.sweeping.table import metrics_of, write_table
from dissmodel.sweeping.whole import write_whole
from dissmodel.sweeping.worker import Task, do

__all__ = ["Sweep", "SweepRequest", "run_all", "sweep"]

_PATIENCE_S = 0.3  # who asks for the status holds the lock for a moment
_SHORT_S = 5.0
_SHOWN = 5
_LONGEST = 80
_MOST_FILES = 200


def sweep(request: SweepRequest, reporter: Reporter) -> Sweep:
    """Run what is missing of a plan, and write the table and the record of the whole.

    Raises
    ------
    UsageError
        If the plan can't be run, another call is running this sweep, or the folder is of another plan.
    ConsentRequired
        If the plan has very many rows.
    EngineLost, StorageError
        If no run can go on; what ended stands.
    KeyboardInterrupt
        After a SIGINT: runs in flight have ended, and all that ended is written down.
    """
    bucket = Bucket.open(str(request.output)) if is_remote(str(request.output)) else None
    # It is absolute for workers, too.
    folder = SweepFolder(Path(request.output).absolute() if bucket is None else bucket.folder)
    agree(request.plan, request.consent)
    gdal_settings.ignore()
    first = next(request.plan.rows())
    opening = replace(request.plan.request({}, first.inputs, None), consent=request.consent)
    with reporting(reporter), contextlib.ExitStack() as stack:
        if not request.dry_run:
            stack.enter_context(_held(folder))
        loop = _Loop(request, folder, stack.enter_context(open_model(opening)), reporter, bucket)
        stack.callback(loop.journal.close)
        return loop.dry_run() if request.dry_run else loop.run()


@contextlib.contextmanager
def _held(folder: SweepFolder) -> Iterator[None]:
    """Hold the lock of a folder; the folder is there then, and gone again if it stayed empty."""
    path = folder.path
    if path.exists() and not path.is_dir():
        raise UsageError(f"--output {path}: this is a file; a sweep has a folder.", "--output NAME")
    is_new = not path.exists()
    with disk_errors(f"{path}: can't be made", "Give a folder that you may write to: --output NAME"):
        path.mkdir(parents=True, exist_ok=True)
    if any(path.iterdir()) and not folder.plan_path.exists() and not _only_locked(path):
        raise UsageError(
            f"{path}: the folder is not empty, and no sweep is in it.", "Give the name of a new folder."
        )
    lock = path / LOCK
    try:
        with disk_errors(f"{path}: can't be written"), locks.held(lock, patience=_PATIENCE_S) as is_ours:
            if not is_ours:
                raise UsageError(
                    locks.busy(f"{path}: another command is running this sweep.", lock),
                    f"Wait for it, or look: dissmodel sweep status {path}",
                    code="output_busy",
                )
            yield
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # it holds the sweep
                path.rmdir()


def _only_locked(path: Path) -> bool:
    return all(one.name.startswith(LOCK) for one in path.iterdir())


@dataclass
class _Survey:
    """What a look at the plan and at the folder found.

    `old` has runs that an earlier code made and that count: key without code → key. `reused` has their keys,
    `replaced` the keys that they would have now.
    """

    rows: int = 0
    missing: int = 0
    keys: set[bytes] = field(default_factory=set)
    old: dict[str, str] = field(default_factory=dict)
    reused: set[str] = field(default_factory=set)
    replaced: set[str] = field(default_factory=set)
    sources: dict[str, None] = field(default_factory=dict)


class _Loop:
    def __init__(
        self,
        request: SweepRequest,
        folder: SweepFolder,
        model: OpenedModel,
        reporter: Reporter,
        bucket: Bucket | None = None,
    ) -> None:
        self.request, self.folder, self.bucket = request, folder, bucket
        self.model, self.reporter = model, reporter
        self.runs = keys.planned_runs(request.plan, model, reporter, request.consent)
        self.plan = self.runs.plan
        self.work = uuid4().hex
        self.journal = Journal.read(folder.journal_path)
        self.survey = _Survey()
        self.began = 0
        self.consent = replace(request.consent, ask=None)  # a worker asks nobody
        self._suffixes: dict[str, str] = {}

    def run(self) -> Sweep:
        record = self._record()
        if self.bucket is not None:
            self.bucket.bring_plan(self.folder)
        added = list(finished.reconcile(self.folder, self.journal, self.bucket))
        self._look(added)
        self._note_inputs(record)
        with disk_errors(f"{self.folder.path}: can't be written"):
            self.folder.runs_path.mkdir(exist_ok=True)
            _write_plan(self.folder.plan_path, self.plan)
        header = self._header(record)
        if not (self.survey.missing or added) and self._is_written(header):
            return self._swept(0.0)
        record.runtime = self.model.host.runtime(record.code or Code())
        self.journal.begin(header)
        began = time.perf_counter()
        try:
            for ended in added:
                self.journal.add(ended)
            if self.survey.missing:
                self._run_missing()
        except BaseException as error:
            if isinstance(error, EngineLost):
                error.hint = f"{error.hint} The same command goes on.".strip()
            elif isinstance(error, KeyboardInterrupt):
                error.record_path = self.folder.record_path  # type: ignore[attr-defined]  # an exception takes any
            with contextlib.suppress(StorageError):  # the disk is full, and that is told
                self._write_down(record, time.perf_counter() - began)
            raise
        return self._write_down(record, time.perf_counter() - began)

    def dry_run(self) -> Sweep:
        """Try the first missing run; return how the sweep stands, and what the missing runs will take."""
        self._look(list(finished.reconcile(self.folder, self.journal, self.bucket)))
        swept = self._swept(0.0)
        if not self.survey.missing:
            return swept
        with contextlib.ExitStack() as stack:
            place = stack.enter_context(temporary.new_folder())
            workers, threads = self.request.workers, self.request.threads
            engine = stack.enter_context(open_engine(None, workers, threads, load_settings()))
            ended, size = self._trial(engine, place / "1")
            if ended.seconds < _SHORT_S:  # the first run in a process loads libraries
                ended, size = self._trial(engine, place / "2")
            workers = engine.slots
        missing, memory = self.survey.missing, ended.peak_memory_bytes
        at_once = min(workers, missing)
        return replace(
            swept,
            estimate=Estimate(
                at_once=at_once,
                seconds=round(missing * ended.seconds / at_once, 1),
                run_seconds=ended.seconds,
                memory_bytes=at_once * memory,
                run_memory_bytes=memory,
                disk_bytes=missing * size,
                run_disk_bytes=size,
            ),
        )

    def _trial(self, engine: Engine, place: Path) -> tuple[EndedRun, int]:
        """Try the first missing run; return how it ended, and the bytes of its files."""
        task = next(self._tasks())
        name = str(task.request.output).removeprefix(f"{task.folder}{os.sep}")
        request = replace(task.request, output=f"{place}{os.sep}{name}")
        ended = engine.submit(do, replace(task, request=request, folder=place, place="")).result()
        if ended.status != COMPLETED:
            raise RunFailed(f"The trial run failed: {ended.error}", "Run it alone: dissmodel run")
        return ended, sum(one.stat().st_size for one in place.rglob("*"))

    # What is to run.

    def _record(self) -> ExperimentRecord:
        """Return the opened record of the whole, with the inputs of the first row."""
        first = next(iter(self.plan.rows()))
        with contextlib.ExitStack() as stack:
            asked = self.plan.request(
                first.values, first.inputs, None, command=self.request.command, consent=self.consent
            )
            record = prepare(asked, self.model, self.reporter, stack).record
        record.seed = self.plan.seed
        for name in self.plan.names:
            record.parameters.pop(name, None)
            record.parameter_origin.pop(name, None)
        return record

    def planned(self) -> Iterator[PlannedRun]:
        """Yield the runs of the plan; a run that an earlier code made, and that counts, under its own key."""
        for one in self.runs:
            old = self.survey.old.get(one.key_without_code)
            is_old = old is not None and not self.journal.has_completed(one.key)
            yield replace(one, key=old) if is_old and old is not None else one

    def _note_inputs(self, record: ExperimentRecord) -> None:
        """Note the inputs of the other rows, too, as far as a record has room for them."""
        known = {one.uri for one in record.inputs}
        more = [OtherInput(place=one) for one in self.survey.sources if one not in known][:_MOST_FILES]
        taken = [one.name for one in record.sources]
        for name, given in zip(names_in_a_record(more, taken), more, strict=True):
            with at_hand(given.place, offline=self.consent.offline) as here:
                other = OtherSource(uri=str(here.path), role=INPUT, name=name)
                observe(other, here, (here.path, *sidecars(here.path)))
            record.sources.append(other)

    def _look(self, added: list[EndedRun]) -> None:
        """Find what is missing; refuse a folder whose runs are of another plan."""
        survey, there = self.survey, {one.key for one in added if self._is_enough(one)}
        for planned in self.runs:
            survey.rows += 1
            key = bytes.fromhex(planned.key)
            if key in survey.keys:
                continue
            survey.keys.add(key)
            survey.sources.update(dict.fromkeys(planned.inputs.values()))
            if planned.key not in there and not self._has(planned.key):
                survey.missing += 1
        finished_keys = [*self.journal.completed(), *(one.key for one in added)]
        others = [key for key in finished_keys if bytes.fromhex(key) not in survey.keys]
        if others:
            self._judge_others(others, there)

    def _has(self, key: str) -> bool:
        if not self.journal.has_completed(key):
            return False
        if self.plan.keep == "records" or not self.folder.plan_path.exists():
            return True
        ended = self.journal.get(key)
        return ended is not None and self._is_enough(ended)

    def _is_enough(self, ended: EndedRun) -> bool:
        """Return whether of a run is there what the plan keeps."""
        return bool(ended.output) or self.plan.keep == "records"

    def _judge_others(self, others: list[str], there: set[str]) -> None:
        """Tell runs of an earlier code, which can be kept, from runs of another plan."""
        survey, foreign = self.survey, 0
        planned = {one.key_without_code: one.key for one in self.runs}
        for key in others:
            document = finished.read_run(self.folder, key[:SHORT_KEY], self.bucket)
            without = "" if document is None else keys.key_without_code(document)
            now = planned.get(without)
            if now is None:
                foreign += 1
            elif now not in there and not self._has(now):
                survey.old[without] = key
                survey.replaced.add(now)
        if survey.old:
            count = len(survey.old)
            if self.request.keep_old_code:
                survey.missing -= count
                survey.reused = set(survey.old.values())
            else:
                survey.old.clear()
                survey.replaced.clear()
                self.reporter.warn(
                    f"{count} finished runs were made by another state of the model's code: they are run "
                    "again, unless --keep-old-code keeps them."
                )
        if foreign and not self.request.other_plan:
            raise UsageError(
                f"{self.folder.path} has the sweep of another plan: {foreign} of its finished runs are "
                f"not in this plan. {_difference(self.folder, self.plan)}",
                "Give another folder; or keep what the plans share, and run the rest: --other-plan",
                code="other_plan",
            )

    # The runs.

    def _run_missing(self) -> None:
        request = self.request
        shown = Progress(self.reporter, self.survey.missing)
        settings = load_settings(given=request.cluster_tls)
        with open_engine(request.cluster, request.workers, request.threads, settings) as engine:
            shown.begin(engine.name)

            def on_end(_task: Task, ended: EndedRun) -> bool:
                with materialize.undisturbed():
                    self.journal.add(ended)
                    self.began += 1
                shown.ended(ended)
                return request.fail_fast and ended.status != COMPLETED

            run_all(engine, self._tasks(), on_end=on_end)

    def _tasks(self) -> Iterator[Task]:
        begun: set[bytes] = set()
        for planned in self.planned():
            key = bytes.fromhex(planned.key)
            if key not in begun and planned.key not in self.survey.reused and not self._has(planned.key):
                begun.add(key)
                yield self.task(planned)

    def task(self, planned: PlannedRun) -> Task:
        """Return the task of a run."""
        folder = self.folder.run_path(planned.key)
        request = self.plan.request(
            planned.values,
            planned.inputs,
            planned.seed,
            output="",
            threads=self.request.threads,
            command=self.request.command,
            consent=self.consent,
            until=self.plan.until,
            not_kept=self.plan.keep == "records",
            overwrite=True,  # what is there without a record, or with one whose result was not kept
        )
        place = "" if self.bucket is None else self.bucket.run(planned.key)
        output = f"{'' if place else f'{folder}{os.sep}'}{NAME}{self._suffix(request)}"
        return Task(
            key=planned.key,
            request=replace(request, output=output),
            folder=folder,
            model=self.model.host.info.name,
            work=self.work,
            place=place,
        )

    def _suffix(self, request: RunRequest) -> str:
        if request.input not in self._suffixes:
            self._suffixes[request.input] = suffix_of(self.model.host.info, request)
        return self._suffixes[request.input]

    # What is written down.

    def _header(self, record: ExperimentRecord) -> Header:
        header = Header(
            rows=self.survey.rows, runs=len(self.survey.keys), began=time.time(), ended=len(self.journal)
        )
        files = self._determining(record)
        if files is None or self.survey.reused:  # a call that does not keep those has something to do
            return header
        datasets, others = files
        return replace(
            header,
            asked=self.request.asked,
            files=determining([*datasets, *others]),
            beside=beside(datasets),
        )

    def _determining(self, record: ExperimentRecord) -> tuple[list[Path], list[Path]] | None:
        """Return the inputs, and the other files that determine the runs; None if that can't be said."""
        host, spec = self.model.host, self.model.spec
        sources = [*(one.uri for one in record.inputs if one.uri), *self.survey.sources]
        varies_files = host.info.names_files and any(
            isinstance(value, str) for row in self.plan.rows() for value in row.values.values()
        )
        code = identity.own_source(host.executor) if isinstance(host, InProcess) else None
        is_known = spec is None or self.plan.toml is not None
        if code is None or varies_files or not is_known or any(map(is_remote, sources)):
            return None
        datasets = [Path(one).absolute() for one in dict.fromkeys(sources)]
        if len(datasets) > _MOST_FILES:
            return None
        named = [self.plan.design.path] if isinstance(self.plan.design, FileDesign) else []
        parts = [part for one in datasets for part in (*companions(one), *sidecars(one))]
        return datasets, [*dict.fromkeys((*parts, *self.request.asked_files, *named)), code]

    def _is_written(self, header: Header) -> bool:
        """Return whether the table and the record of this plan were written after the last run had ended."""
        was = self.journal.header
        if was is None or replace(was, began=header.began, ended=header.ended) != header:
            return False
        files = (self.folder.journal_path, self.folder.table_path, self.folder.record_path)
        if not all(one.exists() for one in files):
            return False
        ended, table, record = (one.stat().st_mtime_ns for one in files)
        return ended <= table <= record

    def _write_down(self, record: ExperimentRecord, seconds: float) -> Sweep:
        """Write the table and the record of the whole; tell and return how the sweep stands."""
        journal = self.journal
        swept = self._swept(seconds)
        if swept.missing:
            left = f"{swept.missing} of {swept.runs} runs are left"
            self.reporter.warn(f"{left}; the same command goes on.")
        equal = _Replicates()
        rows = equal.watching(self._rows())
        names = self.plan.names
        with materialize.undisturbed():
            write_table(self.folder, names, metrics_of(journal.ended), rows)
            write_whole(record, swept, self.plan, journal.header, self._ended())
        if self.bucket is not None:
            self.bucket.put(self.folder)
        if equal.are_all and not swept.missing:
            self.reporter.warn(
                "All replicates are equal: the model draws no random numbers with these parameters."
            )
        return swept

    def _swept(self, seconds: float) -> Sweep:
        survey = self.survey
        ended = [key for key in self._keys() if key in self.journal]
        completed = sum(map(self.journal.has_completed, ended))
        return Sweep(
            folder=self.folder,
            rows=survey.rows,
            runs=len(survey.keys),
            completed=completed,
            failed=len(ended) - completed,
            began=self.began,
            old_code=len(survey.reused),
            seconds=round(seconds, 3),
            place="" if self.bucket is None else self.bucket.place.uri,
        )

    def _rows(self) -> Iterator[tuple[PlannedRun, EndedRun | None]]:
        return ((planned, self._get(planned.key)) for planned in self.planned())

    def _ended(self) -> Iterator[EndedRun]:
        return filter(None, map(self._get, sorted(self._keys())))

    def _keys(self) -> Iterator[str]:
        """Yield the key of each run that counts."""
        yield from (one for one in map(bytes.hex, self.survey.keys) if one not in self.survey.replaced)
        yield from self.survey.reused

    def _get(self, key: str) -> EndedRun | None:
        ended = self.journal.get(key)
        is_old = ended is not None and key in self.survey.reused
        return replace(ended, old_code=True) if is_old and ended is not None else ended


class _Replicates:
    """Whether the replicates of every row gave the same result."""

    def __init__(self) -> None:
        self._pairs = self._equal = 0

    @property
    def are_all(self) -> bool:
        """Whether there are replicates, and no two of a row differ."""
        return 0 < self._pairs == self._equal

    def watching(
        self, rows: Iterator[tuple[PlannedRun, EndedRun | None]]
    ) -> Iterator[tuple[PlannedRun, EndedRun | None]]:
        before: EndedRun | None = None
        for planned, ended in rows:
            if planned.replicate > 1 and before is not None and ended is not None and ended.sha256:
                self._pairs += 1
                self._equal += ended.sha256 == before.sha256
            before = ended
            yield planned, ended


def suffix_of(info: ModelInfo, request: RunRequest) -> str:
    """Return the suffix of a run's result: a slash for a folder, else one that fits the input."""
    if info.output_suffix:
        return info.output_suffix
    try:
        kind = info.substrate or kind_of(request.input, request.format, request.layer)
    except DissmodelError:  # a format that only the model knows
        return next(iter(info.output_suffixes), Path(request.input).suffix or ".out")
    fitting = RASTERS if kind == "raster" else VECTORS
    known = info.output_suffixes or fitting
    return next((one for one in fitting if one in known), known[0])


def _write_plan(path: Path, plan: Plan) -> None:
    from dissmodel.record import store  # noqa: PLC0415  (beside its only use)

    data = plan.to_toml().encode()
    if not path.exists() or path.read_bytes() != data:
        store.write_atomically(path, data)


def _difference(folder: SweepFolder, plan: Plan) -> str:
    """Return sentences that say what of the plan in a folder this plan has not."""
    try:
        old = folder.plan
    except DissmodelError as error:
        return f"{folder.plan_path.name} can't be read: {error}"
    said = []
    for one in dataclasses.fields(Plan):
        was, now = getattr(old, one.name), getattr(plan, one.name)
        if was != now:
            said.append(f"{one.name}: {_brief(was)} there, {_brief(now)} here.")
    if isinstance(plan.design, Design) and not plan.design.grows and plan.design != old.design:
        said.append("A Latin hypercube of another size has other rows; sobol and morris grow.")
    more = f" And {len(said) - _SHOWN} more." if len(said) > _SHOWN else ""
    return " ".join(said[:_SHOWN]) + more or "The inputs or the model's code were changed."


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
