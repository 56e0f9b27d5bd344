"""The cells of a tile: neighbours as in the whole, draws and places those of the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from dissmodel.cells import draws
from dissmodel.cells.fields import Field
from dissmodel.cells.layout import Pixels, ranked
from dissmodel.cells.places import PixelPlaces
from dissmodel.cells.reach import NeedsWhole
from dissmodel.cells.space import CellSpace, Written
from dissmodel.cells.tiles.task import Tile, Whole

Cells = slice | NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class TilePixels(Pixels):
    """The pixels of a tile and its halo, which begin at the row `first` of the whole."""

    whole: Whole
    first: int

    @cached_property
    def places(self) -> PixelPlaces:
        """Where the cells are, with the bits of the whole."""
        whole = self.whole
        flat = np.arange(self.inside.size) if self.flat is None else self.flat
        transform = Affine(*whole.transform)
        return PixelPlaces((whole.rows, whole.cols), flat + self.first * whole.cols, transform, crs_of(whole))

    def place(self, cell: int) -> str:
        """Return where a cell is in its file, for people."""
        row, col = divmod(cell if self.flat is None else int(self.flat[cell]), self.whole.cols)
        row += self.first
        row = self.whole.rows - 1 - row if self.whole.flipped[0] else row
        col = self.whole.cols - 1 - col if self.whole.flipped[1] else col
        return f"row {row}, column {col}, counted from 0"


def crs_of(whole: Whole) -> Any:
    """Return rasterio's CRS of a grid, or None."""
    if whole.crs is None:
        return None
    from rasterio.crs import CRS  # noqa: PLC0415  (a grid may have none)

    return CRS.from_wkt(whole.crs)


def pixels_of(tile: Tile) -> tuple[TilePixels, NDArray[np.int64] | None]:
    """Return a tile's pixels, and the places of its cells in the visiting order of the whole, ascending.

    None: they follow each other, from ``tile.rank`` on.
    """
    order = ranks = None
    if tile.order is not None:
        given = tile.order[tile.inside]
        visit = np.argsort(given, kind="stable")
        order, ranks = ranked(visit, tile.inside), given[visit].astype(np.int64)
    pixels = TilePixels(
        inside=tile.inside, order=order, crs=crs_of(tile.whole), whole=tile.whole, first=tile.first
    )
    return pixels, ranks


class TileSpace(CellSpace):
    """The cells of a tile and its halo.

    With each step the cells next to a cut are wrong, `reach` rows more: they lack neighbours. They get what
    they had before the step.
    """

    def __init__(self, fields: Mapping[str, Field], tile: Tile, reach: int) -> None:
        self.pixels, self._ranks = pixels_of(tile)
        values = {name: self.pixels.on_cells(picture) for name, picture in tile.pictures.items()}
        super().__init__(fields, values, self.pixels, self._given_seed)
        self._tile, self._reach = tile, reach
        self._done = 0
        self._before = np.concatenate([[0], np.cumsum(np.count_nonzero(tile.inside, axis=1))])

    def cells_in(self, rows: slice) -> Cells:
        """Return which cells are in some rows of the tile."""
        if self._ranks is None:
            return slice(int(self._before[rows.start]), int(self._before[rows.stop]))
        row = self.pixels.at[0]
        found: NDArray[np.bool_] = (row >= rows.start) & (row < rows.stop)
        return found

    def own_numbers(self) -> NDArray[np.intp]:
        """Return the numbers of the tile's own cells."""
        own = self.cells_in(self._tile.own)
        return np.arange(own.start, own.stop) if isinstance(own, slice) else np.flatnonzero(own)

    def write(self, name: str, values: Any) -> None:
        """Replace a field, but what a cell next to a cut would get is no value to be checked."""
        given = np.asarray(values)
        if given.shape == (self.size,) and given.dtype.itemsize > 1 and self._fields[name].dtype == np.uint8:
            values = given.copy()
            for wrong in self._wrong(self._done + 1):
                values[wrong] = self._now[name][wrong]
        super().write(name, values)

    def end(self) -> list[Written]:
        """End the step; the cells next to a cut stay as they were."""
        self._done += 1
        for name, array in self._after.items():
            for wrong in self._wrong(self._done):
                array.view(np.ndarray)[wrong] = self._now[name][wrong]
        return super().end()

    def _wrong(self, steps: int) -> Iterator[Cells]:
        rows, lost = len(self._tile.inside), steps * self._reach
        above, below = self._tile.cut
        if above and lost:
            yield self.cells_in(slice(0, min(lost, rows)))
        if below and lost:
            yield self.cells_in(slice(max(rows - lost, 0), rows))

    def _topology(self, *asked: Any) -> Any:
        topology = super()._topology(*asked)
        topology.warned = True  # a cell next to a cut lacks neighbours only here
        return topology

    def _drawn(self, stream: int) -> NDArray[np.float64]:
        if self._ranks is None:
            return draws.uniform(self._seed(), stream, self._step, self._tile.rank, self.size)
        return draws.uniform_at(self._seed(), stream, self._step, self._ranks)

    def _given_seed(self) -> int:
        if self._tile.seed is None:
            raise NeedsWhole("cells.random(), which earlier steps did not show")
        return self._tile.seed

    def _refuse(self, *_given: Any, **_more: Any) -> Any:
        raise NeedsWhole("a sum over all cells, zones, distances or a picture")

    count = total = mean = zones = distance_to = grid = _refuse
