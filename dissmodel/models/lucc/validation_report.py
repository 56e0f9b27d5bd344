"""The page of a validation. The same maps and parameters give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dissmodel.metrics import ClassMeasures, ResolutionFit, ShareMeasures, TransitionMatrix
from dissmodel.models.lucc.validation_measures import Validation
from dissmodel.models.markdown import code, page, table

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
ROLES = {
    "start": ("start", "#d0d0d0"),
    "reference": ("reference", "#4d4d4d"),
    "result": ("simulated", "#33bbee"),
}


def in_words(found: Validation) -> str:
    """Return a sentence on what was found.

    A measure that is not defined is left out.
    """
    said = []
    if found.classes is not None:
        change, apart = found.classes.change, found.classes.disagreement
        said.append(f"{found.classes.agreement:,} of {found.cells:,} cells have the class of the reference")
        said.append(f"quantity disagreement {short(apart.quantity)}, allocation {short(apart.allocation)}")
        if change is not None:
            merit = change.figure_of_merit
            said.append(
                "no cell changes in either map" if merit is None else f"figure of merit {short(merit)}"
            )
    elif found.shares is not None:
        said.append(f"{found.cells:,} cells")
        said.append(
            f"quantity disagreement {short(found.shares.quantity)}, "
            f"allocation {short(found.shares.allocation)}"
        )
        said.append(f"fit over all windows {short(found.shares.fit.total)}")
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
            "- Quantity and allocation disagreement: Pontius & Millones (2011), parts of all cells;",
            "  allocation is exchange and shift: Pontius & Santacruz (2014).",
            "- Figure of merit: hits/(hits + misses + false alarms + wrong class); Pontius et al. (2008).",
            "- Kappa: Cohen (1960). Pontius & Millones (2011) advise against it.",
            "- Fuzzy agreement and fuzzy kappa: Hagen (2003), membership 2^(-d/2) up to 4 cells.",
            "- Fit by window: 1 - Σ|a - b|/(2·cells), the mean of windows side by side; over all with",
            "  weights e^(-0.1(w-1)); after Costanza (1989).",
            "- Shares: bias Σ(a-b)/N, R² 1 - Σ(a-b)²/Σ(b - mean of b)², quantity |bias|, allocation MAE -",
            "  quantity, by class.",
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
                ("– exchange", _number(apart.exchange)),
                ("– shift", _number(apart.shift)),
                ("kappa", _number(classes.kappa)),
                ("fuzzy agreement", _number(classes.fuzzy.similarity)),
                ("fuzzy kappa", _number(classes.fuzzy_kappa)),
                ("fit over all windows", _number(classes.fit.total)),
            ],
        ),
        table(
            ("Class", "Quantity", "Allocation", "Exchange", "Shift"),
            [
                (
                    code(found.names[number]),
                    *map(_number, (one.quantity, one.allocation, one.exchange, one.shift)),
                )
                for number, one in apart.classes.items()
            ],
        ),
        ["### Cells by simulated class (rows) and class of the reference (columns)"],
        _matrix(found, classes.matrix),
    ]
    if classes.change is not None:
        sizes = kind_sizes(classes)
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
            ("Class", "Bias", "MAE", "RMSE", "R²", "Max error", "Match (%)", "Quantity", "Allocation"),
            [
                (
                    code(name),
                    *map(_number, (one.bias, one.mae, one.rmse, one.r2, one.max_error, one.match)),
                    *map(_number, (one.quantity, one.allocation)),
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


def short(value: float | None) -> str:
    """Return a number with four digits, or a dash where it is not defined."""
    return "–" if value is None else f"{value:.4g}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"


def kind_sizes(classes: ClassMeasures) -> list[int]:
    """Return the cells of each of `KINDS`."""
    change = classes.change
    assert change is not None
    parts = (change.hits, change.misses, change.false_alarms, change.wrong_class, change.persistence)
    return [int(one) for one in parts]
