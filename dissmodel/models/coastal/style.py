"""How QGIS shows a result: a style file beside it, with a colour and a name per class."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from dissmodel.geo.legend import CellClass
from dissmodel.models.coastal.classes import LAND_USES


def qml(classes: Iterable[CellClass] = LAND_USES, band: int = 1) -> str:
    """Return a QGIS style that paints each value of a band in its class's colour.

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
    root = ET.Element("qgis", version="3.28", styleCategories="Symbology")
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
            label=f"{one.code} {one.name}",
            alpha="255",
        )
    ET.SubElement(root, "blendMode").text = "0"
    ET.indent(root, " ")
    doctype = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
    return f"{doctype}\n{ET.tostring(root, encoding='unicode')}\n"
