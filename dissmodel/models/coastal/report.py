"""The report on a comparison of both substrates: a page and a picture.

The same input and parameters give the same bytes: neither has a time or a name of the machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dissmodel.metrics import match_percent
from dissmodel.models.coastal.parameters import ValidationParameters
from dissmodel.models.markdown import code, page, table

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
        table(
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
        table(
            ("What", "Value"),
            [
                ("file", code(subject.name)),
                ("sha256", code(subject.sha256)),
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
        table(("Parameter", "Value", "Unit"), _parameter_rows(parameters)),
        ["## Time"],
        [
            "Times change from run to run, so they are in the run's record, under `metrics`:",
            "`time_per_step_raster_sec` and `time_per_step_vector_sec`, seconds.",
        ],
    ]
    return page(sections)


def _parameter_rows(parameters: ValidationParameters) -> Iterable[tuple[str, str, str]]:
    for name, value in parameters.model_dump().items():
        extra = type(parameters).model_fields[name].json_schema_extra
        unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
        yield (
            name,
            code(str(value).lower() if value is None or isinstance(value, bool) else str(value)),
            unit,
        )


@dataclass(frozen=True, slots=True)
class Agreement:
    """One band of two results, cell by cell.

    Mean absolute, root mean square and largest absolute difference are in metres for alt; of codes only
    whether they are 0 has a meaning.
    """

    name: str
    cells: int
    apart: int  # cells that differ by more than the tolerance
    mae: float
    rmse: float
    max_error: float
    first: int | None  # of these cells, counted from 0
    tolerance: float = 0.0

    @property
    def match(self) -> float:
        """The share of cells that agree, in per cent."""
        return match_percent(self.cells - self.apart, self.cells)


def agreement(name: str, a: NDArray[np.generic], b: NDArray[np.generic], tolerance: float = 0.0) -> Agreement:
    """Compare two bands: finite real numbers, shape (n,), n at least 1.

    With a tolerance of 0 two numbers of one cell have to be the same bits.

    >>> found = agreement("alt", np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.5, 3.0, 4.0]))
    >>> found.apart, found.first, found.match, found.mae, found.rmse, found.max_error
    (1, 1, 75.0, 0.125, 0.25, 0.5)
    """
    one, other = a.astype(np.float64), b.astype(np.float64)
    error = np.abs(one - other)
    largest = float(error.max())
    apart = error > tolerance if tolerance else one.view(np.uint64) != other.view(np.uint64)
    count = int(np.count_nonzero(apart))
    # Scaled, so that a tiny difference does not vanish when it is squared.
    scaled = error / largest if largest else error
    return Agreement(
        name=name,
        cells=error.size,
        apart=count,
        mae=float(error.mean()),
        rmse=largest * math.sqrt(float(np.mean(scaled**2))),
        max_error=largest,
        first=int(np.argmax(apart)) if count else None,
        tolerance=tolerance,
    )


def in_words(found: Sequence[Agreement]) -> str:
    """Return a sentence about how far bands are apart.

    >>> same = np.array([1.0, 2.0])
    >>> in_words([agreement("uso", same, same), agreement("alt", same, same + 0.5, 1.0)])
    'All 2 cells have the same uso; alt is at most 0.5 apart, and 1 is tolerated.'
    """
    cells = found[0].cells
    apart = [f"{one.apart:,} differ in {one.name}" for one in found if one.apart]
    if apart:
        return f"Of {cells:,} cells, {', '.join(apart)}."
    same = [one.name for one in found if not one.max_error]
    names = " and ".join(filter(None, [", ".join(same[:-1]), same[-1]]))
    parts = [f"All {cells:,} cells have the same {names}"]
    parts += [
        f"{one.name} is at most {one.max_error:.6g} apart, and {one.tolerance:g} is tolerated"
        for one in found
        if one.max_error
    ]
    exact = len(same) == len(found) and not any(one.tolerance for one in found)
    return "; ".join(parts) + (", bit for bit." if exact else ".")
