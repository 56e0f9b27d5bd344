"""How QGIS shows a result: a style beside it, with a colour and a name per class.

QGIS takes the file that has the name of the dataset and the suffix ``.qml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as ET

from dissmodel import bounded
from dissmodel.geo.legend import CellClass, Legend
from dissmodel.io._utils import write_text

# Five colours of viridis, by S. van der Walt and N. Smith: ordered for colour-blind readers and in grey, too.
_RAMP = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")
_MOST_BYTES = 2**20
_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"


def raster_qml(classes: Iterable[CellClass], band: int) -> str:
    """Return a style that paints each value of a band, counted from 1, in its class's colour."""
    entries = [
        _element("paletteEntry", value=str(one.code), color=one.colour, label=_label(one), alpha="255")
        for one in classes
    ]
    renderer = _element(
        "rasterrenderer",
        _element("rasterTransparency"),
        _element("colorPalette", *entries),
        type="paletted",
        band=str(band),
        opacity="1",
        alphaBand="-1",
        nodataColor="",
    )
    mode = _element("blendMode")
    mode.text = "0"
    return _text(_element("pipe", renderer), mode)


def polygon_qml(classes: Iterable[CellClass], field: str) -> str:
    """Return a style that fills each polygon in the colour of the class in a field of the file."""
    categories, symbols = _element("categories"), _element("symbols")
    for number, one in enumerate(classes):
        name, code = str(number), str(one.code)
        categories.append(
            _element("category", symbol=name, value=code, label=_label(one), render="true", type="long")
        )
        symbols.append(_symbol(name, one.colour))
    looks = {"type": "categorizedSymbol", "attr": field, "symbollevels": "0", "forceraster": "0"}
    return _text(_element("renderer-v2", categories, symbols, **looks))


def style_legend(dataset: Path) -> dict[str, Legend]:
    """Return the classes in the style beside a dataset, by the number of the band or the name of the column.

    Nothing where there is none, or where it is of no classes.
    """
    try:
        data = bounded.contents(dataset.with_suffix(".qml"), _MOST_BYTES)
        root = ET.fromstring(b"" if b"<!ENTITY" in data else data)  # noqa: S314  (bounded, and without entities)
    except (OSError, ET.ParseError):
        return {}
    palette = root.find("pipe/rasterrenderer[@type='paletted']")
    categories = root.find("renderer-v2[@type='categorizedSymbol']")
    found: list[tuple[str, str, str]] = []
    owner = None
    if palette is not None:
        owner = palette.get("band")
        found = [
            (one.get("value", ""), one.get("label", ""), one.get("color", ""))
            for one in palette.iter("paletteEntry")
        ]
    elif categories is not None:
        owner = categories.get("attr")
        fills = {one.get("name"): one.find("layer/prop[@k='color']") for one in categories.iter("symbol")}
        for one in categories.iter("category"):
            fill = fills.get(one.get("symbol"))
            rgb = re.findall(r"\d+", "" if fill is None else fill.get("v", ""))[:3]
            colour = "#" + "".join(f"{int(part) % 256:02x}" for part in rgb)
            found.append((one.get("value", ""), one.get("label", ""), colour))
    legend = tuple(
        CellClass(int(code), label.removeprefix(f"{code} "), colour)
        for code, label, colour in found
        if re.fullmatch(r"-?\d{1,9}", code) and re.fullmatch(r"#[0-9a-fA-F]{6}", colour)
    )
    return {owner: legend} if owner and legend else {}


def raster_ramp_qml(band: int, low: float, high: float) -> str:
    """Return a style that paints a band, counted from 1, from `low` to `high` in the colours of a ramp."""
    items = [
        _element("item", value=repr(value), color=colour, label=f"{value:.6g}", alpha="255")
        for value, colour in zip(_stops(low, high, len(_RAMP) - 1), _RAMP, strict=True)
    ]
    ends = {"minimumValue": repr(low), "maximumValue": repr(high)}
    shader = _element("colorrampshader", *items, colorRampType="INTERPOLATED", clip="0", **ends)
    renderer = _element(
        "rasterrenderer",
        _element("rasterTransparency"),
        _element("rastershader", shader),
        type="singlebandpseudocolor",
        band=str(band),
        opacity="1",
        alphaBand="-1",
        nodataColor="",
        classificationMin=repr(low),
        classificationMax=repr(high),
    )
    mode = _element("blendMode")
    mode.text = "0"
    return _text(_element("pipe", renderer), mode)


def polygon_ramp_qml(field: str, low: float, high: float) -> str:
    """Return a style that fills each polygon by a number of the file, in equal steps from `low` to `high`."""
    ranges, symbols = _element("ranges"), _element("symbols")
    stops = _stops(low, high, len(_RAMP))
    for number, colour in enumerate(_RAMP):
        lower, upper = stops[number : number + 2]
        label = f"{lower:.6g} - {upper:.6g}"
        ends = {"lower": repr(lower), "upper": repr(upper)}
        ranges.append(_element("range", symbol=str(number), label=label, render="true", **ends))
        symbols.append(_symbol(str(number), colour))
    looks = {"type": "graduatedSymbol", "attr": field, "graduatedMethod": "GraduatedColor"}
    return _text(_element("renderer-v2", ranges, symbols, symbollevels="0", forceraster="0", **looks))


def write_style(dataset: Path, style: str) -> str:
    """Write a style beside the file that it is for; return its sha256.

    Raises StorageError if it can't be written.
    """
    return write_text(style, dataset.with_suffix(".qml"))


def _stops(low: float, high: float, steps: int) -> list[float]:
    """Return the ends of equal steps; both ends are exact."""
    return [*(low + (high - low) * number / steps for number in range(steps)), high]


def _symbol(name: str, colour: str) -> ET.Element:
    layer = _element("layer", **{"class": "SimpleFill"}, enabled="1", locked="0", **{"pass": "0"})
    _fill(layer, colour)
    return _element("symbol", layer, type="fill", name=name, alpha="1", clip_to_extent="1", force_rhr="0")


def _fill(layer: ET.Element, colour: str) -> None:
    """Fill with a colour; a hairline of the same one closes the gaps that smoothing leaves between cells."""
    rgba = ",".join(str(part) for part in (*bytes.fromhex(colour.removeprefix("#")), 255))
    options = ET.SubElement(layer, "Option", type="Map")
    properties = (
        ("color", rgba),
        ("outline_color", rgba),
        ("outline_style", "solid"),
        ("outline_width", "0.05"),
        ("outline_width_unit", "MM"),
        ("style", "solid"),
    )
    for name, value in properties:
        ET.SubElement(options, "Option", name=name, type="QString", value=value)
    for name, value in properties:  # what QGIS read before 3.18
        ET.SubElement(layer, "prop", k=name, v=value)


def _label(one: CellClass) -> str:
    return f"{one.code} {one.name}"


def _element(tag: str, /, *children: ET.Element, **attributes: str) -> ET.Element:
    element = ET.Element(tag, attributes)
    element.extend(children)
    return element


def _text(*parts: ET.Element) -> str:
    """Return the style file of these parts."""
    root = _element("qgis", *parts, version="3.28.0", styleCategories="Symbology")
    ET.indent(root, " ")
    return f"{_DOCTYPE}\n{ET.tostring(root, encoding='unicode')}\n"
