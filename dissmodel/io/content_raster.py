"""Content digests of rasters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from dissmodel.io.canonical import (
    MAGIC,
    SCALED_VERSION,
    VERSION,
    assembled,
    canonical_crs,
    canonical_values,
    distinct,
    hashed,
    text,
    u64,
)
from dissmodel.io.geotiff import reading, refuse_large_blocks
from dissmodel.io.locate import Located
from dissmodel.io.stored import Stored, stored_bands
from dissmodel.record.digest import new
from dissmodel.record.schema import ContentDigest

BLOCK = 512
"""Rows and columns of the blocks that a band is hashed in, a part of the definition."""

# What is in memory at a time, all bands of a window together; no part of the definition.
_WINDOW_BYTES = 32 * 2**20


def digest_raster(found: Located) -> ContentDigest:
    """Digest a raster window by window; raises as `reading`."""
    with reading(found.path, found.shown, whole=True) as dataset:
        refuse_large_blocks(dataset, found.shown)
        rows, cols = dataset.shape
        transform = np.asarray(dataset.transform[:6], dtype="<f8") + 0.0
        crs = canonical_crs(dataset.crs.to_wkt(version="WKT2_2019") if dataset.crs else None)
        head = MAGIC + text("raster grid") + u64(rows) + u64(cols)
        grid = hashed(head, transform.tobytes(), text(crs))
        together = dataset.interleaving is not None and dataset.interleaving.value.lower() == "pixel"
        numbers = list(dataset.indexes)
        # Pixel by pixel, each band would unpack all of them again.
        most = max(1, _WINDOW_BYTES // (BLOCK**2 * np.dtype(dataset.dtypes[0]).itemsize)) if together else 1
        groups = [numbers[start : start + most] for start in range(0, len(numbers), most)]
        stored = stored_bands(dataset)
        parts = [part for group in groups for part in _bands(dataset, {n: stored[n] for n in group})]
        names = distinct(
            dataset.descriptions[number - 1] or dataset.tags(number).get("band_name") or f"band_{number}"
            for number in numbers
        )
        version = SCALED_VERSION if any(band.is_scaled for band in stored.values()) else VERSION
        return assembled("raster", grid, dict(zip(names, parts, strict=True)), version=version)


def _bands(dataset: Any, stored: Mapping[int, Stored]) -> list[bytes]:
    """Digest bands that are read together."""
    rows, cols = dataset.shape
    parts = [new() for _ in stored]
    for part, band in zip(parts, stored.values(), strict=True):
        part.update(MAGIC + text("band") + text(band.dtype.name) + u64(rows) + u64(cols))
    for top in range(0, rows, BLOCK):
        height = min(BLOCK, rows - top)
        # Blocks are many and small, so a block row of any width takes little while it is incomplete.
        blocks = [[(new(), new()) for _ in range(0, cols, BLOCK)] for _ in stored]
        for window in windows(dataset, len(stored), top, height):
            for row, (values, masked) in zip(blocks, read_bands(dataset, stored, window), strict=True):
                _feed(row, window.col_off, canonical_values(values, masked), masked)
        for part, row in zip(parts, blocks, strict=True):
            for cells, mask in row:
                part.update(cells.digest() + mask.digest())
    return [part.digest() for part in parts]


def windows(dataset: Any, bands: int, top: int, height: int) -> Iterator[Any]:
    """Cut a block row as the file is cut: by columns where it has tiles, else by rows."""
    cols = dataset.width
    cells = max(1, _WINDOW_BYTES // (bands * np.dtype(dataset.dtypes[0]).itemsize))
    if dataset.block_shapes[0][1] < cols:
        width = max(BLOCK, cells // height // BLOCK * BLOCK)
        for left in range(0, cols, width):
            yield Window(left, top, min(width, cols - left), height)
    else:
        step = max(1, cells // cols)
        for first in range(top, top + height, step):
            yield Window(0, first, cols, min(step, top + height - first))


def read_bands(
    dataset: Any, stored: Mapping[int, Stored], window: Any
) -> list[tuple[NDArray[Any], NDArray[np.bool_]]]:
    """Return the values of bands in a window, and where each has no data: arrays of the window's shape."""
    # In one call only where the bands have one type, for that is what the array has.
    if len({band.own for band in stored.values()}) == 1:
        read = dataset.read(list(stored), window=window)
    else:
        read = [dataset.read(number, window=window) for number in stored]
    return [
        (band.values(numbers), _masked_cells(dataset, number, band, window, numbers))
        for (number, band), numbers in zip(stored.items(), read, strict=True)
    ]


def _masked_cells(
    dataset: Any, number: int, band: Stored, window: Any, numbers: NDArray[Any]
) -> NDArray[np.bool_]:
    """Return which cells have no data, by the mask of the file or exactly by the band's nodata value."""
    flags = {flag.name for flag in dataset.mask_flag_enums[number - 1]}
    if "all_valid" in flags:
        return np.zeros(numbers.shape, dtype=bool)
    if "nodata" not in flags:
        absent: NDArray[np.bool_] = dataset.read_masks(number, window=window) == 0
        return absent
    # Not GDAL's own mask, which counts neighbouring floats as nodata too.
    return band.absent(numbers)


def _feed(blocks: list[tuple[Any, Any]], left: int, values: NDArray[Any], masked: NDArray[np.bool_]) -> None:
    for start in range(0, values.shape[1], BLOCK):
        cells, mask = blocks[(left + start) // BLOCK]
        cells.update(np.ascontiguousarray(values[:, start : start + BLOCK]))
        mask.update(np.packbits(masked[:, start : start + BLOCK], axis=1))
