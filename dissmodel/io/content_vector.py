"""Content digests of vector data."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dissmodel.io.canonical import (
    MAGIC,
    assembled,
    canonical_crs,
    canonical_values,
    distinct,
    hashed,
    text,
    u64,
)
from dissmodel.io.layer import Layer, check_count, open_layer, reading, require_pyarrow
from dissmodel.io.locate import Located
from dissmodel.io.wkb import canonical_wkbs
from dissmodel.record.digest import new
from dissmodel.record.schema import ContentDigest

_INTEGER_EXACT_IN_FLOAT = 2**53
# Values that are encoded together; no part of the definition.
_AT_ONCE = 2**15


class Column(NamedTuple):
    """A column of a vector dataset; the values of nulls mean nothing."""

    name: str
    kind: str
    null: NDArray[np.bool_]
    values: Any


def digest_vector(found: Located) -> ContentDigest:
    """Digest a layer; raises as `open_layer` and `reading`."""
    layer = open_layer(found.path, found.layer, found.shown)
    with reading(found.shown):
        crs, columns = read_parquet_columns(found) if layer.driver == "Parquet" else read_columns(layer)
        check_count(layer, len(columns[-1].null), found.shown)
        parts = {name: _column(c) for name, c in zip(distinct(c.name for c in columns), columns, strict=True)}
    count = u64(len(columns[-1].null))
    grid = hashed(MAGIC, text("vector grid"), count, text(canonical_crs(crs)))
    return assembled("vector", grid, parts)


def _column(column: Column) -> bytes:
    head = MAGIC + text("column") + text(column.kind) + u64(len(column.null))
    pieces: list[bytes] = [head, np.packbits(column.null).tobytes()]
    fixed = {"boolean": "<u1", "integer": "<i8", "real": "<f8"}.get(column.kind)
    if fixed is not None:
        numbers = np.where(column.null, 0, column.values).astype(fixed)
        return hashed(*pieces, canonical_values(numbers).tobytes())
    digest = new()
    for piece in pieces:
        digest.update(piece)
    for start in range(0, len(column.null), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        present = zip(column.values[some], column.null[some].tolist(), strict=True)
        values = [b"" if null else encoded_column(value) for value, null in present]
        digest.update(_with_lengths(canonical_wkbs(values) if column.kind == "geometry" else values))
    return digest.digest()


def _with_lengths(values: list[bytes]) -> bytes:
    heads = {length: u64(length) for length in {len(value) for value in values}}
    return b"".join([piece for value in values for piece in (heads[len(value)], value)])


def encoded_column(value: Any) -> bytes:
    """Return the canonical bytes of one value of a column."""
    if isinstance(value, bytes):
        return value
    text_of_it = (
        value if isinstance(value, str) else str(value.tolist() if isinstance(value, np.ndarray) else value)
    )
    return text_of_it.encode("utf-8", "surrogateescape")


def read_columns(layer: Layer) -> tuple[str | None, list[Column]]:
    """Read the columns, the geometry last; integers keep every bit and nulls are no NaN."""
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    meta, _, geometry, fields = pyogrio.raw.read(layer.source, layer=layer.name, datetime_as_string=True)
    columns = []
    for name, dtype, values in zip(meta["fields"], meta["dtypes"], fields, strict=True):
        kind = _kind(str(dtype))
        if values.dtype.kind == "O":
            null = np.array([value is None for value in values], dtype=bool)
        elif values.dtype.kind != "f":
            null = np.zeros(len(values), dtype=bool)
        else:
            null = np.isnan(values)
            if kind == "real" and layer.driver != "GPKG" and null.any():
                null = _nulls(layer, name, len(values))
            elif kind == "integer" and null.any():
                values = _exact(layer, name, values, null)  # noqa: PLW2901  (the better reading of the same)
        columns.append(Column(name, kind, null, values))
    null = np.array([value is None for value in geometry], dtype=bool)
    return meta["crs"], [*columns, Column("geometry", "geometry", null, geometry)]


def _kind(dtype: str) -> str:
    for start, kind in (("bool", "boolean"), ("int", "integer"), ("float", "real"), ("datetime", "time")):
        if dtype.startswith(start):
            return kind
    return "text" if dtype == "object" else dtype


def _quoted(layer: Layer, name: str) -> str:
    return '"' + name.replace('"', '""' if layer.driver == "GPKG" else '\\"') + '"'


def _nulls(layer: Layer, name: str, count: int) -> NDArray[np.bool_]:
    """Ask GDAL which values are null, for pyogrio returns a null float as NaN."""
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    shared = {"layer": layer.name, "columns": [name], "read_geometry": False, "return_fids": True}
    every = pyogrio.raw.read(layer.source, **shared)[1]
    null = pyogrio.raw.read(layer.source, where=f"{_quoted(layer, name)} IS NULL", **shared)[1]
    return np.isin(every, null) if len(every) == count else np.zeros(count, dtype=bool)


def _exact(layer: Layer, name: str, values: NDArray[Any], null: NDArray[np.bool_]) -> NDArray[Any]:
    """Read integers among nulls again, for pyogrio returns them as floats."""
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    if not (np.abs(values[~null]) >= _INTEGER_EXACT_IN_FLOAT).any():
        return values
    where = f"{_quoted(layer, name)} IS NOT NULL"
    wanted = {"layer": layer.name, "columns": [name], "read_geometry": False, "where": where}
    exact = np.zeros(len(values), dtype=np.int64)
    exact[~null] = pyogrio.raw.read(layer.source, **wanted)[3][0]
    return exact


def read_parquet_columns(found: Located) -> tuple[str | None, list[Column]]:
    """Return the CRS and the columns of a GeoParquet file, the geometry among them."""
    import geopandas as gpd  # noqa: PLC0415  (it loads pandas)

    require_pyarrow(found.shown)
    parquet: Any = importlib.import_module("pyarrow.parquet")
    gdf = gpd.read_parquet(found.path)
    table = parquet.read_table(found.path)
    columns = []
    for name in table.column_names:
        if name == gdf.geometry.name:
            continue
        column = table[name]
        kind = _kind({"double": "float", "halffloat": "float"}.get(str(column.type), str(column.type)))
        kind = "text" if kind in {"string", "large_string"} else kind
        null = np.asarray(column.is_null().to_numpy(), dtype=bool)
        if kind in {"boolean", "integer", "real"}:
            values = column.fill_null(False if kind == "boolean" else 0).to_numpy()
        else:
            values = np.array(column.to_pylist(), dtype=object)
        columns.append(Column(name, kind, null, values))
    wkb = gdf.geometry.to_wkb(flavor="iso").to_numpy()
    null = np.asarray(gdf.geometry.isna())
    return gdf.crs.to_wkt() if gdf.crs else None, [*columns, Column("geometry", "geometry", null, wkb)]
