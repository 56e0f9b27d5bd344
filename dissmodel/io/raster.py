"""Backends from GeoTIFFs, and back."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.dtypes import in_dtype_range
from rasterio.enums import ColorInterp, Interleaving, MaskFlags
from rasterio.windows import Window

from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.geo.raster.backend import RasterBackend
from dissmodel.io._storage import put_object
from dissmodel.io.geotiff import reading, write_geotiff
from dissmodel.io.locate import locate
from dissmodel.io.uri import parse
from dissmodel.record.digest import sha256_file

__all__ = ["load_geotiff", "reading", "save_geotiff", "write_geotiff"]

Array = npt.NDArray[Any]
BandSpec = Sequence[tuple[str, npt.DTypeLike, Any]]

MAX_BYTES = 16 * 2**30
"""The largest raster that is read, as arrays in memory."""

# What rasterio does grows with the square of the number of bands; a damaged file can declare 65535 of them.
_MAX_BANDS = 4096
_READ_ROWS = 256


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
        ``band_name``, else ``name``, else ``band_<number>``. The dict has ``crs`` (rasterio's, or None),
        ``transform`` (None without a georeference), ``tags`` of the file, ``bands`` (name → ``nodata`` as
        declared, ``tags``, ``named``: whether the file names it) and ``mask`` (bool (rows, columns), True is
        valid, from a mask or an alpha band; None without one). Alpha bands are not among the bands.
    sha256 : str
        Of the file that was named, the zip where it is one.

    Raises
    ------
    InvalidInput
        If it is missing, damaged, no GeoTIFF, larger than memory, or names two bands alike.
    """
    with locate(uri, "raster", layer, minio_client=minio_client) as found:
        checksum = sha256_file(found.source)
        with reading(found.path, found.shown) as dataset:
            _refuse_absurd_size(dataset, found.shown)
            names, alpha = _bands(dataset, found.shown)
            try:
                arrays = _read(dataset, names)
                mask = _mask(dataset, min(names), alpha)
            except MemoryError:
                raise _too_large(found.shown, _bytes(dataset)) from None
            meta = _meta(dataset, names, found.shown) | {"mask": mask}
    shape = next(iter(arrays.values())).shape
    backend = RasterBackend((shape[0], shape[1]), transform=meta["transform"], crs=meta["crs"])
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
        The file; its folder is made. ``s3://`` works with a storage client only.
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
    backend, meta = data if isinstance(data, tuple) else (data, None)
    meta = meta or {}
    plan = _plan(backend, meta.get("bands") or {}, band_spec)
    dtype = _common_dtype([band.dtype for band in plan.values()])
    nodatas = {name: band.nodata for name, band in plan.items() if band.nodata is not None}
    place = parse(uri)
    if place.scheme == "s3":
        with tempfile.TemporaryDirectory(prefix="dissmodel-", ignore_cleanup_errors=True) as folder:
            copy = Path(folder) / "object.tif"
            checksum = save_geotiff(data, copy, None, band_spec, crs, transform, tags=tags)
            put_object(place, copy.read_bytes(), "image/tiff", minio_client)
            return checksum
    path = place.local()
    write_geotiff(
        path,
        {name: band.rows for name, band in plan.items()},
        shape=backend.shape,
        dtype=dtype,
        nodata=_agreed(list(nodatas.values()), len(plan), dtype),
        transform=next(
            (t for t in (transform, meta.get("transform"), backend.transform) if t is not None), None
        ),
        crs=next((c for c in (crs, meta.get("crs"), backend.crs) if c), None),
        tags=tags,
        band_tags={name: {"nodata": f"{nodata:.17g}"} for name, nodata in nodatas.items()},
    )
    return sha256_file(path)


@dataclass(frozen=True)
class _Band:
    """One band to be written: how it is read from the backend, and what it becomes."""

    dtype: np.dtype[Any]
    nodata: float | None
    rows: Callable[[slice], Array]


def _bands(dataset: Any, shown: str) -> tuple[dict[int, tuple[str, bool]], list[int]]:
    """Return number -> (name, whether the file says it) of the data bands, and the numbers of alpha bands."""
    names: dict[int, tuple[str, bool]] = {}
    alpha = []
    for number, description, colour in zip(
        dataset.indexes, dataset.descriptions, dataset.colorinterp, strict=True
    ):
        tags = dataset.tags(number)
        name = description or tags.get("band_name") or tags.get("name")
        # GDAL takes the fourth of four byte bands for alpha; one with a name is no alpha band.
        if colour == ColorInterp.alpha and not name:
            alpha.append(number)
        else:
            names[number] = (name or f"band_{number}", bool(name))
    if not names:
        raise InvalidInput(f"{shown} has no band with data.", code="no_band")
    twice = [name for name, count in Counter(name for name, _ in names.values()).items() if count > 1]
    if twice:
        raise InvalidInput(
            f"{shown} has more than one band called {', '.join(map(repr, twice))}.",
            "Give each band its own description.",
            code="band_names_repeat",
        )
    return names, alpha


def _bytes(dataset: Any) -> int:
    cells: int = dataset.width * dataset.height
    return cells * sum(int(np.dtype(dtype).itemsize) for dtype in dataset.dtypes)


def _refuse_absurd_size(dataset: Any, shown: str) -> None:
    if dataset.count > _MAX_BANDS:
        raise InvalidInput(
            f"{shown} declares {dataset.count} bands; at most {_MAX_BANDS} are read.",
            "It may be damaged: make or download it again.",
            code="raster_too_large",
        )
    size = _bytes(dataset)
    if size > min(MAX_BYTES, _memory()):
        raise _too_large(f"{shown} ({dataset.width} by {dataset.height} cells, {dataset.count} bands)", size)


def _too_large(shown: str, size: int) -> InvalidInput:
    return InvalidInput(
        f"{shown} needs {size / 2**30:.1f} GiB of memory; at most"
        f" {min(MAX_BYTES, _memory()) / 2**30:.1f} GiB can be used.",
        "Cut out a part, for example with: gdal_translate -projwin.",
        code="raster_too_large",
    )


def _memory() -> int:
    """Return the bytes of memory of this machine, or no bound where the system doesn't say."""
    try:
        return int(os.sysconf("SC_PAGE_SIZE")) * int(os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return MAX_BYTES


def _read(dataset: Any, names: Mapping[int, tuple[str, bool]]) -> dict[str, Array]:
    numbers = list(names)
    dtypes = dataset.dtypes
    arrays = [np.empty(dataset.shape, dtypes[number - 1]) for number in numbers]
    if len(numbers) > 1 and dataset.interleaving == Interleaving.pixel:
        # Each block holds all bands: band by band, it would be unpacked once for each of them.
        height = dataset.block_shapes[0][0]
        height *= max(1, _READ_ROWS // height)
        for top in range(0, dataset.height, height):
            rows = slice(top, min(top + height, dataset.height))
            window = Window(0, top, dataset.width, rows.stop - top)
            for array, block in zip(arrays, dataset.read(numbers, window=window), strict=True):
                array[rows] = block
    else:
        for number, array in zip(numbers, arrays, strict=True):
            dataset.read(number, out=array)
    return {name: array for (name, _), array in zip(names.values(), arrays, strict=True)}


def _mask(dataset: Any, first: int, alpha: Sequence[int]) -> npt.NDArray[np.bool_] | None:
    flags = set(dataset.mask_flag_enums[first - 1])
    own = MaskFlags.per_dataset in flags and not flags & {MaskFlags.alpha, MaskFlags.nodata}
    mask: npt.NDArray[np.bool_] | None = dataset.read_masks(first) != 0 if own else None
    for number in alpha:
        opaque = dataset.read(number) != 0
        mask = opaque if mask is None else mask & opaque
    return mask


def _meta(dataset: Any, names: Mapping[int, tuple[str, bool]], shown: str) -> dict[str, Any]:
    transform = dataset.transform
    if transform.is_identity:
        transform = None
        warnings.warn(
            f"{shown} has no georeference: its cells have numbers only.", DissmodelWarning, stacklevel=3
        )
    nodatas = dataset.nodatavals
    return {
        "crs": dataset.crs,
        "transform": transform,
        "tags": dataset.tags(),
        "bands": {
            name: {"nodata": nodatas[number - 1], "tags": dataset.tags(number), "named": named}
            for number, (name, named) in names.items()
        },
    }


def _selected(arrays: dict[str, Array], bands: Mapping[str, Any], spec: BandSpec) -> dict[str, Array]:
    by_name = any(bands[name]["named"] for name, _, _ in spec if name in bands)
    files = (
        {name: name for name in arrays} if by_name else dict(zip([s[0] for s in spec], arrays, strict=False))
    )
    selected = {}
    for name, dtype, nodata in spec:
        if name in files:
            array = arrays[files[name]].astype(dtype, copy=False)
            if not _is(array, nodata).all():
                selected[name] = array
    return selected


def _is(array: Array, nodata: float) -> npt.NDArray[np.bool_]:
    return np.asarray(np.isnan(array) if np.isnan(nodata) else array == nodata)


def _plan(backend: RasterBackend, bands: Mapping[str, Any], spec: BandSpec | None) -> dict[str, _Band]:
    if spec is None:
        spec = [
            (name, array.dtype, bands.get(name, {}).get("nodata", backend.nodata_value))
            for name, array in backend.arrays.items()
        ]
    plan = {}
    for name, dtype_like, nodata in spec:
        dtype = np.dtype(dtype_like)
        array = backend.arrays.get(name)
        if array is None:
            plan[name] = _Band(dtype, nodata, partial(_filled, backend.shape[1], dtype, nodata))
            continue
        if array.shape != tuple(backend.shape):
            raise UsageError(
                f"{name} has the shape {array.shape}, the backend {tuple(backend.shape)}:"
                " a GeoTIFF holds bands of rows and columns only.",
                "Write a slice of it, or save to .nc, which can hold a time axis.",
            )
        plan[name] = _Band(dtype, nodata, partial(_converted, array, dtype, nodata))
    return plan


def _filled(cols: int, dtype: np.dtype[Any], nodata: float, rows: slice) -> Array:
    return np.full((rows.stop - rows.start, cols), nodata, dtype)


def _converted(array: Array, dtype: np.dtype[Any], nodata: float | None, rows: slice) -> Array:
    block = array[rows]
    if dtype.kind in "iu" and block.dtype.kind == "f" and nodata is not None:
        block = np.where(np.isfinite(block), block, nodata)
    return block.astype(dtype, copy=False)


def _common_dtype(dtypes: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    if not dtypes:
        raise UsageError("The backend has no array: there is nothing to write.")
    common: np.dtype[Any] = np.result_type(*dtypes)
    # GDAL has neither of these two.
    promoted = {"bool": "uint8", "float16": "float32"}
    return np.dtype(promoted.get(common.name, common))


def _agreed(nodatas: Sequence[float], count: int, dtype: np.dtype[Any]) -> float | None:
    """Return the nodata value that all bands share, if the dtype can hold it."""
    if len(nodatas) < count or len({repr(float(nodata)) for nodata in nodatas}) != 1:
        return None
    return nodatas[0] if in_dtype_range(nodatas[0], dtype.name) else None
