"""What to reproduce, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from uuid import uuid4

from dissmodel import markup
from dissmodel.comparison import Comparison, Tolerance, Verdict
from dissmodel.comparison.verdict import SAME
from dissmodel.consent import Consent
from dissmodel.experiment.at_hand import AtHand
from dissmodel.record import ExperimentRecord
from dissmodel.record.diff import Difference
from dissmodel.reproducing.artifacts import worst
from dissmodel.reproducing.run_context import other_code
from dissmodel.result import Result


@dataclass(frozen=True, kw_only=True)
class ReproduceRequest:
    """What to reproduce, and how.

    Attributes
    ----------
    record : Path or str
        The record; a text may be an ``s3://`` or ``https://`` URL too.
    input : str or None
        Where its input is now; it has to be the recorded bytes.
    others : Mapping of str to str
        Where other inputs are now, by name.
    at_hand, others_at_hand : AtHand or None, Mapping of str to AtHand
        The input, and the other inputs by name, where the caller has fetched and checked them and keeps them.
    output : str or None
        Where the new result goes; None: beside the record, under a name of its own, or in the current folder
        if the record is not on this machine.
    check : bool
        Whether no result and no record is to be left.
    model : str or None
        The model, as ``dissmodel run`` takes it; None: the one that the record names.
    strict : bool
        Whether code that is not the recorded code is refused.
    tolerance : Tolerance or None
        Which differences still count as the same; None: only equal values do.
    threads : int or None
        How many threads the model may use; None: as many as in the recorded run.
    diff_map : str or None
        Where to write the new result less the recorded one.
    env : {"here", "recorded"}
        With the packages that are here, or with those of the record in an environment of their own.
    consent : Consent
        What the user agrees to, if packages have to be installed.
    overwrite : bool
        Whether an earlier reproduction at `output`, or an earlier map, may be replaced.
    command : tuple of str
        What was typed, for the new record.
    experiment_id : str
        The id of the new run.
    """

    record: Path | str
    input: str | None = None
    others: Mapping[str, str] = field(default_factory=dict)
    at_hand: AtHand | None = None
    others_at_hand: Mapping[str, AtHand] = field(default_factory=dict)
    output: str | None = None
    check: bool = False
    model: str | None = None
    strict: bool = False
    tolerance: Tolerance | None = None
    threads: int | None = None
    diff_map: str | None = None
    env: Literal["here", "recorded"] = "here"
    consent: Consent = field(default_factory=Consent)
    overwrite: bool = False
    command: tuple[str, ...] = ()
    experiment_id: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True)
class Reproduced(Result):
    """A run that repeated a recorded run, and the verdict on its result.

    Attributes
    ----------
    recorded : ExperimentRecord
        The run that was repeated.
    recorded_path : Path or str
        Where its record is; a URL if it is not on this machine.
    record : ExperimentRecord
        The new run.
    record_path : Path or None
        Where its record is; None with `check`.
    files : Mapping of str to Path
        The files of its result; empty with `check`.
    artifacts : Mapping of str to Comparison
        Each file's verdict; A is the recorded one.
    drawn : frozenset of str
        The files that only say how the result is drawn: they don't count in the verdict.
    changed : tuple of Difference
        What differs between the contexts of the two runs.
    diff_map : Path or None
        The map that was written.
    warnings : tuple of str
        About the comparison of the files.
    statement : Path or None
        The signed statement of the verdict, if one was asked for.
    """

    recorded: ExperimentRecord
    recorded_path: Path | str
    record: ExperimentRecord
    record_path: Path | None
    files: Mapping[str, Path]
    artifacts: Mapping[str, Comparison]
    drawn: frozenset[str]
    changed: tuple[Difference, ...]
    diff_map: Path | None = None
    warnings: tuple[str, ...] = ()
    statement: Path | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict on the whole: that of the worst file that counts."""
        return worst(self.artifacts, self.drawn)

    @property
    def same(self) -> bool:
        """Whether it is the same result."""
        return self.verdict in SAME

    def _repr_html_(self) -> str:
        def content() -> str:
            said = f"{self.recorded.model_name} of {self.recorded_path}, run again: {self.verdict}"
            files = [(name, one.verdict) for name, one in self.artifacts.items()]
            changed = [(one.what, one.recorded, one.now) for one in self.changed]
            return (
                markup.paragraph(said)
                + markup.table(("file", "verdict"), files)
                + markup.folded("What differs around it", markup.table(("what", "then", "now"), changed))
            )

        return markup.cell(content)

    @property
    def other_code(self) -> tuple[Difference, ...]:
        """How the code differs from the recorded one."""
        return other_code(self.changed)
