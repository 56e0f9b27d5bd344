"""Drivers that change during a run: read from another dataset of the same cells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dissmodel.cells.fields import Numbers
from dissmodel.cells.layout import Layout, Pixels
from dissmodel.cells.reading import PASSO, CellData, Wanted, read_cells
from dissmodel.errors import InvalidInput
from dissmodel.executor import ExperimentRecord
from dissmodel.executor.findings import RAISED
from dissmodel.io import open_dataset
from dissmodel.models.lucc.space import Floats, Whole
from dissmodel.models.lucc.visit import places_of


@dataclass(frozen=True)
class _Terms:
    """What the kit asks of parameters when it reads cells."""

    crs: str | None

    def check_steps(self, step: int) -> None:
        """Accept every step."""


def updated(data: CellData, source: str, parameters: Any, record: ExperimentRecord) -> dict[str, Floats]:
    """Return the drivers that a dataset has, by name, shape (cells,), in the order of `data`.

    Raises
    ------
    InvalidInput
        If it has none of them, lacks cells, or is a raster of another grid.
    """
    fields = {name: Numbers(default=np.nan) for name in parameters.drivers if name not in parameters.regions}
    for name, one in fields.items():
        one.name = name
    wanted = Wanted(
        fields=fields,
        parameters=_Terms(parameters.crs),
        band_map={name: band for name, band in record.band_map.items() if name in fields},
        column_map={
            name: column for name, column in record.column_map.items() if name in {*fields, "row", "col"}
        },
        counters={PASSO: 0},
        others=False,
    )
    with open_dataset(source, known="") as (opened, _):
        read = read_cells(opened, wanted, RAISED)
    assert read is not None  # where problems are raised there is a result or an error
    if not read.given:
        raise _wrong(source, f"it has none of the drivers: {', '.join(fields)}")
    order = _matched(data.layout, read.layout, source)
    return {name: read.layout.on_cells(read.values[name])[order] for name in read.given}


def _matched(cells: Layout, others: Layout, source: str) -> Whole:
    """Return which of the other cells lies where each cell lies, by row and column."""
    rows, cols = places_of(others)
    if isinstance(cells, Pixels) or isinstance(others, Pixels):
        ours, theirs = cells.as_pixels, others.as_pixels
        shift = _shift(ours, theirs)
        both = isinstance(cells, Pixels) and isinstance(others, Pixels)
        if shift is None or (both and (shift, theirs.inside.shape) != ((0, 0), ours.inside.shape)):
            raise _wrong(source, "its grid is another")
        rows, cols = (found + by for found, by in zip(theirs.at, shift, strict=True))
        places = np.stack(ours.at, axis=1)
    else:
        places = np.stack(places_of(cells), axis=1)
    _, inverse = np.unique(
        np.concatenate([np.stack([rows, cols], axis=1), places]), axis=0, return_inverse=True
    )
    inverse = inverse.ravel()  # NumPy 2.0.0 returns a column
    where = np.full(inverse.max() + 1, -1, np.int64)
    where[inverse[: others.cells]] = np.arange(others.cells)
    found: Whole = where[inverse[others.cells :]]
    lost = int(np.count_nonzero(found < 0))
    if lost:
        raise _wrong(source, f"it lacks {lost} of the {cells.cells} cells")
    return found


def _shift(ours: Pixels, theirs: Pixels) -> tuple[int, int] | None:
    """Return how many rows and columns their first pixel lies from ours; None where the grids differ."""
    one, other = ours.transform, theirs.transform
    if one is None or other is None or ours.flipped != theirs.flipped:
        return (0, 0) if (one, ours.flipped) == (other, theirs.flipped) else None
    shift = ~one @ other
    rows, cols = round(shift.f), round(shift.c)
    return (rows, cols) if np.allclose(shift[:6], (1, 0, cols, 0, 1, rows), atol=1e-6) else None


def _wrong(source: str, what: str) -> InvalidInput:
    return InvalidInput(
        f"update, {Path(source).name}: {what}.",
        "It has to have the same cells as the input, and drivers of the model.",
        code="update",
    )
