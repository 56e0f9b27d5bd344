"""How QGIS shows a result: a style beside it, with a colour and a name per class.

QGIS takes the file that has the name of the dataset and the suffix ``.qml``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as ET

from dissmodel.geo.legend import CellClass
from dissmodel.io._utils import write_text

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
        layer = _element("layer", **{"class": "SimpleFill"}, enabled="1", locked="0", **{"pass": "0"})
        _fill(layer, one.colour)
        symbols.append(
            _element("symbol", layer, type="fill", name=name, alpha="1", clip_to_extent="1", force_rhr="0")
        )
    looks = {"type": "categorizedSymbol", "attr": field, "symbollevels": "0", "forceraster": "0"}
    return _text(_element("renderer-v2", categories, symbols, **looks))


def write_style(dataset: Path, style: str) -> str:
    """Write a style beside the file that it is for; return its sha256.

    Raises StorageError if it can't be written.
    """
    return write_text(style, dataset.with_suffix(".qml"))


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
