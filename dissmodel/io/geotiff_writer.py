"""GeoTIFFs, written as a stream."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.dtypes import in_dtype_range
from rasterio.enums import Compression
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window

from dissmodel import gdal_settings, progress
from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.io import proj
from dissmodel.io.geotiff import reading
from dissmodel.io.locate import companions
from dissmodel.io.room import unwritten

Array = npt.NDArray[Any]

# Whole tiles are written, one after the other: nothing need be kept, and with nothing kept their order in the
# file can't depend on what else GDAL holds at the moment.
_WRITE_CACHE = 2**16
_TILE = 512
_EXACT_BITS = 53
UNWRITABLE = (RasterioError, CPLE_BaseError, OSError)
"""What rasterio raises where a file can't be written."""


def write_geotiff(
    path: str | os.PathLike[str],
    bands: Mapping[str, Callable[[Any], Array]],
    *,
    shape: tuple[int, int],
    dtype: npt.DTypeLike,
    nodata: float | None = None,
    transform: Any = None,
    crs: Any = None,
    tags: Mapping[str, str] | None = None,
    band_tags: Mapping[str, Mapping[str, str]] | None = None,
    columns: int | None = None,
) -> None:
    """Write a GeoTIFF band by band and row block by row block, so that no band is ever held whole.

    Tiles of 512 cells (fewer where the image is smaller), ZSTD level 1 with a predictor, one band after the
    other, BigTIFF where 4 GiB might be exceeded. The same arguments give the same bytes. The file appears
    under its name only when it is complete; what belonged to a file that was there before (masks, overviews,
    world files) goes with it.

    Parameters
    ----------
    bands : mapping of str to callable
        For each band its name, written as description and as tags ``band_name`` and ``name`` (the public
        package reads the latter), and a function from a slice of rows to an array (rows of the slice,
        columns). It is called once for each block, from top to bottom.
    nodata : float, optional
        The value that means no data, in all bands.
    transform : affine.Affine, optional
        From (column, row) to coordinates of `crs`; without it the file has no georeference.
    columns : int, optional
        How many columns, a multiple of 512, a block has at most. With it the functions take a pair of slices,
        of rows and of columns. The bytes of the file are the same.

    Raises
    ------
    UsageError
        If a GeoTIFF can't hold this, or a block has the wrong shape.
    StorageError
        If the file can't be written.
    """
    form = {"shape": shape, "dtype": dtype, "nodata": nodata, "transform": transform, "crs": crs}
    with writing_geotiff(path, [*bands], tags=tags, band_tags=band_tags, **form) as put:
        rows, cols = shape
        cell_bytes = np.dtype(dtype).itemsize
        done, total = 0, rows * cols * len(bands) * cell_bytes
        for top in range(0, rows, tile_size(rows)):
            block_rows = slice(top, min(top + tile_size(rows), rows))
            for name, block_of in bands.items():
                for left in range(0, cols, columns or cols):
                    block_cols = slice(left, min(left + (columns or cols), cols))
                    block = np.asarray(block_of(block_rows if columns is None else (block_rows, block_cols)))
                    if block.shape != (block_rows.stop - top, block_cols.stop - left):
                        raise UsageError(
                            f"The rows {top} to {block_rows.stop} of {name} have the shape {block.shape}.",
                            f"Give {block_rows.stop - top} rows of {block_cols.stop - left} cells.",
                        )
                    put(name, (top, left), block)
                    done += block.size * cell_bytes
                    progress.current().transferred(done, total)


@contextmanager
def writing_geotiff(
    path: str | os.PathLike[str],
    bands: Sequence[str],
    *,
    shape: tuple[int, int],
    dtype: npt.DTypeLike,
    nodata: float | None = None,
    transform: Any = None,
    crs: Any = None,
    tags: Mapping[str, str] | None = None,
    band_tags: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[Callable[[str, tuple[int, int], Array], None]]:
    """Write a GeoTIFF as `write_geotiff` does, in blocks that the caller hands over in any order.

    What is yielded takes the name of a band, the row and the column of the block's upper left cell, which
    begins a tile (see `tile_size`), and the block (rows, columns), which ends where a tile or the image does.
    """
    gdal_settings.ignore()
    path = Path(path)
    profile = _profile(path, len(bands), shape, np.dtype(dtype), nodata)
    profile |= {
        key: value for key, value in (("transform", transform), ("crs", _crs(crs))) if value is not None
    }
    # Hidden and in the same folder, so that renaming it is one step.
    scratch = path.with_name(f".{path.stem[:100]}.{uuid4().hex[:8]}.tif")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with rasterio.Env(GDAL_CACHEMAX=_WRITE_CACHE):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                dataset = rasterio.open(scratch, "w", **profile)
            with dataset:
                _describe(dataset, bands, tags or {}, band_tags or {})
                yield partial(_put, dataset, {name: number for number, name in enumerate(bands, start=1)})
        put_in_place(scratch, path)
    except UNWRITABLE as error:
        said = str(getattr(error, "strerror", None) or error.__cause__ or error)
        size = scratch.stat().st_size if scratch.exists() else 0
        raise unwritten(path, said, path.parent, size) from error
    finally:
        for leftover in (scratch, _metadata(scratch)):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)


def put_in_place(scratch: Path, path: Path) -> None:
    """Give a GeoTIFF that is complete its name; what belonged to a file that was there before goes with it.

    Raises OSError if the file can't be renamed, or is not complete.
    """
    _refuse_incomplete(scratch)
    scratch.replace(path)
    for stale in companions(path):
        # These two may be data of their own, and a GeoTIFF that has its place in it is read without them.
        if stale.suffix.lower() not in {".tab", ".aux"}:
            stale.unlink()
    metadata = _metadata(scratch)
    if metadata.exists():
        # What the format itself has no place for, such as a CRS beyond its keys.
        metadata.replace(_metadata(path))


def _metadata(path: Path) -> Path:
    return path.with_name(path.name + ".aux.xml")


def _describe(
    dataset: Any,
    bands: Sequence[str],
    tags: Mapping[str, str],
    band_tags: Mapping[str, Mapping[str, str]],
) -> None:
    # What is said about the data comes before the data: GDAL would write the directory twice otherwise.
    dataset.update_tags(**tags)
    for number, name in enumerate(bands, start=1):
        dataset.set_band_description(number, name)
        dataset.update_tags(number, **{"band_name": name, "name": name, **band_tags.get(name, {})})


def _put(dataset: Any, numbers: Mapping[str, int], name: str, place: tuple[int, int], block: Array) -> None:
    """Write a block tile by tile."""
    rows, cols = dataset.block_shapes[0]
    block = block.astype(dataset.dtypes[0], copy=False)
    for top in range(0, block.shape[0], rows):
        for left in range(0, block.shape[1], cols):
            tile = block[top : top + rows, left : left + cols]
            window = Window(place[1] + left, place[0] + top, tile.shape[1], tile.shape[0])
            dataset.write(tile, numbers[name], window=window)


def _refuse_incomplete(path: Path) -> None:
    # What GDAL fails to write while it closes a file, such as the last tile on a full disk, it tells nobody.
    try:
        with reading(path) as dataset:
            tiles = [
                tuple(
                    int(dataset.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=band) or 0)
                    for what in ("OFFSET", "SIZE")
                )
                for band in dataset.indexes
                for (row, col), _ in dataset.block_windows(band)
            ]
    except InvalidInput as error:
        raise OSError(errno.EIO, os.strerror(errno.EIO)) from error
    size = path.stat().st_size
    if any(not start or not length or start + length > size for start, length in tiles):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _profile(
    path: Path, count: int, shape: tuple[int, int], dtype: np.dtype[Any], nodata: float | None
) -> dict[str, Any]:
    rows, cols = shape
    if count < 1 or rows < 1 or cols < 1:
        raise UsageError(
            f"{path}: there is nothing to write ({count} bands of {rows} by {cols} cells).",
            "Give at least one band with cells.",
        )
    if dtype.name not in _PREDICTORS:
        raise UsageError(
            f"{path}: a GeoTIFF can't hold {dtype}.", "Convert it: " + ", ".join(_PREDICTORS) + "."
        )
    if nodata is not None and not fits(nodata, dtype):
        raise UsageError(
            f"{path}: the nodata value {nodata} is not a value of type {dtype}.",
            "Choose another nodata value.",
        )
    if nodata is not None and too_long(nodata, dtype):
        raise UsageError(
            f"{path}: the nodata value {nodata} has more digits than can be declared exactly.",
            f"Choose one between -2^{_EXACT_BITS} and 2^{_EXACT_BITS}.",
        )
    compression = {"compress": "zstd", "zstd_level": 1} if _has_zstd() else {"compress": "deflate"}
    if not _has_zstd():
        warnings.warn(
            "This GDAL can't write ZSTD: the GeoTIFF is compressed with DEFLATE, which is slower.",
            DissmodelWarning,
            stacklevel=3,
        )
    return compression | {
        "driver": "GTiff",
        "height": rows,
        "width": cols,
        "count": count,
        "dtype": dtype.name,
        "nodata": nodata,
        "tiled": True,
        "blockxsize": tile_size(cols),
        "blockysize": tile_size(rows),
        "predictor": _PREDICTORS[dtype.name],
        "interleave": "band",
        "bigtiff": "if_safer",
        # Without it GDAL takes four bands of bytes for red, green, blue and alpha.
        "photometric": "minisblack",
    }


def fits(nodata: float, dtype: np.dtype[Any]) -> bool:
    """Whether a nodata value is within the range of a dtype."""
    with np.errstate(over="ignore"):
        return bool(in_dtype_range(nodata, dtype.name))


def too_long(nodata: float, dtype: np.dtype[Any]) -> bool:
    """Whether rasterio would declare another nodata value than this one, for it takes them as floats."""
    return dtype.kind in "iu" and abs(int(nodata)) > 2**_EXACT_BITS


_INTEGERS = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
_PREDICTORS = dict.fromkeys(_INTEGERS, 2) | dict.fromkeys(("float32", "float64"), 3)


def tile_size(size: int) -> int:
    """Return how many rows, or columns, the tiles of an image of so many have."""
    # TIFF wants tiles of a multiple of 16 cells.
    return min(_TILE, -(-size // 16) * 16)


def _crs(crs: Any) -> CRS | None:
    if not crs:
        return None
    proj.check_proj("rasterio")
    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise UsageError(
            f"{crs} is not a CRS: {error}", "Give an EPSG code such as EPSG:31984, or WKT."
        ) from error


@cache
def _has_zstd() -> bool:
    """Whether the GDAL that rasterio brings was built with ZSTD."""
    options = {"driver": "GTiff", "width": 16, "height": 16, "count": 1, "dtype": "uint8", "compress": "zstd"}
    try:
        with warnings.catch_warnings(), MemoryFile() as memory:
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with memory.open(**options) as dataset:
                dataset.write(np.zeros((1, 16, 16), "uint8"))
            with memory.open() as dataset:
                return bool(dataset.compression == Compression.zstd)
    except UNWRITABLE:
        return False
