"""What a comparison of both substrates found, as a page to read and a picture.

Both have the same bytes for the same input and parameters: nothing in them is of the hour or the machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dissmodel.models.coastal.agreement import Agreement, in_words
from dissmodel.models.coastal.parameters import ValidationParameters

PICTURE = "scatter.png"

_UNITS = {"alt": "m"}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What was compared."""

    name: str  # of the input's file: untrusted text
    sha256: str  # of the input
    shape: tuple[int, int]  # rows and columns of the pixels
    steps: tuple[int, int]  # first and last
    links: tuple[int, int]  # number of links between neighbours: of pixels, of polygons


def verdict(found: Sequence[Agreement]) -> str:
    """Return "agree" or "differ"."""
    return "differ" if any(one.apart for one in found) else "agree"


def report(subject: Subject, parameters: ValidationParameters, found: Sequence[Agreement]) -> str:
    """Return the page, as Markdown; `found` has one agreement for each band."""
    rows, cols = subject.shape
    tolerance = parameters.tolerance
    bound = f"are at most {tolerance:g} m apart" if tolerance else "have the same bits"
    sections = [
        ["# Raster against vector"],
        [f"**The substrates {verdict(found)}.** {in_words(found)}"],
        [f"![Elevations and classes of both]({PICTURE})"],
        ["## Bands"],
        _table(
            ("Band", "Unit", "Cells", "Differ", "Match (%)", "MAE", "RMSE", "Max error"),
            [
                (
                    one.name,
                    _UNITS.get(one.name, "code"),
                    f"{one.cells:,}",
                    f"{one.apart:,}",
                    f"{one.match:.7g}",
                    f"{one.mae:.6g}",
                    f"{one.rmse:.6g}",
                    f"{one.max_error:.6g}",
                )
                for one in found
            ],
        ),
        [
            f"A cell matches where its codes are equal and its elevations {bound}.",
            "Of an error of codes only whether it is 0 has a meaning.",
        ],
        ["## Input"],
        _table(
            ("What", "Value"),
            [
                ("file", _code(subject.name)),
                ("sha256", _code(subject.sha256)),
                ("cells", f"{found[0].cells:,}"),
                ("pixels", f"{rows:,} rows × {cols:,} columns"),
                ("steps", f"{subject.steps[0]} to {subject.steps[1]}"),
                (
                    "links between neighbours",
                    f"{subject.links[0]:,} of pixels, {subject.links[1]:,} of polygons",
                ),
            ],
        ),
        ["## Parameters"],
        _table(("Parameter", "Value", "Unit"), _parameter_rows(parameters)),
        ["## Time"],
        [
            "Times change from run to run, so they are in the run's record, under `metrics`:",
            "`time_per_step_raster_sec` and `time_per_step_vector_sec`, seconds.",
        ],
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _parameter_rows(parameters: ValidationParameters) -> Iterable[tuple[str, str, str]]:
    for name, value in parameters.model_dump().items():
        extra = type(parameters).model_fields[name].json_schema_extra
        unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
        yield (
            name,
            _code(str(value).lower() if value is None or isinstance(value, bool) else str(value)),
            unit,
        )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    ruler = ("---",) * len(head)
    return [f"| {' | '.join(row)} |" for row in (head, ruler, *rows)]


def _code(text: str) -> str:
    """Return a literal text, with ``?`` for characters that would end it or can't be shown."""
    shown = "".join("?" if one in "`|" or not one.isprintable() else one for one in text)
    return f"`{shown}`"
