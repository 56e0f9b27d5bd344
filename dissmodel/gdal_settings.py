"""Settings of GDAL and PROJ that change what is read or written, and are ignored.

GDAL and PROJ read some hundred settings from the environment and from a file, ``gdalrc``. Most change how
fast they work, or how they reach a server, and stay. Those in `REASONS` change values, masks, names, the CRS
or the bytes of a result, so that the same input and the same command would give another result. They are
taken out of the environment of this process, and the record notes them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from types import MappingProxyType

REASONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "which files beside a dataset are read, and where its place is from": (
            "ESRI_XML_PAM",
            "GDAL_DISABLE_READDIR_ON_OPEN",
            "GDAL_GEOREF_SOURCES",
            "GDAL_PAM_ENABLED",
            "GDAL_PAM_MODE",
            "GDAL_PAM_PROXY_DIR",
            "GDAL_READDIR_LIMIT_ON_OPEN",
            "GTIFF_IMPLICIT_JPEG_OVR",
            "TIFF_USE_OVR",
            "USE_RRD",
        ),
        "what a GeoTIFF's cells and its place are": (
            "CONVERT_YCBCR_TO_RGB",
            "GDAL_ENABLE_TIFF_SPLIT",
            "GDAL_GCPS_TO_GEOTRANSFORM_APPROX_OK",
            "GDAL_GCPS_TO_GEOTRANSFORM_APPROX_THRESHOLD",
            "GDAL_JPEG_TO_RGB",
            "GDAL_TIFF_INTERNAL_MASK_TO_8BIT",
            "GTIFF_FORCE_RGBA",
            "GTIFF_HONOUR_NEGATIVE_SCALEY",
            "GTIFF_IGNORE_READ_ERRORS",
            "GTIFF_POINT_GEO_IGNORE",
        ),
        "which CRS a file has": (
            "GTIFF_ESRI_CITATION",
            "GTIFF_IMPORT_FROM_EPSG",
            "GTIFF_LINEAR_UNITS",
            "GTIFF_READ_ANGULAR_PARAMS_IN_DEGREE",
            "GTIFF_REPORT_COMPD_CS",
            "GTIFF_SRS_SOURCE",
            "OSR_ADD_TOWGS84_ON_EXPORT_TO_PROJ4",
            "OSR_ADD_TOWGS84_ON_EXPORT_TO_WKT1",
            "OSR_ADD_TOWGS84_ON_IMPORT_FROM_EPSG",
            "OSR_DEFAULT_AXIS_MAPPING_STRATEGY",
            "OSR_STRIP_TOWGS84",
            "OSR_USE_NON_DEPRECATED",
            "OSR_WKT_FORMAT",
            "USE_OSR_FIND_MATCHES",
        ),
        "what coordinates become in another CRS": (
            "CENTER_LONG",
            "CHECK_WITH_INVERT_PROJ",
            "OGR_CT_FORCE_TRADITIONAL_GIS_ORDER",
            "OGR_CT_OP_SELECTION",
            "OGR_CT_PREFER_OFFICIAL_SRS_DEF",
            "OGR_CT_USE_SRS_COORDINATE_EPOCH",
            "OGR_ENABLE_PARTIAL_REPROJECTION",
            "OSR_CT_USE_DEFAULT_EPSG_TOWGS84",
            "OSR_USE_APPROX_TMERC",
            "OSR_USE_ETMERC",
            "PROJ_AUX_DB",
            "PROJ_FORCE_SEARCH_PIVOT",
            "PROJ_IGNORE_CELESTIAL_BODY",
            "PROJ_NETWORK",
            "PROJ_ONLY_BEST_DEFAULT",
            "PROJ_USER_WRITABLE_DIRECTORY",
            "PROJ_USE_PROJ4_INIT_RULES",
        ),
        "what the features of a file are": (
            "GPKG_ALLOW_CRAZY_SETTINGS",
            "OGR_APPLY_GEOM_SET_PRECISION",
            "OGR_ARC_MAX_GAP",
            "OGR_ARC_STEPSIZE",
            "OGR_FORCE_ASCII",
            "OGR_GEOJSON_ARRAY_AS_STRING",
            "OGR_GEOJSON_DATE_AS_STRING",
            "OGR_GEOMETRY_ACCEPT_UNCLOSED_RING",
            "OGR_ORGANIZE_POLYGONS",
            "OGR_PROMOTE_TO_INTEGER64",
            "OGR_SQLITE_JOURNAL",
            "OGR_SQLITE_LIST_VIRTUAL_OGR",
            "OGR_SQLITE_LOAD_EXTENSIONS",
            "OGR_SQLITE_PRAGMA",
            "OGR_STROKE_CURVE",
            "OGR_TABLE_LIMIT",
            "OGR_TRUNCATE",
            "SHAPE_ENCODING",
            "SHAPE_RESTORE_SHX",
            "SHAPE_REWIND_ON_WRITE",
            "SQLITE_LIST_ALL_TABLES",
            "SQLITE_USE_OGR_VFS",
        ),
        "which bytes are written": (
            "GDAL_TIFF_DEFLATE_SUBCODEC",
            "GDAL_TIFF_ENDIANNESS",
            "GDAL_TIFF_INTERNAL_MASK",
            "GTIFF_ALPHA",
            "GTIFF_DONT_WRITE_BLOCKS",
            "GTIFF_WRITE_ANGULAR_PARAMS_IN_DEGREE",
            "GTIFF_WRITE_IMAGE_STRUCTURE_METADATA",
            "GTIFF_WRITE_RAT_TO_PAM",
            "GTIFF_WRITE_TOWGS84",
            "OGR_CURRENT_DATE",
            "OGR_WKT_PRECISION",
            "OGR_WKT_ROUND",
        ),
        "which code reads a file": (
            "GDAL_DRIVER_PATH",
            "GDAL_PYTHON_DRIVER_PATH",
            "GDAL_SKIP",
            "OGR_DRIVER_PATH",
            "OGR_SKIP",
        ),
    }
)
"""What a setting changes → the settings that do."""

OF_INSTALLATION = ("GDAL_DATA", "PROJ_DATA", "PROJ_LIB")
"""Where a library's own files are. Those of another installation turn EPSG codes into CRS without a code, or
into none; so they count only where rasterio brings no such files (packages of conda or of a Linux)."""

_CONFIG_FILE = "GDAL_CONFIG_FILE"
_NAMES = frozenset(name for names in REASONS.values() for name in names)
_MOST_LINES = 10_000
_LONGEST = 200

_ignored: dict[str, str] = {}
_taken: dict[str, str] = {}


def ignore() -> None:
    """Take the settings out of this process's environment; call it before GDAL is used.

    What a library has read already, such as the drivers to leave out, stays as it is until the process ends.
    """
    found = [name for name in _NAMES if name in os.environ]
    found += [name for name in OF_INSTALLATION if name in os.environ and _has_own_files()]
    for name in found:
        _taken[name] = os.environ.pop(name)
        _ignored[name] = _taken[name][:_LONGEST]
    if os.environ.get(_CONFIG_FILE) != os.devnull:
        configured = _configured()
        for name, value in configured.items():
            _ignored.setdefault(name, value)  # GDAL, too, lets the environment win
        _forget(configured)
        if _CONFIG_FILE in os.environ:
            _taken[_CONFIG_FILE] = os.environ[_CONFIG_FILE]
        os.environ[_CONFIG_FILE] = os.devnull


def ignored() -> dict[str, str]:
    """Return the settings that were not obeyed, each with its value, in alphabetical order.

    Examples
    --------
    >>> os.environ["GTIFF_SRS_SOURCE"] = "EPSG"
    >>> ignore()
    >>> ignored()["GTIFF_SRS_SOURCE"], "GTIFF_SRS_SOURCE" in os.environ
    ('EPSG', False)
    """
    return dict(sorted(_ignored.items()))


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment of this process with what `ignore` took out of it.

    It is for a process that notes for itself what it ignores.
    """
    whole = {**environ, **_taken}
    if whole.get(_CONFIG_FILE) == os.devnull:
        del whole[_CONFIG_FILE]
    return whole


def _has_own_files() -> bool:
    """Whether rasterio has the data of its PROJ and GDAL in its own package, as wheels do."""
    spec = importlib.util.find_spec("rasterio")
    places = spec.submodule_search_locations if spec is not None else None
    return any(Path(place, "proj_data", "proj.db").is_file() for place in places or ())


def _forget(names: Iterable[str]) -> None:
    """Let each GDAL of this process forget what it has read from the file, as in a notebook that used it."""
    options = dict.fromkeys(names)
    if options and "rasterio" in sys.modules:
        from rasterio import _env  # noqa: PLC0415  (it is loaded; its public functions can't remove an option)

        for name in options:
            _env.del_gdal_config(name)
    if options and "pyogrio" in sys.modules:
        sys.modules["pyogrio"].set_gdal_config_options(options)


def _configured() -> dict[str, str]:
    """Return the settings in the file that GDAL would read, as far as they matter."""
    path = Path(os.environ.get(_CONFIG_FILE) or "~/.gdal/gdalrc")
    found: dict[str, str] = {}
    section = ""
    with contextlib.suppress(OSError, RuntimeError), path.expanduser().open(errors="replace") as lines:
        for line in islice(lines, _MOST_LINES):
            text = line.strip()
            if text.startswith("["):
                section = text.strip("[]").lower()
            name, sign, value = (part.strip() for part in text.partition("="))
            if section == "configoptions" and sign and name.upper() in _NAMES:
                found[name.upper()] = value[:_LONGEST]
    return found
