"""How QGIS shows a result: a style file beside it, with a colour and a name per class.

QGIS takes the file that has the name of the dataset and the suffix ``.qml``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as ET

from dissmodel.geo.legend import CellClass
from dissmodel.io._utils import write_text
from dissmodel.models.coastal.classes import LAND_USES

_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"


def qml(classes: Iterable[CellClass] = LAND_USES, band: int = 1) -> str:
    """Return a style that paints each value of a band in its class's colour.

    Parameters
    ----------
    classes : Iterable of CellClass
        The classes, in the legend's order.
    band : int
        The band, counted from 1.

    Examples
    --------
    >>> 'color="#006400"' in qml()
    True
    """
    root = _root()
    pipe = ET.SubElement(root, "pipe")
    renderer = ET.SubElement(
        pipe, "rasterrenderer", type="paletted", band=str(band), opacity="1", alphaBand="-1", nodataColor=""
    )
    ET.SubElement(renderer, "rasterTransparency")
    palette = ET.SubElement(renderer, "colorPalette")
    for one in classes:
        ET.SubElement(
            palette,
            "paletteEntry",
            value=str(one.code),
            color=one.colour,
            label=_label(one),
            alpha="255",
        )
    ET.SubElement(root, "blendMode").text = "0"
    return _text(root)


def polygon_qml(field: str = "uso", classes: Iterable[CellClass] = LAND_USES) -> str:
    """Return a style that fills each polygon in the colour of the class that a field names.

    Parameters
    ----------
    field : str
        The field's name in the file.
    classes : Iterable of CellClass
        The classes, in the legend's order.

    Examples
    --------
    >>> 'value="0,100,0,255"' in polygon_qml()
    True
    """
    root = _root()
    renderer = ET.SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr=field, symbollevels="0", forceraster="0"
    )
    categories, symbols = ET.SubElement(renderer, "categories"), ET.SubElement(renderer, "symbols")
    for number, one in enumerate(classes):
        name = str(number)
        ET.SubElement(
            categories,
            "category",
            symbol=name,
            value=str(one.code),
            label=_label(one),
            render="true",
            type="long",
        )
        symbol = ET.SubElement(
            symbols, "symbol", type="fill", name=name, alpha="1", clip_to_extent="1", force_rhr="0"
        )
        layer = ET.SubElement(
            symbol, "layer", {"class": "SimpleFill"}, enabled="1", locked="0", **{"pass": "0"}
        )
        _fill(layer, one.colour)
    return _text(root)


def write_style(dataset: Path, style: str) -> str:
    """Write a style beside the file that it is for; return its sha256.

    Raises
    ------
    StorageError
        If it can't be written.
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


def _root() -> ET.Element:
    return ET.Element("qgis", version="3.28.0", styleCategories="Symbology")


def _text(root: ET.Element) -> str:
    ET.indent(root, " ")
    return f"{_DOCTYPE}\n{ET.tostring(root, encoding='unicode')}\n"
