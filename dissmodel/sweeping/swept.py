"""What a sweep is asked for, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dissmodel import markup
from dissmodel.consent import Consent
from dissmodel.sweeping.folder import RECORD, TEXTS
from dissmodel.sweeping.runs import SHORT_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pandas import DataFrame

    from dissmodel.outcome import Experiment
    from dissmodel.record import ExperimentRecord
    from dissmodel.sweeping.folder import SweepFolder
    from dissmodel.sweeping.plan import Plan


@dataclass(frozen=True, kw_only=True)
class SweepRequest:
    """What a user asked for.

    `output` is a folder, or ``s3://BUCKET/PREFIX``. `cluster` and `workers` are as
    `dissmodel.engines.open_engine` takes them, `cluster_tls` has settings that go before the user's own;
    `threads` is how many threads each run may use. `fail_fast`:
    no run begins after one that failed. `keep_old_code`: runs that an earlier state of the model's code made
    count. `other_plan`: the plan may take the place of another one, whose runs it does not all have.
    `dry_run`: nothing is written, and the first missing run is tried. `asked` is the digest of what was asked
    for that determines the runs, `asked_files` are files that have a part of it.
    """

    plan: Plan
    output: Path | str
    cluster: str | None = None
    cluster_tls: Mapping[str, str] = field(default_factory=dict)
    workers: int | None = None
    threads: int = 1
    fail_fast: bool = False
    keep_old_code: bool = False
    other_plan: bool = False
    dry_run: bool = False
    consent: Consent = field(default_factory=Consent)
    command: tuple[str, ...] = ()
    asked: str = ""
    asked_files: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What the missing runs will take, by the first of them.

    Attributes
    ----------
    at_once : int
        How many run at the same time.
    seconds, run_seconds : float
        How long all of them take, and each.
    memory_bytes, run_memory_bytes : int
        The memory of those that run at the same time, and of each.
    disk_bytes, run_disk_bytes : int
        What all of them leave on the disk, and each.
    """

    at_once: int
    seconds: float
    run_seconds: float
    memory_bytes: int
    run_memory_bytes: int
    disk_bytes: int
    run_disk_bytes: int


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """How a sweep stands.

    Attributes
    ----------
    folder : SweepFolder
        Where it is; ``folder.path`` is the path. Of a sweep in a bucket it has the plan, the table and the
        record.
    place : str
        Its URI, which ends in a slash, where it is in a bucket; else empty.
    rows, runs : int
        The rows of the plan, and the different runs among them.
    completed, failed, missing : int
        How many of the runs completed, failed, and have not ended.
    began : int
        How many of them this call ran.
    old_code : int
        How many an earlier state of the model's code made.
    seconds : float
        How long this call ran them.
    estimate : Estimate or None
        What the missing runs will take, after a dry run.
    """

    folder: SweepFolder
    rows: int
    runs: int
    completed: int
    failed: int
    began: int = 0
    old_code: int = 0
    seconds: float = 0.0
    estimate: Estimate | None = None
    place: str = ""

    @property
    def missing(self) -> int:
        """How many runs have not ended."""
        return self.runs - self.completed - self.failed

    @property
    def record(self) -> ExperimentRecord:
        """The record of the whole."""
        return self.folder.record

    def table(self) -> DataFrame:
        """Return the table: a row for each row of the plan; the index is the number of the row, from 1.

        Its columns are those of ``runs.csv``: the key, what varies, replicate, seed, status, the metrics, and
        what the run took and left.
        """
        import pandas as pd  # noqa: PLC0415  (it takes long to load)

        texts = dict.fromkeys(("key", "status", *TEXTS), "str")
        types = {**texts, "seed": "UInt64", "peak_memory_bytes": "Int64", "tries": "Int64"}
        found = pd.read_csv(self.folder.table_path, dtype=types, index_col="run")
        return found.fillna(dict.fromkeys(texts, ""))

    def _repr_html_(self) -> str:
        def content() -> str:
            ended = f"{self.completed} of {self.runs} runs completed, {self.failed} failed"
            found = self.table().reset_index()
            rows = found.itertuples(index=False, name=None)
            return markup.paragraph(f"{ended}, {self.missing} missing") + markup.table([*found.columns], rows)

        return markup.cell(content)

    def open(self, run: int | str) -> Experiment:
        """Open a run: its record, and its result as data.

        Parameters
        ----------
        run : int or str
            The number of a row of the table, or the key of a run or the beginning of it.

        Raises
        ------
        UsageError
            If there is no such run, or it has not ended.
        """
        from dissmodel.experiment.records import open_record  # noqa: PLC0415  (as above)
        from dissmodel.outcome import Experiment  # noqa: PLC0415  (as above)

        key, digest = self.folder.find(run)
        place: Path | str = f"{self.place}runs/{key[:SHORT_KEY]}/{RECORD}"
        if not self.place:
            place = self.folder.record_of(key, digest)
        record, document = open_record(place)
        return Experiment(record, place, document, str(place))
