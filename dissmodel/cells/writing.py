"""The state of a model as a dataset, in the format of the path's suffix, and a QGIS style beside it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.fields import Classes, Numbers
from dissmodel.cells.layout import Layout, Pixels, Polygons
from dissmodel.cells.pictures import ORDER
from dissmodel.cells.reading import CellData, Rows, rows_of
from dissmodel.cells.style import polygon_qml, raster_qml, write_style
from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.record.digest import sha256_file

if TYPE_CHECKING:
    from geopandas import GeoDataFrame, GeoSeries

RASTERS = (".tif", ".tiff")
VECTORS = (".gpkg", ".parquet", ".fgb", ".geojson", ".json", ".shp")
SERIES = (".nc",)

_NAMED = 10
_SHAPEFILE_NAME = 10  # bytes
# The bytes of a number, its field name and the marks around them in GeoJSON, the largest format.
_FIELD_BYTES, _COORDINATE_BYTES, _FEATURE_BYTES = 40, 25, 200
_NUMBER_BYTES = 8
_COLUMNS = 2048  # of a block of an array on disk
_Some = Callable[[Rows], NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class RasterForm:
    """How a model's rasters are written.

    Attributes
    ----------
    nodata : float, optional
        What all bands have where no cell is; the bands are of float64 then. By default the values decide:
        bands of integers where they leave a number free for it, else float64 and NaN.
    others : bool
        Whether the bands of the input that the model does not declare are in the result.
    units : bool
        Whether a band has the unit of its field as a tag.
    """

    nodata: float | None = None
    others: bool = True
    units: bool = True


def is_series(path: str | Path | None) -> bool:
    """Tell whether a path is that of all states in one file, by its suffix."""
    return path is not None and Path(path).suffix.lower() in SERIES


def target_of(data: CellData, path: str) -> Layout:
    """Return how the cells are written to `path`: polygons as pixels where that is a raster.

    Raises UsageError or InvalidInput if they can't be.
    """
    layout, suffix = data.layout, Path(path).suffix.lower()
    if suffix not in {*RASTERS, *SERIES}:
        if isinstance(layout, Polygons):
            return layout
        raise UsageError(
            f"{path}: the input is a raster, and its cells are written as a raster.",
            f"--output {Path(path).with_suffix('.tif').name}",
            code="output_suffix",
        )
    if isinstance(layout, Pixels):
        return layout
    geometry = layout.frame.geometry.name
    left = [str(name) for name in layout.frame if name not in layout.found.values() and name != geometry]
    if left:
        warnings.warn(
            f"The result has the fields of the model only, without {', '.join(left[:_NAMED])}"
            f"{' …' if len(left) > _NAMED else ''}.",
            DissmodelWarning,
            stacklevel=2,
        )
    try:
        return layout.as_pixels
    except InvalidInput:
        if suffix in RASTERS:
            raise
        return layout  # a series may be of cells on no grid


def write_cells(
    data: CellData, path: Path, layer: str, form: RasterForm, *, hashed: bool = True
) -> dict[str, str]:
    """Write data as its target; and its style. Return the digest of each file by its name in a record.

    Without `hashed` the data has no digest: the caller reads and hashes it.
    """
    layout, digest = data.target, ""
    if is_series(path):
        from dissmodel.cells.series import add_state  # noqa: PLC0415  (few results are a series)

        add_state(data, path)
    elif isinstance(layout, Pixels):
        _write_raster(data, layout, path, form)
    else:
        from dissmodel.io.vector import save_gdf  # noqa: PLC0415  (a raster needs no pandas)

        digest = save_gdf(with_values(data, layout), path, layer=layer, hashed=hashed)
    if hashed and not digest:
        digest = sha256_file(path)
    written = {"output": digest} if digest else {}
    coloured = next((one for one in data.fields.values() if isinstance(one, Classes)), None)
    if coloured is not None and isinstance(layout, Pixels):
        # GDAL reads each variable of a series as a raster of its own.
        band = 1 if is_series(path) else list(data.fields).index(coloured.name) + 1
        written["style"] = write_style(path, raster_qml(coloured.legend, band))
    elif coloured is not None and isinstance(layout, Polygons) and not is_series(path):
        column = layout.found.get(coloured.name, coloured.name)
        if path.suffix.lower() == ".shp":  # it cuts names
            column = column.encode()[:_SHAPEFILE_NAME].decode(errors="ignore")
        written["style"] = write_style(path, polygon_qml(coloured.legend, column))
    return written


def most_bytes(data: CellData) -> int:
    """Return how many bytes the state takes at most in its target: a raster without compression."""
    layout = data.target
    if isinstance(layout, Pixels):
        bands = len(data.fields) + len(data.others) + (layout.order is not None)
        return _NUMBER_BYTES * bands * layout.inside.size
    return most_bytes_of(with_values(data, layout), len(data.fields))


def most_bytes_of(opened: Any, fields: int) -> int:
    """Return how many bytes a result of so many fields takes at most, from a dataset that was not read.

    Of polygons these are their own bytes, in the most wordy of the formats; of a raster those of the fields.
    """
    if not hasattr(opened, "geometry"):
        return _NUMBER_BYTES * fields * math.prod(getattr(opened, "shape", ()))
    columns = opened.drop(columns=opened.geometry.name)
    names = sum(len(str(name)) + _FIELD_BYTES for name in columns)
    coordinates = int(opened.geometry.count_coordinates().sum())
    held = int(columns.memory_usage(index=False, deep=True).sum())
    return held + 2 * _COORDINATE_BYTES * coordinates + (_FEATURE_BYTES + names) * len(columns)


def check_savable(data: CellData, path: str, *, losses: bool) -> None:
    """Refuse cells that the format of `path` can't hold; with `losses` warn of what it changes."""
    if is_series(path):
        from dissmodel.cells import series  # noqa: PLC0415  (few results are a series)

        series.check(data, path)
    elif isinstance(data.target, Polygons):
        from dissmodel.io.vector import check_savable as check  # noqa: PLC0415  (a raster needs no pandas)

        check(with_values(data, data.target), path, losses=losses)


def with_values(data: CellData, layout: Polygons) -> GeoDataFrame:
    """Return the features with the values of the fields and the counters; all other columns are unchanged.

    A column keeps its type where that holds every value exactly, else it becomes float64; what isn't there,
    such as ``passo``, is added.
    """
    frame, found = layout.frame, layout.found
    new: dict[str, NDArray[Any]] = {
        found.get(name, name): array.astype(np.int64) if array.dtype.kind == "u" else array
        for name, array in data.values.items()
    }
    for name, count in data.counters.items():
        new[found.get(name, name)] = np.full(layout.cells, count, dtype=np.int64)
    return frame.assign(**{name: _typed(array, frame.get(name)) for name, array in new.items()})


def _typed(values: NDArray[Any], before: GeoSeries | None) -> Any:
    """Return `values` in the type that they had before, if it holds them."""
    if before is None:
        return values
    with np.errstate(invalid="ignore", over="ignore"):
        kept = values.astype(getattr(before.dtype, "numpy_dtype", before.dtype))
    return kept if np.array_equal(kept, values) else values.astype(np.float64)


def _write_raster(data: CellData, layout: Pixels, path: Path, form: RasterForm) -> None:
    from dissmodel.io.raster import write_geotiff  # noqa: PLC0415  (polygons need no such writer)

    own = dict(data.values)
    if layout.order is not None:
        own[ORDER] = layout.order
    dtype, nodata = (np.dtype(np.float64), form.nodata) if form.nodata is not None else _type_of(own, data)
    outside = np.asarray(nodata, dtype)
    bands: dict[str, _Some] = {}
    for name, array in own.items():
        around = data.fields[name].outside if name in data.fields else -1
        bands[name] = partial(_some, layout, layout.picture(array, around), outside)
    for name in data.others:
        bands[name] = partial(_as_written, data, name, outside)
    write_geotiff(
        path,
        bands,
        shape=layout.shape,
        dtype=dtype,
        nodata=nodata,
        transform=layout.transform,
        crs=layout.crs,
        tags={name: str(count) for name, count in data.counters.items()},
        band_tags={
            name: {"unit": one.unit}
            for name, one in data.fields.items()
            if form.units and isinstance(one, Numbers) and one.unit
        },
        columns=_COLUMNS if isinstance(layout.inside, np.memmap) else None,
    )


def _some(layout: Pixels, picture: NDArray[Any], outside: NDArray[Any], rows: Rows) -> NDArray[Any]:
    """Return rows of the file, so that no band is whole in memory in the type that is written."""
    part = layout.as_stored(picture, rows)
    return np.where(layout.as_stored(layout.inside, rows), part, outside)


def _as_written(data: CellData, name: str, outside: NDArray[Any], rows: Rows) -> NDArray[Any]:
    """Return rows of a band that the model does not declare, with the result's own nodata value."""
    part = data.others[name][0][rows]
    return np.where(data.hidden(name, rows), outside, part.astype(outside.dtype))


def _type_of(own: Mapping[str, NDArray[Any]], data: CellData) -> tuple[np.dtype[Any], float]:
    """Return the dtype of a GeoTIFF with these bands, and a nodata value that is a value of none.

    A GeoTIFF has one of each: integers of at most 32 bits where all bands are integers and leave a value
    free, else float64 and NaN.
    """
    bands = [*((array, ()) for array in own.values()), *data.others.values()]
    common = np.result_type(*(array for array, _ in bands))
    if common.kind in "iu" and common.itemsize < _NUMBER_BYTES:
        bounds = np.iinfo(common)
        nodata = bounds.max if common.kind == "u" else bounds.min
        if not any(nodata not in absent and _holds(array, nodata) for array, absent in bands):
            return common, float(nodata)
    for name in data.others:
        lost = data.beyond_floats(name)
        if lost:
            raise InvalidInput(
                f"The band {name!r} holds integers beyond 2**53, which the result can't hold beside the "
                f"fields of the model ({lost} pixels).",
                "Leave that band out of the input: gdal_translate -b N IN.tif OUT.tif",
            )
    return np.dtype(np.float64), float("nan")


def _holds(array: NDArray[Any], value: int) -> bool:
    if array.ndim == 1:
        return bool((array == value).any())
    return any((array[rows] == value).any() for rows in rows_of(array.shape))
