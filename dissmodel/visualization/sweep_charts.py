"""Charts of many runs: a tornado of indices, and lines with bands; as SVG and as PNG."""

from __future__ import annotations

import io
import itertools
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import matplotlib as mpl
import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from dissmodel.visualization.preview import DPI
from dissmodel.visualization.table import write
from dissmodel.visualization.text import plain

Floats: TypeAlias = npt.NDArray[np.float64]

MOST_LINES = 6
"""So many lines with bands can be told apart."""
# Dark enough to be told apart by colour-blind readers and in grey.
_COLOURS = ("#004488", "#bb5566", "#997700", "#228833", "#882255", "#555555")

# Inches.
_WIDTH, _MARGIN, _TITLE, _LINE = 9.0, 0.4, 0.42, 0.2
_BAR, _AROUND, _LINES = 0.2, 1.0, 4.2
_LABEL, _LETTERS = 30, 105
_PALE = (0.14, 0.24)
_FEW = 40  # places that get a mark each

_SHARES = {"ST": "total effect ST", "S1": "first order S1"}
_EFFECTS = {"mu_star": "mean of sizes µ*", "sigma": "standard deviation σ"}


@dataclass(frozen=True)
class _Bars:
    name: str
    values: Sequence[float]
    half_widths: Sequence[float]  # of intervals, NaN where there is none


@dataclass(frozen=True, kw_only=True)
class _Tornado:
    """Horizontal bars, the longest of the first series on top."""

    title: str
    subtitle: str
    axis: str
    labels: Sequence[str]
    series: Sequence[_Bars]


@dataclass(frozen=True)
class _Line:
    """A line, and pairs of lines around it, the widest pair first; NaN where there is nothing."""

    name: str
    x: Floats
    middle: Floats
    around: Sequence[tuple[Floats, Floats]]


@dataclass(frozen=True, kw_only=True)
class _Lines:
    title: str
    subtitle: str
    axes: tuple[str, str]  # what is across and what is up
    lines: Sequence[_Line]


def tornado(
    metric: str, indices: Mapping[str, Sequence[tuple[float, float]]], labels: Sequence[str], design: str
) -> _Tornado:
    """Return a chart of indices: name of the index → its value and half its interval, of each label."""
    shown = _SHARES if "ST" in indices else _EFFECTS
    return _Tornado(
        title=f"Sensitivity of {metric}",
        subtitle=f"{design} Lines are 95% confidence intervals.",
        axis="share of the variance" if "ST" in indices else f"elementary effects on {metric}",
        labels=labels,
        series=[
            _Bars(said, *zip(*indices[name], strict=True)) for name, said in shown.items() if name in indices
        ],
    )


def convergence(metric: str, curves: Mapping[str, Floats]) -> _Lines:
    """Return a chart of rows by group: number of replicates, runs, mean, both ends of its interval."""
    lines = []
    for name, curve in itertools.islice(curves.items(), MOST_LINES):
        count, _, mean, low, high = curve.T
        lines.append(_Line(name, count, mean, [(low, high)]))
    return _Lines(
        title=f"{metric} over replicates",
        subtitle="Mean of the first replicates, and its 95% confidence interval (Student's t)."
        + _more(curves),
        axes=("replicates", metric),
        lines=lines,
    )


def steps(metric: str, curves: Mapping[str, Floats]) -> _Lines:
    """Return a chart of rows by group: step, runs, mean, sd, least, quantiles (five), greatest."""
    runs = sorted({int(curve[:, 1].max()) for curve in curves.values()})
    lines = []
    for name, curve in itertools.islice(curves.items(), MOST_LINES):
        step, _, _, _, _, q05, q25, q50, q75, q95, _ = curve.T
        lines.append(_Line(name, step, q50, [(q05, q95), (q25, q75)][: 2 if len(curves) == 1 else 1]))
    bands = "bands from 5% to 95% and from 25% to 75%" if len(curves) == 1 else "a band from 5% to 95%"
    of_each = f"{runs[0]} runs" if len(runs) == 1 else f"{runs[0]} to {runs[-1]} runs"
    of_each += " in each group" if len(curves) > 1 else ""
    return _Lines(
        title=f"{metric} over steps",
        subtitle=f"Median of {of_each}, and {bands} of them." + _more(curves),
        axes=("step", metric),
        lines=lines,
    )


def _more(curves: Mapping[str, Floats]) -> str:
    return f" The first {MOST_LINES} of {len(curves)} groups." if len(curves) > MOST_LINES else ""


def draw(kind: Literal["tornado", "convergence", "steps"], metric: str, *data: Any) -> dict[str, bytes]:
    """Return a chart by suffix, ``.svg`` and ``.png``; it has the same bytes with the same matplotlib.

    `data` is that of the function of this name.
    """
    making: dict[str, Callable[..., _Tornado | _Lines]] = {
        "tornado": tornado,
        "convergence": convergence,
        "steps": steps,
    }
    chart = making[kind](metric, *data)
    with matplotlib.style.context("default"), mpl.rc_context({"svg.hashsalt": "dissmodel"}):
        lines = textwrap.wrap(plain(chart.subtitle, 4 * _LETTERS), _LETTERS)
        above = _MARGIN + _TITLE + _LINE * len(lines)
        height = above + _height(chart) + _MARGIN / 2
        layout = ConstrainedLayoutEngine(w_pad=0.2, h_pad=0.1, rect=(0, 0, 1, 1 - above / height))
        figure = Figure(figsize=(_WIDTH, height), dpi=DPI, facecolor="white", layout=layout)
        top = height - _MARGIN
        write(figure, _MARGIN, top, plain(chart.title, _LETTERS * 2 // 3), size=14, weight="bold", va="top")
        for number, line in enumerate(lines):
            write(figure, _MARGIN, top - _TITLE * 0.85 - number * _LINE, line, va="top", color="#444444")
        axes = figure.subplots()
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        axes.tick_params(labelsize=8)
        axes.set_axisbelow(True)
        if isinstance(chart, _Tornado):
            _draw_tornado(axes, chart)
        else:
            _draw_lines(axes, chart)
        for text in figure.findobj(Text):
            text.set_parse_math(False)
        drawn = {}
        for suffix, metadata in ((".svg", {"Date": None}), (".png", {"Software": None})):
            stream = io.BytesIO()
            figure.savefig(stream, format=suffix[1:], metadata=metadata)
            drawn[suffix] = stream.getvalue()
        return drawn


def _height(chart: _Tornado | _Lines) -> float:
    if isinstance(chart, _Lines):
        return _LINES
    return _AROUND + len(chart.labels) * (len(chart.series) + 0.6) * _BAR


def _draw_tornado(axes: Axes, chart: _Tornado) -> None:
    order = sorted(range(len(chart.labels)), key=lambda one: -chart.series[0].values[one])
    places = np.arange(len(order))
    thick = 0.8 / len(chart.series)
    for number, (one, colour) in enumerate(zip(chart.series, _COLOURS, strict=False)):
        across = places + (number - (len(chart.series) - 1) / 2) * thick
        axes.barh(
            across,
            [one.values[place] for place in order],
            thick,
            xerr=[one.half_widths[place] for place in order],
            color=colour,
            alpha=0.85,
            label=plain(one.name, _LABEL),
            error_kw={"ecolor": "black", "elinewidth": 1, "capsize": 3},
        )
    axes.set_yticks(places, [plain(chart.labels[place], _LABEL) for place in order])
    axes.set_ylim(len(places) - 0.4, -0.6)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(plain(chart.axis, _LETTERS), size=9)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))


def _draw_lines(axes: Axes, chart: _Lines) -> None:
    for line, colour in zip(chart.lines, _COLOURS, strict=False):
        for (low, high), alpha in zip(line.around, _PALE, strict=False):
            axes.fill_between(line.x, low, high, color=colour, alpha=alpha, linewidth=0)
        marks: dict[str, Any] = {"marker": "o", "markersize": 3} if len(line.x) <= _FEW else {}
        axes.plot(line.x, line.middle, color=colour, linewidth=1.6, label=plain(line.name, _LABEL), **marks)
    axes.set_xlabel(plain(chart.axes[0], _LETTERS), size=9)
    axes.set_ylabel(plain(chart.axes[1], _LETTERS // 2), size=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.02)
    axes.grid(color="#dddddd", linewidth=0.6)
    if len(chart.lines) > 1:
        axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
