"""What runs in a separate process: it imports what may be broken, and writes to a pipe what it is doing.

Native libraries can end a process, and a model's import can do anything. So nothing is caught here: the
process that started this reads how far it came, and how it ended.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

# UTM zone 23 S on its central meridian; the latitude by Krüger's series on the GRS 80 ellipsoid.
_EASTING, _NORTHING = 500_000.0, 7_500_000.0
_LONGITUDE, _LATITUDE = -45.0, -22.606856804
_TOLERANCE = 1e-7

Say = Callable[..., None]


def main() -> None:
    """Probe what the command line names: seconds, kind, and what of it to leave out."""
    seconds, kind, *left_out = sys.argv[1:]
    faulthandler.dump_traceback_later(float(seconds), exit=True)
    # What a library prints goes elsewhere.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")

    def say(**what: str) -> None:
        channel.write(json.dumps(what) + "\n")
        channel.flush()

    if kind == "models":
        _models(say, set(left_out))
    else:
        say(doing="import")
        _LIBRARIES[kind](say)
    say(doing="done")


def _rasterio(say: Say) -> None:
    import rasterio  # noqa: PLC0415  (this process is for it)
    from rasterio.env import GDALDataFinder  # noqa: PLC0415  (as above)
    from rasterio.io import MemoryFile  # noqa: PLC0415  (as above)
    from rasterio.warp import transform  # noqa: PLC0415  (as above)

    say(doing="transform of EPSG:31983 to EPSG:4326")
    (longitude,), (latitude,) = transform("EPSG:31983", "EPSG:4326", [_EASTING], [_NORTHING])
    _check_place(longitude, latitude)
    say(doing="GeoTIFF with ZSTD")
    profile = {"driver": "GTiff", "width": 1, "height": 1, "count": 1, "dtype": "uint8", "compress": "zstd"}
    with MemoryFile() as memory:
        with memory.open(**profile):
            pass
        with memory.open() as dataset:
            packed = dataset.profile.get("compress")
    if packed != "zstd":
        say(severity="error", message=f"GDAL has no ZSTD (it wrote {packed})")
    with rasterio.Env():
        if GDALDataFinder().find_file("gdalvrt.xsd") is None:
            say(severity="warning", message="GDAL doesn't find its data files")
    versions = f"GDAL {rasterio.__gdal_version__}, PROJ {rasterio.__proj_version__}"
    say(severity="ok", message=f"{rasterio.__version__}, {versions}, transforms, ZSTD")


def _pyproj(say: Say) -> None:
    import pyproj  # noqa: PLC0415  (this process is for it)

    say(doing="transform of EPSG:31983 to EPSG:4326")
    transformer = pyproj.Transformer.from_crs(31983, 4326, always_xy=True)
    _check_place(*transformer.transform(_EASTING, _NORTHING))
    say(severity="ok", message=f"{pyproj.__version__}, PROJ {pyproj.proj_version_str}, transforms")


def _pyogrio(say: Say) -> None:
    from io import BytesIO  # noqa: PLC0415  (this process is for it)

    import geopandas  # noqa: PLC0415  (as above)
    import numpy as np  # noqa: PLC0415  (as above)
    import pyogrio  # noqa: PLC0415  (as above)
    import shapely  # noqa: PLC0415  (as above)

    say(doing="GeoPackage in EPSG:31983")
    table = BytesIO()
    point = np.array([shapely.to_wkb(shapely.Point(_EASTING, _NORTHING))], dtype=object)
    pyogrio.raw.write(
        table, point, [np.array([1])], ["a"], geometry_type="Point", crs="EPSG:31983", driver="GPKG"
    )
    crs = pyogrio.read_info(table.getvalue())["crs"]
    if crs != "EPSG:31983":
        say(severity="error", message=f"a GeoPackage in EPSG:31983 comes back in {crs}")
    if pyogrio.get_gdal_data_path() is None:
        say(severity="warning", message="GDAL doesn't find its data files")
    versions = f"GDAL {pyogrio.__gdal_version_string__}, GEOS {shapely.geos_version_string}"
    say(
        severity="ok",
        message=f"{pyogrio.__version__}, {versions}, geopandas {geopandas.__version__}, GeoPackage",
    )


def _numba(say: Say) -> None:
    import llvmlite  # type: ignore[import-untyped]  # noqa: PLC0415  (this process is for it)
    import numba  # noqa: PLC0415  (as above)

    say(doing="compile")
    three: Any = numba.njit(lambda one, two: one + two)(1, 2)
    assert three == 3, three  # noqa: PLR2004  (1 + 2)
    say(severity="ok", message=f"{numba.__version__}, llvmlite {llvmlite.__version__}, compiles")


def _models(say: Say, left_out: set[str]) -> None:
    from dissmodel.errors import UsageError  # noqa: PLC0415  (the libraries are probed without dissmodel)
    from dissmodel.registry import plugins  # noqa: PLC0415  (as above)

    for offer in plugins.offers():
        if offer.qualified in left_out:
            continue
        say(doing=offer.qualified)
        try:
            offer.load()
        except UsageError as error:
            say(severity="error", message=error.message, hint=error.hint, subject=offer.qualified)
        else:
            say(severity="ok", message=offer.qualified, subject=offer.qualified)


def _check_place(longitude: float, latitude: float) -> None:
    far = max(abs(longitude - _LONGITUDE), abs(latitude - _LATITUDE))
    if not far < _TOLERANCE:
        raise SystemExit(f"it gives {longitude}, {latitude} instead of {_LONGITUDE}, {_LATITUDE}")


_LIBRARIES: Mapping[str, Callable[[Say], None]] = MappingProxyType(
    {"rasterio": _rasterio, "pyproj": _pyproj, "pyogrio": _pyogrio, "numba": _numba}
)
