"""Content digests of vector data."""

from __future__ import annotations

import importlib
from operator import methodcaller
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
from dissmodel.io.nulls import exact_integers, nulls
from dissmodel.io.vector_read import known_crs
from dissmodel.io.wkb import canonical_wkbs
from dissmodel.record.digest import new
from dissmodel.record.schema import ContentDigest

_UTF8 = methodcaller("encode", "utf-8", "surrogateescape")
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
        values = _encoded(column.kind, column.values[some], column.null[some])
        digest.update(_with_lengths(canonical_wkbs(values) if column.kind == "geometry" else values))
    return digest.digest()


def _encoded(kind: str, values: Any, null: NDArray[np.bool_]) -> list[bytes]:
    """Return the canonical bytes of values, none where they are null."""
    if kind == "geometry":
        return np.where(null, b"", values).tolist()  # type: ignore[no-any-return]
    if kind in {"text", "time"}:
        return list(map(_UTF8, np.where(null, "", values).tolist()))
    # Binary values and lists, which few layers have.
    return [b"" if none else encoded_column(value) for value, none in zip(values, null.tolist(), strict=True)]


def _with_lengths(values: list[bytes]) -> bytes:
    """Return each value behind its length."""
    lengths = np.fromiter(map(len, values), dtype="<u8", count=len(values))
    start = np.cumsum(lengths + 8) - (lengths + 8)
    of_length = (start[:, None] + np.arange(8, dtype=np.uint64)).ravel()
    whole = np.empty(int(lengths.sum()) + 8 * len(values), dtype=np.uint8)
    rest = np.ones(len(whole), dtype=bool)
    rest[of_length] = False
    whole[of_length] = lengths.view(np.uint8)
    whole[rest] = np.frombuffer(b"".join(values), dtype=np.uint8)
    return whole.tobytes()


def encoded_column(value: Any) -> bytes:
    """Return the canonical bytes of one value of a column."""
    if isinstance(value, bytes):
        return value
    text_of_it = (
        value if isinstance(value, str) else str(value.tolist() if isinstance(value, np.ndarray) else value)
    )
    return text_of_it.encode("utf-8", "surrogateescape")


def read_columns(layer: Layer) -> tuple[str | None, list[Column]]:
    """Read the columns, the geometry last; integers keep every bit and nulls are not NaN."""
    import pandas as pd  # noqa: PLC0415  (slow to load)
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    # Without Arrow, so that a digest can't depend on whether pyarrow is installed.
    meta, _, geometry, fields = pyogrio.raw.read(layer.source, datetime_as_string=True, **layer.opening)
    columns = []
    for name, dtype, values in zip(meta["fields"], meta["dtypes"], fields, strict=True):
        kind = _kind(str(dtype))
        null = np.asarray(pd.isna(values), dtype=bool)
        if values.dtype.kind == "f" and null.any():
            if kind in {"integer", "boolean"}:
                values = exact_integers(layer, name, values, null)  # noqa: PLW2901  (the better reading of the same)
            elif layer.driver != "GPKG":
                null = nulls(layer, name, len(values))
        columns.append(Column(name, kind, null, values))
    null = np.asarray(pd.isna(geometry), dtype=bool)
    return known_crs(meta["crs"]), [*columns, Column("geometry", "geometry", null, geometry)]


def _kind(dtype: str) -> str:
    for start, kind in (("bool", "boolean"), ("int", "integer"), ("float", "real"), ("datetime", "time")):
        if dtype.startswith(start):
            return kind
    return "text" if dtype == "object" else dtype


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
    return known_crs(gdf.crs.to_wkt() if gdf.crs else None), [
        *columns,
        Column("geometry", "geometry", null, wkb),
    ]
