"""Named arrays on one grid, and what cells see of their neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from dissmodel.errors import InvalidInput, MissingModule, extra_hint

Array = npt.NDArray[Any]
Offsets = Sequence[tuple[int, int]]

# Lists, not tuples: packages add to them, as in ``DIRS_MOORE + [(0, 0)]``.
DIRS_MOORE: list[tuple[int, int]] = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]
"""The offsets (rows, columns) of the 8 cells that share an edge or a corner."""

DIRS_VON_NEUMANN: list[tuple[int, int]] = [(-1, 0), (0, -1), (0, 1), (1, 0)]
"""The offsets (rows, columns) of the 4 cells that share an edge."""

_GRID = "spatial_ref"
_AXES = {"lat": "y", "latitude": "y", "lon": "x", "longitude": "x"}


class RasterBackend:
    """Named arrays on one grid.

    An array is static, ``(rows, columns)``, or temporal, ``(time, rows, columns)`` with a coordinate for each
    slice. Row 0 is the first row of the raster, whatever way it faces.

    Parameters
    ----------
    shape : tuple of (int, int)
        Rows and columns.
    nodata_value : float, optional
        The value that marks cells outside the study area.
    transform : affine.Affine, optional
        From (column, row) to coordinates of `crs`.
    crs : optional
        The coordinate reference system, as anything that PROJ reads.

    Attributes
    ----------
    arrays : dict of str to numpy.ndarray
        The arrays themselves, not copies: changes of an array change the backend.
    time_coords : dict of str to numpy.ndarray
        The coordinates, ascending, of each temporal array.

    Examples
    --------
    >>> backend = RasterBackend(shape=(2, 3))
    >>> backend.set("roads", np.zeros((2, 2, 3)), time=[2000, 2010])
    >>> backend.get("roads", time=2004).shape
    (2, 3)
    """

    def __init__(
        self,
        shape: tuple[int, int],
        nodata_value: float | None = None,
        transform: Any = None,
        crs: Any = None,
    ) -> None:
        self.shape = shape
        self.nodata_value = nodata_value
        self.transform = transform
        self.crs = crs
        self.arrays: dict[str, Array] = {}
        self.time_coords: dict[str, Array] = {}

    def __repr__(self) -> str:
        arrays = ", ".join(f"{name}: {array.dtype}{list(array.shape)}" for name, array in self.arrays.items())
        return f"RasterBackend(shape={self.shape}, arrays=[{arrays}])"

    def set(self, name: str, array: npt.ArrayLike, time: npt.ArrayLike | None = None) -> None:
        """Keep a copy of `array` under `name`.

        Parameters
        ----------
        name : str
            Any name; what was there before is replaced.
        array : array-like
            ``(rows, columns)``; with `time`, ``(time, rows, columns)``.
        time : array-like, optional
            One coordinate for each slice, ascending. Without it the array is static.

        Raises
        ------
        ValueError
            If `time` does not fit the array.
        """
        copy = np.array(array)
        if time is None:
            self.time_coords.pop(name, None)
        else:
            coords = np.asarray(time)
            if copy.ndim != 3 or coords.shape != copy.shape[:1]:  # noqa: PLR2004  (time, rows, columns)
                raise ValueError(
                    f"{name}: Expected 3D values (time, rows, columns) of the time length {coords.size}, "
                    f"not {copy.shape}."
                )
            self.time_coords[name] = coords
        self.arrays[name] = copy

    def get(self, name: str, time: Any = None) -> Array:
        """Return the array called `name`, not a copy.

        Parameters
        ----------
        name : str
            Its name.
        time : optional
            Which slice of a temporal array: the one of this coordinate, else the next later one, else the
            last. A static array has one state at all times, so that models need not know which it is.

        Raises
        ------
        KeyError
            If there is none.
        """
        array = self.arrays[name]
        if time is None or not self.is_temporal(name):
            return array
        found = int(np.searchsorted(self.time_coords[name], time))
        return np.asarray(array[min(found, len(array) - 1)])

    def is_temporal(self, name: str) -> bool:
        """Whether the array called `name` has a time axis."""
        return name in self.time_coords

    def time_axis(self, name: str) -> Array | None:
        """Return the coordinates of a temporal array, None for a static one."""
        return self.time_coords.get(name)

    def band_names(self) -> list[str]:
        """Return the names of all arrays, in their order."""
        return list(self.arrays)

    def temporal_band_names(self) -> list[str]:
        """Return the names of the arrays that have a time axis."""
        return list(self.time_coords)

    def static_band_names(self) -> list[str]:
        """Return the names of the arrays that have none."""
        return [name for name in self.arrays if name not in self.time_coords]

    def rename_band(self, old: str, new: str) -> None:
        """Call the array `old` `new` from now on; nothing happens if there is no `old`."""
        for named in (self.arrays, self.time_coords):
            if old in named:
                named[new] = named.pop(old)

    def snapshot(self) -> dict[str, Array]:
        """Return copies of all arrays."""
        return {name: array.copy() for name, array in self.arrays.items()}

    @property
    def nodata_mask(self) -> npt.NDArray[np.bool_] | None:
        """Where the study area is, bool (rows, columns).

        The array ``mask`` decides where there is one (not 0: inside), else the first static array does, by
        `nodata_value`. None where neither is known.
        """
        if "mask" in self.arrays:
            return np.asarray(self.arrays["mask"] != 0)
        first = next((array for array in self.arrays.values() if array.ndim == 2), None)  # noqa: PLR2004  (static)
        if self.nodata_value is None or first is None:
            return None
        outside = np.isnan(first) if np.isnan(self.nodata_value) else first == self.nodata_value
        return np.asarray(~outside)

    def cell_area(self) -> npt.NDArray[np.float64]:
        """Return the area of each cell, float64 (rows, columns).

        In a geographic CRS it is in square metres on the CRS's ellipsoid, of the quadrilateral of geodesics
        between the cell's corners (`pyproj.Geod.polygon_area_perimeter`), else in the CRS's units, squared.

        Raises
        ------
        ValueError
            If the backend has no transform or no CRS, or its cells are rotated.
        """
        t = self.transform
        if t is None or self.crs is None:
            raise ValueError("The area of cells needs the backend's transform and crs.")
        if t.b != 0 or t.d != 0:
            raise ValueError("The area of cells is known without rotation only: the transform has one.")
        from pyproj import CRS  # noqa: PLC0415  (only where areas are asked for)

        rows = self.shape[0]
        crs = CRS.from_user_input(self.crs)
        geod = crs.get_geod() if crs.is_geographic else None
        if geod is None:
            return np.full(self.shape, abs(t.a * t.e))
        edges = t.f + np.arange(rows + 1) * t.e
        # Columns differ in their longitude only, and so have the same area.
        east = [0.0, 0.0, t.a, t.a]
        areas = [
            abs(geod.polygon_area_perimeter(east, [north, south, south, north])[0])
            for north, south in pairwise(edges)
        ]
        return np.repeat(np.array(areas)[:, None], self.shape[1], axis=1)

    @staticmethod
    def shift2d(arr: Array, dr: int, dc: int) -> Array:
        """Return `arr` moved by `dr` rows down and `dc` columns right, zeros where nothing came from.

        Examples
        --------
        >>> RasterBackend.shift2d(np.array([[1, 2], [3, 4]]), 1, 0)
        array([[0, 0],
               [1, 2]])
        """
        out = np.zeros_like(arr)
        rows, cols = arr.shape
        if abs(dr) < rows and abs(dc) < cols:
            to_rows, from_rows = _overlap(rows, dr)
            to_cols, from_cols = _overlap(cols, dc)
            out[to_rows, to_cols] = arr[from_rows, from_cols]
        return out

    @staticmethod
    def neighbor_contact(condition: Array, neighborhood: Offsets | None = None) -> npt.NDArray[np.bool_]:
        """Return where a cell has a neighbour for which `condition` holds, bool (rows, columns).

        Parameters
        ----------
        condition : numpy.ndarray
            Bool (rows, columns).
        neighborhood : sequence of (int, int), optional
            Offsets. Without it, the window of 3 by 3 cells: **the cell itself counts too**, as in a dilation.
        """
        holds = np.asarray(condition, dtype=bool)
        out = holds.copy() if neighborhood is None else np.zeros_like(holds)
        for dr, dc in DIRS_MOORE if neighborhood is None else neighborhood:
            out |= RasterBackend.shift2d(holds, dr, dc)
        return out

    def focal_sum(self, name: str, neighborhood: Offsets = DIRS_MOORE) -> npt.NDArray[np.float64]:
        """Return the sum over each cell's neighbours, float64 (rows, columns).

        Cells beyond the edge count as 0; the cell itself does not count unless (0, 0) is an offset.

        Raises
        ------
        ValueError
            If the array has a time axis.
        """
        array = self.arrays[name]
        if array.ndim != 2:  # noqa: PLR2004  (rows and columns)
            raise ValueError(
                f"{name} has the shape {array.shape}: take a slice with get({name!r}, time=...)."
            )
        out = np.zeros(array.shape, dtype=np.float64)
        for dr, dc in neighborhood:
            out += self.shift2d(array, dr, dc)
        return out

    def focal_sum_mask(self, mask: Array, neighborhood: Offsets = DIRS_MOORE) -> npt.NDArray[np.int_]:
        """Return how many neighbours of each cell are in `mask`, int (rows, columns)."""
        holds = np.asarray(mask, dtype=bool)
        out = np.zeros(holds.shape, dtype=np.int_)
        for dr, dc in neighborhood:
            out += self.shift2d(holds, dr, dc)
        return out

    def to_xarray(self, time: Any = None) -> Any:
        """Return an ``xarray.Dataset`` with a copy of each array.

        Dimensions are ``(y, x)`` or ``(time, y, x)``; ``y`` and ``x`` are the centres of the cells, or their
        numbers where there is no transform or it is rotated. CRS (WKT) and transform (as GDAL orders it)
        stand in the coordinate ``spatial_ref``, by the CF conventions.

        Parameters
        ----------
        time : optional
            A time to note on the static arrays.

        Raises
        ------
        MissingModule
            If xarray is not installed.
        """
        xr = xarray_library()
        at = {} if time is None else {"time": time}
        attrs: dict[str, Any] = {} if self.nodata_value is None else {"_FillValue": self.nodata_value}
        ys, xs = self._centres()
        coords: dict[str, Any] = {"y": ys, "x": xs}
        grid = self._grid_attrs()
        if grid:
            attrs["grid_mapping"] = _GRID
            coords[_GRID] = xr.DataArray(0, attrs=grid)
        variables = {}
        for name, array in self.arrays.items():
            axis = self.time_axis(name)
            dims = ("y", "x") if axis is None else ("time", "y", "x")
            own = at if axis is None else {"time": axis}
            variables[name] = xr.DataArray(
                array.copy(), dims=dims, coords={"y": ys, "x": xs, **own}, attrs=attrs
            )
        return xr.Dataset(variables, coords=coords, attrs={"Conventions": "CF-1.8"})

    @classmethod
    def from_xarray(cls, ds: Any, nodata_value: float | None = None) -> RasterBackend:
        """Make a backend from an ``xarray.Dataset`` or ``xarray.DataArray``.

        Variables ``(y, x)`` become static arrays, ``(time, y, x)`` temporal ones, in whatever order their
        dimensions stand; all others are left out. The dimensions may be called ``latitude`` or ``lat``, and
        ``longitude`` or ``lon``, too.

        Raises
        ------
        MissingModule
            If xarray is not installed.
        InvalidInput
            If there is no such variable.
        """
        xr = xarray_library()
        if isinstance(ds, xr.DataArray):
            ds = ds.to_dataset(name=ds.name or "data")
        ds = ds.rename(
            {name: _AXES[name] for name in ds.dims if name in _AXES and _AXES[name] not in ds.variables}
        )
        shapes = ({"y", "x"}, {"time", "y", "x"})
        spatial = {str(name): var for name, var in ds.data_vars.items() if set(var.dims) in shapes}
        if not spatial:
            raise InvalidInput(
                f"No spatial variable (y, x) or (time, y, x) is among {[*ds.data_vars]}.",
                "Rename its dimensions to y and x.",
            )
        mappings = [_GRID, *(var.encoding.get("grid_mapping") for var in spatial.values())]
        grid: dict[str, Any] = next(
            (ds.variables[name].attrs for name in mappings if name in ds.variables), {}
        )
        transform = _transform_of(grid, ds.coords)
        shape = (int(ds.sizes["y"]), int(ds.sizes["x"]))
        backend = cls(shape, nodata_value, transform, _crs_of(grid))
        for name, var in spatial.items():
            if "time" in var.dims:
                backend.set(name, var.transpose("time", "y", "x").values, time=_times(ds, var))
            else:
                backend.set(name, var.transpose("y", "x").values)
        return backend

    def _centres(self) -> tuple[Array, Array]:
        rows, cols = np.arange(self.shape[0], dtype=float), np.arange(self.shape[1], dtype=float)
        t = self.transform
        if t is None or t.b != 0 or t.d != 0:
            return rows, cols
        return t.f + (rows + 0.5) * t.e, t.c + (cols + 0.5) * t.a

    def _grid_attrs(self) -> dict[str, str]:
        attrs = {}
        if self.crs is not None:
            from pyproj import CRS  # noqa: PLC0415  (only where a CRS is written)

            attrs = {"crs_wkt": CRS.from_user_input(self.crs).to_wkt()}
        if self.transform is not None:
            attrs["GeoTransform"] = " ".join(repr(float(v)) for v in self.transform.to_gdal())
        return attrs


def _overlap(size: int, shift: int) -> tuple[slice, slice]:
    """Return where a shifted axis lands and where it came from."""
    return slice(max(0, shift), min(size, size + shift)), slice(max(0, -shift), min(size, size - shift))


def xarray_library() -> Any:
    """Return the module xarray; raise MissingModule if it is not installed."""
    try:
        import xarray as xr  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise MissingModule(
            "NetCDF, Zarr and datasets of xarray need xarray, which is not installed.", extra_hint(error)
        ) from error
    return xr


def _times(ds: Any, var: Any) -> Array:
    return np.asarray(ds.coords["time"].values if "time" in ds.coords else range(var.sizes["time"]))


def _crs_of(grid: dict[str, Any]) -> Any:
    from pyproj import CRS  # noqa: PLC0415  (only where a CRS is read)
    from pyproj.exceptions import CRSError  # noqa: PLC0415  (only where a CRS is read)

    text = grid.get("crs_wkt") or grid.get(_GRID)
    try:
        return CRS.from_wkt(text) if text else None
    except CRSError as error:
        raise InvalidInput(
            f"The dataset's CRS can't be read: {error}.", "Write it as WKT in the attribute crs_wkt."
        ) from error


def _transform_of(grid: dict[str, Any], coords: Any) -> Any:
    from affine import Affine  # noqa: PLC0415  (only where a grid is read)

    if "GeoTransform" in grid:
        return Affine.from_gdal(*map(float, str(grid["GeoTransform"]).split()))
    if "y" not in coords or "x" not in coords:
        return None
    y, x = (_first_and_step(np.asarray(coords[axis].values)) for axis in ("y", "x"))
    if y is None or x is None:
        return None
    return Affine(x[1], 0.0, x[0] - x[1] / 2, 0.0, y[1], y[0] - y[1] / 2)


def _first_and_step(centres: Iterable[float]) -> tuple[float, float] | None:
    """Return the first centre and the distance of two; None for cell numbers and for a single cell."""
    values = np.asarray(centres, dtype=float)
    if values.size < 2 or np.array_equal(values, np.arange(values.size)):  # noqa: PLR2004  (two make a distance)
        return None
    return float(values[0]), float(values[-1] - values[0]) / (values.size - 1)
