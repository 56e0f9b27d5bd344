"""The loop of many runs: which runs a plan has, an engine that does them, and what is written of them."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from uuid import uuid4

from dissmodel import locks, materialize
from dissmodel.cells.writing import RASTERS, VECTORS
from dissmodel.config import load_settings
from dissmodel.engines import EngineLost, open_engine
from dissmodel.errors import DissmodelError, StorageError, UsageError, disk_errors
from dissmodel.executor.host import ModelInfo
from dissmodel.io.locate import kind_of
from dissmodel.progress import Reporter
from dissmodel.record import Code, ExperimentRecord, store
from dissmodel.running.model import OpenedModel
from dissmodel.running.prepare import RunRequest, prepare
from dissmodel.sweeping.bucket import Bucket
from dissmodel.sweeping.dispatch import run_all
from dissmodel.sweeping.folder import SweepFolder
from dissmodel.sweeping.journal import Header, Journal
from dissmodel.sweeping.keys import PlannedRuns, planned_runs
from dissmodel.sweeping.plan import Plan
from dissmodel.sweeping.progress import Progress
from dissmodel.sweeping.runs import NAME, EndedRun, PlannedRun
from dissmodel.sweeping.status import LOCK
from dissmodel.sweeping.swept import Sweep, SweepRequest
from dissmodel.sweeping.table import write_table
from dissmodel.sweeping.whole import write_whole
from dissmodel.sweeping.worker import Task, do

_PATIENCE_S = 0.3  # who asks for the status holds the lock for a moment

Run = Callable[..., None]
"""Runs tasks: see `Loop.engine`."""


@contextlib.contextmanager
def held(folder: SweepFolder) -> Iterator[None]:
    """Hold the lock of a folder; the folder is there then, and gone again if it stayed empty.

    Raises
    ------
    UsageError
        If it is a file, another command holds it, or it has files and no sweep.
    StorageError
        If it can't be made.
    """
    path = folder.path
    if path.exists() and not path.is_dir():
        raise UsageError(f"--output {path}: this is a file; a sweep has a folder.", "--output NAME")
    is_new = not path.exists()
    with disk_errors(f"{path}: can't be made", "Give a folder that you may write to: --output NAME"):
        path.mkdir(parents=True, exist_ok=True)
    if not folder.plan_path.exists() and not all(one.name.startswith(LOCK) for one in path.iterdir()):
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


@dataclass
class Survey:
    """What a look at the plan and at the folder found: the rows of the plan and the keys of its runs.

    `old` has runs that an earlier code made and that count: key without code → key. `reused` has their keys,
    `replaced` the keys that they would have now. `sources` are the inputs that vary.
    """

    rows: int = 0
    missing: int = 0
    keys: set[bytes] = field(default_factory=set)
    old: dict[str, str] = field(default_factory=dict)
    reused: set[str] = field(default_factory=set)
    replaced: set[str] = field(default_factory=set)
    sources: dict[str, None] = field(default_factory=dict)


class Loop:
    """The runs of a plan, which may change; `survey` is to be filled before anything is written down.

    Attributes
    ----------
    runs : PlannedRuns
        Those of `plan`, which is the plan as it was resolved.
    journal : Journal
        How runs ended; `begin` lets it be written.
    """

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
        self.consent = replace(request.consent, ask=None)  # a worker asks nobody
        self.take(request.plan)
        self.journal = Journal.read(folder.journal_path)
        self.survey = Survey()
        self._began = 0
        self._work = uuid4().hex
        self._suffixes: dict[str, str] = {}

    @property
    def plan(self) -> Plan:
        """The plan as it was resolved."""
        return self.runs.plan

    def take(self, plan: Plan) -> PlannedRuns:
        """Let the loop have a plan; return its runs."""
        self.runs = planned_runs(plan, self.model, self.reporter, self.request.consent)
        return self.runs

    def opened_record(self) -> ExperimentRecord:
        """Return the record of the whole as it begins: with the inputs of the first row."""
        first = next(self.plan.rows())
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

    def write_plan(self, plan: Plan | None = None) -> None:
        """Write the plan, or another plan, unless it is there already."""
        path, data = self.folder.plan_path, (plan or self.plan).to_toml().encode()
        with disk_errors(f"{self.folder.path}: can't be written"):
            self.folder.runs_path.mkdir(exist_ok=True)
            if not path.exists() or path.read_bytes() != data:
                store.write_atomically(path, data)

    def begin(self, header: Header, record: ExperimentRecord, ended: Iterable[EndedRun]) -> None:
        """Begin the journal, with runs that had ended and that it lacks; note the machine in the record."""
        record.runtime = self.model.host.runtime(record.code or Code())
        self.journal.begin(header)
        for one in ended:
            self.journal.add(one)

    @contextlib.contextmanager
    def engine(self, missing: int) -> Iterator[Run]:
        """Open the engine for so many runs; give a function ``run(tasks, after=…, act=…)`` that runs tasks.

        `act` is what a worker does with a task. `after` is called with each run that ended, once the journal
        has it; what is true ends the loop. Raises what `run_all` does.
        """
        request, shown = self.request, Progress(self.reporter, missing)
        settings = load_settings(given=request.cluster_tls)
        with open_engine(request.cluster, request.workers, request.threads, settings) as engine:
            shown.begin(engine.name)

            def run(
                tasks: Iterable[Task],
                after: Callable[[EndedRun], bool | None],
                act: Callable[[Task], EndedRun] = do,
            ) -> None:
                def on_end(_task: Task, ended: EndedRun) -> bool:
                    with materialize.undisturbed():
                        self.journal.add(ended)
                        self._began += 1
                        is_over = after(ended)
                    shown.ended(ended)
                    return bool(is_over)

                run_all(engine, tasks, on_end=on_end, act=act)

            yield run

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
        if request.input not in self._suffixes:
            self._suffixes[request.input] = _suffix(self.model.host.info, request)
        output = f"{'' if place else f'{folder}{os.sep}'}{NAME}{self._suffixes[request.input]}"
        return Task(
            key=planned.key,
            request=replace(request, output=output),
            folder=folder,
            model=self.model.host.info.name,
            work=self._work,
            place=place,
        )

    @contextlib.contextmanager
    def written_down(self, record: ExperimentRecord) -> Iterator[list[Sweep]]:
        """Write the table and the record of the whole after the block, however it ends.

        How the sweep stands then is added to the list. The exception of the block gets what a user needs: the
        hint that the same command goes on, and where the record is.
        """
        found: list[Sweep] = []
        began = time.perf_counter()
        try:
            yield found
        except BaseException as error:
            if isinstance(error, EngineLost):
                error.hint = f"{error.hint} The same command goes on.".strip()
            elif isinstance(error, KeyboardInterrupt):
                error.record_path = self.folder.record_path  # type: ignore[attr-defined]  # an exception takes any
            with contextlib.suppress(StorageError):  # the disk is full, and that is told
                self._write_down(record, time.perf_counter() - began)
            raise
        found.append(self._write_down(record, time.perf_counter() - began))

    def _write_down(self, record: ExperimentRecord, seconds: float) -> Sweep:
        journal = self.journal
        swept = self.standing(seconds)
        if swept.missing:
            left = f"{swept.missing} of {swept.runs} runs are left"
            self.reporter.warn(f"{left}; the same command goes on.")
        equal: Counter[bool] = Counter()
        metrics = tuple(dict.fromkeys(name for one in journal.ended() for name in one.metrics))
        with materialize.undisturbed():
            write_table(self.folder, self.plan.names, metrics, _watched(self._rows(), equal))
            runs = filter(None, map(self._get, sorted(self._keys())))
            write_whole(record, swept, self.plan, journal.header, runs)
        if self.bucket is not None:
            self.bucket.put(self.folder)
        if equal[True] and not (equal[False] or swept.missing):
            self.reporter.warn(
                "All replicates are equal: the model draws no random numbers with these parameters."
            )
        return swept

    def standing(self, seconds: float = 0.0) -> Sweep:
        """Return how the sweep stands."""
        survey = self.survey
        ended = [key for key in self._keys() if key in self.journal]
        completed = sum(map(self.journal.has_completed, ended))
        return Sweep(
            folder=self.folder,
            rows=survey.rows,
            runs=len(survey.keys),
            completed=completed,
            failed=len(ended) - completed,
            began=self._began,
            old_code=len(survey.reused),
            seconds=round(seconds, 3),
            place="" if self.bucket is None else self.bucket.place.uri,
        )

    def planned(self) -> Iterator[PlannedRun]:
        """Yield the runs of the plan; a run that an earlier code made, and that counts, under its own key."""
        for one in self.runs:
            old = self.survey.old.get(one.key_without_code)
            yield one if old is None or self.journal.has_completed(one.key) else replace(one, key=old)

    def _rows(self) -> Iterator[tuple[PlannedRun, EndedRun | None]]:
        return ((planned, self._get(planned.key)) for planned in self.planned())

    def _keys(self) -> Iterator[str]:
        """Yield the key of each run that counts."""
        yield from (one for one in map(bytes.hex, self.survey.keys) if one not in self.survey.replaced)
        yield from self.survey.reused

    def _get(self, key: str) -> EndedRun | None:
        ended = self.journal.get(key)
        return ended if ended is None or key not in self.survey.reused else replace(ended, old_code=True)


def _watched(
    rows: Iterable[tuple[PlannedRun, EndedRun | None]], equal: Counter[bool]
) -> Iterator[tuple[PlannedRun, EndedRun | None]]:
    """Yield the rows; count whether the result of a replicate is that of the one before it."""
    before: EndedRun | None = None
    for planned, ended in rows:
        if planned.replicate > 1 and before is not None and ended is not None and ended.sha256:
            equal[ended.sha256 == before.sha256] += 1
        before = ended
        yield planned, ended


def _suffix(info: ModelInfo, request: RunRequest) -> str:
    """Return the suffix of a run's result: a slash for a folder, else one that fits the input."""
    if info.output_suffix:
        return info.output_suffix
    try:
        kind = info.substrate or kind_of(request.input, request.format, request.layer)
    except DissmodelError:  # a format that only the model knows
        return next(iter(info.output_suffixes), os.path.splitext(request.input)[1] or ".out")  # noqa: PTH122
    fitting = RASTERS if kind == "raster" else VECTORS
    known = info.output_suffixes or fitting
    return next((one for one in fitting if one in known), known[0])
