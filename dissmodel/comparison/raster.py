"""Two rasters, window by window: what changed, and their difference as a map."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from dissmodel import progress
from dissmodel.comparison.tally import ChangeTally, Values
from dissmodel.comparison.verdict import ChangedValue, Findings, Layers, Tolerance, match_names
from dissmodel.errors import UsageError
from dissmodel.io.canonical import canonical_crs, distinct
from dissmodel.io.content_raster import BLOCK, read_bands, windows
from dissmodel.io.geotiff import naming_damage, opened, refuse_large_blocks
from dissmodel.io.geotiff_writer import write_geotiff
from dissmodel.io.locate import Located, locate
from dissmodel.io.stored import stored_bands

Band: TypeAlias = tuple[NDArray[Any], NDArray[np.bool_]]
"""Values, and where there are none."""

# So many bands are read together, for a file whose pixels hold all bands unpacks all of them for each.
_TOGETHER = 8
# Comparing takes several arrays of the size of what is compared at a time.
_AT_ONCE = 2**18


class Raster:
    """An open raster, as the content digest sees it.

    `shown` is what errors call it; `crs` is as `dissmodel.io.canonical.canonical_crs` writes it; `numbers`
    maps the names of the bands, in the file's order, to their numbers.
    """

    def __init__(self, dataset: Any, shown: str) -> None:
        self.dataset = dataset
        self.shown = shown
        with naming_damage(shown):
            refuse_large_blocks(dataset, shown)
            self.crs = canonical_crs(dataset.crs.to_wkt(version="WKT2_2019") if dataset.crs else None)
            tags = {number: dataset.tags(number) for number in dataset.indexes}
            names = distinct(
                dataset.descriptions[number - 1]
                or tags[number].get("band_name")
                or tags[number].get("name")  # the public package writes this one alone
                or f"band_{number}"
                for number in dataset.indexes
            )
            self.numbers = dict(zip(names, dataset.indexes, strict=True))
            self._stored = stored_bands(dataset)

    @property
    def has_place(self) -> bool:
        """Whether it is georeferenced."""
        return bool(self.crs) or not self.dataset.transform.is_identity

    def dtype(self, name: str) -> str:
        """Return the dtype of a band's values: the file's, or float64 where it has a scale or an offset."""
        return self._stored[self.numbers[name]].dtype.name

    def read(self, names: Sequence[str], window: Window) -> list[Band]:
        """Return bands and where each has no data, arrays of the window's shape."""
        stored = {self.numbers[name]: self._stored[self.numbers[name]] for name in names}
        with naming_damage(self.shown):
            return read_bands(self.dataset, stored, window)


@contextmanager
def open_rasters(a: Located, b: Located) -> Iterator[tuple[Raster, Raster]]:
    """Open two rasters for the time of the block.

    Raises InvalidInput if one is damaged; it is named, also where only reading shows it.
    """
    with opened(a.path, a.shown, whole=True) as one, opened(b.path, b.shown, whole=True) as other:
        yield Raster(one, a.shown), Raster(other, b.shown)


def compare_rasters(a: Located, b: Located, tolerance: Tolerance | None) -> Findings:
    """Compare two rasters on one grid; some megabytes of each are in memory at a time.

    Raises InvalidInput if one is damaged.
    """
    with open_rasters(a, b) as (one, other):
        elsewhere = other_grid(one, other)
        if elsewhere:
            return Findings(elsewhere)
        names, lacking, ordered = match_names(list(one.numbers), list(other.numbers), "band")
        tallies = {name: ChangeTally(tolerance, name) for name in names}
        _feed(one, other, tallies)
        types = {name: (one.dtype(name), other.dtype(name)) for name in names}
        notes = [f"{name!r} is {x} in A and {y} in B." for name, (x, y) in types.items() if x != y]
        notes += [] if ordered else ["The bands are in another order."]
        parts = [tallies[name].part(name, types[name], _placing(one)) for name in names]
        return Findings((), lacking, tuple(notes), tuple(parts), ordered)


def other_grid(a: Raster, b: Raster) -> tuple[str, ...]:
    """Return why the grids can't be compared, cell by cell."""
    shapes = [raster.dataset.shape for raster in (a, b)]
    transforms = [tuple(map(float, raster.dataset.transform[:6])) for raster in (a, b)]
    why = []
    if shapes[0] != shapes[1]:
        sizes = [f"{rows} rows × {cols} columns" for rows, cols in shapes]
        why.append(f"The grids have different shapes: {sizes[0]} in A, {sizes[1]} in B.")
    if transforms[0] != transforms[1]:
        why.append(f"The grids have different transforms: {transforms[0]} in A, {transforms[1]} in B.")
    if a.crs != b.crs:
        why.append(f"The CRS differs: {a.crs or 'none'} in A, {b.crs or 'none'} in B.")
    return tuple(why)


def _feed(a: Raster, b: Raster, tallies: Mapping[str, ChangeTally]) -> None:
    """Give the tally of each band its values, piece by piece."""
    rows, cols = a.dataset.shape
    names = list(tallies)
    total = rows * cols * sum(np.dtype(raster.dtype(name)).itemsize for raster in (a, b) for name in names)
    done = 0
    # Strips can only be read row by row; tiles come in any order.
    cut = max((a.dataset, b.dataset), key=lambda dataset: int(dataset.block_shapes[0][1]))
    for start in range(0, len(names), _TOGETHER):
        some = names[start : start + _TOGETHER]
        for top in range(0, rows, BLOCK):
            # Twice as many bands as there are: two files are read.
            for window in windows(cut, 2 * len(some), top, min(BLOCK, rows - top)):
                for name, one, other in zip(some, a.read(some, window), b.read(some, window), strict=True):
                    done += one[0].nbytes + other[0].nbytes
                    progress.current().transferred(done, total)
                    _add(tallies[name], one, other, window, cols)


def _add(tally: ChangeTally, a: Band, b: Band, window: Window, cols: int) -> None:
    step = max(1, _AT_ONCE // window.width)
    for first in range(0, window.height, step):
        some = slice(first, first + step)
        one, other = (Values(numbers[some].ravel(), missing[some].ravel()) for numbers, missing in (a, b))
        tally.add(one, other, partial(_index, window.row_off + first, window.col_off, window.width, cols))


def _index(top: int, left: int, width: int, cols: int, at: int) -> int:
    """Return the position in the whole raster of a position in a part of it, both row by row."""
    row, col = divmod(at, width)
    return (top + row) * cols + left + col


def _placing(raster: Raster) -> Callable[[int], ChangedValue]:
    def place_of(index: int) -> ChangedValue:
        row, col = divmod(index, raster.dataset.width)
        if not raster.has_place:
            return ChangedValue(None, None, row, col)
        return ChangedValue(None, None, row, col, *(raster.dataset.transform @ (col + 0.5, row + 0.5)))

    return place_of


def write_difference(a: Path, b: Path, path: Path, *, layers: Layers = (None, None)) -> None:
    """Write B - A as a GeoTIFF: each band that both have, on the grid of A.

    float64; nodata, which is NaN, where A or B has no data or no number. A file at this path is replaced.

    Parameters
    ----------
    a, b : pathlib.Path
        Two rasters on one grid, as `dissmodel.comparison.compare` has found them to be.
    path : pathlib.Path
        The map.
    layers : tuple of (str or None, str or None)
        Which archive member to read, in A and in B.

    Raises
    ------
    UsageError
        If a band has complex numbers.
    InvalidInput
        If a file is damaged.
    StorageError
        If the map can't be written.
    """
    with (
        locate(a, "raster", layers[0]) as one_found,
        locate(b, "raster", layers[1]) as other_found,
        open_rasters(one_found, other_found) as (one, other),
    ):
        names = [name for name in one.numbers if name in other.numbers]
        for name in names:
            if "complex" in one.dtype(name) + other.dtype(name):
                raise UsageError(
                    f"{name!r} has complex numbers, whose difference is not a map.", "Leave --diff-map out."
                )
        bands: dict[str, Callable[[slice], NDArray[Any]]] = {
            name: partial(_difference, one, other, name) for name in names
        }
        write_geotiff(
            path,
            bands,
            shape=one.dataset.shape,
            dtype="float64",
            nodata=np.nan,
            transform=one.dataset.transform if one.has_place else None,
            crs=one.dataset.crs,
            tags={"difference": "B - A"},
        )


def _difference(a: Raster, b: Raster, name: str, rows: slice) -> NDArray[np.float64]:
    window = Window(0, rows.start, a.dataset.width, rows.stop - rows.start)
    ((one, one_masked),) = a.read([name], window)
    ((other, other_masked),) = b.read([name], window)
    with np.errstate(all="ignore"):
        difference: NDArray[np.float64] = other.astype(np.float64) - one
    difference[one_masked | other_masked] = np.nan
    return difference
