"""The states of a run as one NetCDF file by the CF conventions, to which each state is added as it comes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from dissmodel.cells.fields import Classes, Field
from dissmodel.cells.layout import Layout, Pixels, is_rotated
from dissmodel.cells.pictures import ORDER
from dissmodel.cells.reading import PASSO, CellData
from dissmodel.errors import UsageError
from dissmodel.io.formats import SERIES_MARK
from dissmodel.io.netcdf import CELL, FORMAT, GRID, HEAD_BYTES, PLACES, TIME, netcdf_library, state_bytes
from dissmodel.io.room import unwritten

_RESERVED = frozenset({TIME, CELL, GRID, *PLACES})
_LARGEST = 2**31 - 4  # bytes of a variable in a state
_HEAD_BYTES = 20_000
# The format has no unsigned integers and none of 64 bits. These types leave a value free that means none.
_NUMBERS = np.dtype(np.float64)
_WIDER = {"int8": "i2", "uint8": "i2", "int16": "i4", "uint16": "i4", "float32": "f4"}


def check(data: CellData, path: str) -> None:
    """Refuse what a series can't hold, before the run."""
    netcdf_library()
    layout = data.target
    other = f"--output {Path(path).with_suffix('.tif' if isinstance(layout, Pixels) else '.gpkg').name}"
    if isinstance(layout, Pixels) and layout.transform is not None and is_rotated(layout.transform):
        raise UsageError(f"{path}: the rows of a NetCDF series run along x; this grid is rotated.", other)
    for name in (*data.fields, *data.others):
        if name in _RESERVED or not re.fullmatch(r"\w([^/\x00-\x1f\x7f]*[^/\s\x00-\x1f\x7f])?", name):
            raise UsageError(f"{path}: a NetCDF series holds no variable {name!r}.", f"Rename it, or {other}")
    if _slots(layout) * _NUMBERS.itemsize > _LARGEST:
        raise UsageError(f"{path}: {_slots(layout):,} cells are too many for a NetCDF series.", other)
    for name in data.others:
        if data.beyond_floats(name):
            raise UsageError(
                f"{path}: the band {name!r} has integers beyond 2**53, which a NetCDF series can't hold.",
                f"Leave it out, or {other}",
            )


def most_bytes(data: CellData, kept: int) -> int:
    """Return how many bytes a series takes at most: the first state, those that are kept, and the last."""
    count = _slots(data.target)
    changing = [(_type_of(field)[0], count) for field in data.fields.values() if field.changes]
    changing += [(_NUMBERS, 1)] * len(data.counters)
    constant = [(_type_of(field)[0], count) for field in data.fields.values() if not field.changes]
    constant += [(_wider(band.dtype), count) for band, _ in data.others.values()]
    constant += [(_NUMBERS, count)] * 2  # the visiting order, or the centres of cells on no grid
    return _HEAD_BYTES + state_bytes(constant) + (kept + 2) * state_bytes(changing)


def begin(data: CellData, path: Path, title: str) -> None:
    """Make a series with its first state."""
    with _naming_room(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with netcdf_library().Dataset(path, "w", format=FORMAT) as file:
            file.setncatts({SERIES_MARK: 1.0, HEAD_BYTES: 0.0, "Conventions": "CF-1.8", "title": title})
            _define(file, data)
        with netcdf_library().Dataset(path, "a") as file:
            file.setncattr(HEAD_BYTES, float(path.stat().st_size))
    add_state(data, path)


def add_state(data: CellData, path: Path) -> None:
    """Add a state to a series, unless it is the last already; no other state is in memory."""
    with _naming_room(path), netcdf_library().Dataset(path, "a") as file:
        file.set_auto_maskandscale(False)
        at = len(file.dimensions[TIME])
        if at and file[TIME][at - 1] == data.step:
            return
        for name, count in data.counters.items():
            file[TIME if name == PASSO else name][at] = count
        for name, field in data.fields.items():
            if field.changes:
                file[name][at] = _stored(data.target, data.values[name], *_type_of(field))


@contextmanager
def _naming_room(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:
        size = path.stat().st_size if path.exists() else 0
        raise unwritten(path, str(error), path.parent, size) from error


def _define(file: Any, data: CellData) -> None:
    """Define the variables of a series, and write those that have the same values in all states."""
    layout = data.target
    over = PLACES if isinstance(layout, Pixels) else (CELL,)
    file.createDimension(TIME, None)
    sizes = layout.inside.shape if isinstance(layout, Pixels) else (layout.cells,)
    for name, size in zip(over, sizes, strict=True):
        file.createDimension(name, size)
    time = file.createVariable(TIME, _NUMBERS, (TIME,))
    time.setncatts({"long_name": "step, counted from the start of the first run", "units": "1", "axis": "T"})
    for name in data.counters.keys() - {PASSO}:
        file.createVariable(name, _NUMBERS, (TIME,)).units = "1"
    common = _define_places(file, layout)

    def constant(name: str, values: NDArray[Any], fill: float, attributes: Mapping[str, Any]) -> None:
        variable = file.createVariable(name, values.dtype, over, fill_value=fill)
        variable.set_auto_maskandscale(False)
        variable.setncatts({**attributes, **common})
        variable[:] = values

    for name, field in data.fields.items():
        dtype, fill = _type_of(field)
        if field.changes:
            variable = file.createVariable(name, dtype, (TIME, *over), fill_value=fill)
            variable.setncatts(_attributes(field) | common)
        else:
            constant(name, _stored(layout, data.values[name], dtype, fill), fill, _attributes(field))
    if isinstance(layout, Pixels) and layout.order is not None:
        order = _stored(layout, layout.order, _NUMBERS, math.nan)
        constant(ORDER, order, math.nan, {"long_name": "place in the visiting order"})
    for name, (band, _) in data.others.items():
        dtype, fill = _wider(band.dtype), _fill_of(_wider(band.dtype))
        constant(name, np.where(data.hidden(name), fill, band.astype(dtype)).astype(dtype), fill, {})


def _define_places(file: Any, layout: Layout) -> dict[str, str]:
    """Write the coordinates of the cells and the CRS; return the attributes that refer a variable to them."""
    if isinstance(layout, Pixels):
        given, transform = layout.crs, layout.transform
        y, x = (np.arange(size, dtype=_NUMBERS) for size in layout.inside.shape)
        if transform is not None:
            y, x = transform.f + (y + 0.5) * transform.e, transform.c + (x + 0.5) * transform.a
    else:
        given, transform = layout.frame.crs, None
        x, y = shapely.get_coordinates(shapely.centroid(layout.frame.geometry.to_numpy())).T
    crs = None if given is None else CRS.from_user_input(given)
    axes = {} if crs is None else {axis["axis"].lower(): axis for axis in crs.cs_to_cf() if "axis" in axis}
    for name, values in zip(PLACES, (y, x), strict=True):
        note = axes.get(name, {"long_name": f"{name} of the centre", "axis": name.upper()})
        if not isinstance(layout, Pixels):  # an axis is a coordinate that is a dimension
            note.pop("axis")
        variable = file.createVariable(name, _NUMBERS, (name,) if isinstance(layout, Pixels) else (CELL,))
        variable.setncatts(note)
        variable[:] = values
    common = {} if isinstance(layout, Pixels) else {"coordinates": " ".join(PLACES)}
    if crs is None and transform is None:
        return common
    mapping = file.createVariable(GRID, np.int32, ())
    mapping.setncatts({} if crs is None else crs.to_cf())
    if transform is not None:
        mapping.GeoTransform = " ".join(repr(float(part)) for part in transform.to_gdal())
    mapping[...] = 0
    return common | {"grid_mapping": GRID}


def _attributes(field: Field) -> dict[str, Any]:
    """Return what the values of a field mean, by the CF conventions."""
    if isinstance(field, Classes):
        codes = np.array([one.code for one in field.legend], _type_of(field)[0])
        words = (re.sub(r"[^\w.@+-]+", "_", one.name) for one in field.legend)
        return {"long_name": field.name, "flag_values": codes, "flag_meanings": " ".join(words)}
    return {"long_name": field.name, "units": getattr(field, "unit", "") or "1"}


def _type_of(field: Field) -> tuple[np.dtype[Any], float]:
    """Return the dtype of a field in the file, and the value of pixels that are no cells."""
    dtype: np.dtype[Any] = _NUMBERS
    if isinstance(field, Classes):
        highest = max(one.code for one in field.legend)
        dtype = np.dtype(np.int8 if highest < np.iinfo(np.int8).max else np.int16)
    return dtype, _fill_of(dtype)


def _wider(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(_WIDER.get(dtype.name, _NUMBERS))


def _fill_of(dtype: np.dtype[Any]) -> float:
    return math.nan if dtype.kind == "f" else float(np.iinfo(dtype).max)


def _stored(layout: Layout, values: NDArray[Any], dtype: np.dtype[Any], fill: float) -> NDArray[Any]:
    """Return values over the cells as the file has them."""
    if not isinstance(layout, Pixels):
        return values.astype(dtype)
    picture = np.where(layout.inside, layout.picture(values.astype(dtype), fill), dtype.type(fill))
    return layout.as_stored(picture, slice(None))


def _slots(layout: Layout) -> int:
    """Return how many values a state has of each field."""
    return layout.inside.size if isinstance(layout, Pixels) else layout.cells
