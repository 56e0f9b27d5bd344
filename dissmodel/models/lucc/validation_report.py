"""The page and the pictures of a validation. The same maps and parameters give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from dissmodel.estimating.land_use import Floats, LandUse
from dissmodel.geo.legend import CellClass, Legend
from dissmodel.metrics import ClassMeasures, ResolutionFit, ShareMeasures, TransitionMatrix
from dissmodel.metrics.change import PERSISTENCE, change_kinds
from dissmodel.models.lucc.validation_measures import Validation
from dissmodel.models.markdown import code, page, table

MAPS, SHARE_MAPS, CHARTS = "maps.png", "shares.png", "charts.png"
TITLE = "Land use: simulated against reference"

# Paul Tol's "high contrast" scheme, whose lightness alone tells its colours apart, with black and a light
# grey.
KINDS = (
    ("hit", "#004488"),
    ("miss", "#ddaa33"),
    ("false alarm", "#bb5566"),
    ("wrong class", "#000000"),
    ("persistence", "#e6e6e6"),
)
SAME, ANOTHER = CellClass(0, "same class", "#e6e6e6"), CellClass(1, "another class", "#bb5566")
ROLES = {
    "start": ("start", "#d0d0d0"),
    "reference": ("reference", "#4d4d4d"),
    "result": ("simulated", "#33bbee"),
}
QUANTITY, ALLOCATION = "#ddaa33", "#004488"

_MOST_TRANSITIONS, _MOST_MAPS = 10, 6


def in_words(found: Validation) -> str:
    """Return a sentence on what was found.

    A measure that is not defined is left out.
    """
    said = []
    if found.classes is not None:
        same = sum(size for (a, b), size in found.classes.matrix.sizes.items() if a == b)
        change, apart = found.classes.change, found.classes.disagreement
        said.append(f"{same:,} of {found.cells:,} cells have the class of the reference")
        said.append(f"quantity disagreement {_short(apart.quantity)}, allocation {_short(apart.allocation)}")
        if change is not None:
            merit = change.figure_of_merit
            said.append(
                "no cell changes in either map" if merit is None else f"figure of merit {_short(merit)}"
            )
    elif found.shares is not None:
        said.append(f"{found.cells:,} cells")
        said.append(
            f"quantity disagreement {_short(found.shares.quantity)}, "
            f"allocation {_short(found.shares.allocation)}"
        )
        said.append(f"fit over all windows {_short(found.shares.fit.total)}")
    return "; ".join(said) + "."


def report(found: Validation, parameters: Mapping[str, Any], pictures: Iterable[str]) -> str:
    """Return the page, as Markdown."""
    sections = [[f"# {TITLE}"], [f"**{in_words(found)}**"]]
    sections += [[f"![{name.removesuffix('.png')}]({name})"] for name in pictures]
    sections += [["## Areas"], _area_table(found)]
    for role in found.maps:
        only = found.only_in(role)
        if only:
            sections.append([f"Only the {role} has the classes {', '.join(map(code, only))}."])
    if found.classes is not None:
        sections += _class_sections(found, found.classes)
    if found.shares is not None:
        sections += _share_sections(found.shares, parameters["tolerance"])
    sections += [
        ["## Maps"],
        table(
            ("Map", "File", "sha256"),
            [(role, code(one.name), code(one.sha256)) for role, one in found.maps.items()],
        ),
        [f"{found.cells:,} cells, {found.maps['result'].pixels.said}."],
        ["## Measures"],
        [
            "- Quantity and allocation disagreement: Pontius & Millones (2011), parts of all cells.",
            "- Figure of merit: hits/(hits + misses + false alarms + wrong class); Pontius et al. (2008).",
            "- Kappa: Cohen (1960). Pontius & Millones (2011) advise against it.",
            "- Fit by window: 1 - Σ|a - b|/(2·cells), the mean of windows side by side; over all with",
            "  weights e^(-0.1(w-1)); after Costanza (1989).",
            "- Shares: quantity |Σ(a-b)|/N, allocation MAE - quantity, by class.",
            "- A measure that is not defined is –.",
        ],
    ]
    return page(sections)


def _area_table(found: Validation) -> list[str]:
    roles = [role for role in ROLES if role in found.areas]
    return table(
        ("Class", *(f"{ROLES[role][0]} ({found.unit})" for role in roles)),
        [
            (code(name), *(f"{found.areas[role].get(number, 0):,.7g}" for role in roles))
            for number, name in found.names.items()
        ],
    )


def _class_sections(found: Validation, classes: ClassMeasures) -> list[list[str]]:
    apart = classes.disagreement
    sections = [
        ["## Classes"],
        table(
            ("Measure", "Value"),
            [
                ("quantity disagreement", _number(apart.quantity)),
                ("allocation disagreement", _number(apart.allocation)),
                ("kappa", _number(classes.kappa)),
                ("fit over all windows", _number(classes.fit.total)),
            ],
        ),
        table(
            ("Class", "Quantity", "Allocation"),
            [
                (code(found.names[number]), _number(one.quantity), _number(one.allocation))
                for number, one in apart.classes.items()
            ],
        ),
        ["### Cells by simulated class (rows) and class of the reference (columns)"],
        _matrix(found, classes.matrix),
    ]
    if classes.change is not None:
        sizes = _kind_sizes(classes)
        sections += [
            ["### Change since the start"],
            table(
                ("", "Cells", "Part of all cells"),
                [
                    (name, f"{size:,}", _number(size / found.cells))
                    for (name, _), size in zip(KINDS, sizes, strict=True)
                ],
            ),
            [f"Figure of merit: {_number(classes.change.figure_of_merit)}."],
        ]
    return [*sections, ["### Fit by window"], _fit_table(classes.fit)]


def _share_sections(shares: ShareMeasures, tolerance: float) -> list[list[str]]:
    return [
        ["## Shares"],
        table(
            ("Class", "MAE", "RMSE", "Max error", "Match (%)", "Quantity", "Allocation"),
            [
                (
                    code(name),
                    *map(
                        _number, (one.mae, one.rmse, one.max_error, one.match, one.quantity, one.allocation)
                    ),
                )
                for name, one in shares.differences.items()
            ],
        ),
        [f"A share matches where it is at most {tolerance:g} from that of the reference."],
        [
            f"All classes: quantity {_number(shares.quantity)}, allocation {_number(shares.allocation)}.",
            f"Fit over all windows: {_number(shares.fit.total)}.",
        ],
        ["### Fit of shares by window"],
        _fit_table(shares.fit),
    ]


def _matrix(found: Validation, matrix: TransitionMatrix) -> list[str]:
    names = [code(found.names[number]) for number in matrix.classes]
    rows = zip(names, matrix.table(), strict=True)
    return table(("", *names), [(name, *(f"{cells:,}" for cells in row)) for name, row in rows])


def _fit_table(fit: ResolutionFit) -> list[str]:
    return table(
        ("Window (cells)", "Fit"), [(f"{width:,}", _number(value)) for width, value in fit.fits.items()]
    )


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"


def _kind_sizes(classes: ClassMeasures) -> list[int]:
    change = classes.change
    assert change is not None
    parts = (change.hits, change.misses, change.false_alarms, change.wrong_class, change.persistence)
    return [int(one) for one in parts]


def draw_maps(found: Validation, classes: ClassMeasures) -> bytes:
    """Return the maps of classes: the reference, the simulation, where they agree."""
    from dissmodel.visualization import map_sheet  # noqa: PLC0415  (it loads matplotlib)
    from dissmodel.visualization.colours import qualitative  # noqa: PLC0415  (the room of matplotlib)

    legend = tuple(CellClass(one.code, found.names[one.code], one.colour) for one in qualitative(found.names))
    reference, result = _picture(found.maps["reference"]), _picture(found.maps["result"])
    start = found.maps.get("start")
    if start is None or start.codes is None:
        kinds: Floats = (reference != result).astype(np.float64)
        sizes = np.bincount(kinds[~np.isnan(result)].astype(np.intp), minlength=2).tolist()
        parts: Legend = (SAME, ANOTHER)
    else:
        kinds = change_kinds(start.codes, _codes(found, "reference"), _codes(found, "result")).astype(
            np.float64
        )
        sizes = _kind_sizes(classes)
        parts = tuple(CellClass(place, name, colour) for place, (name, colour) in enumerate(KINDS))
    kinds[np.isnan(result)] = np.nan
    counted = tuple(
        CellClass(one.code, f"{one.name}: {size:,} cells, {100 * size / found.cells:.3g} %", one.colour)
        for one, size in zip(parts, sizes, strict=True)
    )
    reference[np.isnan(result)] = np.nan
    panels = (
        map_sheet.Panel("reference", reference, legend),
        map_sheet.Panel("simulated", result, legend),
        map_sheet.Panel("agreement", kinds, counted),
    )
    keys = (("Classes", legend), ("Agreement", counted))
    return map_sheet.draw(_sheet(found, (("", panels),), keys))


def draw_share_maps(found: Validation, shares: ShareMeasures) -> bytes:
    """Return the maps of shares, a row for each class; where there are many, those that differ most."""
    from dissmodel.visualization import map_sheet  # noqa: PLC0415  (it loads matplotlib)

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


def _sheet(found: Validation, rows: Any, keys: Any) -> Any:
    from pyproj import CRS  # noqa: PLC0415  (GDAL has read the maps)

    from dissmodel.preview.canvas import Canvas  # noqa: PLC0415  (as map_sheet)
    from dissmodel.visualization import map_sheet  # noqa: PLC0415  (it loads matplotlib)

    result = found.maps["result"]
    high, wide = result.pixels.inside.shape
    aspect, metres = high / wide, None
    if (transform := result.transform) is not None:
        crs = None if result.pixels.crs is None else CRS.from_user_input(result.pixels.crs)
        west, north = transform.c, transform.f
        east, south = transform @ (wide, high)
        canvas = Canvas.over((west, south, east, north), crs)
        aspect, metres = canvas.aspect, canvas.metres
    names = ", ".join(f"{ROLES[role][0]}: {one.name}" for role, one in found.maps.items())
    subtitle = f"{in_words(found)} {names[0].upper()}{names[1:]}."
    return map_sheet.MapSheet(
        title=TITLE, subtitle=subtitle, rows=rows, keys=keys, aspect=aspect, metres=metres
    )


def draw_charts(found: Validation) -> bytes:
    """Return the charts: change, areas, disagreement by class, transitions, fit by window."""
    from dissmodel.visualization import charts  # noqa: PLC0415  (it loads matplotlib)

    drawn: list[charts.Bars | charts.Curve] = []
    classes, shares = found.classes, found.shares
    if classes is not None and classes.change is not None:
        sizes = [100 * size / found.cells for size in _kind_sizes(classes)]
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
                title=f"Fit by window; over all windows {_short(fit.total)}",
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


def _transitions(found: Validation, observed: TransitionMatrix, simulated: TransitionMatrix) -> list[Any]:
    from dissmodel.visualization import charts  # noqa: PLC0415  (it loads matplotlib)

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


def _codes(found: Validation, role: str) -> Any:
    codes = found.maps[role].codes
    assert codes is not None
    return codes


def _picture(one: LandUse) -> Floats:
    assert one.codes is not None
    return np.where(one.pixels.inside, one.codes, np.nan)
