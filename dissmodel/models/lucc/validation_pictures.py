"""The pictures of a validation. The same maps give the same bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from dissmodel.estimating.land_use import Codes, Floats
from dissmodel.geo.legend import CellClass, Legend
from dissmodel.metrics import ClassMeasures, ShareMeasures, TransitionMatrix
from dissmodel.metrics.change import PERSISTENCE, change_kinds
from dissmodel.models.lucc.validation_measures import Validation
from dissmodel.models.lucc.validation_report import KINDS, ROLES, TITLE, in_words, kind_sizes, short
from dissmodel.preview.canvas import Canvas
from dissmodel.visualization import charts, map_sheet
from dissmodel.visualization.colours import MOST_CLASSES, qualitative

SAME, ANOTHER = CellClass(0, "same class", "#e6e6e6"), CellClass(1, "another class", "#bb5566")
QUANTITY, ALLOCATION = "#ddaa33", "#004488"

_MOST_TRANSITIONS, _MOST_MAPS = 10, 6


def pictures(found: Validation) -> dict[str, bytes]:
    """Return each picture, a PNG, by the name of its file."""
    drawn = {}
    if found.classes is not None:
        drawn["maps.png"] = draw_maps(found, found.classes)
    if found.shares is not None:
        drawn["shares.png"] = draw_share_maps(found, found.shares)
    return drawn | {"charts.png": draw_charts(found)}


def draw_maps(found: Validation, classes: ClassMeasures) -> bytes:
    """Return the maps of classes: the reference, the simulation, where they agree."""
    legend = _legend(found)
    inside = found.maps["result"].pixels.inside
    reference, result = _codes(found, "reference"), _codes(found, "result")
    start = found.maps.get("start")
    if start is None or start.codes is None:
        kinds = (reference != result).astype(np.intp)
        sizes = np.bincount(kinds[inside], minlength=2).tolist()
        parts: Legend = (SAME, ANOTHER)
    else:
        kinds = change_kinds(start.codes, reference, result)
        sizes = kind_sizes(classes)
        parts = tuple(CellClass(place, name, colour) for place, (name, colour) in enumerate(KINDS))
    counted = tuple(
        CellClass(one.code, f"{one.name}: {size:,} cells, {100 * size / found.cells:.3g} %", one.colour)
        for one, size in zip(parts, sizes, strict=True)
    )
    panels = (
        map_sheet.Panel("reference", _picture(reference, inside, legend), legend),
        map_sheet.Panel("simulated", _picture(result, inside, legend), legend),
        map_sheet.Panel("agreement", np.where(inside, kinds, np.nan), counted),
    )
    keys = (("Classes", legend), ("Agreement", counted))
    return map_sheet.draw(_sheet(found, (("", panels),), keys))


def draw_share_maps(found: Validation, shares: ShareMeasures) -> bytes:
    """Return the maps of shares, a row for each class; where there are many, those that differ most."""
    types = list(shares.differences)
    errors = [shares.differences[name].mae or 0.0 for name in types]
    shown = sorted(sorted(range(len(types)), key=lambda place: -errors[place])[:_MOST_MAPS])
    largest = max(one.max_error or 0.0 for one in shares.differences.values()) or 1.0
    share = map_sheet.Ramp("share", 0.0, 1.0, "cividis")
    apart = map_sheet.Ramp("difference", -largest, largest, "RdBu_r")
    reference, result = found.maps["reference"].shares, found.maps["result"].shares
    assert reference is not None
    assert result is not None
    outside = ~found.maps["result"].pixels.inside
    rows = []
    for place in shown:
        a, b = np.where(outside, np.nan, reference[place]), np.where(outside, np.nan, result[place])
        panels = (
            map_sheet.Panel("reference", a, share),
            map_sheet.Panel("simulated", b, share),
            map_sheet.Panel("sim. − ref.", b - a, apart),
        )
        rows.append((types[place], panels))
    return map_sheet.draw(_sheet(found, tuple(rows), ()))


def _sheet(
    found: Validation,
    rows: tuple[tuple[str, tuple[map_sheet.Panel, ...]], ...],
    keys: tuple[tuple[str, Legend], ...],
) -> map_sheet.MapSheet:

    result = found.maps["result"]
    high, wide = result.pixels.inside.shape
    aspect, metres = high / wide, None
    if (transform := result.transform) is not None:
        crs = None if result.pixels.crs is None else CRS.from_user_input(result.pixels.crs)
        west, north = transform.c, transform.f
        east, south = transform @ (wide, high)
        canvas = Canvas((high, wide), (west, south, east, north), crs)
        aspect, metres = canvas.aspect, canvas.metres
    names = ", ".join(f"{ROLES[role][0]}: {one.name}" for role, one in found.maps.items())
    subtitle = f"{in_words(found)} {names[0].upper()}{names[1:]}."
    return map_sheet.MapSheet(
        title=TITLE, subtitle=subtitle, rows=rows, keys=keys, aspect=aspect, metres=metres
    )


def draw_charts(found: Validation) -> bytes:
    """Return the charts: change, areas, disagreement by class, transitions, fit by window."""
    drawn: list[charts.Bars | charts.Curve] = []
    classes, shares = found.classes, found.shares
    if classes is not None and classes.change is not None:
        sizes = [100 * size / found.cells for size in kind_sizes(classes)]
        drawn.append(
            charts.Bars(
                title="Change since the start, by agreement",
                axis="part of all cells (%)",
                labels=("",),
                series=tuple(
                    charts.Series(f"{name}  {size:.3g} %", colour, (size,))
                    for (name, colour), size in list(zip(KINDS, sizes, strict=True))[:PERSISTENCE]
                ),
                stacked=True,
            )
        )
    drawn.append(
        charts.Bars(
            title="Area of each class",
            axis=f"area ({found.unit})" if found.unit != "cells" else "area (number of cells)",
            labels=tuple(found.names.values()),
            series=tuple(
                charts.Series(
                    name, colour, tuple(float(found.areas[role].get(one, 0)) for one in found.names)
                )
                for role, (name, colour) in ROLES.items()
                if role in found.areas
            ),
        )
    )
    apart = _disagreements(found)
    drawn.append(
        charts.Bars(
            title="Disagreement by class",
            axis="part of all cells (%)",
            labels=tuple(apart),
            series=(
                charts.Series("quantity", QUANTITY, tuple(100 * one[0] for one in apart.values())),
                charts.Series("allocation", ALLOCATION, tuple(100 * one[1] for one in apart.values())),
            ),
            stacked=True,
        )
    )
    if classes is not None and classes.observed is not None and classes.simulated is not None:
        drawn += _transitions(found, classes.observed, classes.simulated)
    fit = classes.fit if classes is not None else shares.fit if shares is not None else None
    if fit is not None and fit.fits:
        drawn.append(
            charts.Curve(
                title=f"Fit by window; over all windows {short(fit.total)}",
                axes=("width of the window (cells)", "fit (1 = equal)"),
                x=tuple(map(float, fit.fits)),
                y=tuple(fit.fits.values()),
            )
        )
    return charts.draw(TITLE, in_words(found), drawn)


def _disagreements(found: Validation) -> dict[str, tuple[float, float]]:
    if found.classes is not None:
        return {
            found.names[number]: (one.quantity, one.allocation)
            for number, one in found.classes.disagreement.classes.items()
        }
    assert found.shares is not None
    return {
        name: (one.quantity or 0.0, one.allocation or 0.0) for name, one in found.shares.differences.items()
    }


def _transitions(
    found: Validation, observed: TransitionMatrix, simulated: TransitionMatrix
) -> list[charts.Bars]:
    pairs = sorted(
        {pair for pair in (*observed.sizes, *simulated.sizes) if pair[0] != pair[1]},
        key=lambda pair: (-observed.sizes.get(pair, 0) - simulated.sizes.get(pair, 0), pair),
    )[:_MOST_TRANSITIONS]
    if not pairs:
        return []
    series = [
        charts.Series(*ROLES[role], tuple(float(matrix.sizes.get(pair, 0)) for pair in pairs))
        for role, matrix in (("reference", observed), ("result", simulated))
    ]
    return [
        charts.Bars(
            title="Largest transitions since the start",
            axis="number of cells",
            labels=tuple(f"{found.names[a]} → {found.names[b]}" for a, b in pairs),
            series=tuple(series),
        )
    ]


def _codes(found: Validation, role: str) -> Codes:
    codes = found.maps[role].codes
    assert codes is not None
    return codes


def _legend(found: Validation) -> Legend:
    """Return the classes; where there are more than colours, the last stands for the smallest of them."""
    codes = list(found.names)
    if len(codes) <= MOST_CLASSES:
        return tuple(replace(one, name=found.names[one.code]) for one in qualitative(codes))
    by_area = sorted(codes, key=lambda code: -sum(areas.get(code, 0) for areas in found.areas.values()))
    shown, rest = by_area[: MOST_CLASSES - 1], codes[-1] + 1
    names = {**found.names, rest: f"{len(codes) - len(shown)} smaller classes"}
    return tuple(replace(one, name=names[one.code]) for one in qualitative([*shown, rest]))


def _picture(codes: Codes, inside: NDArray[np.bool_], legend: Legend) -> Floats:
    """Return the codes of a map; a class that the legend lacks has the last code of the legend."""
    is_shown = np.isin(codes, [shown.code for shown in legend])
    return np.where(inside, np.where(is_shown, codes, legend[-1].code), np.nan)
