"""Two results compared cell by cell: a scatter of numbers, and a table of classes beside it."""

from __future__ import annotations

import io
from dataclasses import dataclass

import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm, to_rgb
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator

from dissmodel.geo.legend import Legend

DPI = 150
_SIZE = (12.0, 7.4)  # inches
_BINS = 90
_MARGIN = 0.03  # of the range, at both ends
_BYTE = 256
_SAME, _OTHER = "#2b6cb0", "#c53030"
_PALEST = 0.12
_INKS = np.linspace(0.12, 1, 256)  # its palest ones are hard to see on paper
_DARK = 0.55
_THOUSANDS, _MILLIONS = 100_000, 1_000_000  # from here on counts are shown in them


@dataclass(frozen=True)
class Numbers:
    """A measure of each cell in both results: finite numbers, shape (n,)."""

    name: str
    unit: str
    a: npt.NDArray[np.float64]
    b: npt.NDArray[np.float64]
    notes: tuple[str, ...] = ()  # written in the picture, a line each


@dataclass(frozen=True)
class Classes:
    """The class of each cell in both results: codes, shape (n,)."""

    name: str
    legend: Legend
    a: npt.NDArray[np.uint8]
    b: npt.NDArray[np.uint8]
    note: str = ""  # over the table


@dataclass(frozen=True)
class Scatter:
    """What is to be drawn."""

    title: str
    subtitle: str
    labels: tuple[str, str]  # names of the two results
    numbers: Numbers
    classes: tuple[Classes, ...]  # a table each, at most three


def draw(scatter: Scatter) -> bytes:
    """Return the picture as a PNG; the same data gives the same bytes with the same matplotlib."""
    with matplotlib.style.context("default"):
        layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)
        figure = Figure(figsize=_SIZE, dpi=DPI, facecolor="white", layout=layout)
        figure.suptitle(f"{scatter.title}\n", x=0.012, ha="left", size=14, weight="bold")
        figure.text(0.012, 0.935, scatter.subtitle, size=9, color="#444444", va="top")
        halves = figure.add_gridspec(1, 2, width_ratios=(1.08, 1))
        _draw_numbers(figure.add_subfigure(halves[0]), scatter.numbers, scatter.labels)
        tables = [(one, *confusion(one.a, one.b)) for one in scatter.classes]
        heights = [len(codes) + 2 for _, codes, _ in tables]
        right = figure.add_subfigure(halves[1])
        axes = right.subplots(len(tables), 1, squeeze=False, height_ratios=heights)
        for place, (one, codes, counts) in zip(axes[:, 0], tables, strict=True):
            _draw_table(place, one, codes, counts, scatter.labels)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", metadata={"Software": None})
        return stream.getvalue()


def confusion(
    a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the codes in either, ascending, and the cells of each pair: rows of `a`, columns of `b`.

    >>> codes, counts = confusion(np.array([1, 1, 9], np.uint8), np.array([1, 9, 9], np.uint8))
    >>> codes.tolist(), counts.tolist()
    ([1, 9], [[1, 1], [0, 1]])
    """
    pairs = np.bincount(a.astype(np.intp) * _BYTE + b, minlength=_BYTE * _BYTE).reshape(_BYTE, _BYTE)
    codes = np.flatnonzero(pairs.any(axis=0) | pairs.any(axis=1))
    return codes, pairs[np.ix_(codes, codes)]


def _draw_numbers(figure: SubFigure, numbers: Numbers, labels: tuple[str, str]) -> None:
    """Draw the density of cells over both numbers, and below it their difference on its own scale."""
    upper, lower = figure.subplots(2, 1, height_ratios=(3.6, 1), sharex=True)
    low, high = _range(numbers.a, numbers.b)
    upper.axline((low, low), slope=1, color="#777777", linewidth=0.8, zorder=1)
    image = _draw_density(upper, numbers.a, numbers.b, (low, high, low, high))
    upper.set_ylabel(f"{numbers.name}, {labels[1]} ({numbers.unit})")
    upper.set_title(f"{numbers.name}: on the grey line where both are equal", size=10, loc="left")
    box = {"facecolor": "white", "edgecolor": "#bbbbbb", "alpha": 0.9, "boxstyle": "round,pad=0.5"}
    upper.text(
        *(0.03, 0.97, "\n".join(numbers.notes)),
        transform=upper.transAxes,
        va="top",
        size=9,
        linespacing=1.5,
        bbox=box,
        zorder=3,
        parse_math=False,
    )
    apart = numbers.b - numbers.a
    most = 1.1 * float(np.abs(apart).max()) or 1.0
    lower.axhline(0, color="#777777", linewidth=0.8, zorder=1)
    _draw_density(lower, numbers.a, apart, (low, high, -most, most), rows=_BINS // 4 | 1)
    lower.set_xlabel(f"{numbers.name}, {labels[0]} ({numbers.unit})")
    lower.set_ylabel(f"{labels[1]} - {labels[0]} ({numbers.unit})", size=9)
    for axes in (upper, lower):
        axes.tick_params(labelsize=8)
    _draw_scale(figure, image, [upper, lower])


def _draw_density(
    axes: Axes,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    extent: tuple[float, float, float, float],
    rows: int = _BINS,
) -> AxesImage:
    """Draw the number of cells in each bin; a dot for each cell would hide all but the last."""
    wide, high = extent[:2], extent[2:]
    counts, _, _ = np.histogram2d(x, y, bins=(_BINS, rows), range=(wide, high))
    return axes.imshow(
        np.ma.masked_equal(counts.T, 0),
        origin="lower",
        extent=extent,
        norm=LogNorm(1, max(2, len(x))),
        cmap=ListedColormap(colormaps["viridis_r"](_INKS)),
        interpolation="nearest",
        aspect="auto",
        zorder=2,
    )


def _draw_scale(figure: SubFigure, image: AxesImage, axes: list[Axes]) -> None:
    bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=40, pad=0.02)
    bar.set_label("cells", size=9)
    bar.ax.yaxis.set_major_locator(LogLocator(numticks=12))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    bar.ax.tick_params(labelsize=8)


def _draw_table(
    axes: Axes,
    classes: Classes,
    codes: npt.NDArray[np.intp],
    counts: npt.NDArray[np.intp],
    labels: tuple[str, str],
) -> None:
    """Draw the number of cells of each pair of classes: blue where both are the same, else red."""
    # A few cells among many have to be seen.
    shade = np.where(counts > 0, _PALEST + (1 - _PALEST) * np.log1p(counts) / np.log1p(counts.max()), 0.0)
    colour = np.where(np.eye(len(codes), dtype=bool)[..., np.newaxis], to_rgb(_SAME), to_rgb(_OTHER))
    axes.imshow(1 - shade[..., np.newaxis] * (1 - colour), aspect="auto", interpolation="nearest")
    for row, col in np.argwhere(counts > 0).tolist():
        text = _short(int(counts[row, col]))
        ink = "white" if shade[row, col] > _DARK else "black"
        axes.text(col, row, text, ha="center", va="center", size=7, color=ink)
    names = {one.code: f"{one.name}  {one.code}" for one in classes.legend}
    places = range(len(codes))
    axes.set_yticks(places, [names.get(int(code), str(code)) for code in codes], size=8)
    axes.set_xticks(places, [str(code) for code in codes], size=8)
    axes.set_xticks(np.arange(len(codes) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(codes) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#dddddd", linewidth=0.6)
    axes.tick_params(which="both", length=0)
    axes.set_xlabel(f"{classes.name}, {labels[1]}", size=9)
    axes.set_ylabel(f"{classes.name}, {labels[0]}", size=9)
    axes.set_title(f"{classes.name}: {classes.note}", size=10, loc="left", parse_math=False)


def _range(*values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = (float(one) for one in (np.min(values), np.max(values)))
    room = _MARGIN * (high - low) or 0.5
    return low - room, high + room


def _short(count: int) -> str:
    """Return a number of cells in a few letters.

    >>> [_short(count) for count in (99_999, 123_456, 12_345_678)]
    ['99,999', '123 k', '12 M']
    """
    if count < _THOUSANDS:
        return f"{count:,}"
    return f"{count // 1000} k" if count < _MILLIONS else f"{count // 1_000_000} M"
