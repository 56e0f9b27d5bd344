"""Calibration: the values of parameters with which a model comes nearest to what was observed."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from dissmodel import gdal_settings, materialize
from dissmodel.errors import UsageError, did_you_mean, disk_errors, shell_word
from dissmodel.executor.host import ModelInfo
from dissmodel.io.locate import existing, kind_of
from dissmodel.progress import Reporter, reporting
from dissmodel.record import Code, ExperimentRecord, OtherSource
from dissmodel.record.digest import sha256_file
from dissmodel.record.plain import plain
from dissmodel.running.model import open_model
from dissmodel.running.others import INPUT, given_inputs
from dissmodel.storage.uri import is_remote
from dissmodel.sweeping import finished
from dissmodel.sweeping.calibrate_metrics import (
    METRICS,
    Direction,
    MapOfField,
    MeasuredTask,
    Measurement,
    do_measured,
    measured,
)
from dissmodel.sweeping.calibrate_study import Study, Trial, load_optuna
from dissmodel.sweeping.calibrated import Best, Calibrated, CalibrateRequest
from dissmodel.sweeping.checking import resolved
from dissmodel.sweeping.folder import SweepFolder
from dissmodel.sweeping.journal import Header
from dissmodel.sweeping.loop import Loop, Run, Survey, held
from dissmodel.sweeping.plan import Plan
from dissmodel.sweeping.runs import COMPLETED, EndedRun, PlannedRun
from dissmodel.sweeping.values import Bounds, Varied, is_input
from dissmodel.sweeping.worker import Task, do

TRIALS = "calibration.jsonl"
"""The trials, as Optuna's journal has them."""

_NEAR = 0.1
_ERRORS = 2


def calibrate(request: CalibrateRequest, reporter: Reporter) -> Calibrated:
    """Run trials until there are as many as asked for; go on where an earlier call stopped.

    Raises
    ------
    UsageError
        If the request can't be run, or the folder has the calibration of another question.
    InvalidInput
        If the observed map can't be compared with results.
    DissmodelError
        If no run can go on; what ended stands.
    KeyboardInterrupt
        After a SIGINT: runs in flight have ended, and the next call goes on.
    """
    if request.observed is not None and request.metric not in METRICS:
        hint = did_you_mean(request.metric, METRICS)
        raise UsageError(f"--metric {request.metric}: no such metric.", hint, code="unknown_metric")
    if (request.observed is None) == (request.target is None):
        raise UsageError(
            "A calibration compares with an observed map, or with a target.",
            "--observed FILE, or --metric NAME --target NUMBER",
        )
    if (
        not request.vary
        or request.plan.grids
        or request.plan.design is not None
        or any(map(is_input, request.vary))
    ):
        raise UsageError(
            "A calibration varies parameters, by --vary alone.", "--vary NAME=LOW:HIGH", code="bad_plan"
        )
    load_optuna()
    folder = SweepFolder(Path(request.output).absolute())  # a worker may be in another folder
    gdal_settings.ignore()
    opening = replace(request.plan.request({}, {}, None), consent=request.consent)
    with reporting(reporter), held(folder), open_model(opening) as model:
        space_plan = resolved(replace(request.plan, grids=(request.vary,)), model)  # type: ignore[arg-type]  # bounds
        space: Mapping[str, Varied] = space_plan.grids[0]
        ends = tuple({name: (end,)} for name, values in space.items() for end in _ends(values))
        loop = Loop(replace(request, plan=replace(space_plan, grids=ends)), folder, model, reporter)
        return _Calibration(request, loop, space).calibrate()


class _Calibration:
    """A loop whose plan grows with each generation of trials."""

    def __init__(self, request: CalibrateRequest, loop: Loop, space: Mapping[str, Varied]) -> None:
        self.request, self.loop, self.space = request, loop, space
        self.folder, self.journal = loop.folder, loop.journal
        self.measurement: Measurement | None = None

    def calibrate(self) -> Calibrated:
        """Run the trials; return how they ended."""
        loop, path = self.loop, self.folder.path / TRIALS
        if self.folder.journal_path.exists() and not path.exists():
            raise UsageError(f"{self.folder.path} has a sweep.", "Give another folder.", code="other_plan")
        record = loop.opened_record()
        if self.request.observed is not None:
            self.measurement = self._measurement(record, *self.request.observed)
        if not path.exists():
            loop.write_plan()
        with disk_errors(f"{self.folder.path}: can't be written"):
            study = Study(path, self.direction, self.request.sampler, loop.plan.seed, self.space)
        study.agree(self._question(record))
        added = [self._measured(one) for one in finished.reconcile(self.folder, self.journal)]
        rows = self.request.trials * loop.plan.replicates
        try:
            loop.begin(Header(rows, rows, time.time(), len(self.journal)), record, added)
            with loop.written_down(record):
                try:
                    self._run_trials(study)
                finally:
                    with materialize.undisturbed():
                        found = self._conclude(study, record)
        finally:
            self.journal.close()
        return found

    @property
    def direction(self) -> Direction:
        """Whether the metric is to be great or small; the distance from a target is to be small."""
        return "minimize" if self.measurement is None else METRICS[self.request.metric].direction

    # What is asked.

    def _measurement(self, record: ExperimentRecord, named: str, place: str) -> Measurement:
        """Return how results are measured; look at the maps, and note the observed map in the record."""
        metric, plan = METRICS[self.request.metric], self.loop.plan
        if is_remote(place):
            raise UsageError(
                f"--observed {place}: it has to be on this machine.", "Fetch it, then give its path."
            )
        name = named or _only_field(self.loop.model.host.info, metric.kind)
        known = self.loop.model.host.info.fields
        if known and name not in known:
            raise UsageError(
                f"--observed {name}=…: the model has no field {name!r}.", did_you_mean(name, known)
            )
        observed, bands, _ = given_inputs([(name, place)], None)
        path = existing(observed)
        class_map = plan.class_map.get(name, record.class_map.get(name))
        first, fields, others = given_inputs(plan.inputs, plan.resample)
        given = {one: (first, band) for one, band in fields.items()}
        given |= {one: (other.place, band) for other in others for one, band in other.fields.items()}
        start, band = given.get(name, (first, ""))
        names = record.band_map if kind_of(start, plan.format, plan.layer) == "raster" else record.column_map
        band = band or str(names.get(name, ""))
        start_map = MapOfField(place=start, field=name, band=band, class_map=class_map, layer=plan.layer)
        made = Measurement(
            metric=self.request.metric,
            observed=MapOfField(place=str(path), field=name, band=bands.get(name, ""), class_map=class_map),
            start=start_map if metric.from_start else None,
            column=str(record.column_map.get(name, "")),
        )
        warning = made.check(start_map)
        if warning:
            self.loop.reporter.warn(warning)
        source = OtherSource(uri=str(path), role=INPUT, name="observed")
        source.checksum, source.size = sha256_file(path), path.stat().st_size
        record.sources.append(source)
        return made

    def _question(self, record: ExperimentRecord) -> dict[str, str]:
        """Return what the trials depend on, in words."""
        code, plan, request = record.code or Code(), self.loop.plan, self.request
        return {
            "model": record.model_name,
            "code of the model": str(code.model_digest or code.source_digest),
            "metric": request.metric,
            "target": str(request.target),
            "vary": " ".join(f"{name}={_said(one)}" for name, one in self.space.items()),
            "replicates": str(plan.replicates),
            "sampler": request.sampler,
            "seed": str(plan.seed),
            "inputs": " ".join(f"{one.name} {one.checksum}".strip() for one in record.inputs),
            "parameters": json.dumps(plain(record.parameters), sort_keys=True),
            "maps": json.dumps(
                plain([record.band_map, record.column_map, record.class_map, record.input_format, plan.until])
            ),
        }

    # The trials.

    def _run_trials(self, study: Study) -> None:
        most, replicates = self.request.trials, self.loop.plan.replicates
        trials = study.propose(most)
        if not trials:
            return
        done = sum(one.ended for one in study.trials())
        with self.loop.engine((most - done) * replicates) as run:
            while trials:
                self._run_generation(trials, study, run)
                trials = study.propose(most)

    def _run_generation(self, trials: list[Trial], study: Study, run: Run) -> None:
        self.loop.write_plan(self._plan_of(study.trials()))
        planned = self._take(trials)
        open_trials = {one.number: one for one in trials}

        def tell() -> None:
            for number, trial in list(open_trials.items()):
                if all(one.key in self.journal for one in planned[number]):
                    study.tell(trial, self._metric(planned[number]))
                    del open_trials[number]

        def after(ended: EndedRun) -> None:
            self._refuse_unknown(ended)
            tell()

        tell()
        missing = {
            one.key: one for number in open_trials for one in planned[number] if one.key not in self.journal
        }
        run(map(self._task, missing.values()), after, do if self.measurement is None else do_measured)

    def _task(self, planned: PlannedRun) -> Task:
        task = self.loop.task(planned)
        return task if self.measurement is None else MeasuredTask(**vars(task), measurement=self.measurement)

    def _plan_of(self, trials: list[Trial]) -> Plan:
        grids = tuple({name: (value,) for name, value in one.values.items()} for one in trials)
        return replace(self.loop.plan, grids=grids)

    def _take(self, trials: list[Trial]) -> dict[int, list[PlannedRun]]:
        """Let the plan have these trials; return the runs of each, one for each replicate, by its number."""
        planned = iter(self.loop.take(self._plan_of(trials)))
        return {one.number: list(islice(planned, self.loop.plan.replicates)) for one in trials}

    def _measured(self, ended: EndedRun) -> EndedRun:
        if self.measurement is None:
            return ended
        return measured(ended, self.folder.run_path(ended.key), self.measurement)

    def _refuse_unknown(self, ended: EndedRun) -> None:
        metric = self.request.metric
        if self.measurement is None and ended.status == COMPLETED and metric not in ended.metrics:
            raise UsageError(
                f"--metric {metric}: the runs have no such metric.",
                did_you_mean(metric, ended.metrics) or "The model measures nothing.",
                code="unknown_metric",
            )

    def _metrics(self, planned: Iterable[PlannedRun]) -> list[float]:
        """Return the metric of each run of a trial that has it."""
        ended = filter(None, (self.journal.get(one.key) for one in planned))
        found = (one.metrics.get(self.request.metric) for one in ended)
        return [one for one in found if one is not None and math.isfinite(one)]

    def _metric(self, planned: list[PlannedRun]) -> float | None:
        """Return the mean of the metric over the replicates, or the distance of that mean from the target."""
        found, target = self._metrics(planned), self.request.target
        if len(found) < len(planned):
            return None
        mean = statistics.fmean(found)
        return mean if target is None else abs(mean - target)

    # What came of them.

    def _conclude(self, study: Study, record: ExperimentRecord) -> Calibrated:
        """Let the loop have the trials that there are; return how the calibration ended."""
        trials = study.trials()
        failed = [one for one in trials if one.ended and one.metric is None]
        found = Calibrated(
            folder=self.folder,
            metric=self.request.metric,
            direction=self.direction,
            trials=sum(one.ended for one in trials),
            failed=len(failed),
            best=None,
        )
        if not trials:
            return found
        planned = self._take(trials)
        self.loop.write_plan()
        runs = {one.key for some in planned.values() for one in some}
        self.loop.survey = Survey(
            rows=len(trials) * self.loop.plan.replicates, keys=set(map(bytes.fromhex, runs))
        )
        if failed:
            errors = (self.journal.get(one.key) for trial in failed for one in planned[trial.number])
            why = next(
                (one.error for one in errors if one is not None and one.error), "the metric is not defined"
            )
            self.loop.reporter.warn(f"{len(failed)} trials failed, the first of them: {why}")
        whole = [one for one in trials if one.metric is not None]
        if whole:
            found = self._with_best(found, whole, planned)
            assert found.best is not None  # there is a trial
            values = ", ".join(f"{name} = {value}" for name, value in found.best.values.items())
            record.add_finding("ok", f"Trial {found.best.trial} is the best: {values}.", subject=found.metric)
        return found

    def _with_best(
        self, found: Calibrated, trials: list[Trial], planned: Mapping[int, list[PlannedRun]]
    ) -> Calibrated:
        sign = 1 if self.direction == "minimize" else -1
        # Of equal trials the first.
        best = min(trials, key=lambda one: sign * one.metric)  # type: ignore[operator]  # none of them failed
        losses = [one.metric for one in trials if one.metric is not None]
        metrics = self._metrics(planned[best.number])
        sd = statistics.stdev(metrics) if len(metrics) > 1 else None
        error = 0.0 if sd is None else sd / math.sqrt(len(metrics))
        assert best.metric is not None  # as above
        tolerance = max(_ERRORS * error, _NEAR * abs(statistics.median(losses) - best.metric))
        near = [one for one in trials if abs((one.metric or 0.0) - best.metric) <= tolerance]
        first = planned[best.number][0].key
        record_path, ended = self.folder.run_record_path(first), self.journal.get(first)
        assert ended is not None  # as above
        model = self.loop.plan.model or ""
        words = ["dissmodel", "reproduce", str(record_path), "-o", f"best{Path(ended.output).suffix}"]
        words += ["--model", model] if ".py" in model else []  # no file is run only because a record names it
        return replace(
            found,
            best=Best(
                trial=best.number + 1,
                metric=statistics.fmean(metrics),
                sd=sd,
                values=best.values,
                record_path=record_path,
                command=" ".join(map(shell_word, words)),
            ),
            tolerance=tolerance,
            near=len(near),
            ranges={name: _range([one.values[name] for one in near]) for name in self.space},
        )


def _only_field(info: ModelInfo, kind: str) -> str:
    """Return the only field that an observed map can be of."""
    classes = tuple(info.legends)
    others = tuple(name for name in info.fields if name not in classes)
    found = (classes or info.fields) if kind == "classes" else (others or info.fields)
    if len(found) != 1:
        listed = f": {', '.join(found)}" if found else ""
        raise UsageError(
            f"Which field was observed? The model has {len(found) or 'no'} fields of this kind{listed}.",
            "--observed FIELD=FILE",
        )
    return found[0]


def _ends(values: Varied) -> tuple[Any, ...]:
    return (values.low, values.high) if isinstance(values, Bounds) else values


def _said(values: Varied) -> str:
    return str(values) if isinstance(values, Bounds) else ",".join(map(repr, values))


def _range(values: list[Any]) -> tuple[Any, ...]:
    """Return the least and the greatest of numbers; of other values all that there are."""
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
        return min(values), max(values)
    return tuple(dict.fromkeys(values))
