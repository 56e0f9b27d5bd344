"""The names of classes in a raster's ``.aux.xml``: GDAL's category names, or a raster attribute table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as ET

from dissmodel import bounded

_MAX_BYTES = 4 << 20
_NAME, _VALUES = {"2"}, {"5", "3"}  # usages of a column: GFU_Name; GFU_MinMax, GFU_Min


def category_names(files: Iterable[str]) -> dict[int, dict[int, str]]:
    """Return band, from 1 → code → name, by what GDAL wrote beside a raster.

    `files` are those of the dataset. What can't be read, or declares entities, has no names.
    """
    beside = next((Path(name) for name in files if name.lower().endswith(".aux.xml")), None)
    try:
        data = b"" if beside is None else bounded.contents(beside, _MAX_BYTES)
        if not data or any(sign in data for sign in (b"<!DOCTYPE", b"<!ENTITY", b"\0")):  # UTF-16 has NULs
            return {}
        root = ET.fromstring(data)  # noqa: S314  (bounded, and without entities)
    except (OSError, ValueError, ET.ParseError):  # it is no part of the data
        return {}
    return {
        int(number): names
        for band in root.iter("PAMRasterBand")
        if (number := band.get("band", "")).isdecimal() and (names := _of_categories(band) | _of_table(band))
    }


def _of_categories(band: ET.Element) -> dict[int, str]:
    names = [one.text or "" for one in band.iterfind("CategoryNames/Category")]
    return {code: name for code, name in enumerate(names) if name.strip()}


def _of_table(band: ET.Element) -> dict[int, str]:
    table = band.find("GDALRasterAttributeTable")
    if table is None:
        return {}
    usages = [one.findtext("Usage", "") for one in table.iterfind("FieldDefn")]
    place = next((at for at, one in enumerate(usages) if one in _VALUES), None)
    named = next((at for at, one in enumerate(usages) if one in _NAME), None)
    found = {}
    for row in table.iterfind("Row"):
        cells = [cell.text or "" for cell in row.iterfind("F")]
        if place is not None and named is not None and len(cells) == len(usages):
            try:
                found[int(float(cells[place]))] = cells[named]
            except (ValueError, OverflowError):
                continue
    return found
