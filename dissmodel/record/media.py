"""The media types of files, the same on every machine; what is not here is left to the system."""

from __future__ import annotations

from pathlib import PurePath

_TYPES = {
    ".tif": "image/tiff; application=geotiff",
    ".tiff": "image/tiff; application=geotiff",
    ".gpkg": "application/geopackage+sqlite3",
    ".geojson": "application/geo+json",
    ".fgb": "application/flatgeobuf",
    ".parquet": "application/vnd.apache.parquet",
    ".shp": "application/vnd.shp",
    ".md": "text/markdown",
    ".qml": "application/xml",
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".nc": "application/x-netcdf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".py": "text/x-python",
    ".svg": "image/svg+xml",
    ".zip": "application/zip",
}


def media_type(name: str) -> str | None:
    """Return the media type of a file by its suffix, None where that is not known."""
    return _TYPES.get(PurePath(name).suffix.lower())
