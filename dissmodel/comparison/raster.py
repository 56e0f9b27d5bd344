"""Two rasters, window by window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from dissmodel import progress
from dissmodel.comparison.tally import Tally, Values
from dissmodel.comparison.verdict import Findings, Place, Tolerance, match_names
from dissmodel.io.canonical import canonical_crs, distinct
from dissmodel.io.content_raster import BLOCK, read_bands, windows
from dissmodel.io.geotiff import naming_damage, opened
from dissmodel.io.locate import Located
from dissmodel.io.stored import stored_bands

# So many bands are read together, for a file whose pixels hold all bands unpacks all of them for each.
_TOGETHER = 8
# Comparing takes several arrays of the size of what is compared at a time.
_AT_ONCE = 2**18


class Raster:
    """An open GeoTIFF, as the content digest sees it.

    Attributes
    ----------
    dataset : rasterio.DatasetReader
        The open file.
    crs : str
        As `dissmodel.io.canonical.canonical_crs` writes it.
    numbers : dict of str to int
        From a band's name to its number, in the file's order.
    """

    def __init__(self, dataset: Any, shown: str) -> None:
        self.dataset = dataset
        self._shown = shown
        with naming_damage(shown):
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

    def read(self, names: Sequence[str], window: Window) -> list[tuple[NDArray[Any], NDArray[np.bool_]]]:
        """Return bands and where each has no data, arrays of the window's shape."""
        stored = {self.numbers[name]: self._stored[self.numbers[name]] for name in names}
        with naming_damage(self._shown):
            return read_bands(self.dataset, stored, window)


@contextmanager
def open_rasters(a: Located, b: Located) -> Iterator[tuple[Raster, Raster]]:
    """Open two rasters for the time of the block.

    Raises
    ------
    InvalidInput
        If one is damaged; it is named, also where only reading shows it.
    """
    with opened(a.path, a.shown) as one, opened(b.path, b.shown) as other:
        yield Raster(one, a.shown), Raster(other, b.shown)


def compare_rasters(a: Located, b: Located, tolerance: Tolerance | None) -> Findings:
    """Compare two GeoTIFFs on one grid; some megabytes of each are in memory at a time.

    Raises
    ------
    InvalidInput
        If one is damaged.
    """
    with open_rasters(a, b) as (one, other):
        elsewhere = _other_grid(one, other)
        if elsewhere:
            return Findings(elsewhere)
        names, lacking, ordered = match_names(list(one.numbers), list(other.numbers), "band")
        tallies = {name: Tally(tolerance, name) for name in names}
        meter = _Meter(one, other, names)
        for start in range(0, len(names), _TOGETHER):
            _feed(one, other, {name: tallies[name] for name in names[start : start + _TOGETHER]}, meter)
        types = {name: (one.dtype(name), other.dtype(name)) for name in names}
        notes = [f"{name!r} is {x} in A and {y} in B." for name, (x, y) in types.items() if x != y]
        notes += [] if ordered else ["The bands are in another order."]
        parts = [tallies[name].part(name, types[name], _placing(one)) for name in names]
        return Findings((), lacking, tuple(notes), tuple(parts), ordered)


def _other_grid(a: Raster, b: Raster) -> tuple[str, ...]:
    """Return why the grids can't be compared, cell by cell."""
    shapes = [raster.dataset.shape for raster in (a, b)]
    transforms = [tuple(map(float, raster.dataset.transform[:6])) for raster in (a, b)]
    why = []
    if shapes[0] != shapes[1]:
        sizes = [f"{rows} rows × {cols} columns" for rows, cols in shapes]
        why.append(f"The grids have another shape: {sizes[0]} in A, {sizes[1]} in B.")
    if transforms[0] != transforms[1]:
        why.append(f"The grids lie elsewhere: transform {transforms[0]} in A, {transforms[1]} in B.")
    if a.crs != b.crs:
        why.append(f"The CRS is another one: {a.crs or 'none'} in A, {b.crs or 'none'} in B.")
    return tuple(why)


class _Meter:
    """Says how many bytes of cells are compared, and of how many."""

    def __init__(self, a: Raster, b: Raster, names: Sequence[str]) -> None:
        cells = a.dataset.width * a.dataset.height
        self._done = 0
        self._total = sum(
            cells * np.dtype(raster.dtype(name)).itemsize for raster in (a, b) for name in names
        )

    def add(self, *bands: NDArray[Any]) -> None:
        self._done += sum(band.nbytes for band in bands)
        progress.current().transferred(self._done, self._total)


def _feed(a: Raster, b: Raster, tallies: dict[str, Tally], meter: _Meter) -> None:
    rows, cols = a.dataset.shape
    names = list(tallies)
    for top in range(0, rows, BLOCK):
        height = min(BLOCK, rows - top)
        # Twice as many bands as there are: two files are read.
        for window in windows(a.dataset, 2 * len(names), top, height):
            pairs = zip(a.read(names, window), b.read(names, window), strict=True)
            for tally, ((one, one_masked), (other, other_masked)) in zip(
                tallies.values(), pairs, strict=True
            ):
                meter.add(one, other)
                step = max(1, _AT_ONCE // window.width)
                for first in range(0, window.height, step):
                    some = slice(first, first + step)
                    index_of = _Indices(window.row_off + first, window.col_off, window.width, cols)
                    tally.add(
                        Values(one[some].ravel(), one_masked[some].ravel()),
                        Values(other[some].ravel(), other_masked[some].ravel()),
                        index_of,
                    )


class _Indices:
    """From a position in a window to that in the whole raster, both row by row."""

    def __init__(self, top: int, left: int, width: int, cols: int) -> None:
        self._top, self._left, self._width, self._cols = top, left, width, cols

    def __call__(self, at: int) -> int:
        row, col = divmod(at, self._width)
        return (self._top + row) * self._cols + self._left + col


def _placing(raster: Raster) -> Callable[[int], Place]:
    def place_of(index: int) -> Place:
        row, col = divmod(index, raster.dataset.width)
        if not raster.has_place:
            return Place(None, None, row, col)
        a, b, c, d, e, f = map(float, raster.dataset.transform[:6])
        right, down = col + 0.5, row + 0.5
        return Place(None, None, row, col, a * right + b * down + c, d * right + e * down + f)

    return place_of
