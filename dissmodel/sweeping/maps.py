"""Maps over the results of many runs, block by block: in bounded memory, however many runs there are.

The runs are taken in the order of their keys, so a set of runs gives the same bits in whatever order it was
planned or run. One result is open at a time.
"""

from __future__ import annotations

import contextlib
import math
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from dissmodel import progress
from dissmodel.cells.style import polygon_qml, polygon_ramp_qml, raster_qml, raster_ramp_qml, write_style
from dissmodel.cells.writing import RASTERS, SERIES, VECTORS
from dissmodel.errors import InvalidInput
from dissmodel.geo.legend import Legend
from dissmodel.io.canonical import distinct
from dissmodel.io.formats import is_series
from dissmodel.io.geotiff import naming_damage, reading
from dissmodel.io.geotiff_writer import tile_size, writing_geotiff
from dissmodel.io.stored import stored_bands

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

Array: TypeAlias = NDArray[Any]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of numbers, by linear interpolation between order statistics (type 7 of Hyndman and Fan, 1996)."""
FREQUENCY = "frequency"

_STACK_BYTES = 440 * 2**20  # what the quantiles of a block have in memory: 200 runs of a tile of float64
_MOST_CELLS = 2**20
_CLASS_BYTES = 20  # of a class in a cell: counts and shares, and what comes between
_CACHE_BYTES = 16 * 2**20
_BATCH = 16
_APART = 72
_COUNTED = 2**17  # cells whose counts are worked on together
_IN_CACHE = 2**12  # cells of a batch that are worked on together
_SORTED_BYTES = 2**19
_BYTE = 255
_LONGEST_NAME = 80
_MIDDLE = 0.5


class MappedRun(NamedTuple):
    """A run with a result: its key, and the file."""

    key: str
    path: Path


class Block(NamedTuple):
    """A rectangle of a raster, or features: first row and column, and the shape; features are one column."""

    row: int
    col: int
    rows: int
    cols: int

    @property
    def cells(self) -> int:
        """How many there are."""
        return self.rows * self.cols


Read: TypeAlias = Callable[[MappedRun, Array], NDArray[np.bool_] | None]
"""Fills an array of the band's dtype, shape (cells,), with the values of a run; returns where it has none.

None: it has a value everywhere, but where there is NaN.
"""


def map_runs(
    runs: Sequence[MappedRun],
    folder: Path,
    legends: Mapping[str, Legend],
    *,
    names: Sequence[str] | None = None,
    quantiles: bool = True,
) -> list[Path]:
    """Write maps over runs, of each band or column, into a folder, with a QGIS style beside each.

    Of classes: the modal class (of several the one with the lowest code), the agreement, which is the share
    of runs that have it, and the frequency of each class, a share of the runs that have a value in the cell.
    Of numbers: mean, sample standard deviation, and `QUANTILES`. ``runs`` counts the runs that have a value;
    a cell without a value in every run has no data, and a standard deviation needs two.

    Parameters
    ----------
    runs : sequence of MappedRun
        All with results on the same cells.
    legends : mapping of str to Legend
        The bands or columns of classes; all others are of numbers.
    names : sequence of str, optional
        The bands or columns; all that hold numbers by default.
    quantiles : bool
        Whether quantiles are among the statistics of numbers: they have to have every run in memory, block
        by block, and read results again where that is more than a tile.

    Returns
    -------
    list of pathlib.Path
        What was written, without the styles.

    Raises
    ------
    InvalidInput
        If a result can't be read, or two differ in their cells.
    StorageError
        If a map can't be written.
    """
    ordered = sorted(runs)
    with rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return [*_written(_space(ordered), ordered, folder, legends, names, quantiles=quantiles)]


def _written(
    space: _Space,
    runs: Sequence[MappedRun],
    folder: Path,
    legends: Mapping[str, Legend],
    names: Sequence[str] | None,
    *,
    quantiles: bool,
) -> Iterator[Path]:
    for name in space.dtypes:
        if names is not None and name not in names:
            continue
        dtype, legend = space.dtypes[name], legends.get(name)
        statistic = _Classes(legend, dtype) if legend else _Numbers(dtype, len(runs), quantiles=quantiles)
        with space.writing(name, statistic, folder) as (paths, put):
            done = 0
            for block in space.blocks(statistic.most_cells):
                put(block, statistic.of_block(space, name, runs, block))
                done += block.cells
                progress.current().transferred(done, space.whole.cells)
        yield from paths


class _Statistic(ABC):
    """What is computed of the values of a cell in many runs."""

    names: tuple[str, ...]
    most_cells: int

    @abstractmethod
    def of(self, runs: Sequence[MappedRun], read: Read, cells: int) -> dict[str, Array]:
        """Return each of `names`, shape (cells,)."""

    def of_block(self, space: _Space, name: str, runs: Sequence[MappedRun], block: Block) -> dict[str, Array]:
        """Return each of `names` in a block, shape (rows, cols), in as many parts as fit into memory."""
        found: dict[str, Array] = {}
        for start in range(0, block.cells, self.most_cells):
            part = slice(start, min(start + self.most_cells, block.cells))
            values = self.of(runs, partial(space.read, name, block, part), part.stop - start)
            for one, array in values.items():
                found.setdefault(one, np.empty(block.cells, array.dtype))[part] = array
        return {one: array.reshape(block.rows, block.cols) for one, array in found.items()}


class _Classes(_Statistic):
    """Counts of classes: exact, whatever the order."""

    def __init__(self, legend: Legend, dtype: np.dtype[Any]) -> None:
        self.legend = tuple(sorted(legend, key=lambda one: one.code))
        self.shares = tuple(f"{FREQUENCY}_{one.code}" for one in self.legend)
        self.names = ("modal", "agreement", *self.shares, "runs")
        self.most_cells = min(_MOST_CELLS, _STACK_BYTES // (_CLASS_BYTES * (len(legend) + 1)))
        self._read_as = dtype
        codes = [one.code for one in self.legend]
        free = [code for code in range(_BYTE, -1, -1) if code not in codes]
        is_byte = min(codes) >= 0 and max(codes) <= _BYTE and free
        self.dtype = np.dtype(np.uint8 if is_byte else np.int32)
        self.nodata = free[0] if is_byte else int(np.iinfo(np.int32).min)

    def of(self, runs: Sequence[MappedRun], read: Read, cells: int) -> dict[str, Array]:
        """Count in bytes, which are fast, and add them up before they overflow."""
        counts = np.zeros((len(self.legend) + 1, cells), np.int32)  # the last counts values
        few = np.zeros(counts.shape, np.uint8)
        values, match = np.empty(cells, self._read_as), np.empty(cells, np.bool_)
        for number, run in enumerate(runs, start=1):
            absent = read(run, values)
            if values.dtype.kind == "f":
                absent = np.isnan(values) if absent is None else absent | np.isnan(values)
            present = np.True_ if absent is None else ~absent
            for start in range(0, cells, _COUNTED):
                some = slice(start, start + _COUNTED)
                here, same = np.broadcast_to(present, cells)[some], match[some]
                for count, one in zip(few[:-1, some], self.legend, strict=True):
                    np.equal(values[some], one.code, out=same)
                    if absent is not None:
                        np.logical_and(same, here, out=same)
                    np.add(count, same.view(np.uint8), out=count)
                few[-1, some] += here.view(np.uint8)
            if number % _BYTE == 0 or number == len(runs):
                counts += few
                few[:] = 0
        most, modal = np.zeros(cells, np.int32), np.full(cells, self.nodata, self.dtype)
        for count, one in zip(counts, self.legend, strict=False):
            more = count > most
            np.copyto(most, count, where=more)
            np.copyto(modal, self.dtype.type(one.code), where=more)
        have = counts[-1].astype(np.float32)
        with np.errstate(invalid="ignore"):
            shares = [part.astype(np.float32) / have for part in (most, *counts[:-1])]
        return dict(zip(self.names, (modal, *shares, have), strict=True))


class _Numbers(_Statistic):
    """Moments by batches of runs, each about its own mean, merged as Chan, Golub and LeVeque (1983) do."""

    def __init__(self, dtype: np.dtype[Any], runs: int, *, quantiles: bool) -> None:
        self.quantiles = QUANTILES if quantiles else ()
        self.names = ("mean", "sd", *(f"q{100 * one:02.0f}" for one in self.quantiles), "runs")
        self._read_as, self.dtype = dtype, np.result_type(dtype, np.float32)
        held = runs if quantiles else min(_BATCH, runs)
        self.most_cells = max(1, min(_MOST_CELLS, _STACK_BYTES // (held * self.dtype.itemsize)))
        self._stack = np.empty((held, 0), self.dtype)

    def of(self, runs: Sequence[MappedRun], read: Read, cells: int) -> dict[str, Array]:
        """Read batch after batch into the stack, which has all runs where quantiles are wanted."""
        if self._stack.shape[1] < cells:
            # Rows that are no power of two of bytes apart: those would share few places in a cache.
            self._stack = np.empty((len(self._stack), cells + _APART), self.dtype)
        stack = self._stack[:, :cells]
        buffer = None if self._read_as == self.dtype else np.empty(cells, self._read_as)
        moments = _Moments(cells)
        for start in range(0, len(runs), _BATCH):
            some = runs[start : start + _BATCH]
            batch = stack[start : start + len(some)] if self.quantiles else stack[: len(some)]
            for target, run in zip(batch, some, strict=True):
                absent = read(run, target if buffer is None else buffer)
                if buffer is not None:
                    target[:] = buffer
                if absent is not None:
                    target[absent] = np.nan
            moments.add(batch)
        wanted = dict(zip(self.names[2:-1], self.quantiles, strict=True))
        return {
            "mean": moments.mean(),
            "sd": moments.sd(),
            **(_quantiles(stack, wanted, moments.count) if wanted else {}),
            "runs": moments.count,
        }


class _Moments:
    """Mean and sum of squared deviations of each cell, about the first value of the cell."""

    def __init__(self, cells: int) -> None:
        self.count = np.zeros(cells, np.int32)
        self._first = np.full(cells, np.nan)
        self._mean = np.zeros(cells)
        self._squares = np.zeros(cells)

    def add(self, batch: Array) -> None:
        """Add runs, shape (runs, cells), NaN where a run has no value."""
        with np.errstate(invalid="ignore", over="ignore"):  # infinite values have no mean, and it says so
            for start in range(0, batch.shape[1], _IN_CACHE):
                self._add(batch[:, start : start + _IN_CACHE], slice(start, start + _IN_CACHE))

    def _add(self, batch: Array, some: slice) -> None:
        first, before = self._first[some], self.count[some]
        for row in batch:
            missing = np.isnan(first)
            if not missing.any():
                break
            np.copyto(first, row, where=missing)
        apart = batch - first
        total = apart.sum(axis=0)
        absent, new = None, np.int32(len(batch))
        if np.isnan(total).any():
            absent = np.isnan(batch)
            new = len(batch) - absent.sum(axis=0, dtype=np.int32)
            apart[absent] = 0.0
            total = apart.sum(axis=0)
        mean = total / np.maximum(new, 1)
        apart -= mean
        if absent is not None:
            apart[absent] = 0.0
        np.square(apart, out=apart)
        count = before + new
        weight = new / np.maximum(count, 1)
        change = mean - self._mean[some]
        self._squares[some] += apart.sum(axis=0) + change * change * (before * weight)
        self._mean[some] += change * weight
        self.count[some] = count

    def mean(self) -> Array:
        """Return the mean, NaN without a value."""
        return self._first + self._mean

    def sd(self) -> Array:
        """Return the sample standard deviation, NaN with fewer than two values."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.count > 1, np.sqrt(self._squares / (self.count - 1)), np.nan)


def _quantiles(stack: Array, wanted: Mapping[str, float], count: NDArray[np.int32]) -> dict[str, Array]:
    """Return exact quantiles of each cell of a stack (runs, cells), in which NaN is no value."""
    cells = stack.shape[1]
    found = {name: np.empty(cells) for name in wanted}
    step = max(1, _SORTED_BYTES // stack[:, :1].nbytes)
    for start in range(0, cells, step):
        some = slice(start, min(start + step, cells))
        ordered = np.ascontiguousarray(stack[:, some].T)
        ordered.sort(axis=1)  # NaN last
        for name, quantile in wanted.items():
            found[name][some] = _quantile(ordered, count[some], quantile)
    return found


def _quantile(ordered: Array, count: NDArray[np.int32], quantile: float) -> Array:
    """Return a quantile of sorted rows, between the two order statistics nearest to it, as NumPy does."""
    last = np.maximum(count - 1, 0)
    if (last == last[0]).all():  # one place in all rows is found faster
        last = last[:1]
    place = last * quantile
    below = place.astype(np.intp)
    above = np.minimum(below + 1, last)
    share = place - below
    rows = slice(None) if len(last) == 1 else np.arange(len(ordered))
    low, high = (ordered[rows, at[0] if len(last) == 1 else at].astype(np.float64) for at in (below, above))
    with np.errstate(invalid="ignore", over="ignore"):
        step = high - low
        between = np.where(share >= _MIDDLE, high - step * (1 - share), low + step * share)
    return np.where(low == high, low, between)  # infinite ones, too


Put: TypeAlias = Callable[[Block, Mapping[str, Array]], None]


class _Space(ABC):
    """The cells that all results have.

    `dtypes` are of the bands or columns that hold numbers; `whole` is all of its cells.
    """

    dtypes: Mapping[str, np.dtype[Any]]
    whole: Block

    @abstractmethod
    def blocks(self, most: int) -> Iterator[Block]:
        """Cut the cells into blocks of about `most` at most."""

    @abstractmethod
    def read(
        self, name: str, block: Block, part: slice, run: MappedRun, target: Array
    ) -> NDArray[np.bool_] | None:
        """Read a part of a block, counted row by row, into an array: see `Read`.

        Raises InvalidInput if the cells of the run are not those of the first one.
        """

    @abstractmethod
    def writing(
        self, name: str, statistic: Any, folder: Path
    ) -> contextlib.AbstractContextManager[tuple[list[Path], Put]]:
        """Open the maps of a band or column; they are complete, with their styles, at the block's end."""


class _Rasters(_Space):
    def __init__(self, runs: Sequence[MappedRun]) -> None:
        self._first = runs[0]
        self._checked: set[str] = set()
        with reading(self._first.path) as dataset:
            self._grid = _grid(dataset)
            self.whole = Block(0, 0, *dataset.shape)
            self.place = {
                "transform": None if dataset.transform.is_identity else dataset.transform,
                "crs": dataset.crs,
            }
            stored = stored_bands(dataset)
            self.numbers = dict(zip(self._grid[-1], dataset.indexes, strict=True))
            self.dtypes = {name: stored[number].dtype for name, number in self.numbers.items()}

    def blocks(self, most: int) -> Iterator[Block]:
        _, _, rows, cols = self.whole
        high, wide = tile_size(rows), tile_size(cols)
        wide *= max(1, min(-(-cols // wide), most // (high * wide)))
        high *= max(1, most // (high * wide)) if wide >= cols else 1
        for row in range(0, rows, high):
            for col in range(0, cols, wide):
                yield Block(row, col, min(high, rows - row), min(wide, cols - col))

    def read(
        self, name: str, block: Block, part: slice, run: MappedRun, target: Array
    ) -> NDArray[np.bool_] | None:
        above, below = part.start // block.cols, -(-part.stop // block.cols)
        window = Window(block.col, block.row + above, block.cols, below - above)
        some = slice(part.start - above * block.cols, part.stop - above * block.cols)
        number = self.numbers[name]
        with self._opened(run) as dataset:
            band = stored_bands(dataset)[number]
            if len(target) == block.cols * (below - above) and band.own == target.dtype:
                values = dataset.read(number, window=window, out=target.reshape(-1, block.cols)).ravel()
            else:
                values = dataset.read(number, window=window).ravel()[some]
            flags = {flag.name for flag in dataset.mask_flag_enums[number - 1]}
            absent = None
            if "nodata" in flags:  # not by GDAL's own mask, which counts neighbouring floats as nodata too
                absent = None if _is_nan(band.nodata) else band.absent(values)
            elif "all_valid" not in flags:
                absent = dataset.read_masks(number, window=window).ravel()[some] == 0
        if band.is_scaled or not np.shares_memory(values, target):
            target[:] = band.values(values)
        return absent if absent is not None and absent.any() else None

    @contextlib.contextmanager
    def _opened(self, run: MappedRun) -> Iterator[Any]:
        """Open a result: with all checks for the first time, and after that as one that was checked."""
        if run.key in self._checked:
            with naming_damage(str(run.path)), rasterio.open(run.path, driver="GTiff") as dataset:
                yield dataset
            return
        with reading(run.path) as dataset:
            grid = _grid(dataset)
            if grid != self._grid:
                _refuse(self._first, run, _said(self._grid), _said(grid))
            if not is_series(run.path):
                self._checked.add(run.key)
            yield dataset

    @contextlib.contextmanager
    def writing(self, name: str, statistic: Any, folder: Path) -> Iterator[tuple[list[Path], Put]]:
        is_classes = isinstance(statistic, _Classes)
        stem, floats = file_name(name), statistic.names[is_classes:]
        target = folder / (f"{stem}.{FREQUENCY}.tif" if is_classes else f"{stem}.tif")
        form: dict[str, Any] = {"shape": (self.whole.rows, self.whole.cols), **self.place}
        ends = _Ends()
        with contextlib.ExitStack() as stack:
            form |= {"dtype": np.float32 if is_classes else np.float64, "nodata": math.nan}
            opened = stack.enter_context(writing_geotiff(target, floats, **form))
            puts, paths = dict.fromkeys(floats, opened), [target]
            if is_classes:
                paths.insert(0, folder / f"{stem}.modal.tif")
                form |= {"dtype": statistic.dtype, "nodata": statistic.nodata}
                puts["modal"] = stack.enter_context(writing_geotiff(paths[0], ["modal"], **form))

            def put(block: Block, values: Mapping[str, Array]) -> None:
                for one, array in values.items():
                    puts[one](one, (block.row, block.col), array)
                ends.add(values[floats[0]])

            yield paths, put
        if is_classes:
            write_style(paths[0], raster_qml(statistic.legend, 1))
        write_style(target, raster_ramp_qml(1, *((0.0, 1.0) if is_classes else ends.seen)))


class _Polygons(_Space):
    def __init__(self, runs: Sequence[MappedRun]) -> None:
        self._first = runs[0]
        self._frame = self._loaded(self._first)
        self._geometry = self._frame.geometry.to_wkb().to_numpy()
        self.whole = Block(0, 0, len(self._frame), 1)
        columns = self._frame.drop(columns=self._frame.geometry.name)
        self.dtypes = {
            str(name): np.dtype(getattr(column.dtype, "numpy_dtype", column.dtype))
            for name, column in columns.items()
            if getattr(column.dtype, "kind", "O") in "iuf"
        }

    @staticmethod
    def _loaded(run: MappedRun, columns: Sequence[str] | None = None) -> GeoDataFrame:
        from dissmodel.io.vector import load_gdf  # noqa: PLC0415  (it loads pandas)

        return load_gdf(run.path, columns=columns)[0]

    def blocks(self, most: int) -> Iterator[Block]:
        for row in range(0, self.whole.rows, most):
            yield Block(row, 0, min(most, self.whole.rows - row), 1)

    def read(
        self, name: str, block: Block, part: slice, run: MappedRun, target: Array
    ) -> NDArray[np.bool_] | None:
        frame = self._loaded(run, [name])
        same = len(frame) == len(self._frame) and frame.crs == self._frame.crs
        if not (same and np.array_equal(frame.geometry.to_wkb().to_numpy(), self._geometry)):
            said = [f"{len(one)} features of {one.crs}" for one in (self._frame, frame)]
            _refuse(self._first, run, *said)
        column = frame[name].iloc[block.row + part.start : block.row + part.stop]
        absent = column.isna().to_numpy(dtype=bool)
        target[:] = column.fillna(0).to_numpy(dtype=target.dtype)
        return absent if absent.any() else None

    @contextlib.contextmanager
    def writing(self, name: str, statistic: Any, folder: Path) -> Iterator[tuple[list[Path], Put]]:
        import geopandas as gpd  # noqa: PLC0415  (it loads pandas)

        from dissmodel.io.vector import save_gdf  # noqa: PLC0415  (the same)
        from dissmodel.io.vector_read import nullable  # noqa: PLC0415  (the same)

        target = folder / f"{file_name(name)}.gpkg"
        found: dict[str, list[Array]] = {one: [] for one in statistic.names}

        def put(_block: Block, values: Mapping[str, Array]) -> None:
            for one, array in values.items():
                found[one].append(array.ravel())

        yield [target], put
        columns: dict[str, Any] = {one: np.concatenate(parts) for one, parts in found.items()}
        if isinstance(statistic, _Classes):
            style = polygon_qml(statistic.legend, "modal")
            modal = columns["modal"].astype(np.int32)
            columns["modal"] = nullable(modal, modal == statistic.nodata)
        else:
            ends = _Ends()
            ends.add(columns["mean"])
            style = polygon_ramp_qml("mean", *ends.seen)
        save_gdf(
            gpd.GeoDataFrame(columns, geometry=self._frame.geometry.array, crs=self._frame.crs),
            target,
            layer=name,
        )
        write_style(target, style)


class _Ends:
    """The least and the greatest finite value; 0 without one."""

    def __init__(self) -> None:
        self._low, self._high = math.inf, -math.inf

    def add(self, values: Array) -> None:
        """See more values."""
        finite = values[np.isfinite(values)]
        if finite.size:
            self._low, self._high = min(self._low, finite.min()), max(self._high, finite.max())

    @property
    def seen(self) -> tuple[float, float]:
        """The two values."""
        return (float(self._low), float(self._high)) if self._low <= self._high else (0.0, 0.0)


def _space(runs: Sequence[MappedRun]) -> _Space:
    suffix = runs[0].path.suffix.lower()
    if suffix in {*RASTERS, *SERIES}:
        return _Rasters(runs)
    if suffix in VECTORS:
        return _Polygons(runs)
    raise InvalidInput(f"{runs[0].path}: this result is no map.", "--maps none", code="no_map")


def file_name(name: str) -> str:
    """Return the name of a band, a metric or a group as that of a file, in any folder and on any system.

    >>> file_name("rate=0.5"), file_name("../uso")
    ('rate=0.5', '_uso')
    """
    return re.sub(r"[^\w=.+-]+", "_", name.lstrip("."))[:_LONGEST_NAME] or "_"


def _is_nan(number: float | None) -> bool:
    return number is not None and math.isnan(number)


def _grid(dataset: Any) -> tuple[Any, ...]:
    names = (
        text or dataset.tags(number).get("name") or f"band_{number}"
        for number, text in zip(dataset.indexes, dataset.descriptions, strict=True)
    )
    return dataset.shape, tuple(dataset.transform), dataset.crs, tuple(distinct(names))


def _said(grid: tuple[Any, ...]) -> str:
    (rows, cols), transform, crs, names = grid
    corner = ", ".join(f"{one:.10g}" for one in (transform[2], transform[5]))
    size = " × ".join(f"{abs(one):.10g}" for one in (transform[0], transform[4]))
    where = crs.to_string()[:40] if crs else "no CRS"
    return f"{rows} × {cols} cells of {size} from ({corner}), {where}, bands {', '.join(names)[:100]}"


def _refuse(first: MappedRun, run: MappedRun, said: str, other: str) -> NoReturn:
    raise InvalidInput(
        f"The results of two runs are on different cells: {first.path} has {said}; {run.path} has {other}.",
        "Make maps of the runs of each input apart: --group-by input. Or none: --maps none",
        code="grids_differ",
    )
