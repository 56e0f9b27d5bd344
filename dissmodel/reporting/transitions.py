"""What became of each class, cell by cell, and how many cells each kept state has of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dissmodel.experiment.source import Source
from dissmodel.geo.legend import Legend
from dissmodel.metrics import TransitionMatrix, transition_matrix
from dissmodel.preview.amounts import CellCounts
from dissmodel.preview.canvas import Canvas
from dissmodel.preview.maps import name_before
from dissmodel.preview.sampling import Drawable, DrawableLayer, DrawableRaster, gather, open_map
from dissmodel.record import ExperimentRecord

_STEP = re.compile(r"step_(\d{1,9})")
Values: TypeAlias = NDArray[Any]


def class_counts(source: Source, band: str) -> dict[int, CellCounts]:
    """Return the counts of each state that was kept and is as recorded, by step."""
    found = {}
    for name, file in source.files.items():
        step, path = _STEP.fullmatch(name), file.intact()
        if step and path is not None:
            with open_map(path) as state:
                if band in state.names:
                    canvas = Canvas((1, 1), state.bounds, state.crs)
                    found[int(step[1])] = gather(canvas, (state, band)).after.counts
    return dict(sorted(found.items()))


def transitions(
    record: ExperimentRecord,
    files: tuple[Path, Path],
    band: str,
    legend: Legend,
    legends: Mapping[str, Legend],
) -> TransitionMatrix | None:
    """Return how many cells of the result were in which class and are now in which; None without a band.

    `files` are input and result, `legends` the model's, `legend` that of the band. Where the input has other
    cells, its class in the middle of a cell of the result counts. Cells without one of the legend's classes
    in both states are left out. Rasters are read window by window.
    """
    codes, matrix = np.array([one.code for one in legend]), TransitionMatrix({})
    with ExitStack() as stack:
        old = stack.enter_context(open_map(files[0], record.input_format, record.source.layer))
        new = stack.enter_context(open_map(files[1]))
        name = name_before(band, new, old, record, legends)
        if name is None:
            return None
        for was, now in _pairs(old, name, new, band):
            known = np.isin(was, codes) & np.isin(now, codes)
            matrix += transition_matrix(was[known].astype(np.int64), now[known].astype(np.int64))
    return matrix


def _pairs(old: Drawable, name: str, new: Drawable, band: str) -> Iterator[tuple[Values, Values]]:
    """Yield the values of an earlier and a later state in the cells of the later one that have both."""
    if isinstance(new, DrawableRaster):
        if isinstance(old, DrawableRaster) and not old.placed and old.shape == new.shape:
            old.transform = new.transform
        for window in new.windows():
            (was, had), (now, has) = old.values_on(name, new, window), new.read(band, window)
            yield was[had & has], now[had & has]
        return
    if isinstance(old, DrawableLayer):
        old.share_shapes(new)
        if old.shapes is new.shapes:
            yield old.column(name), new.column(band)
            return
    was, had = old.values_at(name, *new.shapes.inner_points(), new.crs)
    yield was[had], new.column(band)[had]
