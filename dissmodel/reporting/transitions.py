"""What became of each class, cell by cell, and how many cells each kept state has of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dissmodel.comparison.raster import Raster, open_rasters
from dissmodel.experiment.source import Source
from dissmodel.geo.legend import Legend
from dissmodel.io.content_raster import BLOCK, windows
from dissmodel.io.locate import locate
from dissmodel.metrics import TransitionMatrix, transition_matrix
from dissmodel.preview.amounts import CellCounts
from dissmodel.preview.canvas import Canvas, differ
from dissmodel.preview.maps import _name_before
from dissmodel.preview.sampling import DrawableLayer, DrawableRaster, open_map
from dissmodel.record import ExperimentRecord

_MOST_CELLS = 4_000_000  # of a raster whose input is no raster of the same cells
_STEP = re.compile(r"step_(\d{1,9})")
Values: TypeAlias = NDArray[Any]


def class_counts(source: Source, band: str) -> dict[int, CellCounts]:
    """Return the counts of each state that was kept and is as recorded, by step."""
    found = {}
    for name, file in source.files.items():
        step = _STEP.fullmatch(name)
        if step and file.intact() is not None:
            with open_map(str(file.path)) as state:
                if band in state.names:
                    canvas = Canvas((1, 1), state.bounds, state.crs)
                    found[int(step[1])] = state.sample(band, canvas).counts
    return dict(sorted(found.items()))


def transitions(
    record: ExperimentRecord,
    files: tuple[Path, Path],
    band: str,
    legend: Legend,
    legends: Mapping[str, Legend],
) -> TransitionMatrix | None:
    """Return how many cells went from which class to which; None where the two have no cells in common.

    `files` are input and result, `legends` the model's, `legend` that of the band. Cells without one of its
    classes in both states are left out. Rasters of the same cells are read window by window; of another input
    it is the class at a point in each cell of the result.
    """
    codes, matrix = np.array([one.code for one in legend]), TransitionMatrix({})
    (before, result), form, layer = files, record.input_format, record.source.layer
    with ExitStack() as stack:
        old = stack.enter_context(open_map(before, form, layer))
        new = stack.enter_context(open_map(result))
        name = _name_before(band, new, old, record, legends)
        if name is None:
            return None
        if isinstance(old, DrawableRaster) and isinstance(new, DrawableRaster) and _same_cells(old, new):
            places = (locate(before, form, layer), locate(result))
            one, two = stack.enter_context(open_rasters(*map(stack.enter_context, places)))
            pairs = _of_rasters(one, two, name, band)
        elif isinstance(new, DrawableRaster) and math.prod(new.shape) <= _MOST_CELLS and _is_straight(new):
            canvas = Canvas(new.shape, new.bounds, new.crs)
            pairs = iter([(old.sample(name, canvas).values, new.sample(band, canvas).values)])
        elif isinstance(old, DrawableLayer) and isinstance(new, DrawableLayer) and old.has_cells_of(new):
            pairs = iter([(old.column(name), new.column(band))])
        else:
            return None
        for was, now in pairs:
            known = np.isin(was, codes) & np.isin(now, codes)
            matrix += transition_matrix(was[known].astype(np.int64), now[known].astype(np.int64))
    return matrix


def _same_cells(old: DrawableRaster, new: DrawableRaster) -> bool:
    is_there = not old.placed or (old.transform == new.transform and not differ(old.crs, new.crs))
    return old.shape == new.shape and is_there


def _is_straight(raster: DrawableRaster) -> bool:
    a, b, _, d, e, _ = tuple(raster.transform)[:6]
    return bool(b == d == 0 and a > 0 > e)


def _of_rasters(old: Raster, new: Raster, name: str, band: str) -> Iterator[tuple[Values, Values]]:
    """Yield the values of two bands where both have one, window by window."""
    for top in range(0, new.dataset.height, BLOCK):
        for window in windows(new.dataset, 2, top, min(BLOCK, new.dataset.height - top)):
            ((was, no_was),), ((now, no_now),) = old.read([name], window), new.read([band], window)
            there = ~(no_was | no_now)
            yield was[there], now[there]
