"""What comes out of a sweep: tables over replicates, over steps and of sensitivity, charts, maps over runs.

All of it is made anew from the records and the results, and can be deleted.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dissmodel import temporary
from dissmodel.errors import InvalidInput, UsageError, did_you_mean, disk_errors
from dissmodel.experiment.spreadsheet import as_csv
from dissmodel.metrics.samples import STATISTICS, mean_interval, statistics
from dissmodel.printable import count
from dissmodel.record import MAIN, store
from dissmodel.sweeping import finished
from dissmodel.sweeping.designs import Design
from dissmodel.sweeping.folder import PENDING, SweepFolder, SweptRun
from dissmodel.sweeping.maps import file_name
from dissmodel.sweeping.runs import COMPLETED, SHORT_KEY
from dissmodel.sweeping.sensitivity import Index, indices
from dissmodel.sweeping.summary_maps import write_maps
from dissmodel.sweeping.values import is_input

Maps = Literal["all", "mean", "none"]
Floats: TypeAlias = NDArray[np.float64]
Group: TypeAlias = tuple[Any, ...]

_STEP = "step"
_SHOWN = 10
_MOST_CHARTS = 12  # metrics
_MOST_MAPS = 50  # groups


@dataclass(frozen=True, kw_only=True)
class SummaryRequest:
    """What to summarise.

    `metrics`: all by default. `group_by` are names of what varies: the runs with the same values of these are
    taken together; by default the replicates of a row of the plan, or all runs where there are none. `maps`
    are made with quantiles (``all``), without them (``mean``), which reads each result once, or not at all.
    """

    folder: Path
    metrics: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    maps: Maps = "all"
    overwrite: bool = False


@dataclass(frozen=True)
class Row:
    """Statistics, in the order of `STATISTICS`, of a metric over the runs of a group."""

    group: Group
    metric: str
    numbers: tuple[float, ...]

    @property
    def statistics(self) -> dict[str, float]:
        """The numbers by name."""
        return dict(zip(STATISTICS, self.numbers, strict=True))


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What was summarised, and the files below `folder`.

    `rows` are of `grouped_by`; `indices` are by metric; `notes` say what is left out. `refused` says why a
    metric has no indices: a run that the design needs failed, is missing, or has no finite value.
    """

    folder: Path
    runs: int
    completed: int
    grouped_by: tuple[str, ...]
    rows: tuple[Row, ...]
    indices: Mapping[str, tuple[Index, ...]]
    files: tuple[Path, ...]
    notes: tuple[str, ...]
    refused: InvalidInput | None = None


def summarize(request: SummaryRequest) -> Summary:
    """Summarise a sweep into the folder ``summary`` of its folder.

    Raises
    ------
    InvalidInput
        If the folder has no sweep or no completed run, or if results are on different cells.
    UsageError
        If there is no such metric or parameter, or the folder ``summary`` is there already.
    StorageError
        If it can't be written.
    """
    folder = SweepFolder.open(request.folder)
    target = folder.summary_path
    if target.exists() and not request.overwrite:
        raise UsageError(
            f"{target}: it exists already.", "Replace the whole folder: --overwrite", code="output_exists"
        )
    written = partial(disk_errors, f"{target}: can't be written")
    with contextlib.ExitStack() as stack:
        with written():
            scratch = stack.enter_context(temporary.new_folder(folder.path))
            (scratch / target.name).mkdir()
        summary = summary_in(scratch / target.name, folder, request)
        with written():
            if target.exists():
                target.replace(scratch / "old")
            (scratch / target.name).replace(target)
    return summary


def summary_in(target: Path, folder: SweepFolder, request: SummaryRequest) -> Summary:
    """Summarise a sweep into an empty folder; the paths of the summary's files are those of `summarize`.

    Raises
    ------
    DissmodelError
        As `summarize`, but for what is there already.
    """
    return _Summarizer(folder, request, target).run()


class _Summarizer:
    """The work on one sweep; what is left out is added to `notes`."""

    def __init__(self, folder: SweepFolder, request: SummaryRequest, target: Path) -> None:
        self.folder, self.request, self.target = folder, request, target
        self.notes: list[str] = []
        self.files: list[Path] = []
        self.charts: set[str] = set()
        self.refused: InvalidInput | None = None
        self.rows = list(folder.runs())
        self.runs = {run.key: run for run in self.rows if run.status == COMPLETED}
        if not self.runs:
            raise InvalidInput(
                f"{folder.path}: none of its {len(self.rows)} runs has completed.",
                f"See why: dissmodel sweep status {folder.path}",
                code="no_runs",
            )
        self._note_missing()
        self.names = self._names()
        self.metrics = self._metrics()
        groups = len(self.groups) if request.group_by and request.maps != "none" else 1
        if groups > _MOST_MAPS:
            raise UsageError(
                f"--group-by {' '.join(self.names)}: {groups} groups, and maps of at most {_MOST_MAPS}.",
                "Group by what has fewer values; or make no maps: --maps none",
                code="too_many_groups",
            )

    def run(self) -> Summary:
        rows = self._statistics()
        found = self._sensitivity()
        self._convergence()
        self._steps()
        self._maps()
        return Summary(
            folder=self.folder.summary_path,
            runs=len({run.key for run in self.rows}),
            completed=len(self.runs),
            grouped_by=self.names,
            rows=rows,
            indices=found,
            files=tuple(self.folder.summary_path / one.relative_to(self.target) for one in self.files),
            notes=tuple(dict.fromkeys(self.notes)),
            refused=self.refused,
        )

    # What is looked at.

    def _note_missing(self) -> None:
        for what, is_it in (
            ("failed", lambda run: run.status not in {COMPLETED, PENDING}),
            ("did not run yet", lambda run: run.status == PENDING),
        ):
            keys = [*dict.fromkeys(run.key[:SHORT_KEY] for run in self.rows if is_it(run))]
            if keys:
                more = " …" if len(keys) > _SHOWN else ""
                named = ", ".join(keys[:_SHOWN])
                self.notes.append(f"left out: {count(len(keys), 'run')} that {what}: {named}{more}")

    def _names(self) -> tuple[str, ...]:
        """Return what the runs are grouped by."""
        plan = self.folder.plan
        for name in self.request.group_by:
            if name not in plan.names:
                raise UsageError(
                    f"--group-by {name}: this does not vary in the sweep.",
                    did_you_mean(name, plan.names),
                    code="unknown_parameter",
                )
        return self.request.group_by or (plan.names if plan.replicates > 1 else ())

    def _metrics(self) -> tuple[str, ...]:
        known = tuple(dict.fromkeys(name for run in self.runs.values() for name in run.metrics))
        for name in self.request.metrics:
            if name not in known:
                raise UsageError(
                    f"--metric {name}: no run has this metric.",
                    did_you_mean(name, known) or "The runs have no metrics.",
                    code="unknown_metric",
                )
        return tuple(dict.fromkeys(self.request.metrics)) or known

    @cached_property
    def groups(self) -> dict[Group, list[SweptRun]]:
        """The completed runs by the values of `names`, in the order of the plan."""
        return _grouped(self.runs.values(), self.names)

    @cached_property
    def _asked_groups(self) -> tuple[tuple[str, ...], dict[Group, list[SweptRun]]]:
        """What the user asked to group by, and the groups; all runs are one by default."""
        if self.request.group_by:
            return self.names, self.groups
        return (), {(): [*self.runs.values()]}

    @cached_property
    def documents(self) -> dict[str, Mapping[str, Any]]:
        """Of each completed run what is needed of its record."""
        found: dict[str, Mapping[str, Any]] = {}
        for key in self.runs:
            document = finished.read(self.folder.run_record_path(key))
            steps = _part(document, "step_metrics")
            found[key] = {
                "parts": _part(document, "files", MAIN, "content_digest", "parts"),
                "steps": {
                    one: steps[one] for one in (_STEP, *self.metrics) if isinstance(steps.get(one), list)
                },
            }
        return found

    # Tables and charts.

    def _statistics(self) -> tuple[Row, ...]:
        rows, lost = [], 0
        for group, runs in self.groups.items():
            for metric in self.metrics:
                given = [run.metrics[metric] for run in runs if metric in run.metrics]
                lost += sum(not math.isfinite(one) for one in given)
                rows.append(Row(group, metric, statistics(np.array(given))))
        if lost:
            self.notes.append(f"left out: {count(lost, 'value')} of metrics that are not finite")
        table = [(*one.group, one.metric, *one.numbers) for one in rows]
        self._table("metrics", self.names, ("metric", *STATISTICS), table)
        return tuple(rows)

    def _sensitivity(self) -> dict[str, tuple[Index, ...]]:
        design, replicates = self.folder.plan.design, self.folder.plan.replicates
        if not isinstance(design, Design) or design.kind not in {"sobol", "morris"}:
            return {}
        shape = (len(design), replicates)
        keys = np.reshape([run.key for run in self.rows], shape)
        found, table = {}, []
        for metric in self.metrics:
            values = [run.metrics.get(metric) if run.status == COMPLETED else None for run in self.rows]
            try:
                made = indices(design, metric, np.reshape(np.array(values, np.float64), shape), keys)
            except InvalidInput as error:
                if self.refused is None:
                    self.refused = error
                else:
                    self.notes.append(error.message)
                continue
            if not made:
                self.notes.append(f"{metric} is the same in all runs: it has no indices")
                continue
            found[metric] = made
            table += [(metric, one.name, one.parameter, one.value, one.half_width) for one in made]
        self._table("sensitivity", (), ("metric", "index", "parameter", "value", "half_width"), table)
        for metric in self._charted(found):
            of_index = {
                name: [(one.value, math.nan if one.half_width is None else one.half_width) for one in ours]
                for name, ours in itertools.groupby(found[metric], key=lambda one: one.name)
            }
            self._chart("tornado", metric, of_index, design.names, f"Design {design}, {len(self.rows)} rows.")
        return found

    def _convergence(self) -> None:
        """Write the mean and its interval over the first replicates, by their number."""
        if self.folder.plan.replicates > 1:
            head = ("replicates", "runs", "mean", "low", "high")
            self._curves("convergence", self.names, self.groups, head, _converging)

    def _steps(self) -> None:
        """Write statistics over runs by step: of groups where they were asked for, else of all runs."""

        def curve(runs: Sequence[SweptRun], metric: str) -> Floats:
            return _by_step([self.documents[run.key]["steps"] for run in runs], metric)

        self._curves("steps", *self._asked_groups, (_STEP, *STATISTICS), curve)

    def _curves(
        self,
        kind: Literal["convergence", "steps"],
        names: tuple[str, ...],
        groups: Mapping[Group, list[SweptRun]],
        head: tuple[str, ...],
        curve: Callable[[Sequence[SweptRun], str], Floats],
    ) -> None:
        """Write a table and charts of curves, each an array with a row for each place on the first axis."""
        table: list[tuple[Any, ...]] = []
        curves: dict[str, dict[str, Floats]] = {}
        for metric, (group, runs) in itertools.product(self.metrics, groups.items()):
            made = curve(runs, metric)
            if len(made):
                table += [(*group, metric, *one) for one in made.tolist()]
                curves.setdefault(metric, {})[_called(names, group)] = made
        self._table(kind, names, ("metric", *head), table)
        for metric in self._charted(curves):
            self._chart(kind, metric, curves[metric])

    def _charted(self, metrics: Iterable[str]) -> list[str]:
        found = list(metrics)
        if len(found) > _MOST_CHARTS:
            self.notes.append(
                f"charts show the first {_MOST_CHARTS} of {len(found)} metrics; --metric NAME chooses"
            )
        return found[:_MOST_CHARTS]

    def _table(
        self, name: str, names: tuple[str, ...], head: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Write a table of rows, which begin with the values of `names`, unless it has none."""
        if not rows:
            return
        whole = {len(names) + head.index(one) for one in ("runs", "replicates", _STEP) if one in head}
        typed = (
            [int(one) if place in whole and one == int(one) else one for place, one in enumerate(row)]
            for row in rows
        )
        first = [*(f"parameter_{one}" if one in head else one for one in names), *head]
        path = self.target / f"{name}.csv"
        store.write_atomically(path, as_csv([first, *typed]).encode())
        self.files.append(path)

    def _chart(self, kind: Any, metric: str, *data: Any) -> None:
        from dissmodel.visualization import sweep_charts  # noqa: PLC0415  (it loads matplotlib)

        name = file_name(f"{kind}.{metric}", self.charts)
        for suffix, drawn in sweep_charts.draw(kind, metric, *data).items():
            path = self.target / f"{name}{suffix}"
            store.write_atomically(path, drawn)
            self.files.append(path)

    def _maps(self) -> None:
        if self.request.maps == "none":
            return
        names, groups = self._asked_groups
        self.files += write_maps(
            self.folder,
            {_called(names, group) if group else "": runs for group, runs in groups.items()},
            {key: one["parts"] for key, one in self.documents.items()},
            self.target / "maps",
            self.notes,
            quantiles=self.request.maps == "all",
        )


def _grouped(runs: Iterable[SweptRun], names: Sequence[str]) -> dict[Group, list[SweptRun]]:
    found: dict[Group, list[SweptRun]] = {}
    for run in runs:
        found.setdefault(tuple(_value(run, name) for name in names), []).append(run)
    return found


def _value(run: SweptRun, name: str) -> Any:
    """Return the value of a parameter or an input in a run; empty where the run's grid does not vary it."""
    if is_input(name):
        return run.inputs.get(name.partition(".")[2], "")
    value = run.values.get(name, "")
    return str(value) if isinstance(value, list | dict) else value


def _called(names: Sequence[str], group: Group) -> str:
    values = (Path(one).name if is_input(name) else one for name, one in zip(names, group, strict=True))
    return ", ".join(f"{name}={value}" for name, value in zip(names, values, strict=True)) or "all runs"


def _converging(runs: Sequence[SweptRun], metric: str) -> Floats:
    """Return the number of replicates, the runs that these have, their mean and the ends of its interval."""
    return np.array(
        [
            (last, *mean_interval(np.array([_metric(run, metric) for run in runs if run.replicate <= last])))
            for last in range(2, max(run.replicate for run in runs) + 1)
        ]
    )


def _metric(run: SweptRun, metric: str) -> float:
    return run.metrics.get(metric, math.nan)


def _by_step(measured: Sequence[Mapping[str, Any]], metric: str) -> Floats:
    """Return each step of any run, and the statistics of the metric over the runs that have it."""
    found: dict[float, list[float]] = {}
    for one in measured:
        values = [_number(value) for value in one.get(metric, ())]
        steps = [_number(value) for value in one.get(_STEP, range(1, len(values) + 1))]
        for step, value in zip(steps, values, strict=True) if len(values) == len(steps) else ():
            if math.isfinite(step):
                found.setdefault(step, []).append(value)
    return np.array([(step, *statistics(np.array(found[step]))) for step in sorted(found)])


def _part(document: object, *names: str) -> Mapping[str, Any]:
    """Return an object within a record's document, which may hold anything; an empty one where it is none."""
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # a record may hold anything
    except (TypeError, ValueError):
        return float("nan")
