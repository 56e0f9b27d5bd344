"""From a layer of a vector file to a frame: through Arrow where pyarrow is there, else without, the same."""

from __future__ import annotations

import importlib
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from dissmodel.errors import DissmodelWarning, InvalidInput, did_you_mean
from dissmodel.io.foreign import again
from dissmodel.io.layer import Layer, has_pyarrow, require_pyarrow
from dissmodel.io.proj import check_proj

if TYPE_CHECKING:
    import geopandas as gpd

FID_COLUMN = "fid_column"
"""In a frame's `attrs`: the name of the column of feature ids in the GeoPackage that it is from."""

_UNDEFINED = re.compile(r'\s*\w+\s*\[\s*"undefined\b', re.IGNORECASE)
_OFFSET = r"T.*(Z|[+-]\d\d(?::?\d\d)?)$"
# Geometries beyond those are curves; pyogrio makes lines of them where Arrow hands them over.
_LAST_PLAIN = int(shapely.GeometryType.GEOMETRYCOLLECTION)
_EXACT_IN_FLOAT = 2**53
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


class _Read(NamedTuple):
    """What was read: facts about the layer, feature ids, geometries, columns in the order of the fields."""

    meta: Mapping[str, Any]
    fids: NDArray[np.int64]
    geometries: NDArray[np.object_]
    columns: list[Any]


def read_frame(
    layer: Layer, columns: Sequence[str] | None, options: Mapping[str, Any], shown: str
) -> gpd.GeoDataFrame:
    """Read a layer with the types that its fields have.

    `options` are for `pyogrio.raw.read`, of a GeoParquet file for `geopandas.read_parquet`.

    Integers and booleans with nulls are pandas' nullable ones and keep every bit. Dates and times of day are
    objects of `datetime`. Datetimes are numpy's with the offset that all have, or objects where some differ.
    JSON is text. The feature ids of a GeoPackage are the first column where they are more than a count.
    Raises InvalidInput if there is no such column, two have one name, or a geometry is none.
    """
    import geopandas as gpd  # noqa: PLC0415  (it loads pandas)
    import pyogrio  # noqa: PLC0415  (the same)

    if layer.driver == "Parquet":
        frame = _read_parquet(layer.source, shown, options)
        if columns is None:
            return frame
        _check_columns(columns, frame.columns.drop(frame.geometry.name), shown)
        return frame[[*columns, frame.geometry.name]]
    if columns is not None:
        _check_columns(columns, pyogrio.read_info(layer.source, **layer.opening)["fields"], shown)
    wanted = {**layer.opening, "columns": columns, "datetime_as_string": True, "return_fids": True}
    if "encoding" in options:
        wanted.pop("ENCODING", None)
    read = _through_arrow if has_pyarrow() and "encoding" not in options else _through_numpy
    try:
        found = read(layer, {**wanted, **options})
    except UnicodeDecodeError:
        warnings.warn(
            "its text is not in the declared encoding; it is read as ISO-8859-1.",
            DissmodelWarning,
            stacklevel=3,
        )
        found = _through_numpy(layer, {**wanted, **options, "encoding": "ISO-8859-1"})
    _refuse_repeated_names(found.meta["fields"].tolist(), shown)
    fields = dict(zip(found.meta["fields"].tolist(), found.columns, strict=True))
    geometry = free_name("geometry", {name.lower() for name in fields})
    crs = known_crs(found.meta["crs"])
    if crs is not None:
        check_proj("pyproj")
    frame = gpd.GeoDataFrame({**fields, geometry: found.geometries}, geometry=geometry, crs=crs)
    if layer.driver == "GPKG" and columns is None and not options:
        name = pyogrio.read_info(layer.source, **layer.opening)["fid_column"] or "fid"
        frame.attrs[FID_COLUMN] = name
        if name not in frame.columns and not np.array_equal(found.fids, np.arange(1, len(frame) + 1)):
            frame.insert(0, name, found.fids)
    return frame


def _refuse_repeated_names(names: Sequence[str], shown: str) -> None:
    """Raise `InvalidInput` if two columns of a file have one name: it is unclear which is meant."""
    for name, count in Counter(names).items():
        if count > 1:
            raise InvalidInput(
                f"{shown} has {count} columns called {name!r}.",
                "Rename all but one of them, for example in QGIS with the tool Refactor fields.",
                code="column_repeated",
            )


def _check_columns(columns: Sequence[str], known: Sequence[str], shown: str) -> None:
    for name in columns:
        if name not in set(known):
            near = did_you_mean(name, map(str, known))
            raise InvalidInput(f"{shown} has no column {name!r}.", near or "The layer has no columns.")


def known_crs(crs: str | None) -> str | None:
    """Return a layer's CRS as GDAL gives it, None where it only says that it is undefined.

    A GeoPackage has two of those, srs_id -1 and 0, and GDAL gives each a name of its own.

    >>> known_crs('LOCAL_CS["Undefined Cartesian SRS",UNIT["Meter",1]]'), known_crs("EPSG:31983")
    (None, 'EPSG:31983')
    """
    return None if crs is not None and _UNDEFINED.match(crs) else crs


def free_name(name: str, taken: set[str]) -> str:
    """Return `name`, with as many ``_`` behind it as make it none of those taken, which are in lower case."""
    while name.lower() in taken:
        name += "_"
    return name


def nullable(values: NDArray[Any], null: NDArray[np.bool_]) -> Any:
    """Return integers or booleans as they are, or in pandas' type for them if some are null."""
    if not null.any():
        return values
    import pandas as pd  # noqa: PLC0415  (slow to load)

    return (pd.arrays.BooleanArray if values.dtype.kind == "b" else pd.arrays.IntegerArray)(values, null)


def _through_numpy(layer: Layer, wanted: dict[str, Any]) -> _Read:
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    meta, fids, wkb, fields = pyogrio.raw.read(layer.source, **wanted)
    columns = []
    for name, dtype, kind, values in zip(
        meta["fields"], meta["dtypes"], meta["ogr_types"], fields, strict=True
    ):
        if kind in {"OFTInteger", "OFTInteger64"} and values.dtype.kind == "f":
            null = np.isnan(values)
            exact = exact_integers(layer, name, values, null, fids)
            columns.append(nullable(exact.astype(dtype), null))
        else:
            columns.append(_typed(values, kind))
    return _Read(meta, fids, _whole(wkb), columns)


def _whole(wkb: NDArray[Any]) -> NDArray[np.object_]:
    """Return geometries; raise InvalidInput for what is none, such as a ring that doesn't close."""
    try:
        geometries: NDArray[np.object_] = shapely.from_wkb(wkb)
    except shapely.errors.ShapelyError as error:
        wrong = shapely.is_missing(shapely.from_wkb(wkb, on_invalid="ignore")) & (wkb != None)  # noqa: E711  (of each)
        raise InvalidInput(
            f"{np.count_nonzero(wrong)} of {len(wkb)} features have an invalid geometry; the first is "
            f"feature {np.argmax(wrong)}, counted from 0: {error}.",
            "Fix or remove them.",
            code="bad_geometry",
        ) from error
    return geometries


def _through_arrow(layer: Layer, wanted: dict[str, Any]) -> _Read:
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    try:
        meta, table = pyogrio.raw.read_arrow(layer.source, **wanted)
        # The ids come first and the geometry last; names may repeat theirs.
        parts = [_geometries(part) for part in table.columns[-1].chunks]
    except (OSError, ValueError, NotImplementedError, shapely.errors.ShapelyError):
        # A damaged file or geometry; a FlatGeobuf with a feature that has none, where GDAL's offsets are
        # wrong; curves, of which the other way makes lines.
        return _through_numpy(layer, wanted)
    if len(table.columns) != len(meta["fields"]) + len(("ids", "geometry")):
        # Of two columns with one name, GDAL leaves out the first alone.
        return _through_numpy(layer, wanted)
    geometries = np.concatenate([np.empty(0, dtype=object), *parts])
    if (shapely.get_type_id(geometries) > _LAST_PLAIN).any():
        return _through_numpy(layer, wanted)
    columns = []
    for kind, dtype, column in zip(meta["ogr_types"], meta["dtypes"], table.columns[1:-1], strict=True):
        if kind in {"OFTInteger", "OFTInteger64"}:
            null = _array(column.is_null())
            filled = column.fill_null(False if dtype == "bool" else 0) if column.null_count else column
            columns.append(nullable(_array(filled), null))
        elif kind == "OFTString":
            columns.append(_arrow_text(column))
        else:
            columns.append(_typed(_array(column), kind))
    return _Read(meta, _array(table.columns[0]), geometries, columns)


def _geometries(wkb: Any) -> NDArray[np.object_]:
    wkb.validate(full=True)
    geometries: NDArray[np.object_] = shapely.from_wkb(_array(wkb))
    return geometries


def _arrow_text(column: Any) -> Any:
    plain = column.cast(column.type.storage_type) if hasattr(column.type, "storage_type") else column
    try:
        plain.validate(full=True)
    except ValueError as error:  # as pyarrow's ArrowInvalid is
        # What pyogrio raises where it does without Arrow.
        raise UnicodeDecodeError("utf-8", b"", 0, 0, str(error)) from error
    return _text(plain.to_pandas())


def _array(column: Any) -> NDArray[Any]:
    values: NDArray[Any] = column.to_numpy() if hasattr(column, "chunks") else column.to_numpy(False)  # noqa: FBT003  (zero copy only)
    return values


def _typed(values: NDArray[Any], kind: str) -> Any:
    """Return a column of what GDAL calls `kind`, given as pyogrio returns it."""
    match kind:
        case "OFTString":
            return _text(values)
        case "OFTDate":
            return values.astype("M8[D]").astype(object)
        case "OFTDateTime":
            return _datetimes(values)
        case "OFTStringList":
            # There is no array of texts of its own in numpy, and none that pyogrio and pyarrow agree on.
            lists = np.empty(len(values), dtype=object)
            lists[:] = [None if value is None else value.astype(object) for value in values]
            return lists
        case _:
            return values


def _text(values: Any) -> Any:
    import pandas as pd  # noqa: PLC0415  (slow to load)

    # What pandas takes texts for: its own type since 3, objects before.
    return pd.Series(values, dtype=pd.Series(["text"]).dtype).array


def _datetimes(values: NDArray[Any]) -> Any:
    import pandas as pd  # noqa: PLC0415  (slow to load)

    texts: Any = pd.Series(values, dtype=object)
    offsets = texts.str.extract(_OFFSET, expand=False)
    found = offsets[texts.notna()].unique()
    if len(found) > 1:
        return texts.map(datetime.fromisoformat, na_action="ignore").array
    offset = found[0] if len(found) and isinstance(found[0], str) else ""
    local = texts.str.slice(stop=-len(offset) or None).to_numpy(dtype=object, na_value=None)
    times = pd.Series(local.astype("M8[ms]"))
    return (times.dt.tz_localize(_zone(offset)) if offset else times).array


def _zone(offset: str) -> timezone:
    """Return the zone of an offset as GDAL writes it.

    >>> str(_zone("Z")), str(_zone("-03:30"))
    ('UTC', 'UTC-03:30')
    """
    zone = datetime.fromisoformat(f"2000-01-01T00:00{offset}").utcoffset() or timedelta()
    return timezone(zone) if zone else UTC


def exact_integers(
    layer: Layer,
    name: str,
    values: NDArray[np.float64],
    null: NDArray[np.bool_],
    fids: NDArray[np.int64] | None = None,
) -> NDArray[Any]:
    """Return integers that pyogrio returned as floats because some are null; nulls are 0.

    Where one is too large for a float, those that aren't null are read again. `fids` are the ids of the
    features, where these are not all features of the layer in its order.
    """
    filled = np.where(null, 0, values)
    if not (np.abs(filled) >= _EXACT_IN_FLOAT).any():
        return filled.astype(np.int64)
    found, numbers = _read(layer, name, f"{_quoted(layer, name)} IS NOT NULL")
    exact = np.zeros(len(values), dtype=np.int64)
    if fids is None:
        exact[~null] = numbers
    else:
        order = np.argsort(found)
        exact[~null] = numbers[order][np.searchsorted(found[order], fids[~null])]
    return exact


def nulls(layer: Layer, name: str, count: int) -> NDArray[np.bool_]:
    """Return which of `count` floats are null and no NaN, shape (count,)."""
    every, _ = _read(layer, name)
    null, _ = _read(layer, name, f"{_quoted(layer, name)} IS NULL")
    return np.isin(every, null) if len(every) == count else np.zeros(count, dtype=bool)


def _read(layer: Layer, name: str, where: str | None = None) -> tuple[NDArray[np.int64], NDArray[Any]]:
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    _, fids, _, fields = pyogrio.raw.read(
        layer.source, columns=[name], read_geometry=False, where=where, return_fids=True, **layer.opening
    )
    return fids, fields[0]


def _quoted(layer: Layer, name: str) -> str:
    return '"' + name.replace('"', '""' if layer.driver == "GPKG" else '\\"') + '"'


def _read_parquet(path: str, shown: str, options: Mapping[str, Any]) -> gpd.GeoDataFrame:
    """Read a GeoParquet file; integers and booleans with nulls have pandas' nullable types and every bit."""
    require_pyarrow(shown)
    import geopandas as gpd  # noqa: PLC0415  (it loads pandas)

    to_pandas = {"types_mapper": _masked_types().get, **options.get("to_pandas_kwargs", {})}
    parquet: Any = importlib.import_module("pyarrow.parquet")
    try:
        _refuse_repeated_names(parquet.read_schema(path).names, shown)
        gdf = gpd.read_parquet(path, **{**options, "to_pandas_kwargs": to_pandas})
    except InvalidInput:
        raise
    except (ValueError, OSError, NotImplementedError, LookupError) as error:  # as pyarrow's are
        raise InvalidInput(
            f"{shown} could not be read as GeoParquet: it is damaged, or has no geometry column.",
            f"{again(shown)} geopandas' to_parquet writes such files.",
            code="vector_damaged",
        ) from error
    masked = [name for name in gdf.columns if hasattr(gdf[name].dtype, "numpy_dtype")]
    whole = {
        name: gdf[name].to_numpy(dtype=gdf[name].dtype.numpy_dtype)
        for name in masked
        if not gdf[name].isna().any()
    }
    if gdf.crs is not None and known_crs(gdf.crs.to_wkt()) is None:
        gdf = gdf.set_crs(None, allow_override=True)
    return gdf.assign(**whole)


def _masked_types() -> dict[Any, Any]:
    """Return Arrow's types of integers and booleans, and pandas' that hold nulls, too."""
    import pandas as pd  # noqa: PLC0415  (slow to load)

    arrow: Any = importlib.import_module("pyarrow")
    types = {getattr(arrow, name)(): name.replace("i", "I", 1).replace("uI", "UI") for name in _INTEGERS}
    return {
        kind: pd.api.types.pandas_dtype(name) for kind, name in {**types, arrow.bool_(): "boolean"}.items()
    }
