"""The formats of datasets: the name of each, how its files end and begin, and GDAL's driver for it.

And the kind of data that an object is.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal, NamedTuple

from dissmodel.errors import WrongType

Kind = Literal["raster", "vector"]

TEXT_MARKS = (b"\xef\xbb\xbf", b"\x1e")
"""What may stand before the first character of a text: a byte order mark, the separator of a sequence."""
SERIES_MARK = "dissmodel_series"
"""The first attribute of a NetCDF file that is a series of a model's states."""

_SERIES = re.compile(rb"CDF\x02.{20,200}" + SERIES_MARK.encode(), re.DOTALL)
_SERIES_HEAD_BYTES = 256
_SUFFIXES = {"vector": ".gpkg, .geojson, .fgb, .shp", "raster": ".tif", "xarray": ".nc, .zarr"}


class Format(NamedTuple):
    """A format: its name in a message, the kind of data, suffixes in lower case, and how its files begin.

    `kind` is None for an archive, `magic` is empty for a text; `driver` is GDAL's, empty for what is
    not written here.
    """

    name: str
    kind: Kind | None
    suffixes: tuple[str, ...]
    magic: tuple[bytes, ...] = ()
    driver: str = ""


TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""What TIFFs begin with: two orders of bytes, classic and BigTIFF."""

FORMATS = (
    Format("GeoTIFF", "raster", (".tif", ".tiff"), TIFF_MAGIC, "GTiff"),
    Format("shapefile", "vector", (".shp",), (b"\0\0\x27\x0a",), "ESRI Shapefile"),
    Format("GeoPackage", "vector", (".gpkg",), (b"SQLite format 3\0",), "GPKG"),
    Format("GeoJSON", "vector", (".geojson", ".json"), driver="GeoJSON"),
    Format("GeoJSON", "vector", (".geojsonl", ".geojsons", ".ndjson")),
    Format("FlatGeobuf", "vector", (".fgb",), (b"fgb",), "FlatGeobuf"),
    Format("GeoParquet", "vector", (".parquet",), (b"PAR1",), "Parquet"),
    Format("zip", None, (".zip",), (b"PK\x03\x04", b"PK\x05\x06")),
)

BY_SUFFIX = {suffix: one for one in FORMATS for suffix in one.suffixes}

KINDS: dict[str, Kind] = {suffix: one.kind for suffix, one in BY_SUFFIX.items() if one.kind}
"""The suffixes of datasets, and what kind of data they hold."""

DRIVERS = {suffix: one.driver for suffix, one in BY_SUFFIX.items() if one.driver and one.kind == "vector"}
"""The suffixes of vector files that are written → the name of GDAL's driver."""


def format_of(head: bytes) -> Format | None:
    """Return the format that a file's first bytes are of; None where they tell none.

    >>> format_of(b'{"type": "FeatureCollection"').name, format_of(b"Hello")
    ('GeoJSON', None)
    """
    text = head
    for mark in TEXT_MARKS:
        text = text.removeprefix(mark)
    if text.lstrip()[:1] == b"{":
        return BY_SUFFIX[".geojson"]
    return next((one for one in FORMATS if head.startswith(one.magic)), None)


def is_series(head: bytes | Path) -> bool:
    """Tell by a file's first bytes, or those of the file at a path, whether it is a series of states."""
    if isinstance(head, Path):
        if head.suffix.lower() != ".nc" or not head.is_file():
            return False
        try:
            with head.open("rb") as stream:
                head = stream.read(_SERIES_HEAD_BYTES)
        except OSError:  # what reads the file says why
            return False
    return _SERIES.match(head) is not None


def kind_of_data(data: Any) -> str | None:
    """Return ``"raster"``, ``"vector"`` or ``"xarray"``; None for an object that is not a dataset.

    >>> kind_of_data("grid.tif") is None
    True
    """
    from dissmodel.geo.raster.backend import RasterBackend  # noqa: PLC0415  (vector data need none of it)

    if isinstance(data[0] if isinstance(data, tuple) and data else data, RasterBackend):
        return "raster"
    # By their marks, so that neither geopandas nor xarray is imported to find out.
    if hasattr(data, "geometry") and hasattr(data, "to_crs"):
        return "vector"
    return "xarray" if hasattr(data, "data_vars") else None


def cannot_hold(data: Any, uri: str | os.PathLike[str], kind: str) -> WrongType:
    """Return the error of data that a file of this kind can't hold."""
    given = kind_of_data(data)
    if given is None:
        return WrongType(
            f"{type(data).__name__} is not data that can be written.",
            "Give a GeoDataFrame or a RasterBackend.",
        )
    return WrongType(
        f"{os.fspath(uri)}: {given} data can't be written as {kind}.",
        f"Choose a name that ends in {_SUFFIXES[given]}.",
        code="suffix_does_not_fit",
    )
