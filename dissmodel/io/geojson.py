"""GeoJSON as text: one document, or a sequence of features, one a line (GeoJSONSeq, NDJSON)."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from dissmodel.io.foreign import again

_SEPARATOR = b"\x1e"
_CHUNK = 2**20
# A first line longer than this is a document, not one feature of many.
_LONGEST_LINE = 2**26
# A document larger than this isn't parsed to tell what is wrong with it.
_LARGEST = 2**28
_SHOWN = 60
_TYPES = {
    "FeatureCollection", "Feature", "GeometryCollection", "Point", "MultiPoint", "LineString",
    "MultiLineString", "Polygon", "MultiPolygon",
}  # fmt: skip


def is_sequence(path: Path) -> bool:
    """Tell whether a file of JSON text holds a sequence of objects, one a line, and not one document.

    So it is if it begins with the separator of RFC 8142, or if its first line is a whole object and more
    follows; GDAL would read the first feature alone.
    """
    with path.open("rb") as stream:
        start = stream.read(len(codecs.BOM_UTF8))
        if start.startswith(_SEPARATOR):
            return True
        stream.seek(len(start) if start == codecs.BOM_UTF8 else 0)
        line = _first_line(stream)
        if not line.endswith(b"}"):
            return False
        return any(chunk.strip() for chunk in iter(lambda: stream.read(_CHUNK), b"")) and _parses(line)


def count_records(path: Path) -> int:
    """Return how many records a sequence has."""
    return sum(1 for _, _ in _records(path))


def wrong_record(path: Path) -> str:
    """Return which record of a sequence is not a feature, and why; empty if all are."""
    for number, record in _records(path):
        if record.startswith(codecs.BOM_UTF8):
            return f"record {number} begins with a byte order mark: save it as UTF-8 without BOM"
        try:
            found = json.loads(record.removesuffix(b","))
        except (ValueError, RecursionError) as error:
            return f"record {number} (counted from 1) is not JSON: {error}"
        kind = found.get("type") if isinstance(found, dict) else None
        if kind not in _TYPES - {"FeatureCollection"}:
            return f"record {number} (counted from 1) is not a feature: its type is {str(kind)[:_SHOWN]!r}"
    return ""


def why_unreadable(path: Path) -> tuple[str, str]:
    """Return why a file is not a GeoJSON document that can be read, and what to do."""
    if path.stat().st_size > _LARGEST:
        return "the file is incomplete or damaged", again(path)
    try:
        document = json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        return "it is not text in UTF-8", "Save it as UTF-8."
    except RecursionError:
        return "it is nested too deeply", again(path)
    except ValueError as error:
        return f"it is not JSON, or its end is missing: {error}", again(path)
    kind = document.get("type") if isinstance(document, dict) else None
    if kind in _TYPES:
        return (
            "it is JSON, but GDAL finds no features in it",
            "Write it again: ogr2ogr NEW.geojson OLD.geojson",
        )
    said = f"its type is {str(kind)[:_SHOWN]!r}" if kind is not None else "it has no type"
    return (
        f"it is JSON but no GeoJSON: {said}",
        "Give a FeatureCollection. If this is ESRI JSON or TopoJSON, convert it: ogr2ogr NEW.gpkg OLD.json",
    )


def _first_line(stream: IO[bytes]) -> bytes:
    """Return the first line that isn't blank, without the comma that may end it; empty if it is too long."""
    line = b""
    while not line:
        line = stream.readline(_LONGEST_LINE)
        if not line or not line.endswith(b"\n"):
            return b""
        line = line.strip()
    return line.removesuffix(b",")


def _parses(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the records that aren't blank, counted from 1."""
    number, rest = 0, b""
    with path.open("rb") as stream:
        mark = _SEPARATOR if stream.peek(1)[:1] == _SEPARATOR else b"\n"
        while chunk := stream.read(_CHUNK):
            *whole, rest = (rest + chunk).split(mark)
            for record in whole:
                if record.strip():
                    number += 1
                    yield number, record.strip()
    if rest.strip():
        yield number + 1, rest.strip()
