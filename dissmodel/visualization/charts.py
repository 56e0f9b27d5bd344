"""Charts to print, below each other: bars by class, stacked bars, a curve."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from dissmodel.visualization.preview import DPI
from dissmodel.visualization.table import write
from dissmodel.visualization.text import plain

# Inches.
_WIDTH, _MARGIN, _TITLE, _LINE = 9.0, 0.4, 0.45, 0.2
_BAR, _AROUND, _CURVE = 0.17, 1.25, 3.1
_LABEL, _LABEL_LINES, _LETTERS = 30, 3, 105  # letters and lines
_EDGE: dict[str, Any] = {"edgecolor": "#444444", "linewidth": 0.5}


@dataclass(frozen=True)
class Series:
    """A number for each label, drawn as bars of one colour."""

    name: str
    colour: str
    values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Horizontal bars: beside each other, or stacked, for each label."""

    title: str
    axis: str  # what is measured, with its unit
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    stacked: bool = False


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A curve over widths that double."""

    title: str
    axes: tuple[str, str]  # what is across and what is up, with units
    x: tuple[float, ...]
    y: tuple[float, ...]


def draw(title: str, subtitle: str, charts: Sequence[Bars | Curve]) -> bytes:
    """Return the charts as a PNG; the same charts give the same bytes with the same matplotlib."""
    with matplotlib.style.context("default"):
        lines = textwrap.wrap(plain(subtitle, 4 * _LETTERS), _LETTERS)
        above = _MARGIN + _TITLE + _LINE * len(lines)
        heights = [_height(one) for one in charts]
        height = above + sum(heights) + _MARGIN / 2
        layout = ConstrainedLayoutEngine(w_pad=0.2, h_pad=0.12, rect=(0, 0, 1, 1 - above / height))
        figure = Figure(figsize=(_WIDTH, height), dpi=DPI, facecolor="white", layout=layout)
        top = height - _MARGIN
        write(figure, _MARGIN, top, plain(title, _LETTERS * 2 // 3), size=14, weight="bold", va="top")
        for number, line in enumerate(lines):
            write(figure, _MARGIN, top - _TITLE * 0.8 - number * _LINE, line, va="top", color="#444444")
        places = figure.subplots(len(charts), 1, squeeze=False, height_ratios=heights)
        for axes, chart in zip(places[:, 0], charts, strict=True):
            axes.set_title(plain(chart.title, _LETTERS), size=10, loc="left", weight="bold", parse_math=False)
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
            axes.tick_params(labelsize=8)
            if isinstance(chart, Bars):
                _draw_bars(axes, chart)
            else:
                _draw_curve(axes, chart)
        for text in figure.findobj(Text):
            text.set_parse_math(False)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", metadata={"Software": None})
        return stream.getvalue()


def _height(chart: Bars | Curve) -> float:
    if isinstance(chart, Curve):
        return _CURVE
    across = 2.2 if chart.stacked else len(chart.series) + 0.6
    return _AROUND + len(chart.labels) * across * _BAR


def _draw_bars(axes: Axes, chart: Bars) -> None:
    places = np.arange(len(chart.labels))
    if chart.stacked:
        begin = np.zeros(len(places))
        for one in chart.series:
            axes.barh(places, one.values, 0.7, left=begin, color=one.colour, label=one.name, **_EDGE)
            begin += one.values
        most = begin.max()
    else:
        thick = 0.8 / len(chart.series)
        for number, one in enumerate(chart.series):
            above = (number - (len(chart.series) - 1) / 2) * thick
            axes.barh(places + above, one.values, thick, color=one.colour, label=one.name, **_EDGE)
        most = max(map(max, (one.values for one in chart.series)))
    axes.set_yticks(places, [_in_lines(label) for label in chart.labels])
    axes.set_ylim(len(places) - 0.4, -0.6)
    axes.set_xlim(0, 1.05 * most or 1)
    axes.set_xlabel(chart.axis, size=9)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))


def _in_lines(label: str) -> str:
    shown = plain(label, _LABEL * _LABEL_LINES)
    return "\n".join(textwrap.wrap(shown, _LABEL, max_lines=_LABEL_LINES, placeholder="…"))


def _draw_curve(axes: Axes, chart: Curve) -> None:
    axes.plot(chart.x, chart.y, color="#004488", marker="o", markersize=4, linewidth=1.4, clip_on=False)
    axes.set_xscale("log", base=2)
    axes.set_xticks(chart.x, [f"{value:,.10g}" for value in chart.x])
    axes.xaxis.set_minor_locator(NullLocator())
    low = min(chart.y)
    axes.set_ylim(max(0.0, low - 0.1 * (1 - low) - 0.02), 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.set_xlabel(chart.axes[0], size=9)
    axes.set_ylabel(chart.axes[1], size=9)
    axes.grid(color="#dddddd", linewidth=0.6)
