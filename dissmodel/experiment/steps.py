"""What a model measured at each step, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dissmodel.errors import InvalidInput, shell_word
from dissmodel.experiment import spreadsheet
from dissmodel.record import ExperimentRecord, store

STEP = "step"


@dataclass(frozen=True)
class StepTable:
    """A table of measures.

    Attributes
    ----------
    steps : tuple of float or int
        The step that each row belongs to.
    measures : dict of str to tuple of float or int
        A number per step, by the measure's name.
    """

    steps: tuple[float | int, ...]
    measures: dict[str, tuple[float | int, ...]]

    def rows(self) -> tuple[tuple[float | int, ...], ...]:
        """Return the rows, each a step and its measures."""
        return tuple(zip(self.steps, *self.measures.values(), strict=True))


def step_table(record: ExperimentRecord, path: Path | str) -> StepTable:
    """Return the measures of a record; steps are counted from 1 where it has no column ``step``.

    Raises
    ------
    InvalidInput
        If there are none (code ``no_steps``), or the measures have different numbers of steps.
    """
    columns = {name: tuple(values) for name, values in record.step_metrics.items() if values}
    measures = {name: values for name, values in columns.items() if name != STEP}
    if not measures:
        raise InvalidInput(
            f"{path}: it has no measures per step; {record.model_name or 'the model'} noted none.",
            f"See what it has: dissmodel record show {shell_word(str(path))}",
            code="no_steps",
        )
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name[:40]!r} {length}" for name, length in [*lengths.items()][:8])
        raise InvalidInput(
            f"{path}: its measures have different numbers of steps: {said}.",
            "Check step_metrics in the file.",
            code="no_steps",
        )
    number = next(iter(lengths.values()))
    return StepTable(columns.get(STEP) or tuple(range(1, number + 1)), measures)


def as_csv(table: StepTable) -> str:
    """Return the table as CSV, every digit of each number.

    >>> print(as_csv(StepTable((1, 2), {"flooded": (0, 7)})), end="")
    step,flooded
    1,0
    2,7
    """
    return spreadsheet.as_csv([(STEP, *table.measures), *table.rows()])


def write_csv(table: StepTable, path: Path, *, overwrite: bool) -> None:
    """Write the table as CSV.

    Raises
    ------
    UsageError
        If the file exists and may not be replaced, or is not a file.
    StorageError
        If it can't be written.
    """
    spreadsheet.refuse_taken(path, overwrite=overwrite)
    store.write_atomically(path, as_csv(table).encode())
