"""Arrays in files: of a raster that is read, and of the state after a round."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.layout import rank_type, turned
from dissmodel.cells.pictures import InMemory, Order
from dissmodel.cells.reading import rows_of
from dissmodel.errors import InvalidInput, StorageError

_SLOTS = {"a": "b", "b": "a"}
# A number of the order may be so many times as large as there are cells: for each number there is a place.
_SPARSEST = 64


class WorkingFiles(InMemory):
    """Where the arrays of a dataset go that is larger than memory.

    Each array is a file with a number and one of two slots, ``a`` and ``b``: what is in one is read while a
    round writes the other.
    """

    def __init__(self, folder: Path, most: int, slot: str = "a") -> None:
        self.folder, self.most, self.slot = folder, most, slot
        self._made = 0

    def empty(self, shape: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an array on disk that holds zeros."""
        self._made += 1
        return made(self.folder / f"{self._made:04d}.{self.slot}", shape, dtype)

    def order(self, shape: tuple[int, int], flipped: tuple[bool, bool]) -> Order:
        """Return what reads a visiting order."""
        return OrderOnDisk(self, shape, flipped)


def twin(path: Path) -> Path:
    """Return the file of the same array in the other slot."""
    return path.with_suffix(f".{_SLOTS[path.suffix[1:]]}")


def made(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.memmap[Any, Any]:
    """Return a new array on disk; raise StorageError if the disk has no room for all of it."""
    size = math.prod(shape) * dtype.itemsize
    try:
        with path.open("xb") as stream:
            if hasattr(os, "posix_fallocate"):  # a page that the disk has no room for would end the process
                os.posix_fallocate(stream.fileno(), 0, size)
            else:
                stream.truncate(size)
    except OSError as error:
        free = shutil.disk_usage(path.parent).free
        raise StorageError(
            f"{path.parent} has no room for the cells: {size / 1e6:,.0f} MB more are needed, "
            f"{free / 1e6:,.0f} MB are free ({error.strerror or error}).",
            "Make room, or give an output on another disk: --output FOLDER/NAME",
        ) from error
    return np.memmap(path, dtype, "r+", shape=shape)


class OrderOnDisk(Order):
    """The visiting order of the cells of a raster that is larger than memory."""

    def __init__(self, files: WorkingFiles, shape: tuple[int, int], flipped: tuple[bool, bool]) -> None:
        super().__init__(flipped)
        self._files = files
        self._given = files.empty(shape, np.dtype(np.int64))
        self._stored = turned(self._given, flipped)

    def put(self, at: tuple[slice, slice], given: NDArray[Any], keep: NDArray[np.bool_]) -> None:
        """Take over rows and columns of the file where they are in the space (`keep`)."""
        found = np.full(given.shape, -1, np.int64)
        found[keep] = self._whole(given[keep])
        self._stored[at] = found

    def checked(self, inside: NDArray[np.bool_]) -> NDArray[np.signedinteger[Any]] | None:
        """Return each cell's place in visiting order, -1 outside; None if that is row by row.

        Raises InvalidInput if a value in the space is not an integer or stands in two cells.
        """
        self._refuse_wrong()
        ascends, cells = True, 0
        least, most = np.iinfo(np.int64).max, np.iinfo(np.int64).min
        for rows in rows_of(inside.shape):
            some = self._given[rows][inside[rows]]
            if some.size:
                ascends = ascends and bool(some[0] > most or not cells) and bool(np.all(some[1:] > some[:-1]))
                least, most = min(least, int(some.min())), max(most, int(some.max()))
                cells += some.size
        if ascends:
            return None
        numbers = most - least + 1
        if numbers > _SPARSEST * cells:
            raise InvalidInput(
                f"order holds numbers from {least} to {most} for {cells} cells: to sort them the run needs "
                "the whole order in memory.",
                "Number the cells from 0 on, without gaps; or leave --memory out.",
                code="whole_space",
            )
        places = self._places(inside, least, numbers, cells)
        order = self._files.empty(self._given.shape, np.dtype(rank_type(cells)))
        for rows in rows_of(inside.shape):
            found = np.full(inside[rows].shape, -1, order.dtype)
            given = self._given[rows][inside[rows]] - least
            found[inside[rows]] = given if places is None else places[given]
            order[rows] = found
        for array in (self._given, places):
            _drop(array)
        return order

    def _places(
        self, inside: NDArray[np.bool_], least: int, numbers: int, cells: int
    ) -> NDArray[np.int64] | None:
        """Return the place of each number from `least` on; None if the numbers are places already."""
        seen = self._files.empty((numbers, 1), np.dtype(np.bool_)).ravel()
        for rows in rows_of(inside.shape):
            seen[self._given[rows][inside[rows]] - least] = True
        held = int(np.count_nonzero(seen))
        if held < cells:
            raise InvalidInput(
                f"order holds values that more than one cell has: {cells} cells have {held} numbers.",
                "Give every cell its own number.",
                code="illegal_value",
            )
        places = None
        if numbers > cells:
            places = self._files.empty((numbers, 1), np.dtype(np.int64)).ravel()
            before = 0
            for some in rows_of((numbers, 1)):
                counted = np.cumsum(seen[some])
                places[some] = before + counted - 1
                before += int(counted[-1])
        _drop(seen)
        return places


def _drop(array: NDArray[Any] | None) -> None:
    """Remove the file of an array; on Windows that waits until the array is gone."""
    name = getattr(array, "filename", None)
    if name is not None and os.name == "posix":
        Path(name).unlink()
