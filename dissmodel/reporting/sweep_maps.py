"""The maps over the runs of a sweep, which its summary has as files, as pictures for a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dissmodel.cells.style import style_legend
from dissmodel.markup import number
from dissmodel.preview.canvas import common_canvas
from dissmodel.preview.panels import MapPanel
from dissmodel.preview.sampling import Drawable, gather, open_map
from dissmodel.reporting.page import Page, Swatch
from dissmodel.reporting.result_maps import gradient, scale_bar
from dissmodel.sweeping.maps import MODAL
from dissmodel.visualization.colours import class_picture, ramp_picture

_WIDTH = 480  # pixels of a map
_MOST = 24
_SAID = {
    MODAL: "class in most runs",
    "agreement": "share of runs with that class",
    "mean": "mean",
    "sd": "standard deviation",
}


def maps_over_runs(folder: Path, page: Page) -> list[dict[str, Any]]:
    """Return what a page shows of the maps in a folder and below: a group of pictures for each band."""
    groups: dict[str, list[tuple[Path, str]]] = {}
    number_of_maps = 0
    for file in sorted((*folder.rglob("*.tif"), *folder.rglob("*.gpkg"))):
        with open_map(file) as data:
            wanted = [name for name in data.names if name in _SAID]
        number_of_maps += len(wanted)
        band = file.name.removesuffix(file.suffix).removesuffix(".frequency").removesuffix(f".{MODAL}")
        group = "" if file.parent == folder else f"{file.parent.name}: "
        groups.setdefault(f"{group}{band}", []).extend((file, name) for name in wanted)
    if number_of_maps > _MOST:
        page.told.append(f"{_MOST} of {number_of_maps} maps over runs are shown.")
    found, left = [], _MOST
    for title, wanted_maps in groups.items():
        ordered = sorted(wanted_maps[:left], key=lambda one: [*_SAID].index(one[1]))
        left -= len(ordered)
        if ordered:
            found.append(_group(title, ordered))
    return found


def _group(title: str, wanted: list[tuple[Path, str]]) -> dict[str, Any]:
    content: dict[str, Any] = {"title": title, "panels": [], "legend": [], "ramps": []}
    for file, name in wanted:
        with open_map(file) as data:
            content |= _picture(content, data, name, file)
    return content


def _most(aspect: float) -> tuple[int, int]:
    cols = min(_WIDTH, _WIDTH / aspect)
    return max(1, round(cols * aspect)), max(1, round(cols))


def _picture(content: dict[str, Any], data: Drawable, name: str, file: Path) -> dict[str, Any]:
    legend = next(iter(style_legend(file).values()), ()) if name == MODAL else ()
    canvas = common_canvas([data], _most)
    layer = gather(canvas, (data, name), codes=[one.code for one in legend] if name == MODAL else None).after
    if not layer.counts.number:  # a single run has no deviation
        return {}
    values, said = layer.values(as_classes=name == MODAL), _SAID[name]
    alt = f"Map of {content['title']}: {said}"
    if name == MODAL:
        image = class_picture(values, legend).png()
        content["legend"] = [Swatch(one.name, one.colour) for one in legend]
    else:
        ends = (0.0, 1.0) if name == "agreement" else (layer.counts.low, layer.counts.high)
        ramp = (*ends, "viridis")
        image = ramp_picture(values, ramp).png()
        content["ramps"].append(gradient(ramp, said))
        alt += f", from {number(ends[0])} to {number(ends[1])}"
    content["panels"].append((MapPanel("after", said, image, None), f"{alt}."))
    return {"aspect": canvas.aspect, "scale": scale_bar(canvas.metres)}
