"""The unit of work: a tile is advanced by some steps, from files to files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Slab:
    """Rows of a picture in a file of their own: `rows` of them, the first of which is row `first`."""

    path: str
    first: int
    rows: int


@dataclass(frozen=True)
class Stored:
    """A picture in files: row after row, in the byte order of the machine; `slabs` from top to bottom."""

    dtype: str
    cols: int
    slabs: tuple[Slab, ...]

    def read(self, first: int, last: int) -> NDArray[Any]:
        """Return the rows from `first` to before `last`: an array in memory."""
        found = np.empty((last - first, self.cols), self.dtype)
        for slab in self.slabs:
            begin, end = max(first, slab.first), min(last, slab.first + slab.rows)
            if begin < end:
                with Path(slab.path).open("rb", buffering=0) as stream:
                    stream.seek((begin - slab.first) * found.strides[0])
                    _fill(stream, found[begin - first : end - first])
        return found


@dataclass(frozen=True)
class Target:
    """Where the rows of a tile are written: into the file of a picture that is there and begins at row 0.

    With `apart` into a file of their own, which has its name only when it is whole and on the disk.
    """

    path: str
    apart: bool = False

    def write(self, rows: NDArray[Any], first: int) -> None:
        """Write rows, of which the first is row `first` of the picture."""
        rows = np.ascontiguousarray(rows)
        if not self.apart:
            with Path(self.path).open("r+b", buffering=0) as stream:
                stream.seek(first * rows.strides[0])
                _pour(stream, rows)
            return
        aside = Path(f"{self.path}.{os.getpid()}.new")
        try:
            with aside.open("wb", buffering=0) as stream:
                _pour(stream, rows)
                os.fsync(stream.fileno())
            aside.replace(self.path)
        finally:
            aside.unlink(missing_ok=True)


@dataclass(frozen=True)
class Whole:
    """The grid that the tiles are cut from: rows, columns and cells, as `layout.Pixels` has them turned.

    `transform` leads from (column, row) of the turned picture to coordinates of the CRS, as WKT; `flipped`
    is how the file stores it.
    """

    rows: int
    cols: int
    cells: int
    transform: tuple[float, ...]
    crs: str | None
    flipped: tuple[bool, bool]


@dataclass
class Tile:
    """A tile in memory.

    Attributes
    ----------
    whole : Whole
        The grid.
    pictures : dict of str to ndarray, shape (rows, cols)
        The fields of the tile and its halo; a rule puts the state after the steps into their own rows.
    inside : ndarray of bool, shape (rows, cols)
        Where cells are.
    order : ndarray of integers, shape (rows, cols), or None
        The place of each cell in the visiting order of the whole, -1 where no cell is; None: row by row.
    first : int
        The row of the whole that is the first row here.
    own : slice
        The tile's own rows here.
    rank : int
        How many cells of the whole are in the rows before the first.
    steps : range
        The steps.
    seed : int or None
        Of draws; None: the rule draws nothing.
    threads : int or None
        As many may be used; None: all.
    """

    whole: Whole
    pictures: dict[str, NDArray[Any]]
    inside: NDArray[np.bool_]
    order: NDArray[np.signedinteger[Any]] | None
    first: int
    own: slice
    rank: int
    steps: range
    seed: int | None
    threads: int | None

    @property
    def cut(self) -> tuple[bool, bool]:
        """Whether the whole goes on above the first row, and below the last row."""
        return self.first > 0, self.first + len(self.inside) < self.whole.rows


@dataclass(frozen=True)
class Advanced:
    """What a rule says of a tile that it advanced.

    `parts` has for each step what was measured of the tile's own cells; None: it has no cells. `kernel` is
    what computed it, and on how many threads; `changed` whether a cell of its own changed.
    """

    parts: list[Any] | None
    kernel: tuple[str, int] | None = None
    changed: bool = False


class TileRule(Protocol):
    """What a model does with tiles; it can be pickled."""

    def advance(self, tile: Tile) -> Advanced:
        """Advance the tile's own rows in place by its steps."""

    def measures(self, step: int, parts: list[Any], whole: Whole) -> Mapping[str, float]:
        """Return the measures of a step, by name, from those parts of the tiles that are not None."""


@dataclass(frozen=True)
class Task:
    """A tile, from its rows in `fields` to its rows in `targets`.

    `rows` are its own, `window` those that are read, `steps` the first and the last step: each pair of
    the first and, of rows, the one after the last. The rest is as `Tile` has it.
    """

    rule: TileRule
    whole: Whole
    number: int
    rows: tuple[int, int]
    window: tuple[int, int]
    rank: int
    steps: tuple[int, int]
    seed: int | None
    threads: int | None
    inside: Stored
    order: Stored | None
    fields: Mapping[str, Stored]
    targets: Mapping[str, Target]


@dataclass(frozen=True)
class Done:
    """A tile that is advanced: its number, and what its rule says."""

    number: int
    advanced: Advanced


def advance_tile(task: Task) -> Done:
    """Read a tile with its halo, advance it, write its own rows."""
    first, last = task.window
    own = slice(task.rows[0] - first, task.rows[1] - first)
    tile = Tile(
        whole=task.whole,
        pictures={name: stored.read(first, last) for name, stored in task.fields.items()},
        inside=task.inside.read(first, last),
        order=None if task.order is None else task.order.read(first, last),
        first=first,
        own=own,
        rank=task.rank,
        steps=range(task.steps[0], task.steps[1] + 1),
        seed=task.seed,
        threads=task.threads,
    )
    advanced = task.rule.advance(tile)
    for name, target in task.targets.items():
        target.write(tile.pictures[name][own], task.rows[0])
    return Done(task.number, advanced)


def _fill(stream: Any, rows: NDArray[Any]) -> None:
    """Read an array whole; a call may read less than it is asked for."""
    left = memoryview(rows.data).cast("B")
    while left:
        read = stream.readinto(left)
        if not read:
            raise EOFError(f"{stream.name} ends before its last row.")
        left = left[read:]


def _pour(stream: Any, rows: NDArray[Any]) -> None:
    """Write an array whole; a call may write less than it is asked for."""
    left = memoryview(rows.data).cast("B")
    while left:
        left = left[stream.write(left) :]
