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

from dissmodel import gdal_settings
from dissmodel.errors import DissmodelWarning, InvalidInput, MissingModule, extra_hint
from dissmodel.io.fields import Field, datetime_texts, fields_of, refuse_repeated
from dissmodel.io.geopackage import stated_size
from dissmodel.io.layer import has_pyarrow, open_layer, require_pyarrow
from dissmodel.io.vector_limits import (
    FORMATS,
    WITHOUT,
    geometry_types,
    has_m,
    listed,
    refuse_fields,
    refuse_geometries,
    warn,
    warn_of_losses,
)
from dissmodel.io.vector_read import FID_COLUMN, free_name
from dissmodel.io.wgs84 import is_on_wgs84, on_wgs84

if TYPE_CHECKING:
    import geopandas as gpd

_PINNED_TIME = "2000-01-01T00:00:00.000Z"
# Geometries that exist as bytes of Python's own at one time.
_AT_ONCE = 2**16
# What pyogrio's arrays, and so a run without pyarrow, can't write.
_FOR_NUMPY_ONLY = {"nan_as_null", "promote_to_multi"}
# GDAL's Arrow takes a column of this name for the ids of the features.
_ARROW_IDS = "OGC_FID"
# Formats that store numbers as text, which GDAL shortens.
_NUMBERS_AS_TEXT = {"ESRI Shapefile", "GeoJSON"}


def write_frame(
    frame: gpd.GeoDataFrame,
    path: Path,
    driver: str,
    layer: str,
    options: Mapping[str, Any],
    *,
    read_back: bool = True,
) -> None:
    """Write a frame into a new file, read it back, and warn of what the format can't hold.

    Without `read_back`, which needs a caller that reads all of the file itself, the features of a GeoPackage
    are only counted.

    `driver` is GDAL's, or "Parquet"; `options` are for `pyogrio.raw.write` or `GeoDataFrame.to_parquet`.
    Raises InvalidInput if the format can't hold the data; UsageError if that takes pyarrow and it isn't
    installed; OSError if the file is incomplete.
    """
    gdal_settings.ignore()
    if driver == "Parquet":
        _write_parquet(frame, path, options)
        return
    frame, geometries, fields = _planned(frame, driver, losses=True)
    shared = {
        "driver": driver,
        "layer": layer,
        "crs": _crs(frame),
        "geometry_type": _geometry_type(geometries, driver),
        **_creation_options(frame, fields, driver),
        **options,
    }
    in_arrow = has_pyarrow() and not _FOR_NUMPY_ONLY & options.keys() and not _arrow_mixes_up(fields, driver)
    with _time_pinned():
        if in_arrow:
            _through_arrow(path, geometries, fields, shared)
        else:
            _through_numpy(path, geometries, fields, shared)
    indexed = driver == "GPKG" and "SPATIAL_INDEX" not in map(str.upper, options)
    whole = read_back or driver != "GPKG"
    _check_written(path, driver, len(frame), fields, indexed=indexed, whole=whole)


def _planned(
    frame: gpd.GeoDataFrame, driver: str, *, losses: bool
) -> tuple[gpd.GeoDataFrame, NDArray[Any], list[Field]]:
    """Return what a format makes of a frame: the features on the format's CRS, their geometries, the fields.

    With `losses`, warn of what the format changes.
    """
    given, cut = frame, 0
    if driver == "GeoJSON" and not is_on_wgs84(frame):
        frame, cut = on_wgs84(frame)
    geometries = np.asarray(frame.geometry.array, dtype=object)
    fields = list(fields_of(frame, without=WITHOUT.get(driver, frozenset())))
    refuse_fields(fields, driver)
    refuse_geometries(geometries, driver)
    if losses and driver == "GeoJSON":
        _warn_of_place(given, cut)
    if losses:
        warn_of_losses(fields, driver)
    return frame, geometries, fields


def check_frame(frame: gpd.GeoDataFrame, driver: str, *, losses: bool) -> None:
    """Raise what `write_frame` would raise, as far as it shows before; `losses`: warn of what changes."""
    if driver == "Parquet":
        require_pyarrow("The output")
        refuse_repeated(frame)
        return
    _planned(frame, driver, losses=losses)


def _write_parquet(frame: gpd.GeoDataFrame, path: Path, options: Mapping[str, Any]) -> None:
    require_pyarrow(path.name)
    refuse_repeated(frame)
    arrow: Any = importlib.import_module("pyarrow")
    if frame.attrs:
        # They would be written, and two equal frames have different ones.
        frame = frame.copy(deep=False)
        frame.attrs = {}
    try:
        frame.to_parquet(path, **{"index": False, **options})
    except (arrow.ArrowInvalid, arrow.ArrowTypeError) as error:
        raise InvalidInput(
            f"GeoParquet can't hold the data: {'; '.join(map(str, error.args))}.",
            "A column holds values of one type: convert it, for example to text.",
            code="column_type",
        ) from error


def _arrow_mixes_up(fields: Sequence[Field], driver: str) -> bool:
    """Tell whether GDAL would mix up these columns where it gets them through Arrow.

    It looks for the place of each by its name, whatever the case, and finds the first.
    """
    names = [field.name for field in fields]
    mixed = driver != "GPKG" and (_ARROW_IDS in names or len({one.casefold() for one in names}) < len(names))
    if mixed and any(field.kind == "binary" for field in fields):
        raise InvalidInput(
            f"Beside columns with binary values, {FORMATS[driver]} can't hold a column {_ARROW_IDS!r}, nor "
            "two whose names differ in upper and lower case only.",
            "Rename the column, or choose another format, such as .parquet.",
            code="column_repeated",
        )
    return mixed


def _warn_of_place(given: gpd.GeoDataFrame, cut: int) -> None:
    """Warn of what becomes of coordinates in GeoJSON."""
    if given.crs is None:
        warn("the data has no CRS, but readers of GeoJSON will take it for WGS 84.")
    elif not is_on_wgs84(given):
        stores = "GeoJSON stores longitude and latitude on WGS 84"
        warn(f"{stores}: coordinates in {given.crs.name} were transformed.")
    if cut:
        warn(
            f"{cut} of {len(given)} features cross longitude 180: GeoJSON holds each of them as "
            "several parts, cut there."
        )


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
    columns.append(_wkb(geometries, arrow))
    schema.append(arrow.field(geometry, arrow.large_binary()))
    table = arrow.table(columns, schema=arrow.schema(schema))
    pyogrio.raw.write_arrow(table, path, geometry_name=geometry, **shared)


def _wkb(geometries: NDArray[Any], arrow: Any) -> Any:
    """Return geometries as ISO WKB, an Arrow array in one piece.

    GDAL writes each piece in a transaction of its own, which shows in a GeoPackage's bytes.
    """
    alike = _alike_polygons(geometries)
    if alike is not None:
        offsets = np.arange(len(alike) + 1, dtype=np.int64) * alike.itemsize
        buffers = [None, arrow.py_buffer(offsets), arrow.py_buffer(alike)]
        return arrow.Array.from_buffers(arrow.large_binary(), len(alike), buffers)
    parts = [geometries[at : at + _AT_ONCE] for at in range(0, len(geometries), _AT_ONCE)]
    wkb = [arrow.array(shapely.to_wkb(part, flavor="iso"), arrow.large_binary()) for part in parts]
    return arrow.chunked_array(wkb, arrow.large_binary()).combine_chunks()


def _alike_polygons(geometries: NDArray[Any]) -> NDArray[Any] | None:
    """Return polygons of as many vertices each, as cells are, as little-endian WKB; None for any others.

    The polygons have one ring, in two dimensions.
    """
    count = int(shapely.get_num_coordinates(geometries[:1]).sum())
    is_plain = (
        (shapely.get_type_id(geometries) == shapely.GeometryType.POLYGON)
        & (shapely.get_num_coordinates(geometries) == count)
        & (shapely.get_num_interior_rings(geometries) == 0)
    )
    if not count or not is_plain.all() or shapely.has_z(geometries).any() or has_m(geometries).any():
        return None
    head = [("order", "u1"), ("type", "<u4"), ("rings", "<u4"), ("vertices", "<u4")]
    wkb = np.empty(len(geometries), [*head, ("xy", "<f8", (count, 2))])
    wkb["order"], wkb["type"], wkb["rings"], wkb["vertices"] = 1, shapely.GeometryType.POLYGON, 1, count
    wkb["xy"] = shapely.get_coordinates(geometries).reshape(-1, count, 2)
    return wkb


def _through_numpy(
    path: Path, geometries: NDArray[Any], fields: Sequence[Field], shared: dict[str, Any]
) -> None:
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    binary = [field.name for field in fields if field.kind == "binary"]
    if binary:
        raise MissingModule(
            f"{path.name}: to write the binary values in {listed(binary)} needs pyarrow.",
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
    types = geometry_types(some)
    heights, measures = shapely.has_z(there), has_m(there)
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


def _check_written(
    path: Path, driver: str, count: int, fields: Sequence[Field], *, indexed: bool, whole: bool
) -> None:
    """Read the file back: GDAL does not report a disk that is full at the very end. Warn of rounded numbers.

    `indexed` says whether it has a spatial index; without `whole`, geometries are counted, not read. Raises
    OSError if not all of it is there.
    """
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    if not count:
        return
    try:
        chosen = open_layer(path)
        info = pyogrio.read_info(chosen.source)
        # Names may be cut, but the order stays.
        numbers = [
            (field, name)
            for field, name in zip(fields, info["fields"].tolist(), strict=len(fields) == len(info["fields"]))
            if driver in _NUMBERS_AS_TEXT and field.kind in {"integer", "real"}
        ]
        columns = [name for _, name in numbers]
        meta, ids, _, values = pyogrio.raw.read(
            chosen.source, columns=columns, read_geometry=whole, return_fids=True
        )
    except (InvalidInput, pyogrio.errors.DataLayerError) as error:
        raise OSError(None, f"it is incomplete ({error})") from error
    if len(ids) != count:
        raise OSError(None, f"only {len(ids)} of {count} features arrived")
    if indexed and not info["capabilities"]["fast_spatial_filter"]:
        raise OSError(None, "its spatial index, which is written last, is missing")
    read = dict(zip(meta["fields"], values, strict=True))
    if not whole and path.stat().st_size < stated_size(path):
        raise OSError(None, "its end is missing")
    rounded = [field.name for field, name in numbers if not _equal(field, read[name])]
    if rounded:
        warnings.warn(
            f"{FORMATS[driver]} stores numbers as text: some in {', '.join(rounded)} are rounded.",
            DissmodelWarning,
            stacklevel=2,
        )


def _equal(field: Field, found: NDArray[Any]) -> bool:
    given, kept = field.values[~field.null], found[~field.null]
    if kept.dtype.kind not in "biuf":
        return not len(given)
    # As what they were: floats round large integers alike, and have more digits than short floats.
    with np.errstate(invalid="ignore", over="ignore"):
        return np.array_equal(given, kept.astype(given.dtype) if kept.dtype.kind == "f" else kept)
