"""The bands of a raster, block by block, so that no more of them than wanted is in memory."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from rasterio.enums import ColorInterp, Interleaving, MaskFlags
from rasterio.windows import Window

from dissmodel import progress
from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.geo.raster.backend import RasterBackend
from dissmodel.io.category_names import category_names
from dissmodel.io.geotiff import naming_damage
from dissmodel.io.stored import Stored, stored_bands

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]

MAX_BYTES = 16 * 2**30
"""The largest raster that is read, as arrays in memory."""

# What rasterio does grows with the square of the number of bands; a damaged file can declare 65535 of them.
_MAX_BANDS = 4096
_BLOCK_CELLS = 2**20
_PART_CELLS = 2**16  # so few that what is computed of them stays in the processor's cache
# How GDAL names a CRS that is not known, in WKT 1: a local CRS, or the SRS -1 and 0 of a GeoPackage.
_UNDEFINED = re.compile(
    r'LOCAL_CS\["(un(defined|known|named)\b[^"]*|)"|GEOGCS\["Undefined geographic SRS"', re.IGNORECASE
)


def band_named(given: str, numbers: Mapping[str, int]) -> str:
    """Return the name of the band that a user means, by its name or by its number from 1; a name wins.

    `given` is returned where there is no such band.

    >>> band_named("2", {"alt": 1, "uso": 2}), band_named("2", {"2": 1, "uso": 2})
    ('uso', '2')
    """
    if given in numbers or not (given.isascii() and given.isdecimal()):
        return given
    return next((name for name, number in numbers.items() if str(number) == given), given)


class Block(NamedTuple):
    """Some rows of some bands: each (rows of the slice, columns of the slice), in the file's dtype.

    `valid` says where the raster's mask or alpha band lets the values through; None without a mask.
    """

    rows: slice
    values: dict[str, Array]
    valid: Bools | None
    cols: slice = slice(None)


class ArrayBands:
    """The bands of arrays in memory; the ``mask`` of `meta` is used.

    >>> backend = RasterBackend((2, 3))
    >>> backend.set("alt", np.arange(6.0).reshape(2, 3))
    >>> [block.values["alt"].tolist() for block in ArrayBands(backend, {}).blocks(["alt"])]
    [[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]]
    """

    def __init__(self, backend: RasterBackend, meta: Mapping[str, Any]) -> None:
        self.shape = (int(backend.shape[0]), int(backend.shape[1]))
        self.meta = meta
        self.dtypes = {name: array.dtype for name, array in backend.arrays.items()}
        self._arrays = backend.arrays

    @classmethod
    def of_variables(cls, backend: RasterBackend) -> ArrayBands:
        """Return variables of NetCDF as bands; those of several times are taken at the last."""
        last = {name: backend.arrays[name][-1] for name in backend.temporal_band_names()}
        if last:
            warnings.warn(
                f"{', '.join(last)}: of several times the last is taken.", DissmodelWarning, stacklevel=2
            )
        still = RasterBackend(backend.shape)
        still.arrays = backend.arrays | last
        notes: dict[str, Any] = {
            name: {"nodata": None, "tags": {}, "named": True, "number": number}
            for number, name in enumerate(still.arrays, start=1)
        }
        meta = {"crs": backend.crs, "transform": backend.transform, "tags": {}, "bands": notes}
        return cls(still, meta)

    def blocks(self, names: Sequence[str], most: int | None = None) -> Iterator[Block]:  # noqa: ARG002  (a file's)
        """Yield views."""
        mask = self.meta.get("mask")
        for rows in _row_blocks(self.shape, 1):
            values = {name: self._arrays[name][rows] for name in names}
            yield Block(rows, values, None if mask is None else mask[rows])


class FileBands:
    """The bands of an open GeoTIFF (see `geotiff.opened`), called as `load_geotiff` says; no alpha bands.

    A band with a scale or an offset is read as scale * stored number + offset, float64, with NaN for its
    nodata value, and a warning says so. What is read is reported to the current reporter. `masked` says
    whether the file has a mask or an alpha band. With `any_size` a file may be larger than memory: it is read
    in blocks, and the caller knows where they go.

    Raises
    ------
    InvalidInput
        If it has no data, is larger than memory, names two bands alike, or has ground control points in place
        of a transform; `blocks` if it is damaged.
    """

    def __init__(self, dataset: Any, shown: str, *, any_size: bool = False) -> None:
        self._dataset, self._shown = dataset, shown
        with naming_damage(shown):
            if dataset.count > _MAX_BANDS:
                raise InvalidInput(
                    f"{shown} declares {dataset.count} bands; at most {_MAX_BANDS} are read.",
                    "It may be damaged: make or download it again.",
                    code="raster_too_large",
                )
            stored = stored_bands(dataset)
            cells = dataset.width * dataset.height
            self._bytes = cells * sum(band.dtype.itemsize for band in stored.values())
            if not any_size:
                self.check_size()
            names, self._alpha = _names(dataset, shown)
            self._numbers = {name: number for number, (name, _) in names.items()}
            first = min(names)
            flags = set(dataset.mask_flag_enums[first - 1])
            own_mask = MaskFlags.per_dataset in flags and not flags & {MaskFlags.alpha, MaskFlags.nodata}
            self._mask_of = first if own_mask else None
            self.shape: tuple[int, int] = dataset.shape
            self._stored = {name: stored[number] for name, number in self._numbers.items()}
            self.dtypes = {name: band.dtype for name, band in self._stored.items()}
            self.meta = _meta(dataset, names, stored, shown)
            _warn_of_scales(self._stored, shown)
            # Each block of such a file holds all bands: band by band, it would be unpacked for each of them.
            self._together = dataset.interleaving == Interleaving.pixel
        self.masked = own_mask or bool(self._alpha)

    def check_size(self, hint: str = "Cut out a part, for example with: gdal_translate -projwin.") -> None:
        """Raise InvalidInput with this hint if the bands are larger than the memory that may be used."""
        if self._bytes > min(MAX_BYTES, memory()):
            size = f"{self._dataset.width} by {self._dataset.height} cells, {self._dataset.count} bands"
            raise _too_large(f"{self._shown} ({size})", self._bytes, hint)

    def blocks(self, names: Sequence[str], most: int | None = None) -> Iterator[Block]:
        """Yield parts of blocks that are cut as the file is, so that each piece of it is unpacked once.

        A block has rows of all columns; with `most`, where the file has tiles, so many cells or few more.
        """
        width = self.shape[1]
        with naming_damage(self._shown):
            tile = self._dataset.block_shapes[0]
        if most is not None and tile[1] < width:
            width = min(width, max(1, most // (tile[0] * tile[1])) * tile[1])
        for rows in self._reported(names, most):
            for left in range(0, self.shape[1], width):
                cols = slice(left, min(left + width, self.shape[1]))
                shape = rows.stop - rows.start, cols.stop - left
                values = {name: np.empty(shape, self.dtypes[name]) for name in names}
                valid = self._read(rows, values, cols)
                step = max(1, _PART_CELLS // shape[1])
                for top in range(0, shape[0], step):
                    part = slice(top, min(top + step, shape[0]))
                    yield Block(
                        slice(rows.start + part.start, rows.start + part.stop),
                        {name: array[part] for name, array in values.items()},
                        None if valid is None else valid[part],
                        cols,
                    )

    def read(self) -> tuple[dict[str, Array], Bools | None]:
        """Return all bands whole, and where they are valid (None: everywhere)."""
        try:
            arrays = {name: np.empty(self.shape, dtype) for name, dtype in self.dtypes.items()}
            mask = np.empty(self.shape, np.bool_) if self.masked else None
            for rows in self._reported(list(arrays)):
                valid = self._read(rows, {name: array[rows] for name, array in arrays.items()})
                if mask is not None and valid is not None:
                    mask[rows] = valid
        except MemoryError:
            raise _too_large(self._shown, self._bytes, "Cut out a part of it.") from None
        return arrays, mask

    def _reported(self, names: Sequence[str], most: int | None = None) -> Iterator[slice]:
        row_bytes = self.shape[1] * sum(self.dtypes[name].itemsize for name in names)
        with naming_damage(self._shown):
            height = self._dataset.block_shapes[0][0]
        for rows in _row_blocks(self.shape, height, most or _BLOCK_CELLS):
            yield rows
            progress.current().transferred(rows.stop * row_bytes, self.shape[0] * row_bytes)

    def _read(self, rows: slice, targets: Mapping[str, Array], cols: slice | None = None) -> Bools | None:
        """Read rows of bands into arrays of their size, and return where they are valid."""
        left, right = (0, self.shape[1]) if cols is None else (cols.start, cols.stop)
        window = Window(left, rows.start, right - left, rows.stop - rows.start)
        numbers = [self._numbers[name] for name in targets]
        with naming_damage(self._shown):
            if self._together and len(numbers) > 1:
                read = self._dataset.read(numbers, window=window)
                for (name, target), block in zip(targets.items(), read, strict=True):
                    target[:] = self._stored[name].values(block)
            else:
                for number, (name, target) in zip(numbers, targets.items(), strict=True):
                    if self._stored[name].is_scaled:
                        target[:] = self._stored[name].values(self._dataset.read(number, window=window))
                    else:
                        self._dataset.read(number, window=window, out=target)
            masks = [] if self._mask_of is None else [self._dataset.read_masks(self._mask_of, window=window)]
            masks += [self._dataset.read(number, window=window) for number in self._alpha]
        return np.logical_and.reduce([mask != 0 for mask in masks]) if masks else None


Bands: TypeAlias = ArrayBands | FileBands
"""A raster of (rows, columns) whose bands are read block by block.

`dtypes` are by the band's name, in the file's order; `meta` is as `load_geotiff` of `dissmodel.io.raster`
returns it.
"""


def _row_blocks(shape: tuple[int, int], height: int, most: int = _BLOCK_CELLS) -> Iterator[slice]:
    """Cut rows into blocks of about `most` cells, each of a multiple of `height` rows."""
    rows, cols = shape
    step = height * max(1, most // (height * cols))
    for top in range(0, rows, step):
        yield slice(top, min(top + step, rows))


def _names(dataset: Any, shown: str) -> tuple[dict[int, tuple[str, bool]], list[int]]:
    """Return number -> (name, whether the file says it) of the data bands, and the numbers of alpha bands."""
    names: dict[int, tuple[str, bool]] = {}
    alpha = []
    for number, description, colour in zip(
        dataset.indexes, dataset.descriptions, dataset.colorinterp, strict=True
    ):
        tags = dataset.tags(number)
        name = description or tags.get("band_name") or tags.get("name")
        # GDAL takes the fourth of four byte bands for alpha; one with a name is not an alpha band.
        if colour == ColorInterp.alpha and not name:
            alpha.append(number)
        else:
            names[number] = (name or f"band_{number}", bool(name))
    if not names:
        raise InvalidInput(
            f"{shown} has no band with data: all are masks (alpha).",
            "Give each band its name.",
            code="no_band",
        )
    twice = [name for name, count in Counter(name for name, _ in names.values()).items() if count > 1]
    if twice:
        raise InvalidInput(
            f"{shown} has more than one band called {', '.join(map(repr, twice))}.",
            "Give each band its own description.",
            code="band_names_repeat",
        )
    return names, alpha


def _warn_of_scales(stored: Mapping[str, Stored], shown: str) -> None:
    for name, band in stored.items():
        if not band.is_scaled:
            continue
        if not (math.isfinite(band.scale) and math.isfinite(band.offset)):
            raise InvalidInput(
                f"{shown}: the band {name!r} has the scale {band.scale:g} and the offset {band.offset:g}.",
                "Set both to numbers: gdal_edit.py -scale 1 -offset 0 FILE",
                code="band_scale",
            )
        warnings.warn(
            f"{shown}: the values of the band {name!r} are {band.scale:.15g} × stored number"
            f" + {band.offset:.15g}, by the scale and the offset that the file declares.",
            DissmodelWarning,
            stacklevel=4,
        )


def _meta(
    dataset: Any, names: Mapping[int, tuple[str, bool]], stored: Mapping[int, Stored], shown: str
) -> dict[str, Any]:
    transform = dataset.transform
    if transform.is_identity:
        _refuse_control_points(dataset, shown)
        transform = None
        warnings.warn(
            f"{shown} has no georeference: its cells have numbers only.", DissmodelWarning, stacklevel=3
        )
    legends = category_names(dataset.files)
    return {
        "crs": None if dataset.crs and _UNDEFINED.match(dataset.crs.to_wkt()) else dataset.crs,
        "transform": transform,
        "tags": dataset.tags(),
        "bands": {
            name: {
                "nodata": stored[number].absent_value,
                # Statistics come and go with whoever looks at the file, and may be out of date.
                "tags": {
                    key: text
                    for key, text in dataset.tags(number).items()
                    if not key.startswith("STATISTICS_")
                },
                "named": named,
                "number": number,
                **({"legend": legends[number]} if number in legends else {}),
            }
            for number, (name, named) in names.items()
        },
    }


def _refuse_control_points(dataset: Any, shown: str) -> None:
    points, crs = dataset.gcps
    if points:
        raise InvalidInput(
            f"{shown} has {len(points)} ground control points ({crs.to_string() if crs else 'without a CRS'})"
            " and no transform: its cells are on no grid yet.",
            "Warp it: gdalwarp -r near IN.tif OUT.tif"
            " Or drop the points: gdal_translate -nogcp IN.tif OUT.tif",
            code="raster_control_points",
        )


def _too_large(shown: str, size: int, hint: str) -> InvalidInput:
    return InvalidInput(
        f"{shown} needs {size / 2**30:.1f} GiB of memory; at most"
        f" {min(MAX_BYTES, memory()) / 2**30:.1f} GiB can be used.",
        hint,
        code="raster_too_large",
    )


def memory() -> int:
    """Return the bytes of memory of this machine, `MAX_BYTES` where the system doesn't say."""
    try:
        return int(os.sysconf("SC_PAGE_SIZE")) * int(os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return MAX_BYTES
