"""Vector files: GeoPackage, GeoJSON, Shapefile, FlatGeobuf, GeoParquet.

Features keep their order in both directions.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dissmodel import progress
from dissmodel.errors import DissmodelWarning, InvalidInput, StorageError, UsageError, did_you_mean
from dissmodel.io._storage import put_object
from dissmodel.io.layer import (
    DRIVERS,
    Layer,
    check_count,
    open_layer,
    passing_warnings_on,
    reading,
    require_pyarrow,
)
from dissmodel.io.locate import companions, locate
from dissmodel.io.uri import parse
from dissmodel.record.digest import sha256_file

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["DRIVERS", "Layer", "load_gdf", "open_layer", "reading", "save_gdf"]

_PINNED_TIME = "2000-01-01T00:00:00.000Z"
_MOST_NAMES = 20
_DBF_NAME_LENGTH = 10
_WGS84 = 4326


# Formats that store numbers as text, which GDAL shortens.
_AS_TEXT = {"ESRI Shapefile": "a Shapefile", "GeoJSON": "GeoJSON"}


def load_gdf(
    uri: str | os.PathLike[str],
    minio_client: Any = None,
    *,
    layer: str | None = None,
    columns: Sequence[str] | None = None,
    **kwargs: Any,
) -> tuple[gpd.GeoDataFrame, str]:
    """Read one layer of a vector file, or of a zip that holds one.

    Parameters
    ----------
    uri : str or path-like
        A GeoPackage, GeoJSON, Shapefile, FlatGeobuf or GeoParquet file, or a zip of one.
    minio_client : optional
        The storage client for ``s3://``.
    layer : str, optional
        The layer's name; needed where the file has several.
    columns : sequence of str, optional
        The attributes to read; all by default.
    **kwargs
        Passed to `pyogrio.read_dataframe` (``bbox``, ``where``, ``encoding`` …), for GeoParquet to
        `geopandas.read_parquet`.

    Returns
    -------
    gdf : geopandas.GeoDataFrame
        The features in the file's order, float64 attributes with every bit, the CRS as the file says it.
    sha256 : str
        Of the file at `uri`, 64 hex digits.

    Raises
    ------
    InvalidInput
        If the file is damaged, empty, not what its name says, has no such column, no geometry, no feature,
        no layer `layer`, or several layers and `layer` is None.
    """
    with locate(uri, "vector", layer, minio_client=minio_client) as found:
        chosen = open_layer(found.path, found.layer, found.shown)
        # GDAL hands over a layer whole, so between nothing and everything there is nothing to report.
        size = found.path.stat().st_size
        progress.current().transferred(0, size)
        with reading(found.shown):
            if chosen.driver == "Parquet":
                gdf = _read_parquet(found.path, found.shown, columns, kwargs)
            else:
                gdf = _read(chosen, found.shown, columns, kwargs)
        if not kwargs:
            check_count(chosen, len(gdf), found.shown)
        progress.current().transferred(size, size)
        if len(gdf) == 0:
            raise InvalidInput(f"{found.shown} has no features.", "Give a file, or a layer, that has some.")
        return gdf, sha256_file(found.source)


def save_gdf(
    gdf: gpd.GeoDataFrame,
    uri: str | os.PathLike[str],
    minio_client: Any = None,
    layer: str = "result",
    **kwargs: Any,
) -> str:
    """Write features to the file at `uri`, in the format of its suffix.

    The file appears under its name only when it is complete. GeoPackage, GeoJSON and FlatGeobuf hold no
    trace of the hour: the same features give the same bytes. GeoJSON stores longitude and latitude on
    WGS 84, so other coordinates are transformed, with a warning. A Shapefile cuts names and rounds numbers;
    a warning says which. A GeoPackage stores -0.0 as 0.0 and NaN as null.

    Parameters
    ----------
    gdf : geopandas.GeoDataFrame
        The features; the index is not written.
    uri : str or path-like
        Ends in ``.gpkg``, ``.geojson``, ``.json``, ``.shp``, ``.fgb`` or ``.parquet``. Missing
        folders are made.
    minio_client : optional
        The storage client for ``s3://``.
    layer : str
        The layer's name, where the format keeps one.
    **kwargs
        Passed to `pyogrio.write_dataframe`, for GeoParquet to `GeoDataFrame.to_parquet`.

    Returns
    -------
    str
        The sha256 of the file, 64 hex digits.

    Raises
    ------
    UsageError
        If the suffix belongs to no format.
    StorageError
        If the folder or the file can't be written.
    InvalidInput
        If the format can't hold a column or a geometry.
    """
    place = parse(uri)
    if place.scheme == "s3":
        with tempfile.TemporaryDirectory(prefix="dissmodel-") as folder:
            copy = Path(folder) / place.text.rpartition("/")[2]
            sha256 = save_gdf(gdf, copy, None, layer, **kwargs)
            put_object(place, copy.read_bytes(), "application/octet-stream", minio_client)
            return sha256
    path = place.local()
    driver = DRIVERS.get(path.suffix.lower())
    if driver is None:
        raise UsageError(
            f"{path.name}: no vector format has the suffix {path.suffix!r}.",
            f"End the name in one of {', '.join(sorted(DRIVERS))}.",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".dissmodel-", dir=path.parent) as folder:
            partial = Path(folder) / path.name
            with _writing(path):
                _write(gdf, partial, driver, layer, kwargs)
            # What belonged to an older file of this name would be taken for a part of the new one.
            for stale in companions(path):
                stale.unlink()
            for part in companions(partial):
                part.replace(path.with_name(part.name))
            partial.replace(path)
        size = path.stat().st_size
        progress.current().transferred(size, size)
        return sha256_file(path)
    except OSError as error:
        raise StorageError(
            f"{path} could not be written: {error.strerror or error}.",
            "Check the rights of the folder and the space on the disk.",
        ) from error


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    from pyogrio.errors import DataLayerError, DataSourceError, FieldError, GeometryError  # noqa: PLC0415  (pandas)

    try:
        with passing_warnings_on(path.name):
            yield
    except (FieldError, GeometryError) as error:
        raise InvalidInput(
            f"{path.name}: the format can't hold the data: {error}.",
            "Rename the column, or choose another format.",
        ) from error
    except (DataSourceError, DataLayerError) as error:
        raise StorageError(
            f"{path} could not be written: {error}.",
            "Check the rights of the folder and the space on the disk.",
        ) from error


def _read(
    chosen: Layer, shown: str, columns: Sequence[str] | None, kwargs: dict[str, Any]
) -> gpd.GeoDataFrame:
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    if columns is not None:
        _check_columns(columns, pyogrio.read_info(chosen.source, layer=chosen.name)["fields"], shown)
    # Without Arrow: it is no faster here, and a result must not depend on whether pyarrow is installed.
    wanted = {"layer": chosen.name, "columns": columns, "use_arrow": False, **kwargs}
    try:
        return pyogrio.read_dataframe(chosen.source, **wanted)
    except UnicodeDecodeError:
        warnings.warn(
            "its text is not encoded as it says; it is read as ISO-8859-1.", DissmodelWarning, stacklevel=3
        )
        return pyogrio.read_dataframe(chosen.source, **{**wanted, "encoding": "ISO-8859-1"})


def _read_parquet(
    path: Path, shown: str, columns: Sequence[str] | None, kwargs: dict[str, Any]
) -> gpd.GeoDataFrame:
    require_pyarrow(shown)
    import geopandas as gpd  # noqa: PLC0415  (it loads pandas)

    try:
        gdf = gpd.read_parquet(path, **kwargs)
    except (ValueError, OSError, NotImplementedError, LookupError) as error:  # as pyarrow's are
        raise InvalidInput(
            f"{shown} could not be read as GeoParquet: it is damaged, or has no geometry column.",
            "Make or download it again; geopandas' to_parquet writes such files.",
            code="vector_damaged",
        ) from error
    if columns is None:
        return gdf
    _check_columns(columns, [name for name in gdf.columns if name != gdf.geometry.name], shown)
    return gdf[[*columns, gdf.geometry.name]]


def _check_columns(columns: Sequence[str], known: Sequence[str], shown: str) -> None:
    for name in columns:
        if name not in set(known):
            near = did_you_mean(name, map(str, known))
            raise InvalidInput(f"{shown} has no column {name!r}.", near or "It has none at all.")


def _write(gdf: gpd.GeoDataFrame, path: Path, driver: str, layer: str, kwargs: dict[str, Any]) -> None:
    if driver == "Parquet":
        require_pyarrow(path.name)
        gdf.to_parquet(path, **{"index": False, **kwargs})
        return
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    options: dict[str, Any] = {"driver": driver, "layer": layer, "use_arrow": False}
    match driver:
        case "GPKG":
            taken = {str(name).lower() for name in gdf.columns}
            options["FID"] = _free("fid", taken)
            options["GEOMETRY_NAME"] = _free("geom", taken - {gdf.geometry.name})
        case "FlatGeobuf":
            options["SPATIAL_INDEX"] = "NO"  # an index puts the features in its own order
        case "GeoJSON":
            gdf = _on_wgs84(gdf)
            options |= {"COORDINATE_PRECISION": 17, "SIGNIFICANT_FIGURES": 17, "RFC7946": "NO"}
        case "ESRI Shapefile":
            options["layer"] = None
            _warn_of_long_names(gdf)
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _PINNED_TIME})
    try:
        pyogrio.write_dataframe(gdf, path, **{**options, **kwargs})
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
    _check_written(
        gdf, path, driver, indexed=driver == "GPKG" and "SPATIAL_INDEX" not in map(str.upper, kwargs)
    )


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _on_wgs84(gdf: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    if gdf.crs is None:
        warnings.warn(
            "the data has no CRS, but readers of GeoJSON will take it for WGS 84.",
            DissmodelWarning,
            stacklevel=2,
        )
        return gdf
    if gdf.crs.to_epsg() == _WGS84:
        return gdf
    warnings.warn(
        f"GeoJSON stores longitude and latitude on WGS 84: coordinates in {gdf.crs.name} were transformed.",
        DissmodelWarning,
        stacklevel=2,
    )
    return gdf.to_crs(_WGS84)


def _warn_of_long_names(gdf: gpd.GeoDataFrame) -> None:
    names = [str(name) for name in gdf.columns if name != gdf.geometry.name]
    long = [name for name in names if len(name.encode()) > _DBF_NAME_LENGTH]
    if long:
        warnings.warn(
            f"a Shapefile holds {_DBF_NAME_LENGTH} letters of a name; cut: {', '.join(long[:_MOST_NAMES])}.",
            DissmodelWarning,
            stacklevel=2,
        )


def _check_written(gdf: gpd.GeoDataFrame, path: Path, driver: str, *, indexed: bool) -> None:
    """Read the file back: where the disk is full at the very end, GDAL says nothing."""
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    if len(gdf) == 0:
        return
    try:
        chosen = open_layer(path)
        info = pyogrio.read_info(chosen.source)
        fields = set(info["fields"]) if driver in _AS_TEXT else set()
        floats = [name for name in gdf.columns if name in fields and gdf[name].dtype.kind == "f"]
        meta, _, geometry, values = pyogrio.raw.read(chosen.source, columns=floats)
    except (InvalidInput, pyogrio.errors.DataLayerError) as error:
        raise OSError(None, f"it is incomplete ({error})") from error
    if len(geometry) != len(gdf):
        raise OSError(None, f"only {len(geometry)} of {len(gdf)} features arrived")
    if indexed and not info["capabilities"]["fast_spatial_filter"]:
        raise OSError(None, "its spatial index, which is written last, is missing")
    read = dict(zip(meta["fields"], values, strict=True))
    rounded = [n for n in floats if not np.array_equal(np.asarray(gdf[n]), read[n], equal_nan=True)]
    if rounded:
        warnings.warn(
            f"{_AS_TEXT[driver]} stores numbers as text: some in {', '.join(rounded)} are rounded.",
            DissmodelWarning,
            stacklevel=2,
        )
