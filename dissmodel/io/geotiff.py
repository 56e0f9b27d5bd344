"""GeoTIFFs that are not trusted, opened safely."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.enums import Interleaving
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from dissmodel import gdal_settings
from dissmodel.errors import DissmodelError, InvalidInput
from dissmodel.io import proj
from dissmodel.io.foreign import damaged
from dissmodel.io.formats import is_series
from dissmodel.io.locate import files_named
from dissmodel.io.tiff_layout import ends_early, is_tiff

LARGEST_BLOCK = 2**30
"""The bytes of the largest block that is unpacked where a raster is read piece by piece."""

# Every block is read once, so GDAL need not keep many of them beside the arrays.
_READ_CACHE = 16 * 2**20
_UNREAD = " can't be read as a GeoTIFF:"
_UNREADABLE = (RasterioError, CPLE_BaseError, OSError, ValueError, TypeError, ArithmeticError)


@contextmanager
def opened(path: Path, shown: str = "", *, whole: bool = False) -> Iterator[Any]:
    """Open a local GeoTIFF, and nothing but a GeoTIFF, for the time of the block; errors call it `shown`.

    A series of states in NetCDF is a `dissmodel.io.netcdf.SeriesDataset`, with `whole` all of its states.
    GDAL's block cache is kept small: read whole bands, or each block once. Raises InvalidInput if it is
    damaged; `naming_damage` is for what only reading it shows; DissmodelError if PROJ does not find its data.
    """
    shown = shown or str(path)
    if is_series(path):
        from dissmodel.io.netcdf import opened_series  # noqa: PLC0415  (a GeoTIFF has no use for it)

        with opened_series(path, shown, whole=whole) as series:
            yield series
        return
    gdal_settings.ignore()
    with ExitStack() as stack:
        with naming_damage(shown):
            ends = (f"{name}{end}".casefold() for name in (path.name, path.stem) for end in (".msk", ".ovr"))
            for companion in files_named(path.parent, set(ends)):
                # GDAL would open a mask or an overview of any format, and some formats name other files.
                if not is_tiff(companion):
                    raise InvalidInput(
                        f"{companion} belongs to {shown} and is not a TIFF.", f"Remove {companion}."
                    )
                _check_end(companion, str(companion))
            _check_end(path, shown)
            stack.enter_context(rasterio.Env(GDAL_CACHEMAX=_READ_CACHE))
            # A nodata value may be too large for the dtype, which rasterio compares them in.
            with warnings.catch_warnings(), np.errstate(over="ignore"):
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                dataset = stack.enter_context(rasterio.open(path, driver="GTiff"))
            if dataset.crs or not dataset.transform.is_identity:
                proj.check_proj("rasterio")
        yield dataset


@contextmanager
def naming_damage(shown: str) -> Iterator[None]:
    """Turn what rasterio raises in the block into `InvalidInput`."""
    try:
        yield
    except DissmodelError:
        raise
    except _UNREADABLE as error:
        if "codec" in f"{error} {error.__cause__}":
            raise InvalidInput(
                f"{shown} is compressed in a way that can't be unpacked here.",
                "Use another compression: gdal_translate -co COMPRESS=DEFLATE OLD.tif NEW.tif",
                code="raster_compression",
            ) from error
        raise damaged(shown, f"{_UNREAD} part of the file is missing or damaged", "raster_damaged") from error


@contextmanager
def reading(path: Path, shown: str = "", *, whole: bool = False) -> Iterator[Any]:
    """Open a GeoTIFF as `opened` does and name all damage that shows in the block."""
    with naming_damage(shown or str(path)), opened(path, shown, whole=whole) as dataset:
        yield dataset


def refuse_large_blocks(dataset: Any, shown: str) -> None:
    """Refuse a raster that can't be read piece by piece, for GDAL unpacks whole blocks.

    A single strip is none: GDAL unpacks it row by row. Raises InvalidInput (code ``"raster_blocks"``).
    """
    bands = dataset.count if dataset.interleaving == Interleaving.pixel else 1
    for (rows, cols), dtype in zip(dataset.block_shapes, dataset.dtypes, strict=True):
        size = rows * cols * bands * np.dtype(dtype).itemsize
        if size > LARGEST_BLOCK:
            raise InvalidInput(
                f"{shown} is stored in blocks of {rows} by {cols} cells, {size / 2**30:.1f} GiB each; at most"
                f" {LARGEST_BLOCK / 2**30:.1f} GiB can be unpacked at a time.",
                "Write it in tiles: gdal_translate -co TILED=YES -co COMPRESS=DEFLATE -co BIGTIFF=YES"
                " OLD.tif NEW.tif",
                code="raster_blocks",
            )


def _check_end(path: Path, shown: str) -> None:
    if is_tiff(path) and ends_early(path):
        raise damaged(shown, f"{_UNREAD} its end is missing", "raster_damaged")
