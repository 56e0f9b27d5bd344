"""A series of a model's states in one NetCDF file, read as a raster is.

Such a file is in the classic format with 64-bit offsets: NetCDF-4 would note the versions of its libraries
in it, and the same run would not have the same bytes everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import CRSError

from dissmodel.errors import DissmodelError, MissingModule, extra_hint
from dissmodel.io.foreign import damaged

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

FORMAT = "NETCDF3_64BIT_OFFSET"
TIME, CELL, GRID = "time", "cell", "spatial_ref"
PLACES = ("y", "x")
"""The variables with the places of the cells; of pixels these are the names of the dimensions, too."""
HEAD_BYTES = "bytes_before_states"
"""The attribute with the number of bytes before the first state.

The NetCDF library reads a file whose end is missing without an error.
"""

_ALIGNMENT = 4


def netcdf_library() -> Any:
    """Return the module netCDF4; raise MissingModule if it is not installed."""
    try:
        import netCDF4  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise MissingModule(
            "A series of states in NetCDF needs netCDF4, which is not installed.", extra_hint(error)
        ) from error
    return netCDF4


def state_bytes(variables: Sequence[tuple[np.dtype[Any], int]]) -> int:
    """Return the bytes of a state in the file: each array (dtype, number of values) begins at four bytes."""
    sizes = (dtype.itemsize * count for dtype, count in variables)
    return sum(size + -size % _ALIGNMENT for size in sizes)


class SeriesDataset:
    """A series of states with the attributes of an open rasterio dataset that reading a raster asks for.

    Its bands are the fields of the last state; with `whole` each field of each state, called ``built step
    3``. Cells that are no pixels (`is_grid` is false) are a single row, and the bands ``y`` and ``x`` are
    their centres.

    Raises
    ------
    InvalidInput
        If a part of the file is missing or not as such a file is.
    """

    files: Sequence[str] = ()
    gcps: tuple[Sequence[Any], None] = ((), None)
    interleaving = None

    def __init__(self, file: Any, path: Path, shown: str, *, whole: bool) -> None:
        self._shown = shown
        with self._naming_damage():
            file.set_auto_maskandscale(False)
            steps = file[TIME][:].tolist()
            states = [one for one in file.variables.values() if one.dimensions[:1] == (TIME,)]
            constant = [one for one in file.variables.values() if one.dimensions[:1] != (TIME,)]
            head = int(file.getncattr(HEAD_BYTES))
            size = state_bytes([(one.dtype, math.prod(one.shape[1:])) for one in states])
            head = max(head, state_bytes([(one.dtype, math.prod(one.shape)) for one in constant]))
            if path.stat().st_size < head + size * len(steps):
                raise ValueError("its end is missing")
            # -1: before the step 0 of a model that has one.
            if not all(step >= -1 and float(step).is_integer() for step in steps):
                raise ValueError("its steps are no whole numbers")
            self._counters = {
                "passo" if one.name == TIME else one.name: str(int(one[-1]))
                for one in states
                if one.dimensions == (TIME,)
            }
            self.is_grid = CELL not in file.dimensions
            over = PLACES if self.is_grid else (CELL,)
            sizes = [len(file.dimensions[name]) for name in over]
            self.shape = (sizes[0] if self.is_grid else 1, sizes[-1])
            self.height, self.width = self.shape
            self._bands: list[tuple[str, Any, int | None]] = []
            for name, variable in file.variables.items():
                if variable.dimensions == over:
                    self._bands.append((name, variable, None))
                elif variable.dimensions == (TIME, *over):
                    numbers = range(len(steps)) if whole else [len(steps) - 1]
                    self._bands += [
                        (f"{name} step {steps[at]:.0f}" if whole else name, variable, at) for at in numbers
                    ]
            if not self._bands:
                raise ValueError("it has no field")
            self.crs, self.transform = _place(file)
        self.descriptions = tuple(name for name, _, _ in self._bands)
        self.count = len(self._bands)
        self.indexes = tuple(range(1, self.count + 1))
        self.dtypes = tuple(str(variable.dtype) for _, variable, _ in self._bands)
        fills = [getattr(variable, "_FillValue", None) for _, variable, _ in self._bands]
        self.nodatavals = tuple(None if fill is None else float(fill) for fill in fills)
        self.mask_flag_enums = [[MaskFlags.all_valid if one is None else MaskFlags.nodata] for one in fills]
        self.scales, self.offsets = (1.0,) * self.count, (0.0,) * self.count
        self.colorinterp = (ColorInterp.gray,) * self.count
        self.block_shapes = [(1, self.width)] * self.count

    def tags(self, number: int | None = None) -> dict[str, str]:
        """Return the tags of a band, or those of the file: ``passo`` and other numbers of the last state."""
        if number is None:
            return self._counters
        unit = getattr(self._bands[number - 1][1], "units", "1")
        return {} if unit == "1" else {"unit": str(unit)}

    def read(self, number: int | Sequence[int], window: Any = None, out: NDArray[Any] | None = None) -> Any:
        """Return a band, shape (rows, columns), or several, shape (bands, rows, columns)."""
        if not isinstance(number, int):
            return np.stack([self.read(one, window) for one in number])
        _, variable, at = self._bands[number - 1]
        places = (slice(None), slice(None)) if window is None else window.toslices()
        with self._naming_damage():
            key = (*(() if at is None else (at,)), *(places if self.is_grid else places[1:]))
            values = variable[key].reshape(-1, places[1].stop - places[1].start if window else self.width)
        if out is None:
            return values
        out[:] = values
        return out

    def points(self) -> GeoDataFrame:
        """Return the centres of cells that are no pixels, as points with the fields of the last state."""
        from geopandas import GeoDataFrame, points_from_xy  # noqa: PLC0415  (rasters need no pandas)

        columns = {name: self.read(number)[0] for number, name in enumerate(self.descriptions, start=1)}
        y, x = columns.pop("y"), columns.pop("x")
        return GeoDataFrame(columns, geometry=points_from_xy(x, y), crs=self.crs)

    @contextmanager
    def _naming_damage(self) -> Iterator[None]:
        try:
            yield
        except DissmodelError:
            raise
        except _UNREADABLE as error:
            raise damaged(
                self._shown,
                " can't be read as a series of states: part of the file is missing or damaged",
                "raster_damaged",
            ) from error


_UNREADABLE = (OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError, AttributeError)


@contextmanager
def opened_series(path: Path, shown: str, *, whole: bool) -> Iterator[SeriesDataset]:
    """Open a series of states for the time of the block.

    Raises InvalidInput if it is damaged; MissingModule without netCDF4.
    """
    library = netcdf_library()
    try:
        file = library.Dataset(path, "r")
    except _UNREADABLE as error:
        raise damaged(shown, " can't be read as a NetCDF file", "raster_damaged") from error
    with file:
        yield SeriesDataset(file, path, shown, whole=whole)


def _place(file: Any) -> tuple[CRS | None, Affine]:
    """Return the CRS and the transform; the identity where it has none, as rasterio does."""
    if GRID not in file.variables:
        return None, Affine.identity()
    attributes = file[GRID].ncattrs()
    try:
        with rasterio.Env():  # without it, PROJ writes to standard error itself
            crs = CRS.from_wkt(file[GRID].crs_wkt) if "crs_wkt" in attributes else None
    except CRSError as error:
        raise ValueError("its CRS can't be read") from error
    numbers = map(float, file[GRID].GeoTransform.split()) if "GeoTransform" in attributes else None
    return crs, Affine.identity() if numbers is None else Affine.from_gdal(*numbers)
