"""From a URI to data, and back.

A dataset is a GeoDataFrame (vector) or a pair of a `dissmodel.geo.RasterBackend` and a dict about it
(raster). The libraries that a format needs are imported when one is met.
"""
# ruff: noqa: PLC0415  (a GeoTIFF must not load what only vector data or xarray needs)

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dissmodel.errors import MissingFile, UsageError, WrongValue, did_you_mean
from dissmodel.io._storage import local_copy
from dissmodel.io.formats import is_series
from dissmodel.storage.uri import is_remote, parse

__all__ = ["load_dataset", "load_xarray", "open_dataset", "save_dataset", "save_xarray"]

_FORMATS = {
    "auto": "auto",
    "raster": "raster",
    "tiff": "raster",
    "vector": "vector",
    "xarray": "xarray",
}


def load_dataset(
    uri: str | os.PathLike[str],
    minio_client: Any = None,
    fmt: str | None = None,
    *,
    format: str | None = None,  # noqa: A002  (a published name)
    layer: str | None = None,
    **kwargs: Any,
) -> tuple[Any, str]:
    """Read a dataset, whatever format it has.

    Parameters
    ----------
    uri : str or path-like
        A GeoTIFF, GeoPackage, shapefile, GeoJSON, FlatGeobuf or GeoParquet, a zip that holds one, or a NetCDF
        file or Zarr folder. ``s3://`` and ``https://`` are fetched into the cache, with the user's settings.
    minio_client : optional
        A storage client, which then serves ``s3://`` instead.
    fmt, format : {"auto", "raster", "tiff", "vector", "xarray"}, optional
        What it holds; by default, what the file itself says.
    layer : str, optional
        Which dataset of an archive, or which layer of a file.
    **kwargs
        Handed to the format's own function, such as ``band_spec``.

    Returns
    -------
    data : geopandas.GeoDataFrame, or tuple of (RasterBackend, dict), or RasterBackend
        Vector data, raster data, or what `load_xarray` returns.
    sha256 : str
        Of the file that was named.

    Raises
    ------
    InvalidInput
        If the file is missing (`MissingFile`), damaged, or not what its name or the format says.
    StorageError
        If it can't be read or fetched.
    WrongValue
        If the format is none of these.
    """
    wanted = _format(fmt, format)
    if is_remote(uri):  # brought here once, for all that looks at it
        with local_copy(uri, minio_client) as path:
            return load_dataset(path, None, wanted, layer=layer, **kwargs)
    kind = _kind(uri, wanted, layer)
    if kind == "xarray":
        return load_xarray(uri, minio_client, **kwargs)
    if kind == "raster":
        from dissmodel.io.raster import load_geotiff

        return load_geotiff(uri, minio_client, layer=layer, **kwargs)
    from dissmodel.io.vector import load_gdf

    return load_gdf(uri, minio_client, layer=layer, **kwargs)


@contextmanager
def open_dataset(
    uri: str | os.PathLike[str],
    minio_client: Any = None,
    fmt: str | None = None,
    *,
    layer: str | None = None,
    any_size: bool = False,
    known: str | None = None,
) -> Iterator[tuple[Any, str]]:
    """Read a dataset, but leave the bands of a GeoTIFF in the file until they are asked for.

    A series of a model's states in NetCDF is read as a raster of the last state.

    Parameters
    ----------
    uri, minio_client, fmt, layer
        As `load_dataset` takes them.
    any_size : bool
        Whether a GeoTIFF may be larger than memory.
    known : str, optional
        The sha256, where the caller has it, or ``""`` where it needs none: the file is not hashed again.

    Yields
    ------
    data : FileBands, or geopandas.GeoDataFrame, or RasterBackend
        The bands of a raster, to be read before the block ends; other data as `load_dataset` returns it.
    sha256 : str
        Of the file that was named.

    Raises
    ------
    DissmodelError
        As `load_dataset`.
    """
    if is_remote(uri):
        with (
            local_copy(uri, minio_client) as path,
            open_dataset(path, None, fmt, layer=layer, any_size=any_size, known=known) as found,
        ):
            yield found
        return
    kind = "raster" if is_series(parse(uri).local()) else _kind(uri, _format(fmt, None), layer)
    if kind == "raster":
        from dissmodel.io.raster import open_geotiff

        with open_geotiff(uri, minio_client, layer=layer, any_size=any_size, known=known) as bands:
            yield bands
    elif kind == "vector":
        from dissmodel.io.vector import load_gdf

        yield load_gdf(uri, minio_client, layer=layer, known=known)
    else:
        yield load_dataset(uri, minio_client, fmt, layer=layer)


def save_dataset(
    data: Any,
    uri: str | os.PathLike[str],
    minio_client: Any = None,
    fmt: str | None = None,
    *,
    format: str | None = None,  # noqa: A002  (a published name)
    **kwargs: Any,
) -> str:
    """Write a dataset in the format that its name says.

    Parameters
    ----------
    data : geopandas.GeoDataFrame, or RasterBackend, or tuple of (RasterBackend, dict)
        What to write.
    uri : str or path-like
        Where: ``.gpkg``, ``.geojson``, ``.fgb``, ``.shp``; ``.tif``; ``.nc``, ``.zarr``.
    minio_client : optional
        The storage client for ``s3://``.
    fmt, format : {"auto", "raster", "tiff", "vector", "xarray"}, optional
        The kind of format, where the name doesn't say it.
    **kwargs
        Handed to the format's own function.

    Returns
    -------
    str
        The file's sha256.

    Raises
    ------
    WrongType
        If the data doesn't fit the format.
    WrongValue
        If the format is none of these.
    StorageError
        If the file can't be written.
    """
    from dissmodel.io._utils import detect_format

    wanted = _format(fmt, format)
    kind = detect_format(uri) if wanted == "auto" else wanted
    if kind == "vector":
        from dissmodel.io.vector import save_gdf

        return save_gdf(data, uri, minio_client, **kwargs)
    if kind == "xarray":
        return save_xarray(data, uri, minio_client=minio_client, **kwargs)
    from dissmodel.io.raster import save_geotiff

    return save_geotiff(data, uri, minio_client, **kwargs)


def load_xarray(uri: str | os.PathLike[str], minio_client: Any = None, **kwargs: Any) -> tuple[Any, str]:
    """Read a NetCDF file or a Zarr folder as `dissmodel.io._xarray.load_xarray` does."""
    from dissmodel.io import _xarray

    return _xarray.load_xarray(uri, minio_client, **kwargs)


def save_xarray(data: Any, uri: str | os.PathLike[str], step: Any = None, **kwargs: Any) -> str:
    """Write a NetCDF file or a Zarr folder as `dissmodel.io._xarray.save_xarray` does."""
    from dissmodel.io import _xarray

    return _xarray.save_xarray(data, uri, step=step, **kwargs)


def _format(fmt: str | None, alias: str | None) -> str:
    if fmt is not None and alias is not None and fmt != alias:
        raise UsageError(f"fmt={fmt!r} and format={alias!r} contradict each other.", "Give one of them.")
    given = fmt or alias or "auto"
    if given not in _FORMATS:
        raise WrongValue(f"Unsupported format: {given!r}.", did_you_mean(given, _FORMATS))
    return _FORMATS[given]


def _kind(uri: str | os.PathLike[str], wanted: str, layer: str | None) -> str:
    from dissmodel.io import locate
    from dissmodel.io._utils import XARRAY_SUFFIXES, suffix_of
    from dissmodel.io.formats import KINDS

    if wanted == "xarray" or (wanted == "auto" and suffix_of(uri) in XARRAY_SUFFIXES):
        return "xarray"
    try:
        return locate.kind_of(uri, wanted, layer)
    except MissingFile:  # the format's own function tells, or what a package put in its place
        said = KINDS.get(suffix_of(uri)) if wanted == "auto" else wanted
        if said is None:
            raise
        return said
