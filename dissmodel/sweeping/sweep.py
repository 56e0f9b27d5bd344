"""A sweep: what is missing of a plan is run."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dissmodel import gdal_settings, temporary
from dissmodel.config import load_settings
from dissmodel.engines import Engine, open_engine
from dissmodel.errors import DissmodelError, RunFailed, UsageError
from dissmodel.executor.host import InProcess
from dissmodel.experiment.at_hand import at_hand
from dissmodel.io.locate import companions
from dissmodel.io.sidecars import sidecars
from dissmodel.printable import cut
from dissmodel.progress import Reporter, reporting
from dissmodel.record import ExperimentRecord, OtherSource, identity
from dissmodel.running.model import open_model
from dissmodel.running.others import INPUT, OtherInput, names_in_a_record
from dissmodel.running.prepare import observe
from dissmodel.storage.uri import is_remote
from dissmodel.sweeping import finished, keys
from dissmodel.sweeping.bucket import Bucket
from dissmodel.sweeping.designs import Design, FileDesign
from dissmodel.sweeping.folder import SweepFolder
from dissmodel.sweeping.journal import Header
from dissmodel.sweeping.loop import Loop, held
from dissmodel.sweeping.plan import Plan, agree
from dissmodel.sweeping.runs import COMPLETED, SHORT_KEY, EndedRun
from dissmodel.sweeping.standing import determining
from dissmodel.sweeping.swept import Estimate, Sweep, SweepRequest
from dissmodel.sweeping.worker import Task, do

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
            stack.enter_context(held(folder))
        loop = _Sweep(request, folder, stack.enter_context(open_model(opening)), reporter, bucket)
        stack.callback(loop.journal.close)
        return loop.dry_run() if request.dry_run else loop.run()


class _Sweep(Loop):
    """The loop of a sweep, whose plan is known from the beginning."""

    def run(self) -> Sweep:
        record = self.opened_record()
        if self.bucket is not None:
            self.bucket.bring_plan(self.folder)
        added = list(finished.reconcile(self.folder, self.journal, self.bucket))
        self._look(added)
        self._note_inputs(record)
        self.write_plan()
        header = self._header(record)
        if not (self.survey.missing or added) and self._is_written(header):
            return self.standing()
        self.begin(header, record, added)
        with self.written_down(record) as swept:
            if self.survey.missing:
                with self.engine(self.survey.missing) as run:
                    run(self._tasks(), lambda ended: self.request.fail_fast and ended.status != COMPLETED)
        return swept[0]

    def dry_run(self) -> Sweep:
        """Try the first missing run; return how the sweep stands, and what the missing runs will take."""
        self._look(list(finished.reconcile(self.folder, self.journal, self.bucket)))
        missing, request = self.survey.missing, self.request
        if not missing:
            return self.standing()
        with (
            temporary.new_folder() as place,
            open_engine(None, request.workers, request.threads, load_settings()) as engine,
        ):
            ended, size = self._trial(engine, place / "1")
            if ended.seconds < _SHORT_S:  # the first run in a process loads libraries
                ended, size = self._trial(engine, place / "2")
            at_once, memory = min(engine.slots, missing), ended.peak_memory_bytes
        estimate = Estimate(
            at_once=at_once,
            seconds=round(missing * ended.seconds / at_once, 1),
            run_seconds=ended.seconds,
            memory_bytes=at_once * memory,
            run_memory_bytes=memory,
            disk_bytes=missing * size,
            run_disk_bytes=size,
        )
        return replace(self.standing(), estimate=estimate)

    def _trial(self, engine: Engine, place: Path) -> tuple[EndedRun, int]:
        """Try the first missing run; return how it ended, and the bytes of its files."""
        task = next(self._tasks())
        name = str(task.request.output).removeprefix(f"{task.folder}{os.sep}")
        request = replace(task.request, output=f"{place}{os.sep}{name}")
        ended = engine.submit(do, replace(task, request=request, folder=place, place="")).result()
        if ended.status != COMPLETED:
            raise RunFailed(f"The trial run failed: {ended.error}", "Run it alone: dissmodel run")
        return ended, sum(one.stat().st_size for one in place.rglob("*"))

    def _tasks(self) -> Iterator[Task]:
        begun: set[bytes] = set()
        for planned in self.planned():
            key = bytes.fromhex(planned.key)
            if key not in begun and planned.key not in self.survey.reused and not self._has(planned.key):
                begun.add(key)
                yield self.task(planned)

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
            files=determining([*datasets, *others], datasets),
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
            said.append(f"{one.name}: {cut(str(was), _LONGEST)} there, {cut(str(now), _LONGEST)} here.")
    if isinstance(plan.design, Design) and not plan.design.grows and plan.design != old.design:
        said.append("A Latin hypercube of another size has other rows; sobol and morris grow.")
    more = f" And {len(said) - _SHOWN} more." if len(said) > _SHOWN else ""
    return " ".join(said[:_SHOWN]) + more or "The inputs or the model's code were changed."
