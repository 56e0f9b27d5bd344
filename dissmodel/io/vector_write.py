"""From a frame to a layer of a vector file: through Arrow where pyarrow is there, else without, the same."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from dissmodel.errors import DissmodelWarning, InvalidInput, MissingModule, extra_hint
from dissmodel.io.fields import Field, datetime_texts, fields_of
from dissmodel.io.layer import require_pyarrow
from dissmodel.io.vector_read import FID_COLUMN, free_name, has_pyarrow

if TYPE_CHECKING:
    import geopandas as gpd

FORMATS = {
    "GPKG": "a GeoPackage",
    "FlatGeobuf": "a FlatGeobuf",
    "ESRI Shapefile": "a Shapefile",
    "GeoJSON": "GeoJSON",
}
"""GDAL's driver → what people call the format."""

_PINNED_TIME = "2000-01-01T00:00:00.000Z"
_MOST_NAMES = 20
_DBF_NAME_LENGTH = 10
_WGS84 = 4326
# Geometries that exist as bytes of Python's own at one time.
_AT_ONCE = 2**16
# What pyogrio's arrays, and so a run without pyarrow, can't write.
_FOR_NUMPY_ONLY = {"nan_as_null", "promote_to_multi"}
_WITHOUT = {
    "GeoJSON": frozenset({"binary"}),
    "ESRI Shapefile": frozenset({"binary", "datetime"}),
}
_AS_TEXT = {
    "GPKG": {"list", "time", "other"},
    "FlatGeobuf": {"list", "time", "other"},
    "ESRI Shapefile": {"list", "time", "other", "datetime", "binary"},
    "GeoJSON": {"other", "binary"},
}
_IN_WORDS = {
    "list": "lists",
    "time": "times of day",
    "datetime": "datetimes",
    "binary": "binary values",
    "date": "dates",
    "other": "such values",
}


def write_frame(
    frame: gpd.GeoDataFrame, path: Path, driver: str, layer: str, options: Mapping[str, Any]
) -> list[Field]:
    """Write a frame, and warn of what the format can't hold; return the fields.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        What to write; its index isn't.
    path : pathlib.Path
        A file that isn't there.
    driver : str
        GDAL's, or "Parquet".
    layer : str
        The layer's name, where the format keeps one.
    options : Mapping of str to Any
        For `pyogrio.raw.write`, for GeoParquet to `GeoDataFrame.to_parquet`.

    Raises
    ------
    InvalidInput
        If the format can't hold the data.
    UsageError
        If that takes pyarrow and it isn't installed.
    """
    if driver == "Parquet":
        require_pyarrow(path.name)
        if frame.attrs:
            # They would be written, and two equal frames have different ones.
            frame = frame.copy(deep=False)
            frame.attrs = {}
        frame.to_parquet(path, **{"index": False, **options})
        return []
    if driver == "GeoJSON":
        frame = _on_wgs84(frame)
    geometries = np.asarray(frame.geometry.array, dtype=object)
    fields = list(fields_of(frame, without=_WITHOUT.get(driver, frozenset())))
    _warn_of_losses(fields, driver)
    shared = {
        "driver": driver,
        "layer": layer,
        "crs": _crs(frame),
        "geometry_type": _geometry_type(geometries, driver),
        **_creation_options(frame, fields, driver),
        **options,
    }
    with _time_pinned():
        if has_pyarrow() and not _FOR_NUMPY_ONLY & options.keys():
            _through_arrow(path, geometries, fields, shared)
        else:
            _through_numpy(path, geometries, fields, shared)
    return fields


def _through_arrow(
    path: Path, geometries: NDArray[Any], fields: Sequence[Field], shared: dict[str, Any]
) -> None:
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    arrow: Any = importlib.import_module("pyarrow")
    columns, schema = [], []
    for field in fields:
        values, null, metadata = field.values, field.null, None
        if field.offsets is not None:
            # Arrow has one offset a column, GDAL one a value.
            values, metadata = datetime_texts(values, field.offsets), {"GDAL:OGR:type": "DateTime"}
        kind = {"text": arrow.large_string(), "binary": arrow.large_binary()}.get(field.kind)
        kind = arrow.large_string() if metadata else kind
        columns.append(arrow.array(values, kind, mask=null if null.any() else None))
        schema.append(arrow.field(field.name, columns[-1].type, metadata=metadata))
    geometry = free_name("geometry", {field.name.lower() for field in fields})
    parts = [geometries[at : at + _AT_ONCE] for at in range(0, len(geometries), _AT_ONCE)]
    wkb = [arrow.array(shapely.to_wkb(part, flavor="iso"), arrow.large_binary()) for part in parts]
    # In one piece: GDAL writes each in a transaction of its own, which shows in a GeoPackage's bytes.
    columns.append(arrow.chunked_array(wkb, arrow.large_binary()).combine_chunks())
    schema.append(arrow.field(geometry, arrow.large_binary()))
    table = arrow.table(columns, schema=arrow.schema(schema))
    pyogrio.raw.write_arrow(table, path, geometry_name=geometry, **shared)


def _through_numpy(
    path: Path, geometries: NDArray[Any], fields: Sequence[Field], shared: dict[str, Any]
) -> None:
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    binary = [field.name for field in fields if field.kind == "binary"]
    if binary:
        raise MissingModule(
            f"{path.name}: to write the binary values in {_listed(binary)} needs pyarrow.",
            extra_hint("pyarrow"),
        )
    pyogrio.raw.write(
        path,
        shapely.to_wkb(geometries, flavor="iso"),
        [field.values for field in fields],
        [field.name for field in fields],
        field_mask=[field.null if field.values.dtype.kind in "biu" else None for field in fields],
        gdal_tz_offsets={field.name: field.offsets for field in fields if field.offsets is not None},
        **{"promote_to_multi": False, **shared},
    )


def _creation_options(frame: gpd.GeoDataFrame, fields: Sequence[Field], driver: str) -> dict[str, Any]:
    match driver:
        case "GPKG":
            taken = {field.name.lower() for field in fields}
            ids = str(frame.attrs.get(FID_COLUMN, "fid"))
            keeps = any(field.name == ids and _are_ids(field) for field in fields)
            return {
                "FID": ids if keeps else free_name(ids, taken),
                "GEOMETRY_NAME": free_name("geom", taken),
            }
        case "FlatGeobuf":
            return {"SPATIAL_INDEX": "NO"}  # an index puts the features in its own order
        case "GeoJSON":
            return {"COORDINATE_PRECISION": 17, "SIGNIFICANT_FIGURES": 17, "RFC7946": "NO"}
        case _:
            return {"layer": None, "encoding": "UTF-8", "DBF_DATE_LAST_UPDATE": _PINNED_TIME[:10]}


def _are_ids(field: Field) -> bool:
    """Tell whether features with these ids come back in this order."""
    whole = field.kind == "integer" and not field.null.any()
    return whole and bool((field.values[1:] > field.values[:-1]).all() and (field.values[:1] > 0).all())


def _geometry_type(geometries: NDArray[Any], driver: str) -> str:
    """Return what pyogrio calls the type of the layer, one that leaves each geometry as it is."""
    there = geometries[~shapely.is_missing(geometries) & ~shapely.is_empty(geometries)]
    some = there if len(there) else geometries[~shapely.is_missing(geometries)]
    types = {one.geom_type for one in some[np.unique(shapely.get_type_id(some), return_index=True)[1]]}
    heights, measures = shapely.has_z(there), _has_m(there)
    if driver == "FlatGeobuf" and any(len(np.unique(one)) > 1 for one in (heights, measures)):
        raise InvalidInput(
            f"{np.count_nonzero(heights)} of {len(geometries)} geometries have heights, and a FlatGeobuf "
            "holds them in all or in none.",
            "Choose another format, such as .gpkg.",
        )
    if driver == "ESRI Shapefile" and types in (
        {"Polygon", "MultiPolygon"},
        {"LineString", "MultiLineString"},
    ):
        types = {one.removeprefix("Multi") for one in types}
    if len(types) != 1:
        return "Unknown"
    name = types.pop()
    if measures.any():
        return f"Measured 3D {name}" if heights.any() else "PointM" if name == "Point" else f"Measured {name}"
    return f"{name} Z" if heights.any() else name


def _has_m(geometries: NDArray[Any]) -> NDArray[np.bool_]:
    # Before 2.1 shapely had no measures.
    found: NDArray[np.bool_] = getattr(shapely, "has_m", shapely.is_missing)(geometries)
    return found


def _crs(frame: gpd.GeoDataFrame) -> str | None:
    if frame.crs is None:
        return None
    code = frame.crs.to_epsg()
    return f"EPSG:{code}" if code else str(frame.crs.to_wkt("WKT1_GDAL"))


@contextmanager
def _time_pinned() -> Iterator[None]:
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _PINNED_TIME})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _on_wgs84(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    if frame.crs is None:
        _warn("the data has no CRS, but readers of GeoJSON will take it for WGS 84.")
        return frame
    if frame.crs.to_epsg() == _WGS84:
        return frame
    _warn(
        f"GeoJSON stores longitude and latitude on WGS 84: coordinates in {frame.crs.name} were transformed."
    )
    return frame.to_crs(_WGS84)


def _warn_of_losses(fields: Sequence[Field], driver: str) -> None:
    """Warn of what the format has no place for, as far as the fields tell."""
    name = FORMATS[driver]
    for kind in ("list", "time", "datetime", "binary", "other"):
        of_it = [field.name for field in fields if field.given == kind]
        if of_it and kind in _AS_TEXT[driver]:
            _warn(f"{name} has no {_IN_WORDS[kind]}: {_listed(of_it)} are written as text.")
    dates = [field.name for field in fields if field.kind == "date"]
    if dates and driver == "FlatGeobuf":
        _warn(f"{name} has no dates: {_listed(dates)} are written as datetimes at midnight.")
    if driver == "ESRI Shapefile":
        long = [field.name for field in fields if len(field.name.encode()) > _DBF_NAME_LENGTH]
        if long:
            _warn(f"{name} holds {_DBF_NAME_LENGTH} letters of a name; cut: {_listed(long)}.")
        empty = [field.name for field in fields if field.kind == "text" and (field.values == "").any()]
        if empty:
            _warn(f"{name} has no empty text: in {_listed(empty)} it is written as nothing (null).")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (" …" if len(names) > _MOST_NAMES else "")


def _warn(message: str) -> None:
    warnings.warn(message, DissmodelWarning, stacklevel=3)
