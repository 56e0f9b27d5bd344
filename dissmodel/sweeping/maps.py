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
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from dissmodel import progress
from dissmodel.cells.style import polygon_qml, polygon_ramp_qml, raster_qml, raster_ramp_qml, write_style
from dissmodel.cells.writing import RASTERS, VECTORS
from dissmodel.errors import InvalidInput
from dissmodel.geo.legend import Legend
from dissmodel.io.canonical import distinct
from dissmodel.io.geotiff import naming_damage, reading, refuse_large_blocks
from dissmodel.io.geotiff_writer import tile_size, writing_geotiff
from dissmodel.io.stored import stored_bands
from dissmodel.metrics.stacks import Array, CellStatistics, ClassShares, NumberStatistics

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

_CACHE_BYTES = 16 * 2**20
_LONGEST_NAME = 80
_PIECE = 2**18  # cells
MODAL = "modal"


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
        The classes of bands, by name or by number, or of columns; all others are of numbers.
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
    ordered, written, stems = sorted(runs), [], set[str]()
    with rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        space = (_Rasters if ordered[0].path.suffix.lower() in RASTERS else _Polygons)(ordered)
        for name, dtype in space.dtypes.items():
            if names is not None and name not in names:
                continue
            known = legends.get(name) or legends.get(str(space.numbers.get(name)), ())
            legend = tuple(sorted(known, key=lambda one: one.code))
            if legend:
                of: CellStatistics = ClassShares([one.code for one in legend], dtype, len(runs))
            else:
                of = NumberStatistics(dtype, len(runs), quantiles=quantiles)
            stem = file_name(name, stems)
            written += space.write(folder / stem, of, legend, space.computed(name, of))
    return written


Computed: TypeAlias = Iterator[tuple[Block, Mapping[str, Array]]]
"""Blocks and their statistics by name, each of the block's shape."""


class _Space(ABC):
    """The cells that all results have.

    `dtypes` are of the bands or columns that hold numbers, `numbers` those of bands; `whole` is all cells.
    """

    runs: Sequence[MappedRun]
    dtypes: Mapping[str, np.dtype[Any]]
    whole: Block
    numbers: Mapping[str, int] = MappingProxyType({})

    @abstractmethod
    def blocks(self, most: int) -> Iterator[Block]:
        """Cut the cells into blocks of about `most` at most."""

    @abstractmethod
    def read(self, name: str, block: Block, part: slice, run: int, target: Array) -> NDArray[np.bool_] | None:
        """Read a part of a block, counted row by row, of a run: see `dissmodel.metrics.stacks.Fill`.

        Raises InvalidInput if the cells of the run are not those of the first one.
        """

    @abstractmethod
    def write(self, stem: Path, of: CellStatistics, legend: Legend, computed: Computed) -> list[Path]:
        """Write the maps of a band or column and their styles; return the maps."""

    def computed(self, name: str, of: CellStatistics) -> Computed:
        """Compute the statistics of a band or column, each block in as many parts as fit into memory."""
        done = 0
        for block in self.blocks(of.most_cells):
            found: dict[str, Array] = {}
            for start in range(0, block.cells, of.most_cells):
                part = slice(start, min(start + of.most_cells, block.cells))
                values = of.of(partial(self.read, name, block, part), part.stop - start)
                for one, array in values.items():
                    found.setdefault(one, np.empty(block.cells, array.dtype))[part] = array
            yield block, {one: array.reshape(block.rows, block.cols) for one, array in found.items()}
            done += block.cells
            progress.current().transferred(done, self.whole.cells)


class _Rasters(_Space):
    def __init__(self, runs: Sequence[MappedRun]) -> None:
        self.runs = runs
        self._checked: set[int] = set()
        with reading(runs[0].path) as dataset:
            self._grid = _grid(dataset)
            self.whole = Block(0, 0, *dataset.shape)
            self.place = {
                "transform": None if dataset.transform.is_identity else dataset.transform,
                "crs": dataset.crs,
            }
            stored = stored_bands(dataset)
            self.numbers = dict(zip(self._grid[-1], dataset.indexes, strict=True))
            dtypes = {name: stored[number].dtype for name, number in self.numbers.items()}
            self.dtypes = {name: dtype for name, dtype in dtypes.items() if dtype.kind in "iuf"}

    def blocks(self, most: int) -> Iterator[Block]:
        _, _, rows, cols = self.whole
        high, wide = tile_size(rows), tile_size(cols)
        wide *= max(1, min(-(-cols // wide), most // (high * wide)))
        high *= max(1, most // (high * wide)) if wide >= cols else 1
        for row in range(0, rows, high):
            for col in range(0, cols, wide):
                yield Block(row, col, min(high, rows - row), min(wide, cols - col))

    def read(self, name: str, block: Block, part: slice, run: int, target: Array) -> NDArray[np.bool_] | None:
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
                pieces = (values[start : start + _PIECE] for start in range(0, len(values), _PIECE))
                if not _is_nan(band.nodata) and any(band.absent(piece).any() for piece in pieces):
                    absent = band.absent(values)
            elif "all_valid" not in flags:
                absent = dataset.read_masks(number, window=window).ravel()[some] == 0
        if band.is_scaled or not np.shares_memory(values, target):
            target[:] = band.values(values)
        return absent

    @contextlib.contextmanager
    def _opened(self, run: int) -> Iterator[Any]:
        """Open a result: with all checks for the first time, and after that as one that was checked."""
        path = self.runs[run].path
        if run in self._checked:
            with naming_damage(str(path)), rasterio.open(path, driver="GTiff") as dataset:
                yield dataset
            return
        with reading(path) as dataset:
            refuse_large_blocks(dataset, str(path))
            grid = _grid(dataset)
            if grid != self._grid:
                _refuse(self.runs[0], self.runs[run], _said(self._grid), _said(grid))
            self._checked.add(run)
            yield dataset

    def write(self, stem: Path, of: CellStatistics, legend: Legend, computed: Computed) -> list[Path]:
        floats = [name for name in of.names if name != MODAL]
        target = stem.with_name(f"{stem.name}.frequency.tif" if legend else f"{stem.name}.tif")
        form: dict[str, Any] = {"shape": (self.whole.rows, self.whole.cols), **self.place}
        low, high = math.inf, -math.inf
        with contextlib.ExitStack() as stack:
            form |= {"dtype": np.float32 if legend else np.float64, "nodata": math.nan}
            puts = dict.fromkeys(floats, stack.enter_context(writing_geotiff(target, floats, **form)))
            paths = [target]
            if isinstance(of, ClassShares):
                paths.insert(0, stem.with_name(f"{stem.name}.{MODAL}.tif"))
                form |= {"dtype": of.dtype, "nodata": of.nodata}
                puts[MODAL] = stack.enter_context(writing_geotiff(paths[0], [MODAL], **form))
            for block, values in computed:
                for name, array in values.items():
                    puts[name](name, (block.row, block.col), array)
                least, greatest = _ends(values[floats[0]])
                low, high = min(low, least), max(high, greatest)
        write_style(target, raster_ramp_qml(1, *((0.0, 1.0) if legend else _ordered(low, high))))
        if legend:
            write_style(paths[0], raster_qml(legend, 1))
        return paths


class _Polygons(_Space):
    def __init__(self, runs: Sequence[MappedRun]) -> None:
        self.runs = runs
        self._frame = self._loaded(runs[0].path)
        self._geometry = self._frame.geometry.to_wkb().to_numpy()
        self.whole = Block(0, 0, len(self._frame), 1)
        columns = self._frame.drop(columns=self._frame.geometry.name)
        self.dtypes = {
            str(name): np.dtype(getattr(column.dtype, "numpy_dtype", column.dtype))
            for name, column in columns.items()
            if getattr(column.dtype, "kind", "O") in "iuf"
        }

    @staticmethod
    def _loaded(path: Path, columns: Sequence[str] | None = None) -> GeoDataFrame:
        from dissmodel.io.vector import load_gdf  # noqa: PLC0415  (it loads pandas)

        return load_gdf(path, columns=columns)[0]

    def blocks(self, most: int) -> Iterator[Block]:
        for row in range(0, self.whole.rows, most):
            yield Block(row, 0, min(most, self.whole.rows - row), 1)

    def read(self, name: str, block: Block, part: slice, run: int, target: Array) -> NDArray[np.bool_] | None:
        frame = self._loaded(self.runs[run].path, [name])
        same = len(frame) == len(self._frame) and frame.crs == self._frame.crs
        if not (same and np.array_equal(frame.geometry.to_wkb().to_numpy(), self._geometry)):
            said = [f"{len(one)} features of {one.crs}" for one in (self._frame, frame)]
            _refuse(self.runs[0], self.runs[run], *said)
        column = frame[name].iloc[block.row + part.start : block.row + part.stop]
        absent = column.isna().to_numpy(dtype=bool)
        target[:] = column.fillna(0).to_numpy(dtype=target.dtype)
        return absent if absent.any() else None

    def write(self, stem: Path, of: CellStatistics, legend: Legend, computed: Computed) -> list[Path]:
        import geopandas as gpd  # noqa: PLC0415  (it loads pandas)

        from dissmodel.io.vector import save_gdf  # noqa: PLC0415  (the same)
        from dissmodel.io.vector_read import nullable  # noqa: PLC0415  (the same)

        blocks = [values for _, values in computed]
        columns: dict[str, Any] = {
            name: np.concatenate([values[name].ravel() for values in blocks]) for name in of.names
        }
        columns["runs"] = columns["runs"].astype(np.int32)
        if isinstance(of, ClassShares):
            modal = columns[MODAL].astype(np.int32)
            columns[MODAL] = nullable(modal, modal == of.nodata)
            style = polygon_qml(legend, MODAL)
        else:
            style = polygon_ramp_qml("mean", *_ordered(*_ends(columns["mean"])))
        target = stem.with_name(f"{stem.name}.gpkg")
        geometry = self._frame.geometry
        save_gdf(
            gpd.GeoDataFrame(columns, geometry=geometry.array, crs=geometry.crs), target, layer="summary"
        )
        write_style(target, style)
        return [target]


def _ends(values: Array) -> tuple[float, float]:
    """Return the least and the greatest finite value."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (math.inf, -math.inf)


def _ordered(low: float, high: float) -> tuple[float, float]:
    return (low, high) if low <= high else (0.0, 0.0)


def is_map(path: Path) -> bool:
    """Tell whether `map_runs` takes a result, by its name."""
    return path.suffix.lower() in {*RASTERS, *VECTORS}


def file_name(name: str, taken: set[str]) -> str:
    """Return the name of a band, a metric or a group as that of a file, in any folder and on any system.

    It is none of those taken, which are in lower case, and is added to them.

    >>> taken = set()
    >>> file_name("rate=0.5", taken), file_name("../uso", taken), file_name("_USO", taken)
    ('rate=0.5', '_uso', '_USO_')
    """
    found = re.sub(r"[^\w=.+-]+", "_", name.lstrip("."))[:_LONGEST_NAME] or "_"
    while found.lower() in taken:
        found += "_"
    taken.add(found.lower())
    return found


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
