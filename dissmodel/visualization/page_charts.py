"""Charts as SVG for a page: text stays text, and lines and letters take the colour of the page's text."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator

from dissmodel.visualization.text import plain

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_WORDS = (f"{{{_SVG}}}text", f"{{{_SVG}}}tspan")
_NOT_ALONE = (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style")  # a style is about all elements of a page
_REFERS = ("clip-path", f"{{{_XLINK}}}href")
# Inches.
_SMALL, _LARGE = (4.2, 2.3), (4.8, 2.9)
_LETTERS = 60
_FEW = 40  # points that get a mark each
# Colours that stand for those of the page; no palette has them.
_TEXT, _ACCENT = "#010203", "#030201"
_PAGE = {_TEXT: "currentColor", _ACCENT: "var(--accent)"}
# What charts for other purposes have: black and grey on white.
_ON_WHITE = {
    "#000000": "currentColor",
    "#444444": "currentColor",
    "#dddddd": "var(--line)",
    "#ffffff": "none",
}
_LOOKS: dict[Any, Any] = {
    "svg.hashsalt": "dissmodel",
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 8,
    "grid.alpha": 0.2,
    "grid.linewidth": 0.6,
} | dict.fromkeys(
    ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color"), _TEXT
)


COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#aa3377", "#66ccee", "#999933", "#882255", "#bbbbbb")
"""Of lines that have none: schemes of Paul Tol, dark and light enough for a dark and a light page."""


@dataclass(frozen=True)
class Line:
    """Values over steps, and a colour, ``#rrggbb``."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str


def line_chart(axes: tuple[str, str], lines: Sequence[Line], number: int) -> str:
    """Return a chart of lines as an ``svg`` element; the same lines give the same text.

    `axes` are what is across and what is up, with units; `number` is another one for each chart of a page.
    What is not finite is left out. A single line has the page's own colour; a legend is the page's concern.
    """
    with (
        matplotlib.style.context("default"),
        mpl.rc_context(_LOOKS),
        warnings.catch_warnings(),  # letters that the font lacks are the browser's concern
    ):
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        size = _SMALL if len(lines) == 1 else _LARGE
        figure = Figure(figsize=size, facecolor="none", layout="constrained")
        _draw(figure.subplots(), axes, lines)
        for text in figure.findobj(Text):
            text.set_parse_math(False)
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
    return _in_page(stream.getvalue(), number, _PAGE)


def ramp_colours(name: str, count: int) -> list[str]:
    """Return so many colours of a matplotlib colour map, from one end to the other."""
    return [to_hex(mpl.colormaps[name](at / (count - 1))) for at in range(count)]


def on_page(svg: bytes, number: int) -> str:
    """Return a chart of this project that was drawn on white as an ``svg`` element for a page."""
    return _in_page(svg, number, _ON_WHITE)


def _draw(axes: Axes, labels: tuple[str, str], lines: Sequence[Line]) -> None:
    low, high = math.inf, -math.inf
    for line in lines:
        finite = [value if math.isfinite(value) else math.nan for value in line.y]
        marks: dict[str, Any] = {"marker": "o", "markersize": 3} if len(line.x) <= _FEW else {}
        if len(lines) > 1:  # a class may have the colour of the page
            axes.plot(line.x, finite, color=_TEXT, alpha=0.35, linewidth=3)
        axes.plot(line.x, finite, color=line.colour if len(lines) > 1 else _ACCENT, linewidth=1.8, **marks)
        known = [value for value in finite if math.isfinite(value)]
        low, high = min([low, *known]), max([high, *known])
    if low == high:  # a flat line, which is not the place for a fine scale
        axes.set_ylim(low - max(abs(low) / 10, 1) if low else 0, high + max(abs(high) / 10, 1))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel(plain(labels[0], _LETTERS))
    axes.set_ylabel(plain(labels[1], _LETTERS))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=all(float(one).is_integer() for one in lines[0].x)))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.margins(x=0.02)
    axes.grid(visible=True)
    axes.set_axisbelow(True)


def _in_page(svg: bytes, number: int, colours: dict[str, str]) -> str:
    """Return an SVG of matplotlib as an element whose names are its own, in the colours of the page."""
    root = ET.fromstring(svg)  # noqa: S314  (matplotlib has just written it)
    for parent in [*root.iter()]:
        for child in [*parent]:
            if child.tag in _NOT_ALONE:
                parent.remove(child)
    used = set(re.findall(r'(?:href="|url\()#([\w-]+)', ET.tostring(root, encoding="unicode")))
    for one in root.iter():
        if one.tag not in _WORDS:
            one.text = None
        one.tail = None
        name = one.attrib.pop("id", None)
        if name in used:
            one.set("id", f"c{number}-{name}")
        for key, value in one.attrib.items():
            one.set(
                key, _in_colours(value.replace("#", f"#c{number}-", 1) if key in _REFERS else value, colours)
            )
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.attrib |= {
        "fill": "currentColor",
        "stroke-linejoin": "round",
        "aria-hidden": "true",
    }  # the figure has words
    return ET.tostring(root, encoding="unicode")


def _in_colours(value: str, colours: dict[str, str]) -> str:
    for old, new in colours.items():
        value = value.replace(old, new)
    return value
