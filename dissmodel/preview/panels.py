"""The pictures of a result without any text in them: sheets, animations and reports are made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dissmodel.experiment.source import Source
from dissmodel.geo.legend import Legend
from dissmodel.preview.amounts import Amounts
from dissmodel.preview.canvas import Shape
from dissmodel.preview.draw import legends_of, result_file
from dissmodel.preview.maps import Maps, read_maps, read_steps
from dissmodel.visualization.colours import Ramp


@dataclass(frozen=True)
class MapPanel:
    """A picture of a state or of the change.

    `image` is a PNG with a palette, a pixel a point of the canvas, transparent where there is no value,
    without text.
    """

    kind: Literal["before", "after", "change", "step"]
    title: str  # "before (step 0)", "step 10" …
    image: bytes
    step: int | None  # after which step; None: unknown, or the change


@dataclass(frozen=True, kw_only=True)
class ResultMaps:
    """The maps of a result, and what explains them.

    Attributes
    ----------
    band : str
        The band or column that is drawn.
    panels : tuple of MapPanel
        Before, after and change, as far as they are known, then the states that were kept, in order.
    legend : Legend or None
        The classes; None: the values are measures.
    ramp, change_ramp : (float, float, str) or None
        Where they are measures: low, high and the matplotlib colour map, of the states and of the change.
    changes : tuple of (str, str)
        What changed cells became and its colour (``#rrggbb``) on the change panel; empty for measures.
    aspect : float
        The height of the map on the ground by its width.
    metres : float or None
        Its width on the ground at its middle, m; None: not known.
    amounts : tuple of Amounts
        Of each class; empty for measures.
    """

    band: str
    panels: tuple[MapPanel, ...]
    legend: Legend | None
    ramp: Ramp | None
    change_ramp: Ramp | None
    changes: tuple[tuple[str, str], ...]
    aspect: float
    metres: float | None
    amounts: tuple[Amounts, ...]


def result_maps(opened: Source, source: Path | None, *, width: int = 640, steps: bool = True) -> ResultMaps:
    """Return the maps of a result, and of its input where that is given; what can't be drawn is a warning.

    Parameters
    ----------
    opened : Source
        The record, with its result at hand (`Source.bring`).
    source : Path or None
        The file that the run read.
    width : int
        The pixels of the longer side at most; a map with fewer cells has a pixel for each.
    steps : bool
        Also draw the states that were kept.

    Raises
    ------
    InvalidInput
        If the record is of no completed run, or its result is not a map.
    Differs
        If the result is not the recorded file.
    """
    result = result_file(opened)

    def most(_count: int, aspect: float) -> Shape:
        cols = min(width, width / aspect)
        return max(1, round(cols * aspect)), max(1, round(cols))

    maps = read_maps(opened.record, result, source, legends_of(opened.path, opened.record), most)
    panels = list(_panels(maps))
    if steps:
        panels += [
            MapPanel("step", f"step {step}", picture.png(), step)
            for step, picture in read_steps(opened, result, maps)
        ]
    return ResultMaps(
        band=maps.band,
        panels=tuple(panels),
        legend=maps.legend,
        ramp=maps.ramp,
        change_ramp=maps.change_ramp,
        changes=maps.changes,
        aspect=maps.canvas.aspect,
        metres=maps.canvas.metres,
        amounts=maps.amounts,
    )


def _panels(maps: Maps) -> Iterator[MapPanel]:
    first, last = maps.steps
    if maps.before is not None:
        yield MapPanel("before", maps.titles[0], maps.before.png(), first - 1 if first else None)
    yield MapPanel("after", maps.titles[1], maps.after.png(), last or None)
    if maps.change is not None:
        yield MapPanel("change", maps.titles[2], maps.change.png(), None)
