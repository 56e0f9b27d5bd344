"""The maps of a result: which band, which classes, and a picture of each state and of what changed."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from dissmodel.errors import DissmodelError, DissmodelWarning, InvalidInput
from dissmodel.experiment.source import Source
from dissmodel.geo.legend import Legend
from dissmodel.io.bands import band_named
from dissmodel.io.formats import is_series
from dissmodel.preview.amounts import Amounts, CellCounts, amounts
from dissmodel.preview.canvas import Canvas, Floats, Shape, common_canvas
from dissmodel.preview.sampling import Drawable, DrawableLayer, DrawableRaster, gather, open_map
from dissmodel.preview.steps import step_files
from dissmodel.record import ExperimentRecord
from dissmodel.visualization.colours import (
    MOST_CLASSES,
    Ramp,
    change_colours,
    change_picture,
    class_picture,
    qualitative,
    ramp_picture,
)
from dissmodel.visualization.paletted import Paletted

# The place and the name of a cell are nothing to draw.
_NO_MEASURES = frozenset({"row", "col", "passo", "fid", "id", "order"})
# Percentiles that a ramp spans, so that a few outliers do not leave one colour for all other cells.
_MOST = (0.5, 99.5)


@dataclass(frozen=True, kw_only=True)
class Maps:
    """The maps of a result, and the counts of all its cells."""

    band: str
    canvas: Canvas
    titles: tuple[str, str, str]  # before, after, change
    steps: tuple[int, int]  # the first and the last; two zeros where the record has none
    legend: Legend | None
    before: Paletted | None
    after: Paletted
    change: Paletted | None
    ramp: Ramp | None
    change_ramp: Ramp | None
    is_beyond: tuple[tuple[bool, bool], tuple[bool, bool]] = ((False, False), (False, False))  # of the ramps
    changes: tuple[tuple[str, str], ...]  # what changed cells became, and its colour
    counts: tuple[CellCounts | None, CellCounts]  # before, after
    amounts: tuple[Amounts, ...]

    def painted(self, state: Drawable, name: str) -> Paletted:
        """Return a picture of a band or column of another state in the same colours."""
        codes = None if self.legend is None else [one.code for one in self.legend]
        layer = gather(self.canvas, (state, name), codes=codes).after
        if self.legend is not None:
            return class_picture(layer.values(as_classes=True), self.legend)
        assert self.ramp is not None
        return ramp_picture(layer.values(as_classes=False), self.ramp)


def read_maps(
    record: ExperimentRecord,
    result: Path,
    source: Path | None,
    legends: Mapping[str, Legend],
    most: Callable[[int, float], Shape],
) -> Maps:
    """Read a result, and the input if it is given, with the model's legends.

    `most` gives the rows and columns that a picture may have, from the number of pictures and their aspect.

    Raises
    ------
    DissmodelError
        If the result can't be read. An input that can't be read is a warning.
    """
    with contextlib.ExitStack() as stack:
        try:
            after = stack.enter_context(open_map(result))
        except DissmodelError as error:
            if error.code in {"format_unknown", "no_dataset"}:
                raise InvalidInput(f"{result}: this result is not a map.", code="no_map") from error
            raise
        before = _opened_input(stack, record, source)
        band, classes = _band(after, before, record, legends)
        name = name_before(band, after, before, record, legends) if before is not None else None
        if before is not None and name is None:
            warnings.warn(f"The input can't be drawn: it has no {band!r}.", DissmodelWarning, stacklevel=2)
            before = None
        if isinstance(before, DrawableRaster) and isinstance(after, DrawableRaster) and not before.placed:
            before = _placed_as(before, after)
        shown = [one for one in (after, before) if one is not None]
        canvas = common_canvas(shown, partial(most, 1 if before is None else 3))
        codes = None if classes is None else [one.code for one in classes]
        earlier = None if before is None or name is None else (before, name)
        new, old, change = gather(canvas, (after, band), earlier, codes)
    legend = classes
    if legend is None:
        legend = _own_classes([one.counts for one in (old, new) if one is not None])
    first, last = _steps(record)
    is_classes = "what changed cells became" if legend is not None else "after − before"
    titles = (
        f"before (step {first - 1})" if first else "before",
        f"after (step {last})" if last else "after",
        f"change: {is_classes}",
    )
    maps = partial(
        Maps,
        band=band,
        canvas=canvas,
        titles=titles,
        steps=(first, last),
        legend=legend,
        counts=(None if old is None else old.counts, new.counts),
    )
    states = [one.values(as_classes=legend is not None) for one in (new, old) if one is not None]
    if legend is not None:
        became = None if change is None else change.became()
        colours = change_colours(legend)
        kinds = () if became is None else np.unique(became[~np.isnan(became)]).tolist()
        return maps(
            before=None if old is None else class_picture(states[1], legend),
            after=class_picture(states[0], legend),
            change=None if became is None else change_picture(became, states[0], legend, colours),
            ramp=None,
            change_ramp=None,
            changes=tuple(
                (one.name, colour) for one, colour in zip(legend, colours, strict=True) if one.code in kinds
            ),
            amounts=amounts(legend, None if old is None else old.counts, new.counts),
        )
    ramp = _ramp(states)
    difference = None if change is None else change.difference()
    change_ramp = None if difference is None else _change_ramp(difference)
    return maps(
        before=None if old is None else ramp_picture(states[1], ramp),
        after=ramp_picture(states[0], ramp),
        change=None if change_ramp is None or difference is None else ramp_picture(difference, change_ramp),
        ramp=ramp,
        change_ramp=change_ramp,
        is_beyond=(_beyond(states, ramp), _beyond([difference], change_ramp)),
        changes=(),
        amounts=(),
    )


def read_steps(opened: Source, result: Path, maps: Maps) -> Iterator[tuple[int, Paletted]]:
    """Yield the states that were kept, by step, in the colours of the maps; warn of what can't be drawn."""
    if is_series(result):
        with open_map(result, whole=True) as series:
            names = {
                int(name.removeprefix(f"{maps.band} step ")): name for name in _steps_in(series, maps.band)
            }
            for step, name in sorted(names.items()):
                yield step, maps.painted(series, name)
        return
    for step, file in sorted(step_files(opened.files).items()):
        path = file.intact()
        if path is None:
            warnings.warn(
                f"The state of step {step} can't be drawn: its file is missing or changed.",
                DissmodelWarning,
                stacklevel=2,
            )
            continue
        with open_map(path) as state:
            yield step, maps.painted(state, maps.band)


def _steps_in(series: Drawable, band: str) -> list[str]:
    return [name for name in series.names if re.fullmatch(rf"{re.escape(band)} step -?\d{{1,9}}", name)]


def _ramp(states: list[Floats]) -> Ramp:
    known = np.concatenate([state[np.isfinite(state)] for state in states])
    low, high = np.percentile(known, _MOST).tolist() if known.size else (0.0, 1.0)
    return low, high, "viridis"


def _beyond(pictures: Sequence[Floats | None], ramp: Ramp | None) -> tuple[bool, bool]:
    """Return whether pictures have values below and above a ramp."""
    shown = [one for one in pictures if one is not None]
    if ramp is None:
        return False, False
    return any((one < ramp[0]).any() for one in shown), any((one > ramp[1]).any() for one in shown)


def _change_ramp(difference: Floats) -> Ramp:
    """Return a ramp whose middle is no change."""
    sizes = np.abs(difference[np.isfinite(difference)])
    most = (float(np.percentile(sizes, _MOST[1])) or float(sizes.max()) or 1.0) if sizes.size else 1.0
    return -most, most, "RdBu_r"


def _opened_input(
    stack: contextlib.ExitStack, record: ExperimentRecord, source: Path | None
) -> Drawable | None:
    if source is None:
        return None
    try:
        return stack.enter_context(open_map(source, record.input_format, record.source.layer))
    except DissmodelError as error:
        warnings.warn(f"The input can't be drawn: {error.message}", DissmodelWarning, stacklevel=2)
        return None


def _band(
    after: Drawable, before: Drawable | None, record: ExperimentRecord, legends: Mapping[str, Legend]
) -> tuple[str, Legend | None]:
    """Return the band or column to draw and its classes: the first legend's, else the first new column."""
    for canonical, legend in legends.items():
        mapped = str(record.column_map.get(canonical, canonical))
        # A raster is written with the model's own names, features with those they came with.
        names = (canonical,) if isinstance(after, DrawableRaster) else (mapped, canonical)
        for name in names:
            if name in after.names:
                return name, legend
    measures = [name for name in after.names if name.casefold() not in _NO_MEASURES] or [*after.names]
    if not measures:
        raise InvalidInput("The result has no numbers to draw.", code="no_map")
    if isinstance(after, DrawableLayer) and isinstance(before, DrawableLayer):
        return next((name for name in measures if _is_new(name, after, before)), measures[0]), None
    if before is not None:
        drawable = (name for name in measures if name_before(name, after, before, record, legends))
        return next(drawable, measures[0]), None
    return measures[0], None


def _is_new(name: str, after: DrawableLayer, before: DrawableLayer) -> bool:
    return name not in before.names or not np.array_equal(
        after.column(name), before.column(name), equal_nan=True
    )


def name_before(
    band: str, after: Drawable, before: Drawable, record: ExperimentRecord, legends: Mapping[str, Legend]
) -> str | None:
    """Return the input's name of a band or column of the result."""
    canonical = next((name for name in legends if record.column_map.get(name, name) == band), band)
    mapping = record.band_map if isinstance(before, DrawableRaster) else record.column_map
    given = str(mapping.get(canonical, canonical))
    if isinstance(before, DrawableRaster):
        given = band_named(given, before.numbers)
    if given in before.names:
        return given
    # Bands without names are found by their position.
    nameless = all(re.fullmatch(r"band_\d+", name) for name in before.names)
    if nameless and isinstance(after, DrawableRaster) and len(before.names) <= len(after.names):
        number = after.names.index(band)
        return before.names[number] if number < len(before.names) else None
    return None


def _placed_as(before: DrawableRaster, after: DrawableRaster) -> DrawableRaster | None:
    """Give a raster without a georeference that of its result, if it can be that."""
    if before.shape == after.shape:
        before.transform = after.transform
        return before
    if not after.placed:
        return before
    warnings.warn("The input can't be drawn: it has no place.", DissmodelWarning, stacklevel=2)
    return None


def _own_classes(counted: list[CellCounts]) -> Legend | None:
    """Return a class for each number where all are whole and few; None where they are measures."""
    codes = {code for counts in counted for code in counts.cells}
    whole = all(counts.all_whole for counts in counted)
    return qualitative(codes) if whole and len(codes) <= MOST_CLASSES else None


def _steps(record: ExperimentRecord) -> tuple[int, int]:
    """Return the first and the last step; two zeros where the record has none."""
    steps = record.step_metrics.get("step") or []
    if not steps or not all(float(step).is_integer() for step in (steps[0], steps[-1])):
        return 0, 0
    return int(steps[0]), int(steps[-1])
