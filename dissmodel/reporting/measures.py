"""What a model measured over the steps, as charts: of each measure, and of the classes of a map together."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from dissmodel.executor.model_executor import ModelExecutor
from dissmodel.experiment.steps import StepTable
from dissmodel.markup import number
from dissmodel.record import ExperimentRecord
from dissmodel.reporting.page import Chart, Page, Swatch

_MOST_CHARTS = 24
_MOST_SAID = 8  # lines in words
_AREA = "_area_m2"
_SUFFIXES = {"_m2": "m²", "_km2": "km²", "_ha": "ha", "_sec": "s", "_percent": "%"}

Colours = Mapping[str, Mapping[str, str]]
"""Of each band with classes: the end of the name of a measure → the colour of the class."""


def unit_of(measure: str, executor: type[ModelExecutor] | None) -> str:
    """Return the unit of a measure: the declared one, or what its name ends with; empty where it is unknown.

    >>> unit_of("burned_area_m2", None), unit_of("built", None)
    ('m²', '')
    """
    declared = getattr(executor, "measure_units", {})
    if isinstance(declared, Mapping) and isinstance(declared.get(measure), str):
        return str(declared[measure])
    legends = getattr(executor, "legends", {})
    if isinstance(legends, Mapping):
        of_classes = {f"{name}_{class_word(one.name)}" for name, legend in legends.items() for one in legend}
        if measure in of_classes:
            return "cells"
    return next((unit for suffix, unit in _SUFFIXES.items() if measure.endswith(suffix)), "")


def class_word(name: str) -> str:
    """Return the name of a class as it is in the name of a measure."""
    return name.replace(" ", "_")


def measure_charts(
    steps: StepTable,
    units: Mapping[str, str],
    record: ExperimentRecord,
    page: Page,
    colours: Colours,
) -> list[Chart]:
    """Return a chart of each measure, and one for those that differ in the class alone.

    Where a class has a number of cells and an area, which are proportional, the area is drawn.
    """
    charts = []
    groups = _groups(steps.measures, record, colours)
    for what, members in list(groups.items())[:_MOST_CHARTS]:
        own = colours.get(what.removesuffix(_AREA), {})
        lines = {label: (steps.measures[name], own.get(label)) for name, label in members}
        said = f"area of {what.removesuffix(_AREA)}" if what.endswith(_AREA) else what
        charts.append(step_chart(said, units[members[0][0]], steps.steps, lines, page))
    if len(groups) > _MOST_CHARTS:
        page.told.append(f"Charts show the first {_MOST_CHARTS} of {len(groups)} measures.")
    return charts


def step_chart(
    what: str,
    unit: str,
    steps: Sequence[float],
    lines: Mapping[str, tuple[Sequence[float], str | None]],
    page: Page,
) -> Chart:
    """Return a chart of values over steps: name of a line → its values, and its colour where it has one."""
    from dissmodel.visualization.page_charts import COLOURS, Line, line_chart  # noqa: PLC0415  (it loads matplotlib)

    said, own = what.replace("_", " "), itertools.cycle(COLOURS)
    drawn = [
        Line(name.replace("_", " "), steps, values, colour or next(own))
        for name, (values, colour) in lines.items()
    ]
    axes = ("step", f"{said}, {unit}" if unit else said)
    legend = tuple(Swatch(one.name, one.colour) for one in drawn) if len(drawn) > 1 else ()
    svg = line_chart(axes, drawn, page.number())
    return Chart(svg, said[:1].upper() + said[1:], _alt(axes[1], drawn, steps), legend=legend)


def _groups(
    measures: Mapping[str, Any], record: ExperimentRecord, colours: Colours
) -> dict[str, list[tuple[str, str]]]:
    """Return what each chart is of → names of measures, and what the legend calls them."""
    types = record.parameters.get("land_use_types")
    classes = {str(one) for one in types} if isinstance(types, list) else set()
    classes |= {label for own in colours.values() for label in own}
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in measures:
        base, end = (name.removesuffix(_AREA), _AREA) if name.endswith(_AREA) else (name, "")
        if not end and f"{name}{_AREA}" in measures:
            continue
        fitting = [label for label in classes if base.endswith(f"_{label}")]
        label = max(fitting, key=lambda one: (len(one), one), default="")
        what = f"{base.removesuffix(f'_{label}')}{end}" if label else name
        groups.setdefault(what, []).append((name, label or name))
    return groups


def _alt(said: str, lines: Sequence[Any], steps: Sequence[float]) -> str:
    """Return in words what a chart shows: where each line begins and ends."""
    ends = [f"{one.name} from {number(one.y[0])} to {number(one.y[-1])}" for one in lines[:_MOST_SAID]]
    ends += [f"and {len(lines) - _MOST_SAID} more"] if len(lines) > _MOST_SAID else []
    return f"Chart of {said}, step {number(steps[0])} to {number(steps[-1])}: {'; '.join(ends)}."
