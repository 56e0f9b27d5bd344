"""From a record and its data to a drawn sheet: which band, which classes, which numbers below."""

from __future__ import annotations

import contextlib
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dissmodel.errors import DissmodelError, DissmodelWarning, InvalidInput
from dissmodel.geo.legend import Legend
from dissmodel.io.bands import band_named
from dissmodel.preview.amounts import Amounts, CellCounts, amounts, class_table, measure_table
from dissmodel.preview.canvas import Canvas, common_canvas
from dissmodel.preview.sampling import Drawable, DrawableLayer, DrawableRaster, Sampled, open_map
from dissmodel.record import ExperimentRecord
from dissmodel.visualization.colours import MOST_CLASSES, qualitative
from dissmodel.visualization.preview import Picture, Sheet, draw

_PLAIN_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
# The place and the name of a cell are nothing to draw.
_NO_MEASURES = frozenset({"row", "col", "passo", "fid", "id", "order"})


@dataclass(frozen=True)
class Drawn:
    """A sheet as a PNG, and what is on it."""

    png: bytes
    band: str
    before: bool
    amounts: tuple[Amounts, ...]


def drawn(
    record: ExperimentRecord, result: Path, source: Path | None, legends: Mapping[str, Legend]
) -> Drawn:
    """Draw a result, and the input if it is given, with the model's legends.

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
        name = _name_before(band, after, before, record, legends) if before is not None else None
        if before is not None and name is None:
            warnings.warn(f"The input can't be drawn: it has no {band!r}.", DissmodelWarning, stacklevel=2)
            before = None
        if isinstance(before, DrawableRaster) and isinstance(after, DrawableRaster) and not before.placed:
            before = _placed_as(before, after)
        canvas = common_canvas([(one.bounds, one.crs) for one in (after, before) if one is not None])
        states = [after.sample(band, canvas)]
        if before is not None and name is not None:
            states.insert(0, before.sample(name, canvas))
    legend = classes if classes is not None else _own_classes([state.counts for state in states])
    sheet, found = _sheet(record, band, legend, states, canvas)
    return Drawn(draw(sheet), band, before is not None, found)


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
        drawable = (name for name in measures if _name_before(name, after, before, record, legends))
        return next(drawable, measures[0]), None
    return measures[0], None


def _is_new(name: str, after: DrawableLayer, before: DrawableLayer) -> bool:
    return name not in before.names or not np.array_equal(
        after.column(name), before.column(name), equal_nan=True
    )


def _name_before(
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


def _sheet(
    record: ExperimentRecord, band: str, legend: Legend | None, states: list[Sampled], canvas: Canvas
) -> tuple[Sheet, tuple[Amounts, ...]]:
    after, before = states[-1], states[0] if len(states) > 1 else None
    was = None if before is None else before.counts
    found = () if legend is None else amounts(legend, was, after.counts)
    first, last = _steps(record)
    titles = (
        f"before (step {first - 1})" if first else "before",
        f"after (step {last})" if last else "after",
    )
    sheet = Sheet(
        title=f"{record.model_name or 'a model'}: {band}" + (f", steps {first} to {last}" if last else ""),
        subtitle=_parameters(record),
        before=None if before is None else Picture(before.values, titles[0]),
        after=Picture(after.values, titles[1]),
        legend=legend,
        what=band,
        table=measure_table(was, after.counts) if legend is None else class_table(legend, found),
        notes=_notes(record, legend, was, after.counts),
        aspect=canvas.aspect,
        metres=canvas.metres,
        mark=record.experiment_id if _PLAIN_ID.fullmatch(record.experiment_id) else "-",
    )
    return sheet, found


def _steps(record: ExperimentRecord) -> tuple[int, int]:
    """Return the first and the last step; two zeros where the record has none."""
    steps = record.step_metrics.get("step") or []
    if not steps or not all(float(step).is_integer() for step in (steps[0], steps[-1])):
        return 0, 0
    return int(steps[0]), int(steps[-1])


def _parameters(record: ExperimentRecord) -> str:
    """Return the parameters that the user set, then the defaults that are neither None nor False."""
    chosen = [name for name, origin in record.parameter_origin.items() if origin != "default"]
    values = {
        name: value for name, value in record.parameters.items() if value is not None and value is not False
    }
    ordered = [*(name for name in chosen if name in values), *(name for name in values if name not in chosen)]
    return "  ·  ".join(f"{name} = {_value(values[name])}" for name in ordered)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _notes(
    record: ExperimentRecord, legend: Legend | None, before: CellCounts | None, after: CellCounts
) -> tuple[str, ...]:
    codes = () if legend is None else tuple(one.code for one in legend)
    counts = {} if before is None else {"before": before.outside(codes)}
    counts["after"] = after.outside(codes)
    said = ", ".join(f"{count:,} {when}" for when, count in counts.items() if count)
    notes = (
        [] if legend is None or not said else [f"Not drawn: cells with a value that no class has ({said})."]
    )
    if before is None:
        notes.append("The state before the run is not drawn.")
    notes.append(f"record {record.experiment_id[:8]}  ·  {record.created_at.date().isoformat()}")
    return tuple(notes)
