"""The maps of a result, the areas of their classes, and what became of each class."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from dissmodel.consent import Consent
from dissmodel.errors import DissmodelError
from dissmodel.executor.model_executor import ModelExecutor
from dissmodel.experiment.hosts import asking
from dissmodel.experiment.recorded_input import recorded_input
from dissmodel.experiment.source import Source
from dissmodel.markup import number
from dissmodel.preview.amounts import CellCounts, class_table
from dissmodel.preview.panels import MapPanel, ResultMaps, result_maps
from dissmodel.progress import current
from dissmodel.reporting.measures import class_word, step_chart
from dissmodel.reporting.page import Bar, Cell, Page, Swatch, Table, table
from dissmodel.reporting.transitions import class_counts, transitions
from dissmodel.warn import keeping_warnings

Agree: TypeAlias = Callable[[str], None]
"""What is called with a URL that only the record names, before it is asked for; what it raises is raised."""

_WIDTH = 640  # pixels of a map
_MOST_BYTES = 1_500_000  # of the states that were kept
_STOPS = 9
_SHOWN = 4  # classes in words
_MOST_CLASSES = 25  # of a matrix
_UNITS = {"km²": 1e6, "ha": 1e4, "m²": 1.0}
_EVEN = 1e-9
_KILOMETRE = 1000


def maps_content(
    source: Source, agree: Agree | None, executor: type[ModelExecutor] | None, page: Page
) -> dict[str, Any]:
    """Return what a page shows of the maps of a completed run; nothing if it has none.

    By default no server is asked that the user has not named. What can't be shown is told on the page.
    """
    with contextlib.ExitStack() as stack, keeping_warnings(page.told):
        before = _input(source, stack, agree, page)
        try:
            maps = result_maps(source, before, width=_WIDTH)
        except DissmodelError as error:
            if error.code != "no_map":  # some results are none, and none is missing
                page.told.append(f"There are no maps: {error.message}")
            return {}
        kept = [one for one in maps.panels if one.kind == "step"]
        shown = _fitting(kept)
        if len(shown) < len(kept):
            page.told.append(f"{len(shown)} of the {len(kept)} states that were kept are shown.")
        ramps = ((maps.ramp, maps.band), (maps.change_ramp, f"change of {maps.band}"))
        there = {one.code for one in maps.amounts}
        content = {
            "band": maps.band,
            "panels": [(one, _alt(one, maps)) for one in maps.panels if one.kind != "step"],
            "steps": [(one, _alt(one, maps)) for one in shown],
            "legend": [
                Swatch(one.name, one.colour) for one in maps.legend or () if kept or one.code in there
            ],
            "ramps": [gradient(ramp, of) for ramp, of in ramps if ramp is not None],
            "aspect": maps.aspect,
            "scale": scale_bar(maps.metres),
            "areas": None,
            "over_time": None,
            "matrix": None,
            "colours": {maps.band: {class_word(one.name): one.colour for one in maps.legend or ()}},
        }
        if maps.legend is not None:
            areas, unit = _areas(maps)
            found = None if before is None else _matrix(source, before, maps, unit, executor)
            over_time = _over_time(source, maps, unit, page)
            content |= {"areas": areas, "over_time": over_time, "matrix": found}
        return content


def _input(source: Source, stack: contextlib.ExitStack, agree: Agree | None, page: Page) -> Path | None:
    """Return the file that the run read, kept until `stack` closes."""
    name = str(source.given)
    try:
        wanted = agree or asking(Consent(), current().output, typed=name, record=name)
        return stack.enter_context(recorded_input(source, None, offline=False, agree=wanted)).path
    except DissmodelError as error:
        page.told.append(f"The state before can't be shown: {error.message}")
        return None


def _fitting(kept: Sequence[MapPanel]) -> Sequence[MapPanel]:
    """Return every n-th of the states, the last among them, that are not too many bytes together."""
    stride = max(1, -(-sum(len(one.image) for one in kept) // _MOST_BYTES))
    return kept[::-1][::stride][::-1]


def _alt(panel: MapPanel, maps: ResultMaps) -> str:
    """Return in words what a map shows."""
    said = f"Map of {maps.band}, {panel.title}"
    if panel.kind == "change" and maps.legend is not None:
        return f"{said}: {', '.join(name for name, _ in maps.changes) or 'no cell changed'}."
    if panel.kind in {"before", "after"} and maps.amounts:
        is_before = panel.kind == "before"
        cells = {one.name: (one.cells_before if is_before else one.cells_after) or 0 for one in maps.amounts}
        total = sum(cells.values()) or 1
        most = sorted(cells, key=lambda name: -cells[name])[:_SHOWN]
        return f"{said}: {', '.join(f'{name} {cells[name] / total:.0%}' for name in most)}."
    ramp = maps.change_ramp if panel.kind == "change" else maps.ramp
    return f"{said}, from {number(ramp[0])} to {number(ramp[1])}." if ramp is not None else f"{said}."


def gradient(ramp: tuple[float, float, str], of: str) -> dict[str, str]:
    """Return the colours of measures as a page shows them, `of` what."""
    from dissmodel.visualization.page_charts import ramp_colours  # noqa: PLC0415  (it loads matplotlib)

    low, high, name = ramp
    colours = ", ".join(ramp_colours(name, _STOPS))
    return {"of": of, "low": number(low), "high": number(high), "colours": f"to right, {colours}"}


def scale_bar(metres: float | None) -> dict[str, str] | None:
    """Return a round length, at most a third of a map's width: in words, and in percent of the width."""
    if metres is None or not math.isfinite(metres) or metres <= 0:
        return None
    power = 10.0 ** math.floor(math.log10(metres / 3))
    length = next(step for step in (5, 2, 1) if step * power <= metres / 3) * power
    said = f"{length / _KILOMETRE:g} km" if length >= _KILOMETRE else f"{length:g} m"
    return {"percent": f"{100 * length / metres:.2f}", "length": said}


def _areas(maps: ResultMaps) -> tuple[Table, str]:
    """Return the amounts of each class, and their unit."""
    found = class_table(maps.legend or (), maps.amounts)
    unit = next(name for name in found.head if name.startswith("after, ")).removeprefix("after, ")
    most = max(map(abs, found.gains), default=0.0) or 1.0
    rows: list[tuple[Cell, ...]] = []
    for at, (name, *numbers) in enumerate(found.rows):
        cells: list[Cell] = [*numbers]
        if at < len(found.gains):
            part = 50 * found.gains[at] / most
            cells[-1] = Bar(numbers[-1], 50 + min(part, 0.0), abs(part), found.colours[at])
        rows.append((Swatch(name, found.colours[at]) if at < len(found.colours) else name, *cells))
    caption = "Classes before and after" if found.gains else "Classes after"
    return table(caption, found.head, rows, texts=1), unit


def _over_time(source: Source, maps: ResultMaps, unit: str, page: Page) -> dict[str, Any] | None:
    """Return the amounts of each class before, in the states that were kept, and after."""
    counts = class_counts(source, maps.band)
    if not counts:
        return None
    states = {step: _sizes(one, unit) for step, one in counts.items()}
    for one in maps.panels:
        if one.kind in {"before", "after"} and one.step is not None:
            states.setdefault(one.step, _sizes_at(maps, one.kind, unit))
    steps = sorted(states)
    classes = [one for one in maps.legend or () if any(sizes.get(one.code) for sizes in states.values())]
    rows = [
        (str(step), *(number(round(states[step].get(one.code, 0.0), 2)) for one in classes)) for step in steps
    ]
    lines = {one.name: ([states[step].get(one.code, 0.0) for step in steps], one.colour) for one in classes}
    head = ("step", *(one.name for one in classes))
    named = (f"{maps.band}_{class_word(one.name)}" for one in classes)
    is_measured = all(name in source.record.step_metrics for name in named)  # after each step, with a chart
    return {
        "table": table(f"Classes over time, {unit}", head, rows, texts=1),
        "chart": None if is_measured else step_chart(f"classes of {maps.band}", unit, steps, lines, page),
    }


def _sizes_at(maps: ResultMaps, kind: str, unit: str) -> dict[int, float]:
    if kind == "before":
        return {one.code: _size(unit, one.cells_before, one.area_before) for one in maps.amounts}
    return {one.code: _size(unit, one.cells_after, one.area_after) for one in maps.amounts}


def _sizes(counts: CellCounts, unit: str) -> dict[int, float]:
    areas = counts.areas or {}
    return {code: _size(unit, cells, areas.get(code)) for code, cells in counts.cells.items()}


def _size(unit: str, cells: int | None, area: float | None) -> float:
    return float(cells or 0) if unit == "cells" else (area or 0.0) / _UNITS[unit]


def _entry(size: float) -> str:
    return number(round(size, 2)) if size else ""


def _matrix(
    source: Source, before: Path, maps: ResultMaps, unit: str, executor: type[ModelExecutor] | None
) -> Table | None:
    """Return the matrix of transitions, in areas where each cell has the same."""
    legend, result = maps.legend or (), source.files["output"].path
    assert result is not None  # it was drawn
    legends = executor.legends if executor is not None else {}
    found = transitions(source.record, (before, result), maps.band, legend, legends)
    if found is None or not 0 < len(found.classes) <= _MOST_CLASSES:
        return None
    areas = [one.area_after / one.cells_after for one in maps.amounts if one.area_after and one.cells_after]
    is_even = unit != "cells" and bool(areas) and max(areas) - min(areas) <= _EVEN * max(areas)
    each, of = (areas[0] / _UNITS[unit], unit) if is_even else (1.0, "cells")
    names = {one.code: Swatch(one.name, one.colour) for one in legend}
    sizes = found.sizes
    became = [code for code in found.classes if any(new == code for _, new in sizes)]
    rows: list[list[Cell]] = [
        [names[was], *(_entry(float(sizes.get((was, now), 0)) * each) for now in became)]
        for was in found.classes
        if any(old == was for old, _ in sizes)
    ]
    head = ("from ↓ to →", *(names[code].text for code in became))
    return table(f"What became of each class, {of}", head, rows, texts=1)
