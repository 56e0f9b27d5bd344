"""The fields of polygons, checked, without their geometry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.errors import InvalidInput
from dissmodel.executor.findings import RAISED, Problems
from dissmodel.models.coastal import checks, names
from dissmodel.models.coastal.parameters import SeaParameters

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


@dataclass(frozen=True, slots=True)
class Fields:
    """What the features hold, in their order: arrays of shape (n,), elevations in metres."""

    uso: NDArray[np.uint8]
    solo: NDArray[np.uint8]
    alt: NDArray[np.float64]
    step: int  # that the features belong to, 0 without a field passo
    found: Mapping[str, str]  # canonical name → name in the file


def read_fields(
    cells: GeoDataFrame,
    parameters: SeaParameters,
    column_map: Mapping[str, Any],
    problems: Problems = RAISED,
) -> Fields | None:
    """Return the fields of polygons; None if there are no features.

    Where problems are collected, a field that has one is all zeros.
    """
    if cells.empty:
        problems.tell(
            InvalidInput("No cell is in the space: the dataset has no features.", code="empty_space")
        )
        return None
    present = [str(column) for column in cells.columns if column != cells.geometry.name]
    found = names.find("column", column_map, present, problems)
    read: dict[str, Callable[[NDArray[np.float64]], Any]] = {
        "uso": partial(checks.whole, "uso"),
        "solo": partial(checks.whole, "solo"),
        "alt": partial(checks.whole, "alt"),
        "passo": lambda steps: checks.last_step(steps, f"The column {found['passo']!r}"),
    }
    nothing = np.zeros(len(cells), np.uint8)
    values: dict[str, Any] = {"uso": nothing, "solo": nothing, "alt": np.zeros(len(cells)), "passo": 0}
    for name, checked in read.items():
        if name in found:
            with problems.at():
                values[name] = checked(_numbers(cells, found[name]))
    with problems.at():
        checks.check_end(parameters.end_time, values["passo"])
        parameters.check_snapshots(values["passo"])
    return Fields(values["uso"], values["solo"], values["alt"], values["passo"], found)


def _numbers(cells: GeoDataFrame, column: str) -> NDArray[np.float64]:
    """Return a column as float64, NaN where it is null."""
    values = cells[column]
    if values.dtype.kind not in "iuf":
        there = values.notna().to_numpy()
        number = int(np.argmax(there))
        what = (
            f"holds {values.dtype} values, not numbers, in {np.count_nonzero(there)} of {len(values)} "
            f"features; the first is feature {number}, counted from 0: {str(values.iloc[number])[:40]!r}"
            if there.any()
            else f"has no value in any of {len(values)} features"
        )
        raise InvalidInput(
            f"The column {column!r} {what}.",
            "Fix the file, or name another column with --column-map",
            code="illegal_value",
        )
    return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
