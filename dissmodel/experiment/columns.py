"""The columns of a list of records: which there are, and the value of each record in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dissmodel.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from dissmodel.experiment.listing import Row
    from dissmodel.record.scan import Summary

_METRIC, _PARAMETER = "metrics.", "parameters."
_MOST = 100
_LONGEST_HINT = 300
_NOT_IN_JSON = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}  # as records have them

FIXED: Mapping[str, Callable[[Row], Any]] = {
    "when": lambda row: row.record.created_at,
    "model": lambda row: row.record.model_name,
    "status": lambda row: row.record.status,
    "output": lambda row: row.output or "",
    "seed": lambda row: row.record.seed,
    "files": lambda row: row.state,
    "given": lambda row: row.record.given,
    "id": lambda row: row.record.experiment_id,
    "record": lambda row: str(row.path),
}
"""The columns that every list has."""

SORTED = ("when", "model", "status", "output", "seed")
"""Those of them that a list can be sorted by."""


def checked(
    columns: Sequence[str], option: str, records: Iterable[Summary], fixed: Iterable[str] = FIXED
) -> tuple[str, ...]:
    """Return columns that are fixed, or a metric or a parameter of some record.

    Where there is no record, any name is right.

    Raises
    ------
    UsageError
        If a column is none of these, is given twice, or there are too many; `option` is what asked for it.
    """
    found = list(records)
    known = dict.fromkeys(fixed)
    for record in found:
        known |= dict.fromkeys(record.metrics) | dict.fromkeys(record.parameters)
    for number, column in enumerate(columns):
        name = column.removeprefix(_METRIC).removeprefix(_PARAMETER)
        if name not in known and (found or not name):
            hint = did_you_mean(name, known)[:_LONGEST_HINT]
            raise UsageError(
                f"{option} {column}: there is no such column, and no record has such a metric or parameter.",
                hint,
            )
        if column in columns[:number]:
            raise UsageError(f"{option}: {column} is given twice.", "Give it once.")
    if len(columns) > _MOST:
        raise UsageError(
            f"{option}: these are {len(columns)} columns; at most {_MOST} are shown.", "Give fewer."
        )
    return tuple(columns)


def all_of(rows: Iterable[Row]) -> tuple[str, ...]:
    """Return every column that the list has, then the metrics and the parameters of its records."""
    found = list(rows)
    metrics = dict.fromkeys(name for row in found for name in row.record.metrics)
    parameters = dict.fromkeys(name for row in found for name in row.record.parameters)
    fixed = [name for name in FIXED if name != "given"]
    return (
        *fixed,
        *(name if name not in {*FIXED, *parameters} else f"{_METRIC}{name}" for name in metrics),
        *(name if name not in {*FIXED, *metrics} else f"{_PARAMETER}{name}" for name in parameters),
    )


def value(row: Row, column: str) -> Any:
    """Return a record's value in a column: that of the list, else of the metric or parameter of that name.

    ``metrics.NAME`` and ``parameters.NAME`` say which is meant. None where the record has none.
    """
    if column in FIXED:
        return FIXED[column](row)
    record = row.record
    if column.startswith(_METRIC) and (name := column.removeprefix(_METRIC)) in record.metrics:
        return record.metrics[name]
    if column.startswith(_PARAMETER) and (name := column.removeprefix(_PARAMETER)) in record.parameters:
        return record.parameters[name]
    return record.metrics.get(column, record.parameters.get(column))


def in_order(rows: list[Row], column: str, *, reverse: bool) -> None:
    """Sort records by a column: numbers before texts; those without a value, or with a NaN, come last."""
    keys = {id(row): _key(value(row, column)) for row in rows}
    with_value = [row for row in rows if keys[id(row)] is not None]
    without = [row for row in rows if keys[id(row)] is None]
    rows[:] = sorted(with_value, key=lambda row: keys[id(row)] or (), reverse=reverse) + without


def _key(given: Any) -> tuple[int, Any] | None:
    given = _NOT_IN_JSON.get(given, given) if isinstance(given, str) else given
    if given is None or (isinstance(given, float) and math.isnan(given)):
        return None
    if isinstance(given, int | float):
        return 0, given
    return (2, given.timestamp()) if isinstance(given, datetime) else (1, str(given))
