"""From a record back to the first input, from run to run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dissmodel.experiment.recorded_input import local_input
from dissmodel.experiment.source import InFolder
from dissmodel.experiment.verify import Check, verified
from dissmodel.record import store
from dissmodel.record.lineage import Index, Link
from dissmodel.record.scan import Summary, summary_of

End = Literal["input", "missing", "cycle"]


@dataclass(frozen=True)
class Step:
    """One run of a chain.

    Attributes
    ----------
    path : Path
        Where its record is.
    record : Summary
        What that says.
    checks : tuple of Check
        Whether the record and the files are still what it says.
    link : Link or None
        How it was found from the run after it; None for the one that was asked about.
    """

    path: Path
    record: Summary
    checks: tuple[Check, ...]
    link: Link | None = None


@dataclass(frozen=True)
class Lineage:
    """A chain of runs, the latest first.

    Attributes
    ----------
    steps : tuple of Step
        Each one's input is the result of the next.
    end : str
        How the chain ends: with an ``input`` that no known run made, with the id of a record that is
        ``missing``, or with a run that it has been at already, a ``cycle``.
    unreadable : tuple of str
        The records that could not be read, and why.
    """

    steps: tuple[Step, ...]
    end: End
    unreadable: tuple[str, ...] = ()


def lineage(path: Path, folders: tuple[Path, ...] = ()) -> Lineage:
    """Follow a record back to the first input.

    A run's input was made by the run whose id its record notes, or whose files have the input's sha256. Their
    records are looked for beside each record of the chain, beside its input, and below `folders`.

    Raises
    ------
    InvalidInput, StorageError
        If there is no such record or folder, or it can't be read.
    """
    index = Index(folders)
    steps = [_step(path)]
    met = {steps[0].record.experiment_id}
    end: End | None = None
    while end is None:
        last = steps[-1]
        index.look_in(last.path.parent)
        source = local_input(last.path, last.record.source.uri)
        if source is not None:
            index.look_in(source.parent)
        link = index.origin(last.record)
        if link is None:
            end = "missing" if last.record.derived_from else "input"
        elif link.experiment_id in met:
            end = "cycle"
        else:
            met.add(link.experiment_id)
            steps.append(_step(link.path, link))
    unreadable = tuple(one.error.message for one in index.unreadable if one.error is not None)
    return Lineage(tuple(steps), end, unreadable)


def _step(path: Path, link: Link | None = None) -> Step:
    document = store.read_document(path)
    return Step(path, summary_of(document, str(path)), tuple(verified(InFolder(path, document))), link)
