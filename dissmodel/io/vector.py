"""Vector files: GeoPackage, GeoJSON, Shapefile, FlatGeobuf, GeoParquet.

Features keep their order in both directions.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dissmodel import progress, temporary
from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.io._storage import written
from dissmodel.io.formats import DRIVERS, cannot_hold, kind_of_data
from dissmodel.io.layer import Layer, check_count, open_layer, passing_warnings_on, reading
from dissmodel.io.locate import companions, locate
from dissmodel.io.room import largest_in, unwritten
from dissmodel.io.vector_read import read_frame
from dissmodel.io.vector_write import check_frame, write_frame
from dissmodel.record.digest import sha256_file
from dissmodel.storage.uri import parse

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["DRIVERS", "Layer", "check_savable", "load_gdf", "open_layer", "reading", "save_gdf"]


def load_gdf(
    uri: str | os.PathLike[str],
    minio_client: Any = None,
    *,
    layer: str | None = None,
    columns: Sequence[str] | None = None,
    known: str | None = None,
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
    known : str, optional
        The file's sha256, where the caller has it, or ``""`` where it needs none: the file is not hashed.
    **kwargs
        Passed to `pyogrio.raw.read` (``bbox``, ``where``, ``encoding`` …), for GeoParquet to
        `geopandas.read_parquet`.

    Returns
    -------
    gdf : geopandas.GeoDataFrame
        The features in the file's order, numbers with every bit, the CRS as the file says it. Integers and
        booleans with nulls have pandas' nullable types; a null float is NaN. With pyarrow or without, the
        frame is the same; only measures (M) of geometries are read with it alone.
    sha256 : str
        Of the file at `uri`, 64 hex digits.

    Raises
    ------
    InvalidInput
        If the file is damaged, empty, not what its name says, has no such column, no geometry, no feature,
        no layer `layer`, or several layers and `layer` is None.
    """
    with locate(uri, "vector", layer, minio_client=minio_client) as found:
        if found.path != found.source and found.member is None:
            _warn_of_log(found.source)
        chosen = open_layer(found.path, found.layer, found.shown)
        # GDAL hands over a layer whole, so between nothing and everything there is nothing to report.
        size = found.path.stat().st_size
        progress.current().transferred(0, size)
        with reading(found.shown):
            gdf = read_frame(chosen, columns, kwargs, found.shown)
        if not kwargs:
            check_count(chosen, len(gdf), found.shown)
        progress.current().transferred(size, size)
        if len(gdf) == 0:
            raise InvalidInput(f"{found.shown} has no features.", "Give a file or a layer that has features.")
        return gdf, sha256_file(found.source) if known is None else known


def save_gdf(
    gdf: gpd.GeoDataFrame,
    uri: str | os.PathLike[str],
    minio_client: Any = None,
    layer: str = "result",
    *,
    hashed: bool = True,
    **kwargs: Any,
) -> str:
    """Write features to the file at `uri`, in the format of its suffix.

    The file appears under its name only when it is complete. No format holds a trace of the hour or of the
    file's name: the same features give the same bytes, with pyarrow or without. GeoJSON stores longitude and
    latitude on WGS 84, so other coordinates are transformed, with a warning. A warning also says what a
    format rounds, cuts or writes as text. NaN is written as null, and -0.0 as 0.0 in a GeoPackage.

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
    hashed : bool
        Without it the caller reads the whole file once more, which finds damage, and hashes it then: here the
        features are only counted.
    **kwargs
        Passed to `pyogrio.raw.write`, for GeoParquet to `GeoDataFrame.to_parquet`.

    Returns
    -------
    str
        The sha256 of the file, 64 hex digits; empty where it is not `hashed`.

    Raises
    ------
    WrongType
        If the data is something else.
    UsageError
        If the suffix belongs to no format, or the data needs pyarrow, which is not installed.
    StorageError
        If the folder or the file can't be written.
    InvalidInput
        If the format can't hold a column or a geometry.
    """
    if kind_of_data(gdf) != "vector":
        raise cannot_hold(gdf, uri, "vector")
    with written(uri, "application/octet-stream", minio_client) as path:
        _save(gdf, path, layer, kwargs, read_back=hashed)
        size = path.stat().st_size
        progress.current().transferred(size, size)
        return sha256_file(path) if hashed else ""


def _save(gdf: gpd.GeoDataFrame, path: Path, layer: str, kwargs: dict[str, Any], *, read_back: bool) -> None:
    driver = _driver(path.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.new_folder(path.parent) as folder:
            partial = folder / path.name
            with _writing(path, folder):
                write_frame(gdf, partial, driver, layer, kwargs, read_back=read_back)
            # What belonged to an older file of this name would be taken for a part of the new one.
            for stale in companions(path):
                stale.unlink()
            for part in companions(partial):
                part.replace(path.with_name(part.name))
            partial.replace(path)
    except OSError as error:
        raise unwritten(path, error.strerror or str(error), path.parent, 0) from error


def _warn_of_log(path: Path) -> None:
    warnings.warn(
        f"{path} has changes in {path.name}-wal beside it: another program, such as QGIS, has it open, or "
        "was killed. Both are read, but the sha256 of the file will change once that program merges them. "
        "To keep the input as it is recorded, close it there first, and run this again.",
        DissmodelWarning,
        stacklevel=3,
    )


def check_savable(gdf: gpd.GeoDataFrame, uri: str | os.PathLike[str], *, losses: bool = False) -> None:
    """Raise what `save_gdf` would raise of the data, before the work that makes the rest of it.

    With `losses`, warn of what the format rounds, cuts or writes as text, too.
    """
    name = Path(parse(uri).shown).name
    with passing_warnings_on(name):
        check_frame(gdf, _driver(name), losses=losses)


def _driver(name: str) -> str:
    suffix = Path(name).suffix.lower()
    driver = DRIVERS.get(suffix)
    if driver is None:
        raise UsageError(
            f"{name}: no vector format has the suffix {suffix!r}.",
            f"End the name in one of {', '.join(sorted(DRIVERS))}.",
        )
    return driver


@contextmanager
def _writing(path: Path, folder: Path) -> Iterator[None]:
    """Turn what is raised in the block, which writes what becomes `path` into `folder`, into our errors."""
    from pyogrio.errors import DataLayerError, DataSourceError, FieldError, GeometryError  # noqa: PLC0415  (pandas)

    try:
        with passing_warnings_on(path.name):
            yield
    except (FieldError, GeometryError) as error:
        raise InvalidInput(
            f"{path.name}: the format can't hold the data: {error}.",
            "Rename the column, or choose another format.",
        ) from error
    except (DataSourceError, DataLayerError, OSError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise unwritten(path, said, folder, largest_in(folder)) from error
