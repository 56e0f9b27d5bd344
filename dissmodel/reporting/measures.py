"""What a model measured over the steps, as charts: an own one for each measure, one for the classes of a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dissmodel.executor.model_executor import ModelExecutor
from dissmodel.experiment.steps import StepTable
from dissmodel.record import ExperimentRecord
from dissmodel.reporting.page import Chart, Page, number

_MOST_CHARTS = 24
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
    from dissmodel.visualization.page_charts import Line, line_chart  # noqa: PLC0415  (it loads matplotlib)

    charts = []
    groups = _groups(steps.measures, record, colours)
    for what, members in list(groups.items())[:_MOST_CHARTS]:
        own = colours.get(what.removesuffix(_AREA), {})
        lines = [
            Line(
                label.replace("_", " "),
                steps.steps,
                steps.measures[name],
                own.get(label),
            )
            for name, label in members
        ]
        unit = units[members[0][0]]
        is_area = what.endswith(_AREA)
        said = (f"area of each class of {what.removesuffix(_AREA)}" if is_area else what).replace("_", " ")
        axes = ("step", f"{said}, {unit}" if unit else said)
        charts.append(
            Chart(
                line_chart(axes, lines, page.number()),
                said[:1].upper() + said[1:],
                _alt(said, unit, lines, steps.steps),
                wide=len(lines) > 1,
            )
        )
    if len(groups) > _MOST_CHARTS:
        page.told.append(f"Charts show the first {_MOST_CHARTS} of {len(groups)} measures.")
    return charts


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


def _alt(said: str, unit: str, lines: Sequence[Any], steps: Sequence[float]) -> str:
    """Return in words what a chart shows: where each line begins and ends."""
    ends = "; ".join(f"{one.name}: from {number(one.y[0])} to {number(one.y[-1])}" for one in lines[:8])
    more = f"; and {len(lines) - 8} more" if len(lines) > 8 else ""  # noqa: PLR2004  (as above)
    of_unit = f", {unit}" if unit else ""
    return f"{said}{of_unit}, step {number(steps[0])} to {number(steps[-1])}. {ends}{more}."
