"""GeoTIFFs, made Cloud Optimized: with overviews, each kind of band by its own rule."""

from __future__ import annotations

import tempfile
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.errors import NotGeoreferencedWarning
from rasterio.shutil import copy
from rasterio.windows import Window

from dissmodel.io.geotiff import reading, refuse_large_blocks
from dissmodel.io.geotiff_writer import UNWRITABLE, put_in_place, writing_geotiff
from dissmodel.io.room import unwritten
from dissmodel.io.stored import Stored, equal, stored_bands

_TILE = 512
_CACHE = 64 * 2**20


def make_cog(path: Path, is_class: Mapping[str, bool], *, threads: int | None = None) -> None:
    """Make a GeoTIFF a Cloud Optimized GeoTIFF with the same content, tags and names, by GDAL's COG driver.

    Tiles of 512 cells, DEFLATE, and overviews until both sides have at most 512 cells, each of half the rows
    and columns of the one before. A cell of an overview is made of four cells. In a band of classes it is the
    most frequent one, of equally frequent ones that of the first cell, row by row; in a band of numbers the
    mean, in an integer band rounded to the nearest number, from a half up. Cells without data don't count:
    by the mask, NaN, the file's nodata value, or that in the band's tag ``nodata``.

    Whatever the number of threads, the same content gives the same bytes. Some windows of a band are in
    memory at a time. The path never has an incomplete file.

    Parameters
    ----------
    path : pathlib.Path
        The GeoTIFF; the folder takes temporary files, together about as large, and the new file.
    is_class : mapping of str to bool
        Which bands have classes, and which numbers, by the band's name. Any other band has classes if each of
        its values is a whole number.
    threads : int, optional
        How many threads compress; by default as many as there are processors.

    Raises
    ------
    InvalidInput
        If it is damaged, or no GeoTIFF.
    UsageError
        If its numbers are complex: a GeoTIFF with overviews of them can't be made.
    StorageError
        If it can't be written.
    """
    with tempfile.TemporaryDirectory(prefix=".cog-", dir=path.parent) as name:
        folder = Path(name)
        made, virtual = folder / "cog.tif", folder / "cog.vrt"
        try:
            with reading(_in_tiles(path, folder)) as dataset:
                # GDAL's driver has one rule for all bands, so the overviews are made here.
                levels = _overviews(dataset, folder, is_class)
                copy(dataset, virtual, driver="VRT")
                _name_overviews(virtual, levels)
                predictor = {"predictor": "yes"} if np.dtype(dataset.dtypes[0]).kind in "iuf" else {}
            with rasterio.Env(GDAL_CACHEMAX=_CACHE, GDAL_TIFF_INTERNAL_MASK=True):
                copy(
                    virtual,
                    made,
                    driver="COG",
                    blocksize=_TILE,
                    compress="deflate",
                    bigtiff="if_safer",
                    num_threads=str(threads or "all_cpus"),
                    **predictor,
                )
            put_in_place(made, path)
        except UNWRITABLE as error:
            said = str(getattr(error, "strerror", None) or error.__cause__ or error)
            size = made.stat().st_size if made.exists() else 0
            raise unwritten(path, said, path.parent, size) from error


def _in_tiles(path: Path, folder: Path) -> Path:
    """Return a GeoTIFF in tiles: of strips a copy, for a part of their columns unpacks them whole."""
    with reading(path) as dataset, rasterio.Env(GDAL_CACHEMAX=_CACHE, GDAL_TIFF_INTERNAL_MASK=True):
        refuse_large_blocks(dataset, str(path))
        if dataset.block_shapes[0][1] < dataset.width or max(dataset.shape) <= _TILE:
            return path
        tiled = folder / "tiled.tif"
        copy(dataset, tiled, driver="GTiff", tiled="yes", compress="lzw", bigtiff="if_safer")
    return tiled


def is_cog(path: Path) -> bool:
    """Whether GDAL finds the layout of a Cloud Optimized GeoTIFF in a GeoTIFF; raises as `reading`."""
    with reading(path) as dataset:
        return bool(dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG")


class _Band(NamedTuple):
    """How a band is read and made smaller; `said` is the nodata value in its tag."""

    number: int
    stored: Stored
    said: float | None
    is_class: bool

    def read(self, dataset: Any, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the numbers that are stored in a window, and which of them the values themselves allow."""
        numbers = dataset.read(self.number, window=window)
        known = ~self.stored.absent(numbers)
        if self.said is not None:
            known &= ~equal(numbers, self.said)
        if numbers.dtype.kind == "f":
            known &= ~np.isnan(numbers)
        return numbers, known


def _bands(dataset: Any, is_class: Mapping[str, bool]) -> Iterator[_Band]:
    for number, stored in stored_bands(dataset).items():
        tags = dataset.tags(number)
        name = dataset.descriptions[number - 1] or tags.get("band_name") or f"band_{number}"
        band = _Band(number, stored, _number(tags.get("nodata", "")), is_class=True)
        given = is_class.get(name)
        yield band._replace(is_class=_is_whole(dataset, band) if given is None else given)


def _number(text: str) -> float | None:
    try:
        return int(text) if text.removeprefix("-").isdecimal() else float(text)
    except ValueError:
        return None


def _is_whole(dataset: Any, band: _Band) -> bool:
    """Whether each value of a band is a whole number."""
    if band.stored.own.kind != "f":
        return True
    for window in _windows(dataset.shape):
        numbers, known = band.read(dataset, window)
        if (numbers[known] != np.rint(numbers[known])).any():
            return False
    return True


def _windows(shape: tuple[int, int]) -> Iterator[Window]:
    """Yield the cells of which the tiles of an overview are made."""
    rows, cols = shape
    for top in range(0, rows, 2 * _TILE):
        for left in range(0, cols, 2 * _TILE):
            yield Window(left, top, min(2 * _TILE, cols - left), min(2 * _TILE, rows - top))


def _overviews(dataset: Any, folder: Path, is_class: Mapping[str, bool]) -> list[Path]:
    """Write each overview as a GeoTIFF, from the largest on."""
    shape, paths = dataset.shape, list[Path]()
    bands = list(_bands(dataset, is_class)) if max(shape) > _TILE else []
    names = [str(band.number) for band in bands]
    is_masked = MaskFlags.per_dataset in dataset.mask_flag_enums[0]
    while max(shape) > _TILE:
        path = folder / f"{len(paths) + 1}.tif"
        with reading(paths[-1]) if paths else nullcontext(dataset) as finer:
            shape = -(-finer.height // 2), -(-finer.width // 2)
            with writing_geotiff(path, names, shape=shape, dtype=dataset.dtypes[0]) as put:
                for name, band in zip(names, bands, strict=True):
                    for window in _windows(finer.shape):
                        numbers, known = band.read(finer, window)
                        if is_masked:
                            known &= finer.read_masks(1, window=window) != 0
                        cells = _halved(numbers, known, is_class=band.is_class)
                        put(name, (window.row_off // 2, window.col_off // 2), cells)
            if is_masked:
                _write_mask(finer, path)
        paths.append(path)
    return paths


def _write_mask(finer: Any, path: Path) -> None:
    """Give an overview a mask that lets through what has a cell with data."""
    with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), ExitStack() as stack:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        coarser = stack.enter_context(rasterio.open(path, "r+", driver="GTiff"))
        for window in _windows(finer.shape):
            some = _quarters(finer.read_masks(1, window=window) != 0, fill=False).any(axis=0)
            place = Window(window.col_off // 2, window.row_off // 2, some.shape[1], some.shape[0])
            coarser.write_mask(some, window=place)


def _quarters(cells: NDArray[Any], *, fill: Any) -> NDArray[Any]:
    """Return the four cells that become one, row by row: shape (4, rows / 2, columns / 2), rounded up."""
    rows, cols = cells.shape
    even = np.pad(cells, ((0, rows % 2), (0, cols % 2)), constant_values=fill)
    return np.stack([even[row::2, col::2] for row in (0, 1) for col in (0, 1)])


def _halved(numbers: NDArray[Any], known: NDArray[np.bool_], *, is_class: bool) -> NDArray[Any]:
    """Return an array of half the rows and columns; where none of four is known, the first of them."""
    four, which = _quarters(numbers, fill=0), _quarters(known, fill=False)
    made = _most_frequent(four, which) if is_class else _mean(four, which)
    return np.where(which.any(axis=0), made, four[0])


def _most_frequent(four: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the most frequent known value of four, of equally frequent ones the first."""
    found: NDArray[Any] = np.select(list(known), list(four), four[0])
    for at in (2, 1, 0):  # of four values at most two are there twice
        again = ((four[at + 1 :] == four[at]) & known[at + 1 :]).any(axis=0)
        found = np.where(known[at] & again, four[at], found)
    return found


def _mean(four: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the mean of the known values of four, in their dtype."""
    dtype = four.dtype
    count = np.maximum(known.sum(axis=0), 1)
    four = np.where(known, four, np.zeros((), dtype))
    if dtype.kind == "f":
        with np.errstate(all="ignore"):
            return np.asarray(four.sum(axis=0, dtype=np.float64) / count, dtype)
    # The quotients and the remainders by themselves: no sum is beyond the dtype, none loses a digit.
    count = count.astype(dtype)
    whole, rest = (one.sum(axis=0, dtype=dtype) for one in np.divmod(four, count))
    return np.asarray(whole + (2 * rest + count) // (2 * count), dtype)


def _name_overviews(virtual: Path, levels: Sequence[Path]) -> None:
    """Note the overviews of each band, and of the mask, in a VRT that lies beside them."""
    tree = ET.parse(virtual)  # noqa: S314  (GDAL has just written it)
    bands = [(str(number), band) for number, band in enumerate(tree.findall("VRTRasterBand"), start=1)]
    mask = tree.find("MaskBand/VRTRasterBand")
    for source, band in [*bands, *([] if mask is None else [("mask,1", mask)])]:
        for level in levels:
            overview = ET.SubElement(band, "Overview")
            ET.SubElement(overview, "SourceFilename", relativeToVRT="1").text = level.name
            ET.SubElement(overview, "SourceBand").text = source
    tree.write(virtual, encoding="utf-8")
