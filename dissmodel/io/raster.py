"""Backends from GeoTIFFs, and back."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.geo.raster.backend import RasterBackend
from dissmodel.io._storage import written
from dissmodel.io.bands import FileBands
from dissmodel.io.formats import cannot_hold, kind_of_data
from dissmodel.io.geotiff import opened, reading
from dissmodel.io.geotiff_writer import fits, too_long, write_geotiff
from dissmodel.io.locate import locate
from dissmodel.record.digest import sha256_file

__all__ = ["load_geotiff", "open_geotiff", "reading", "save_geotiff", "write_geotiff"]

Array = npt.NDArray[Any]
BandSpec = Sequence[tuple[str, npt.DTypeLike, Any]]


@contextmanager
def open_geotiff(
    uri: str | os.PathLike[str],
    minio_client: Any = None,
    *,
    layer: str | None = None,
    any_size: bool = False,
    known: str | None = None,
) -> Iterator[tuple[FileBands, str]]:
    """Open a GeoTIFF, plain or in a zip, for the time of the block; its bands are read as they are asked for.

    With `any_size` it may be larger than memory. The sha256 is that of the file that was named, or the
    `known` one, and the file is not hashed. Raises as `load_geotiff`, as far as it shows before anything is
    read; the rest when it is.
    """
    with locate(uri, "raster", layer, minio_client=minio_client) as found:
        checksum = sha256_file(found.source) if known is None else known
        with opened(found.path, found.shown) as dataset:
            if not getattr(dataset, "is_grid", True):
                raise InvalidInput(
                    f"{found.shown} has the states of cells that are no pixels, without their polygons.",
                    "Give polygons: the input of the run that wrote it.",
                    code="no_polygons",
                )
            yield FileBands(dataset, found.shown, any_size=any_size), checksum


def load_geotiff(
    uri: str | os.PathLike[str],
    minio_client: Any = None,
    band_spec: BandSpec | None = None,
    *,
    layer: str | None = None,
    **_kwargs: Any,
) -> tuple[tuple[RasterBackend, dict[str, Any]], str]:
    """Read a GeoTIFF, plain or in a zip.

    Parameters
    ----------
    uri : str or path-like
        The file.
    minio_client : optional
        The storage client for ``s3://``.
    band_spec : sequence of (str, str, float), optional
        Name, dtype and nodata of the bands to read. A file that names its bands is read by these names, any
        other by position. A band that holds nothing but its nodata is left out, as is one that is not there.
    layer : str, optional
        Which GeoTIFF of a zip.

    Returns
    -------
    data : tuple of (RasterBackend, dict)
        The bands, each (rows, columns) in the file's own dtype, called by their description, else their tag
        ``band_name``, else ``name``, else ``band_<number>``. A band with a scale or an offset has float64
        values, scale * stored number + offset, and NaN for its nodata value. The dict has ``crs``
        (rasterio's; None without one, or where it is called undefined), ``transform`` (None without a
        georeference), ``tags`` of the file, ``bands`` (name → ``nodata`` as declared, exact in 64-bit
        integers; ``tags``, but for statistics; ``named``: whether the file names it; ``number``: from 1)
        and ``mask`` (bool
        (rows, columns), True is valid, from a mask or an alpha band; None without one). Alpha bands are not
        among the bands.
    sha256 : str
        Of the file that was named, the zip where it is one.

    Raises
    ------
    InvalidInput
        If it is missing, damaged, no GeoTIFF, larger than memory, names two bands alike, or has ground
        control points in place of a transform.
    """
    with open_geotiff(uri, minio_client, layer=layer) as (bands, checksum):
        arrays, mask = bands.read()
        meta = bands.meta | {"mask": mask}
    backend = RasterBackend(bands.shape, transform=meta["transform"], crs=meta["crs"])
    backend.arrays.update(arrays if band_spec is None else _selected(arrays, meta["bands"], band_spec))
    return (backend, meta), checksum


def save_geotiff(  # noqa: PLR0917  (a published order)
    data: Any,
    uri: str | os.PathLike[str],
    minio_client: Any = None,
    band_spec: BandSpec | None = None,
    crs: Any = None,
    transform: Any = None,
    *,
    tags: Mapping[str, str] | None = None,
    **_kwargs: Any,
) -> str:
    """Write a backend as a GeoTIFF, as `write_geotiff` does.

    Parameters
    ----------
    data : RasterBackend or tuple of (RasterBackend, dict)
        What to write; the dict may hold ``crs`` and ``transform``, and ``bands`` with each band's ``nodata``.
    uri : str or path-like
        The file; its folder is made. ``s3://`` is uploaded.
    minio_client : optional
        The storage client for ``s3://``.
    band_spec : sequence of (str, str, float), optional
        Name, dtype and nodata of the bands to write, in this order; one that the backend has not is filled
        with its nodata, and so is what is not finite in a band that becomes integer. By default all arrays in
        the backend's order, with the nodata of ``bands`` or the backend's.
    crs, transform : optional
        They win over the dict's, which win over the backend's.
    tags : mapping of str to str, optional
        Tags of the file. Those of an input are not taken over, for they may no longer be true.

    Returns
    -------
    str
        The file's sha256.

    Raises
    ------
    WrongType
        If the data is something else.
    UsageError
        If there is nothing to write, or something that a GeoTIFF can't hold.
    StorageError
        If the file can't be written.

    Notes
    -----
    A GeoTIFF has one dtype: bands of several are promoted to their common one by `numpy.result_type` (int32
    and float32 become float64), bool becomes uint8. It has one nodata too: it is declared where all bands
    agree and the dtype can hold it. Each band's own stands in its tag ``nodata`` in any case.
    """
    if kind_of_data(data) != "raster":
        raise cannot_hold(data, uri, "raster")
    backend, meta = data if isinstance(data, tuple) else (data, None)
    meta = meta or {}
    plan = _plan(backend, meta.get("bands") or {}, band_spec)
    dtype = _common_dtype([own for own, _ in plan.values()])
    nodatas = {name: nodata for name, (_, nodata) in plan.items() if nodata is not None}
    with written(uri, "image/tiff", minio_client) as path:
        write_geotiff(
            path,
            {
                name: partial(_rows, backend.arrays.get(name), backend.shape[1], *own)
                for name, own in plan.items()
            },
            shape=backend.shape,
            dtype=dtype,
            nodata=_agreed(list(nodatas.values()), len(plan), dtype),
            transform=next(
                (t for t in (transform, meta.get("transform"), backend.transform) if t is not None), None
            ),
            crs=next((c for c in (crs, meta.get("crs"), backend.crs) if c), None),
            tags=tags,
            band_tags={name: {"nodata": _digits(nodata)} for name, nodata in nodatas.items()},
        )
        return sha256_file(path)


def _selected(arrays: dict[str, Array], bands: Mapping[str, Any], spec: BandSpec) -> dict[str, Array]:
    by_name = any(bands[name]["named"] for name, _, _ in spec if name in bands)
    files = (
        {name: name for name in arrays} if by_name else dict(zip([s[0] for s in spec], arrays, strict=False))
    )
    selected = {}
    for name, dtype, nodata in spec:
        if name in files:
            array = _cast(arrays[files[name]], np.dtype(dtype), nodata)
            absent = np.isnan(array) if np.isnan(nodata) else array == nodata
            if not np.all(absent):
                selected[name] = array
    return selected


def _plan(
    backend: RasterBackend, bands: Mapping[str, Any], spec: BandSpec | None
) -> dict[str, tuple[np.dtype[Any], float | None]]:
    """Return the dtype and the nodata value of each band to be written."""
    if spec is None:
        spec = [
            (name, array.dtype, bands.get(name, {}).get("nodata", backend.nodata_value))
            for name, array in backend.arrays.items()
        ]
    plan = {}
    for name, dtype, nodata in spec:
        array = backend.arrays.get(name)
        if array is not None and array.shape != tuple(backend.shape):
            raise UsageError(
                f"{name} has the shape {array.shape}, the backend {tuple(backend.shape)}:"
                " a GeoTIFF holds bands of rows and columns only.",
                "Write a slice of it, or save to .nc, which can hold a time axis.",
            )
        plan[name] = np.dtype(dtype), nodata
    return plan


def _rows(array: Array | None, cols: int, dtype: np.dtype[Any], nodata: Any, rows: slice) -> Array:
    """Return rows of a band as they are written; of a band that is not there, nothing but nodata."""
    if array is None:
        return np.full((rows.stop - rows.start, cols), nodata, dtype)
    return _cast(array[rows], dtype, nodata)


def _cast(array: Array, dtype: np.dtype[Any], nodata: float | None) -> Array:
    """Return an array of another dtype; what is not finite becomes nodata among integers."""
    if dtype.kind in "iu" and array.dtype.kind == "f" and nodata is not None:
        array = np.where(np.isfinite(array), array, nodata)
    return array.astype(dtype, copy=False)


def _common_dtype(dtypes: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    if not dtypes:
        raise UsageError(
            "The backend has no array: there is nothing to write.", "Set one: backend.set(name, array)"
        )
    common: np.dtype[Any] = np.result_type(*dtypes)
    # GDAL has neither of these two.
    promoted = {"bool": "uint8", "float16": "float32"}
    return np.dtype(promoted.get(common.name, common))


def _digits(nodata: float) -> str:
    """Write a nodata value with all of its digits."""
    return str(int(nodata)) if isinstance(nodata, int | np.integer) else f"{nodata:.17g}"


def _agreed(nodatas: Sequence[float], count: int, dtype: np.dtype[Any]) -> float | None:
    """Return the nodata value that all bands share, if the dtype and the file can hold it."""
    if len(nodatas) < count or any(_digits(nodata) != _digits(nodatas[0]) for nodata in nodatas):
        return None
    if not fits(nodatas[0], dtype):
        return None
    if too_long(nodatas[0], dtype):
        warnings.warn(
            f"The nodata value {nodatas[0]} can't be declared exactly;"
            " it stands in the tag nodata of each band.",
            DissmodelWarning,
            stacklevel=3,
        )
        return None
    return nodatas[0]
