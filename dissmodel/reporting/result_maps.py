"""The maps of a result, the areas of their classes, and what became of each class."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dissmodel.consent import Consent
from dissmodel.errors import DissmodelError
from dissmodel.experiment.hosts import asking
from dissmodel.experiment.recorded_input import recorded_input
from dissmodel.experiment.source import Source
from dissmodel.preview.amounts import CellCounts, class_table
from dissmodel.preview.panels import MapPanel, ResultMaps, result_maps
from dissmodel.progress import current
from dissmodel.reporting.measures import Colours, class_word, lines_chart
from dissmodel.reporting.page import Bar, Cell, Page, Swatch, Table, number, table
from dissmodel.reporting.transitions import class_counts, transitions
from dissmodel.warn import keeping_warnings

_WIDTH = 640  # pixels of a map
_MOST_BYTES = 1_500_000  # of the states that were kept
_STOPS = 9
_SHOWN = 4  # classes in words
_MOST_CLASSES = 25  # of a matrix
_UNITS = {"km²": 1e6, "ha": 1e4, "m²": 1.0}


def maps_content(source: Source, agree: Callable[[str], None] | None, page: Page) -> dict[str, Any]:
    """Return what a page shows of the maps of a completed run; nothing if it has none.

    `agree` is as `recorded_input` takes it; by default no server is asked that the user has not named. What
    can't be shown is told on the page.
    """
    with contextlib.ExitStack() as stack, keeping_warnings(page.told):
        before = _input(source, stack, agree, page)
        try:
            maps = result_maps(source, before, width=_WIDTH)
        except DissmodelError as error:
            page.told.append(f"There are no maps: {error.message}")
            return {}
        kept = [one for one in maps.panels if one.kind == "step"]
        shown = _fitting(kept)
        if len(shown) < len(kept):
            page.told.append(f"{len(shown)} of the {len(kept)} states that were kept are shown.")
        areas, unit = _areas(maps)
        return {
            "band": maps.band,
            "panels": [(one, _alt(one, maps)) for one in maps.panels if one.kind != "step"],
            "steps": [(one, _alt(one, maps)) for one in shown],
            "legend": [Swatch(one.name, one.colour) for one in maps.legend or ()],
            "changes": [Swatch(*one) for one in maps.changes],
            "ramps": [
                _ramp(ramp, of)
                for ramp, of in ((maps.ramp, maps.band), (maps.change_ramp, f"change of {maps.band}"))
                if ramp is not None
            ],
            "scale": _scale(maps.metres),
            "areas": areas,
            "over_time": None if maps.legend is None else _over_time(source, maps, unit, page),
            "matrix": None if maps.legend is None or before is None else _matrix(source, before, maps, unit),
            "colours": _colours(maps),
        }


def _input(
    source: Source, stack: contextlib.ExitStack, agree: Callable[[str], None] | None, page: Page
) -> Path | None:
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
        return f"{said}: {', '.join(f'{name} {100 * cells[name] / total:.0f} %' for name in most)}."
    ramp = maps.change_ramp if panel.kind == "change" else maps.ramp
    return f"{said}, from {number(ramp[0])} to {number(ramp[1])}." if ramp is not None else f"{said}."


def _ramp(ramp: tuple[float, float, str], of: str) -> dict[str, str]:
    from dissmodel.visualization.page_charts import ramp_colours  # noqa: PLC0415  (it loads matplotlib)

    low, high, name = ramp
    stops = ", ".join(ramp_colours(name, _STOPS))
    return {
        "of": of,
        "low": number(low),
        "high": number(high),
        "gradient": f"linear-gradient(to right, {stops})",
    }


def _scale(metres: float | None) -> dict[str, Any] | None:
    """Return a round length, at most a third of the map's width, as a part of it (percent) and in words."""
    if metres is None or not math.isfinite(metres) or metres <= 0:
        return None
    power = 10.0 ** math.floor(math.log10(metres / 3))
    length = next(step for step in (5, 2, 1) if step * power <= metres / 3) * power
    kilometre = 1000
    said = f"{length / kilometre:g} km" if length >= kilometre else f"{length:g} m"
    return {"percent": f"{100 * length / metres:.2f}", "length": said}


def _colours(maps: ResultMaps) -> Colours:
    return {maps.band: {class_word(one.name): one.colour for one in maps.legend or ()}}


def _areas(maps: ResultMaps) -> tuple[Table | None, str]:
    """Return the amounts of each class, and their unit."""
    if maps.legend is None:
        return None, ""
    found = class_table(maps.legend, maps.amounts)
    unit = next(name for name in found.head if name.startswith("after, ")).removeprefix("after, ")
    most = max(map(abs, found.gains), default=0.0) or 1.0
    rows: list[tuple[Cell, ...]] = []
    for at, (name, *numbers) in enumerate(found.rows):
        cells: list[Cell] = [*numbers]
        if at < len(found.colours):
            colour = found.colours[at]
            if found.gains:
                part = 50 * found.gains[at] / most
                cells[-1] = Bar(numbers[-1], 50 + min(part, 0.0), abs(part), colour)
            rows.append((Swatch(name, colour), *cells))
        else:
            rows.append((name, *cells))
    return table("Classes before and after", found.head, rows, numbers=True), unit


def _over_time(source: Source, maps: ResultMaps, unit: str, page: Page) -> dict[str, Any] | None:
    """Return the amounts of each class in the states that were kept, between before and after."""
    counts = class_counts(source, maps.band)
    if not counts:
        return None
    steps = {one.kind: one.step for one in maps.panels if one.kind in {"before", "after"}}
    columns: list[tuple[int, dict[int, float]]] = [(step, _sizes(one, unit)) for step, one in counts.items()]
    first, last = steps.get("before"), steps.get("after")
    before, after = (
        {
            one.code: _size(unit, *(getattr(one, f"{what}_{when}") for what in ("cells", "area")))
            for one in maps.amounts
        }
        for when in ("before", "after")
    )
    if first is not None and first not in counts:
        columns.insert(0, (first, before))
    if last is not None and last not in counts:
        columns.append((last, after))
    classes = [one for one in maps.legend or () if any(sizes.get(one.code) for _, sizes in columns)]
    rows = [
        (str(step), *(number(round(sizes.get(one.code, 0.0), 2)) for one in classes))
        for step, sizes in columns
    ]
    series = [(one.name, [sizes.get(one.code, 0.0) for _, sizes in columns], one.colour) for one in classes]
    return {
        "table": table(
            f"Classes over time, {unit}", ("step", *(one.name for one in classes)), rows, numbers=True
        ),
        "chart": lines_chart(f"{maps.band} by class", unit, [step for step, _ in columns], series, page),
    }


def _sizes(counts: CellCounts, unit: str) -> dict[int, float]:
    areas = counts.areas or {}
    return {code: _size(unit, cells, areas.get(code)) for code, cells in counts.cells.items()}


def _size(unit: str, cells: int | None, area: float | None) -> float:
    return float(cells or 0) if unit == "cells" else (area or 0.0) / _UNITS[unit]


def _matrix(source: Source, before: Path, maps: ResultMaps, unit: str) -> Table | None:
    """Return the matrix of transitions, in areas where each cell has the same."""
    legend = maps.legend or ()
    result = source.files["output"].path
    assert result is not None  # it was drawn
    found = transitions(source.record, before, result, maps)
    if found is None or not 0 < len(found.classes) <= _MOST_CLASSES:
        return None
    shares = {one.area_after / one.cells_after for one in maps.amounts if one.area_after and one.cells_after}
    is_even = unit != "cells" and max(shares) - min(shares) <= 1e-9 * max(shares)
    each, of = (min(shares) / _UNITS[unit], unit) if is_even else (1.0, "cells")
    names = {one.code: Swatch(one.name, one.colour) for one in legend}
    rows = [
        (names[code], *(number(round(size * each, 2)) if size else "" for size in row))
        for code, row in zip(found.classes, found.table(), strict=True)
    ]
    head = ("from, below; to, right", *(names[code].text for code in found.classes))
    return table(f"What became of each class, {of}", head, rows, numbers=True)
