"""The folder of a sweep: where everything is in it, and its table read again, a run at a time."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from dissmodel.errors import DissmodelError, InvalidInput, UsageError
from dissmodel.sweeping.runs import NAME, SHORT_KEY

if TYPE_CHECKING:
    from dissmodel.record import ExperimentRecord
    from dissmodel.sweeping.plan import Plan

BEFORE_METRICS = ("replicate", "seed", "status")
AFTER_METRICS = (
    "seconds",
    "cpu_seconds",
    "peak_memory_bytes",
    "output",
    "sha256",
    "content_digest",
    "record_digest",
    "error",
    "tries",
    "worker",
    "old_code",
)
TEXTS = ("output", "sha256", "content_digest", "record_digest", "error", "worker")
"""The columns of the table that are texts, beside the key and the status."""
RECORD = f"{NAME}.record.json"
PENDING = "pending"
"""The status, in the table, of a run that has not begun."""


class SweptRun(NamedTuple):
    """A row of the table.

    `values` and `inputs` are those of the plan, typed; `output` is the path of the result relative to the
    sweep's folder, empty where there is none, as are `seed` and `error`. Rows with one key share one run.
    """

    key: str
    values: Mapping[str, Any]
    inputs: Mapping[str, str]
    replicate: int
    seed: str
    status: str
    metrics: Mapping[str, float]
    output: str
    error: str


@dataclass(frozen=True)
class SweepFolder:
    """The folder of a sweep; nothing in it is read before it is asked for."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> SweepFolder:
        """Return the folder of a sweep that is there.

        Raises
        ------
        InvalidInput
            If there is no such folder, or no sweep in it.
        """
        folder = cls(path)
        if not folder.plan_path.is_file():
            what = "no sweep in this folder: it has no sweep.toml" if path.is_dir() else "no such folder"
            raise InvalidInput(
                f"{path}: there is {what}.",
                "Give the folder that was the --output of dissmodel sweep.",
                code="no_sweep",
            )
        return folder

    @property
    def plan_path(self) -> Path:
        """The plan as it was resolved."""
        return self.path / "sweep.toml"

    @property
    def record_path(self) -> Path:
        """The record of the whole."""
        return self.path / "sweep.record.json"

    @property
    def journal_path(self) -> Path:
        """A line for each run that ended; it can be deleted."""
        return self.path / "runs.jsonl"

    @property
    def table_path(self) -> Path:
        """The table: a row for each row of the plan."""
        return self.path / "runs.csv"

    @property
    def summary_path(self) -> Path:
        """The folder for what `dissmodel sweep summary` writes."""
        return self.path / "summary"

    @property
    def runs_path(self) -> Path:
        """The folder with a folder for each run."""
        return self.path / "runs"

    def run_path(self, key: str) -> Path:
        """Return the folder of a run."""
        return self.runs_path / key[:SHORT_KEY]

    def run_record_path(self, key: str) -> Path:
        """Return where the record of a run is if it completed."""
        return self.run_path(key) / RECORD

    def output_path(self, run: SweptRun) -> Path | None:
        """Return where the result of a run is; None if it has none, or if the result was not kept.

        Raises
        ------
        InvalidInput
            If the table names a file outside the folder.
        """
        from dissmodel.record import store  # noqa: PLC0415  (a sweep that has nothing to do needs none)

        if not run.output:
            return None
        path = store.artifact_path(self.table_path, run.output)
        return path if path.exists() else None

    @cached_property
    def plan(self) -> Plan:
        """The plan as it was resolved.

        Raises
        ------
        DissmodelError
            If the file can't be read.
        """
        from dissmodel.sweeping.plan import Plan  # noqa: PLC0415  (status needs none)

        return Plan.from_toml(self.plan_path)

    @cached_property
    def record(self) -> ExperimentRecord:
        """The record of the whole.

        Raises
        ------
        InvalidInput
            If there is none, or it can't be read.
        """
        from dissmodel.record import store  # noqa: PLC0415  (as above)

        return store.read(self.record_path)

    def runs(self) -> Iterator[SweptRun]:
        """Yield the rows of the table, in the order of the plan.

        Raises
        ------
        InvalidInput
            If there is no table, or it is not of this plan.
        """
        rows = self.plan.rows()
        with self._table() as stream:
            table = csv.DictReader(stream, strict=True)
            columns = tuple(table.fieldnames or ())
            metrics = metric_columns(columns)
            try:
                for row, found in zip(rows, table, strict=True):
                    numbers = {
                        name: float(found[column]) for name, column in metrics.items() if found[column]
                    }
                    yield SweptRun(
                        found["key"],
                        row.values,
                        row.inputs,
                        row.replicate,
                        found["seed"],
                        found["status"],
                        numbers,
                        found["output"],
                        found["error"],
                    )
            except (KeyError, TypeError, ValueError, csv.Error) as error:
                raise self._not_of_plan(str(error)) from error

    def find(self, run: int | str) -> tuple[str, str]:
        """Return the key of a run, and its record's digest, by the number of its row or the start of its key.

        Raises
        ------
        UsageError
            If there is no such run, or more than one.
        """
        with self._table() as stream:
            name, text = ("run", str(run)) if isinstance(run, int) else ("key", run)
            found = {
                row["key"]: row["record_digest"]
                for row in csv.DictReader(stream)
                if row[name] == text or (name == "key" and text and row[name].startswith(text))
            }
        if len(found) != 1:
            what = f"{len(found)} runs begin with" if found else "there is no run"
            raise UsageError(f"{self.path}: {what} {run!r}.", f"See {self.table_path.name}.")
        return next(iter(found.items()))

    def record_of(self, key: str, digest: str) -> Path:
        """Return the record of a run that has this digest.

        Raises
        ------
        UsageError
            If the run has not ended.
        """
        from dissmodel.record import store  # noqa: PLC0415  (as above)

        place = self.run_record_path(key)
        for one in (place, *sorted(place.parent.glob(f"{NAME}.*{store.SUFFIX}"))):
            with contextlib.suppress(DissmodelError):  # the run failed, and this is not its record
                if store.read_document(one).get("record_digest") == digest:
                    return one
        raise UsageError(f"{self.path}: the run {key[:SHORT_KEY]} has no record, or has not ended.")

    def _table(self) -> Any:
        try:
            return self.table_path.open(encoding="utf-8", newline="")
        except FileNotFoundError as error:
            raise InvalidInput(
                f"{self.path}: the sweep has no table yet.",
                "Let it end, or give its command again, which goes on where it stopped.",
                code="no_table",
            ) from error

    def _not_of_plan(self, why: str) -> InvalidInput:
        return InvalidInput(
            f"{self.table_path}: this is not the table of the plan beside it: {why[:200]}.",
            "Give the command of the sweep again: it writes the table anew and repeats no finished run.",
            code="bad_table",
        )


def metric_columns(columns: tuple[str, ...]) -> dict[str, str]:
    """Return the metrics of a table: name → column.

    >>> metric_columns(("run", "key", "tide", *BEFORE_METRICS, "area", "metric_tide", *AFTER_METRICS))
    {'area': 'area', 'tide': 'metric_tide'}
    """
    last = len(columns) - len(AFTER_METRICS)
    if columns[last:] != AFTER_METRICS:
        return {}
    first = columns.index(BEFORE_METRICS[-1]) + 1
    others = {*columns[:first], *AFTER_METRICS}
    names = ((column.removeprefix("metric_"), column) for column in columns[first:last])
    return {name if name in others else column: column for name, column in names}


def column_of_metric(name: str, others: set[str]) -> str:
    """Return the column of a metric; `others` are the columns that are not metrics.

    >>> column_of_metric("area", {"tide"}), column_of_metric("tide", {"tide"})
    ('area', 'metric_tide')
    """
    return f"metric_{name}" if name in others else name


def column_of_varied(name: str) -> str:
    """Return the column of what varies.

    >>> column_of_varied("tide"), column_of_varied("seed")
    ('tide', 'parameter_seed')
    """
    return f"parameter_{name}" if name in {"run", "key", *BEFORE_METRICS, *AFTER_METRICS} else name


def relative_output(key: str, output: str) -> str:
    """Return the path of a result as the table has it."""
    return PurePosixPath("runs", key[:SHORT_KEY], output).as_posix() if output else ""
