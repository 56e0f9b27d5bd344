"""Files that are not datasets: what each is, and what to do about it."""

from __future__ import annotations

import codecs
import re
import time
from pathlib import Path
from typing import NamedTuple

from dissmodel.errors import InvalidInput
from dissmodel.io.formats import TEXT_MARKS

_TO_TIFF = "Convert it: gdal_translate {name} NEW.tif"
_TO_GPKG = "Convert it: ogr2ogr NEW.gpkg {name}"
_UNPACK = "Unpack it and give the dataset inside, or a plain zip of it."
_TABLE = "A table has no geometry: save the layer in QGIS as GeoPackage (Export, Save Features As)."
PAGE = "Open it in a text editor or a browser: it may say why. Then download the file again."
"""What to do about a text where data should be."""

_AGAIN = "Make or download it again."
_JUST_NOW = 60.0
_SHOWN = 60


class Foreign(NamedTuple):
    """What a file is, as the end of "it is …", and what to do; empty if unknown."""

    what: str
    hint: str


_MAGIC: tuple[tuple[bytes, Foreign], ...] = (
    (rb"\x1f\x8b", Foreign("a gzip file, no zip", _UNPACK)),
    (rb"BZh[1-9]", Foreign("a bzip2 file", _UNPACK)),
    (rb"\xfd7zXZ\0", Foreign("an xz file", _UNPACK)),
    (rb"\x28\xb5\x2f\xfd", Foreign("a Zstandard file", _UNPACK)),
    (rb"7z\xbc\xaf\x27\x1c", Foreign("a 7-Zip archive", _UNPACK)),
    (rb"Rar!\x1a\x07", Foreign("a RAR archive", _UNPACK)),
    (rb"(?s:.{257})ustar", Foreign("a tar archive", _UNPACK)),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Foreign("an old document of Microsoft Office", _TABLE)),
    (rb"\x89HDF\r\n\x1a\n", Foreign("an HDF5 or NetCDF file", _TO_TIFF)),
    (rb"CDF[\x01\x02\x05]", Foreign("a NetCDF file", _TO_TIFF)),
    (rb"GRIB", Foreign("a GRIB file", _TO_TIFF)),
    (rb"EHFA_HEADER_TAG", Foreign("an ERDAS Imagine file", _TO_TIFF)),
    (rb"\0\0\0\x0cjP  ", Foreign("a JPEG 2000 image", _TO_TIFF)),
    (rb"\x89PNG\r\n", Foreign("a PNG image", _TO_TIFF)),
    (rb"\xff\xd8\xff", Foreign("a JPEG image", _TO_TIFF)),
    (rb"(?i)\s*ncols\s+\d", Foreign("an ASCII grid", _TO_TIFF)),
    (rb"%PDF-", Foreign("a PDF document", "Give the data, not a document about it.")),
    (
        rb"\0\x05\x16\x07",
        Foreign("a file of macOS beside another file", "Give the file whose name has no '._' in front."),
    ),
    (
        rb"\xff\xfe|\xfe\xff",
        Foreign("text in UTF-16, as PowerShell writes it", "Save it as UTF-8, in a text editor or with "
                "PowerShell's Out-File -Encoding utf8."),
    ),
    (rb"(?i)\s*!table", Foreign("a MapInfo file", _TO_GPKG)),
    (rb"(?i)\s*(<!doctype html|<html|<head|<body)", Foreign("a web page (HTML)", PAGE)),
)  # fmt: skip
# An XML document says in its first element what it is.
_XML: tuple[tuple[bytes, Foreign], ...] = (
    (rb"(?i)<(!doctype )?html", Foreign("a web page (HTML)", PAGE)),
    (rb"<Error>|<ServiceException|<\w*:?ExceptionReport", Foreign("a server's error message", PAGE)),
    (rb"<\w*:?kml[\s>]", Foreign("a KML file", _TO_GPKG)),
    (rb"<gpx[\s>]", Foreign("a GPX file", _TO_GPKG)),
    (rb"<\w+:FeatureCollection[\s>]", Foreign("a GML file", _TO_GPKG)),
    (rb"<VRTDataset[\s>]", Foreign("a virtual raster, which only names other files", _TO_TIFF)),
    (rb"<OGRVRTDataSource[\s>]", Foreign("a virtual vector file, which only names other files", _TO_GPKG)),
)
_BY_SUFFIX: dict[str, Foreign] = {
    ".csv": Foreign("a table", _TABLE),
    ".xlsx": Foreign("a spreadsheet", _TABLE),
    ".ods": Foreign("a spreadsheet", _TABLE),
    ".mif": Foreign("a MapInfo file", _TO_GPKG),
    ".dxf": Foreign("a DXF drawing", _TO_GPKG),
    ".gdb": Foreign("an ESRI File Geodatabase", _TO_GPKG),
}
_UNFINISHED = {".crdownload", ".part", ".partial", ".download"}


def foreign(path: Path, head: bytes) -> Foreign | None:
    r"""Return what a file is that is not a dataset, by its first bytes, else by its name; None if unknown.

    >>> foreign(Path("grid.tif"), b"<!DOCTYPE html>\n<html>").what
    'a web page (HTML)'
    """
    if path.suffix.lower() in _UNFINISHED:
        return Foreign("an unfinished download", "Wait until it is complete, or download it again.")
    found = next((one for magic, one in _MAGIC if re.match(magic, head)), None)
    if found is None and head and not head.strip(b"\0"):
        found = Foreign("a file that begins with zeros only, as an unfinished copy does", again(path))
    text = _text(head)
    if found is None and text.startswith("<"):
        plain = re.sub(rb"^(\xef\xbb\xbf)?\s*(<\?xml.*?\?>|<!--.*?-->|\s+)*", b"", head, flags=re.DOTALL)
        found = next((one for start, one in _XML if re.match(start, plain)), Foreign("an XML file", PAGE))
    found = found or _BY_SUFFIX.get(path.suffix.lower())
    if found is None and text.startswith("{"):
        found = Foreign("JSON text, perhaps a server's error message", PAGE)
    if found is None and text:
        first = text.splitlines()[0]
        found = Foreign(f"text that begins with {first[:_SHOWN]!r}", "")
    return found and Foreign(found.what, found.hint.replace("{name}", path.name))


def again(path: Path | str) -> str:
    """Return what to do about a damaged file, which another program may still be writing."""
    try:
        age = time.time() - Path(path).stat().st_mtime
    except OSError:  # the member of an archive
        return _AGAIN
    if not 0 <= age < _JUST_NOW:
        return _AGAIN
    return (
        "It was changed less than a minute ago: if a program still writes or downloads it, wait for that; "
        "else make or download it again."
    )


def damaged(shown: str, why: str, code: str) -> InvalidInput:
    """Return the error for a damaged file: its name in errors and why, one sentence without its end."""
    return InvalidInput(f"{shown}{why}.", again(shown), code=code)


def _text(head: bytes) -> str:
    """Return the text that a file begins with, empty if that is not text."""
    for mark in TEXT_MARKS:
        head = head.removeprefix(mark)
    try:
        # The last character may be cut.
        text = codecs.getincrementaldecoder("utf-8")().decode(head).strip()
    except UnicodeDecodeError:
        return ""
    return text if all(letter.isprintable() or letter.isspace() for letter in text) else ""
